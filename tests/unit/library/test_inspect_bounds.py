"""Reading any file takes bounded memory and time, whatever it claims."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import BlobInvalid
from agent.library.blob import MAX_BLOB_BYTES
from agent.library.formats import inspect_blob
from agent.library.ir import MAX_XML_ATTRIBUTES, MAX_XML_BYTES, MAX_XML_ELEMENTS, pack_ir
from agent.library.report import inspect_file
from tests.support.network_files import ncsdk2, openvino

MIB = 1 << 20
pytestmark = pytest.mark.timeout(60)


def _peak_bytes(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _refused(data: bytes, words: str) -> Callable[[], None]:
    def call() -> None:
        with pytest.raises(BlobInvalid) as caught:
            inspect_blob(data, "x")
        assert words in str(caught.value)

    return call


def test_a_file_of_terabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    huge = tmp_path / "huge.graph"
    with huge.open("wb") as file:
        file.write(ncsdk2()[0])
        file.truncate(1 << 42)

    def inspect() -> None:
        with pytest.raises(BlobInvalid, match=f"4398046511104 bytes, more than the {MAX_BLOB_BYTES} bytes expected"):
            inspect_file(huge)

    assert _peak_bytes(inspect) < MIB


def test_a_device_and_a_pipe_are_refused_without_waiting(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(BlobInvalid, match="not a regular file"):
            inspect_file(path)


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (b"<net>" + b"<a/>" * (4 * MIB - 3) + b"</net>", "elements with"),
        (b"<net " + b'a="" ' * (3 * MIB) + b"/>", "attributes, at most"),
        (b"<net>" + b"<a>" * (MAX_XML_ELEMENTS - 10) + b"</net>", "is not XML"),
        (b"<net>" + b"<a/>" * (MAX_XML_ELEMENTS - 10) + b"</net>", "IR version None"),
        (b"<net " + b"".join(b'a%d="" ' % i for i in range(MAX_XML_ATTRIBUTES - 10)) + b"/>", "IR version None"),
        (b"<net>" + b'<a b="c"/>' * (MAX_XML_ELEMENTS - 10) + b"</net>", "IR version None"),
        (b"<net>" + b"x" * (MAX_XML_BYTES - 20) + b"</net>", "IR version None"),
        (b"<net>" + b"x" * MAX_XML_BYTES + b"</net>", "at most"),
    ],
    ids=["elements", "attributes", "depth", "most-elements", "most-attributes", "most-of-both", "most-text", "text"],
)
def test_the_memory_for_an_xml_is_bounded(xml: bytes, words: str) -> None:
    data = pack_ir(xml, b"")
    assert _peak_bytes(_refused(data, words)) < 128 * MIB


def _long_table() -> bytes:
    """A graph with a relocation table of 16 MiB, sizes and offsets all consistent."""
    data, parts = ncsdk2()
    at, more = parts.relocations, bytes(16 * MIB)
    changed = bytearray(data + more)
    size, weights_at, weights_bytes, work_at, work_bytes = struct.unpack_from("<5I", changed, at)
    struct.pack_into("<5I", changed, at, size + len(more), weights_at, weights_bytes, work_at, work_bytes + len(more))
    struct.pack_into("<I", changed, 0x26, len(changed))
    return bytes(changed)


def _many_stages() -> bytes:
    """A blob that declares as many stages as 16 MiB hold, one after the other without an end."""
    data = bytearray(openvino())
    stages_at, constants_at = struct.unpack_from("<2I", data, 0x7C)
    stage = struct.pack("<4I", 16, 0, 0, 0x7F83FF19)
    body = stage * MIB
    struct.pack_into("<I", data, 0x38, len(data) + len(body))
    struct.pack_into("<I", data, 0x4C, MIB)
    struct.pack_into("<I", data, 0x80, constants_at + len(body))
    return bytes(data[:stages_at]) + body + bytes(data[stages_at:])


@pytest.mark.parametrize(
    ("data", "words"),
    [(_long_table(), "work table of"), (_many_stages(), "1048576 stages, expected 1 .. 16384")],
    ids=["table", "stages"],
)
def test_the_memory_for_a_compiled_network_is_bounded(data: bytes, words: str) -> None:
    assert _peak_bytes(_refused(data, words)) < MIB
