"""The formats are told apart by their magic numbers."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from agent.errors import BlobInvalid
from agent.library.formats import inspect_blob, sniff
from agent.library.report import inspect_file
from tests.support.tiny_libraries import tiny_ir


def _ncsdk2(size: int = 4096, declared: int | None = None) -> bytes:
    data = bytearray(size)
    fields = (8708, size if declared is None else declared, 2, 3, 12)
    struct.pack_into("<5I", data, 0x22, *fields)
    return bytes(data)


def _ncsdk1(size: int = 4096) -> bytes:
    data = bytearray(size)
    struct.pack_into("<II", data, 0x20, size, 2)
    return bytes(data)


def _openvino(major: int, size: int = 4096) -> bytes:
    data = bytearray(size)
    data[:4] = b"\x7felf"
    struct.pack_into("<4I", data, 0x34, 9709, size, major, 0)
    struct.pack_into("<I", data, 0x64, 12)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (_ncsdk2(), "ncsdk-graph-2"),
        (_ncsdk1(), "ncsdk-graph-1"),
        (_openvino(5), "openvino-blob-5"),
        (_openvino(6), "openvino-blob-6"),
        (tiny_ir(), "openvino-ir-10"),
        (b"", None),
        (bytes(4096), None),
        (b"\x7fELF" + bytes(4096), None),
        (_ncsdk2()[:60], None),
    ],
)
def test_magic_numbers_tell_the_format(data: bytes, name: str | None) -> None:
    assert sniff(data) == name


def test_header_fields_of_compiled_networks_are_read() -> None:
    info = inspect_blob(_ncsdk2(), "g")
    assert (info.version, info.shaves, info.input_shape) == ("2.3", 12, None)
    assert inspect_blob(_openvino(6), "b").version == "6.0"
    assert inspect_blob(_ncsdk1(), "b").version == "1"


def test_a_compiled_network_shorter_than_its_header_says_is_refused() -> None:
    with pytest.raises(BlobInvalid, match="g: truncated: the header says 5000 bytes, the file has 4096"):
        inspect_blob(_ncsdk2(declared=5000), "g")


def test_unknown_bytes_and_the_wrong_format_are_refused() -> None:
    with pytest.raises(BlobInvalid, match="no known network format"):
        inspect_blob(b"hello", "g")
    with pytest.raises(BlobInvalid, match="is ncsdk-graph-2, expected openvino-ir-10"):
        inspect_blob(_ncsdk2(), "g", "openvino-ir-10")


def test_the_vendors_graph_file_is_recognised(shared_data: Path) -> None:
    report = inspect_file(shared_data / "firefly-network-classification.graph")
    assert (report.info.format, report.info.version, report.info.shaves) == ("ncsdk-graph-2", "2.3", 8)
