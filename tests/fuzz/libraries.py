"""What a library is made of: manifests, networks of each format, golden images."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from agent.errors import BlobInvalid, ManifestInvalid
from agent.library.formats import inspect_blob
from agent.library.ir import pack_ir, unpack_ir
from agent.library.manifest import decode_manifest, encode_manifest
from agent.library.png import MAX_GOLDEN_SIDE, decode_golden
from tests.fuzz.mutate import INTEGERS, changed_tree, mutated, odd_text, odd_value
from tests.fuzz.target import Plain, ensure, one_line
from tests.support.network_files import ncsdk1, ncsdk2, openvino
from tests.support.networks import tiny_detector
from tests.support.networks import tiny_ir as deeper_ir
from tests.support.tiny_libraries import tiny_ir, tiny_manifest

_JSON_WORDS = (
    b"null", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"9" * 400, b'"\\ud800"', b'"\\u0000"', b"\xff", b"{}",
    b"[]", b",", b":", b'"', b"{" * 500, b"[" * 5000, b'{"a":' * 2000, b"\\", b"/*", b"\xef\xbb\xbf", b"\0",
)  # fmt: skip


class Manifests(Plain):
    """See tests.fuzz.target."""

    name = "manifest"

    def __init__(self) -> None:
        detection = tiny_manifest(1)[0]
        detection["task"] = {"type": "detection", "labels": ["a", "b", "c", "d"]}
        self._trees = [tiny_manifest(2)[0], tiny_manifest(1)[0], detection]
        self._seeds = [json.dumps(tree).encode() for tree in self._trees]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        if chance.random() < 0.4:
            return mutated(chance, chance.choice(self._seeds), self._seeds, _JSON_WORDS)
        tree: Any = chance.choice(self._trees)
        for _ in range(1 + chance.getrandbits(1)):
            tree = changed_tree(chance, tree, (odd_value(chance), self._trees[0]["subnets"]))
        return json.dumps(tree, ensure_ascii=chance.random() < 0.8).encode("utf-8", "surrogatepass")

    def check(self, case: bytes) -> None:
        try:
            manifest = decode_manifest(case, "library/manifest.json")
        except ManifestInvalid as error:
            one_line(str(error))
            ensure(str(error).startswith("library/manifest.json"), f"names no file: {str(error)[:200]!r}")
            return
        ensure(decode_manifest(encode_manifest(manifest)) == manifest, "a manifest is read otherwise when written")
        for subnet in manifest.to_catalogue("0" * 64).subnets:
            files = [one.file for one in subnet.artifacts] + [one.image for one in subnet.goldens]
            outside = [file for file in files if not re.fullmatch(r"(blobs|golden)/[0-9a-f]{64}\.[a-z]+", file)]
            ensure(not outside, f"a file outside of the library: {outside[:1]!r}")


_XML_WORDS = (
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"&#x110000;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x?>",
    b"<dim>0</dim>", b"<dim>-1</dim>", b"<dim>99999999999999999999</dim>", b"<dim>1e3</dim>", b"<layer>", b"</layer>",
    b'id="0"', b'id="\xd9\xa3"', b'shape="1,1,4294967296"', b'offset="18446744073709551615"', b'size="-1"',
    b"\xff", b"\0", b"<dim>\xd9\xa3</dim>", b"<dim> 1 </dim>", b"<dim>" + b"9" * 5000 + b"</dim>", b"<a>" * 3000,
)  # fmt: skip


class Blobs(Plain):
    """See tests.fuzz.target. Compiled networks of each format by their bytes, IRs also by their XML."""

    name = "blob"

    def __init__(self) -> None:
        graphs = [ncsdk2()[0], ncsdk2(side=8, channels=3)[0], ncsdk2(minor=0)[0], ncsdk1(), ncsdk1(stages=1)]
        self._compiled = [*graphs, openvino(5), openvino(6), openvino(6, hardware=True, shaves=16)]
        self._irs = [tiny_ir(), deeper_ir(classes=4, size=8), tiny_detector()]
        self._parts = [unpack_ir(data, "seed") for data in self._irs]
        self._seeds = [*self._compiled, *self._irs]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        kind = chance.random()
        if kind < 0.55:
            return mutated(chance, chance.choice(self._compiled), self._compiled)
        if kind < 0.65:
            return mutated(chance, chance.choice(self._irs), self._seeds)
        parts = chance.choice(self._parts)
        xml = mutated(chance, parts.xml, [one.xml for one in self._parts], _XML_WORDS)
        if chance.random() < 0.5:
            xml = _other_number(chance, parts.xml)
        return pack_ir(xml, parts.weights[: chance.choice((len(parts.weights), len(parts.weights), 3, 0))])

    def check(self, case: bytes) -> None:
        try:
            info = inspect_blob(case, "blob")
        except BlobInvalid as error:
            one_line(str(error))
            ensure(str(error).startswith("blob: "), f"names no file: {str(error)[:200]!r}")
            return
        ensure(info.size_bytes == len(case), "a blob of another size than its file")
        for count in (info.inputs, info.outputs, info.stages, info.shaves):
            ensure(count is None or 0 <= count < 1 << 40, f"a count of {count}")


def _other_number(chance: random.Random, xml: bytes) -> bytes:
    """One number of the XML is another."""
    places = [found.span() for found in re.finditer(rb"\d+", xml)]
    start, end = chance.choice(places)
    value = chance.choice((str(chance.choice(INTEGERS)), f"-{chance.choice(INTEGERS)}", str(int(xml[start:end]) + 1)))
    return xml[:start] + value.encode() + xml[end:]


class Goldens(Plain):
    """See tests.fuzz.target. PNGs by their bytes, and by their chunks with checksums that fit."""

    name = "golden"

    def __init__(self) -> None:
        chance = np.random.default_rng(1)
        shapes = ((16, 16), (5, 3), (16, 16, 3), (1, 1))
        self._seeds = [_png(chance.integers(0, 256, shape, np.uint8)) for shape in shapes]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        data = chance.choice(self._seeds)
        if chance.random() < 0.4:
            return mutated(chance, data, self._seeds)
        chunks = _chunks(data)
        for _ in range(1 + chance.getrandbits(1)):
            chance.choice(_CHUNK_CHANGES)(chance, chunks)
        return _joined(chunks)

    def check(self, case: bytes) -> None:
        for channels in (1, 3):
            try:
                pixels = decode_golden(case, channels, "golden/a.png")
            except BlobInvalid as error:
                one_line(str(error))
                continue
            ensure(pixels.ndim == (2 if channels == 1 else 3), f"an image of shape {pixels.shape}")
            ensure(max(pixels.shape) <= MAX_GOLDEN_SIDE, f"an image of shape {pixels.shape}")
            ensure(channels == 1 or pixels.shape[2] == 3, f"an image of shape {pixels.shape}")


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


Chunks = list[tuple[bytes, bytes]]


def _chunks(data: bytes) -> Chunks:
    found, place = [], 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    return found


def _joined(chunks: Chunks) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _change_header(chance: random.Random, chunks: Chunks) -> None:
    sides = (0, 1, 2, 5, 16, 17, 64, 255, 4097, 65_535, (1 << 31) - 1, (1 << 32) - 1)
    width, height = chance.choice(sides), chance.choice(sides)
    if chance.random() < 0.01:  # the largest that is read, and takes its time
        width = height = MAX_GOLDEN_SIDE
    depth, colour = chance.choice((8, 8, 8, 1, 16)), chance.choice((0, 0, 2, 2, 3, 4, 6))
    rest = bytes((depth, colour, chance.choice((0, 0, 1)), chance.choice((0, 0, 7)), chance.choice((0, 0, 1, 2))))
    chunks[0] = (b"IHDR", struct.pack(">II", width, height) + rest)


def _change_pixels(chance: random.Random, chunks: Chunks) -> None:
    raw = chance.choice((b"", b"\0" * 100, b"\0" * 300_000, chance.randbytes(300), b"\xff" * 3000))
    body = chance.choice((zlib.compress(raw), zlib.compress(raw)[:-5], raw))
    chunks[:] = [(kind, body if kind == b"IDAT" else old) for kind, old in chunks]


_BOMBS = tuple(b"x\0\0" + zlib.compress(b"\0" * size) for size in (10, 1 << 16, 1 << 23))


def _add(chance: random.Random, chunks: Chunks) -> None:
    kinds = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"pHYs",
             b"cHRM", b"sRGB", b"IHDR", b"IDAT", b"IEND", b"\0\0\0\0", b"CgBI", b"abcd")  # fmt: skip
    bomb = chance.choice(_BOMBS)
    text = b"x\0" + odd_text(chance).encode("utf-8", "surrogatepass")
    body = chance.choice((b"", bomb, text, chance.randbytes(chance.choice((1, 4, 8, 26, 32))), b"\xff" * 32))
    chunks.insert(chance.randrange(len(chunks) + 1), (chance.choice(kinds), body))


def _drop(chance: random.Random, chunks: Chunks) -> None:
    if len(chunks) > 1:
        del chunks[chance.randrange(len(chunks))]


def _double(chance: random.Random, chunks: Chunks) -> None:
    place = chance.randrange(len(chunks))
    chunks[place:place] = [chunks[place]] * chance.choice((1, 2, 50))


_CHUNK_CHANGES: tuple[Callable[[random.Random, Chunks], None], ...] = (
    _change_header, _change_pixels, _add, _add, _drop, _double,
)  # fmt: skip
