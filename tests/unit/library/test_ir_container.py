"""A single-file IR has one reading only; everything else is refused."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from agent.errors import BlobInvalid
from agent.library.formats import inspect_blob
from agent.library.ir import pack_ir, unpack_ir
from tests.support.tiny_libraries import tiny_ir, tiny_xml


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return buffer.getvalue()


_XML, _BIN = ("model.xml", tiny_xml()), ("model.bin", bytes(64))


def _refusal(data: bytes) -> str:
    with pytest.raises(BlobInvalid) as caught:
        inspect_blob(data, "x.ovir")
    assert str(caught.value).startswith("x.ovir: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_shape_version_and_outputs_are_read() -> None:
    info = inspect_blob(tiny_ir(side=48, classes=7), "x.ovir")
    assert (info.format, info.version, info.input_shape) == ("openvino-ir-10", "10", (1, 1, 48, 48))
    assert (info.output_shape, info.outputs) == ((1, 7), 1)
    assert "SoftMax" in info.layer_types


def test_packing_is_deterministic_and_reversible() -> None:
    data = pack_ir(b"<net/>", b"\x01\x02")
    assert data == pack_ir(b"<net/>", b"\x01\x02")
    parts = unpack_ir(data, "x")
    assert (parts.xml, parts.weights) == (b"<net/>", b"\x01\x02")


def test_members_in_the_other_order_are_sound_too() -> None:
    assert inspect_blob(_zip(_BIN, _XML), "x.ovir").outputs == 1


@pytest.mark.parametrize("cut", [1, 10, 22, 60, 200])
def test_a_truncated_file_is_refused(cut: int) -> None:
    assert "truncated or damaged" in _refusal(tiny_ir()[:-cut])


def test_every_cut_of_the_file_is_refused() -> None:
    data = tiny_ir()
    for size in range(4, len(data), 37):
        _refusal(data[:size])


def test_every_flipped_bit_of_the_content_is_refused() -> None:
    data = tiny_ir()
    for position in range(0, len(data), 23):
        broken = bytearray(data)
        broken[position] ^= 0x10
        try:
            info = inspect_blob(bytes(broken), "x.ovir")
        except BlobInvalid:
            continue
        # Stamps and attributes of the directory mean nothing; the content must be untouched.
        assert unpack_ir(bytes(broken), "x.ovir") == unpack_ir(data, "x.ovir")
        assert info.input_shape == (1, 1, 32, 32)


def test_compressed_members_are_refused() -> None:
    assert "compressed" in _refusal(_zip(_XML, _BIN, method=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize(
    "members",
    [(_XML,), (_BIN,), (_XML, _BIN, ("extra", b"")), (_XML, ("../model.bin", b"")), (("MODEL.XML", b""), _BIN)],
)
def test_other_members_than_the_two_are_refused(members: tuple[tuple[str, bytes], ...]) -> None:
    assert "expected exactly model.xml and model.bin" in _refusal(_zip(*members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused() -> None:
    assert "expected exactly" in _refusal(_zip(_XML, _BIN, _BIN))


def test_bytes_after_before_or_between_are_refused() -> None:
    assert "outside the two members" in _refusal(_zip(_XML, _BIN, comment=b"more"))
    _refusal(tiny_ir() + b"tail")
    data = _zip(_XML, _BIN)
    _refusal(data[:4] + bytes(16) + data[4:])


def test_huge_declared_sizes_do_not_allocate_memory() -> None:
    data = bytearray(tiny_ir())
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<II", data, directory + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    _refusal(bytes(data))


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(tiny_ir())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    assert "flags" in _refusal(bytes(data))


def test_a_document_type_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><net version="10">&a;</net>'
    assert "document type" in _refusal(_zip(("model.xml", bomb), _BIN))
    hidden = bomb.decode().encode("utf-16")
    _refusal(_zip(("model.xml", hidden), _BIN))


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (b"", "is not XML"),
        (b"<net", "is not XML"),
        (b"\xff\xff", "is not XML"),
        (b"<other version='10'/>", "IR version"),
        (tiny_xml(version="11"), "IR version '11'"),
        (b"<net version='10'><layers/></net>", "0 inputs and 0 outputs"),
        (tiny_xml(count=17), "ends at byte 68, model.bin has 64"),
        (tiny_xml().replace(b'offset="0"', b'offset="-4"'), "ends at byte 60"),
        (tiny_xml().replace(b'offset="0"', b'offset="x"'), "no offset and size"),
        (tiny_xml().replace(b"<dim>32</dim>", b"<dim>-1</dim>"), "expected fixed sizes"),
        (tiny_xml().replace(b"<dim>32</dim>", b"<dim>?</dim>"), "not numbers"),
        (tiny_xml().replace(b'type="Parameter"', b'type="Param"'), "0 inputs"),
    ],
)
def test_a_graph_that_cannot_be_what_it_says_is_refused(xml: bytes, words: str) -> None:
    assert words in _refusal(pack_ir(xml, bytes(64)))
