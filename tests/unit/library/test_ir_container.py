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
    assert (info.output_shape, info.inputs, info.outputs, info.result_tensors) == ((1, 7), 48 * 48, 7, 1)
    assert "SoftMax" in info.layer_types


def test_packing_is_deterministic_and_reversible() -> None:
    data = pack_ir(b"<net/>", b"\x01\x02")
    assert data == pack_ir(b"<net/>", b"\x01\x02")
    parts = unpack_ir(data, "x")
    assert (parts.xml, parts.weights) == (b"<net/>", b"\x01\x02")


def test_members_in_the_other_order_are_sound_too() -> None:
    assert inspect_blob(_zip(_BIN, _XML), "x.ovir").result_tensors == 1


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


def _directory(data: bytes) -> int:
    return data.index(b"PK\x01\x02")


def _rewritten(data: bytes, at: int, layout: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(layout, changed, at, *values)
    return bytes(changed)


def _extra(kind: int, content: bytes) -> bytes:
    """An archive whose first member has an extra field in the header and in the directory."""
    field = struct.pack("<HH", kind, len(content)) + content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for (name, data), extra in ((_XML, field), (_BIN, b"")):
            info = zipfile.ZipInfo(name)
            info.extra = extra
            archive.writestr(info, data)
    return buffer.getvalue()


def test_zip64_and_other_names_in_extra_fields_are_refused() -> None:
    sizes = struct.pack("<QQ", 1 << 40, 1 << 40)
    assert "extra field 0x0001" in _refusal(_extra(0x0001, sizes))
    assert "extra field 0x7075" in _refusal(_extra(0x7075, b"\x01\0\0\0\0/etc/passwd"))
    cut = _extra(0x5455, b"\x03abcdefgh")
    at = cut.index(b"UT")
    assert "damaged" in _refusal(_rewritten(cut, at + 2, "<H", 200))


def test_time_stamps_of_zip_tools_are_harmless() -> None:
    assert inspect_blob(_extra(0x5455, b"\x03abcdefgh"), "x").result_tensors == 1


def test_a_directory_that_lies_about_sizes_or_places_is_refused() -> None:
    data = tiny_ir()
    first, second = _directory(data), data.index(b"PK\x01\x02", _directory(data) + 4)
    (size,) = struct.unpack_from("<I", data, first + 24)
    for claimed in (0, size - 1, size + 1, 0xFFFFFFFF):
        _refusal(_rewritten(data, first + 20, "<II", claimed, claimed))
    assert "starts at 0, expected" in _refusal(_rewritten(data, second + 42, "<I", 0))  # over the first member
    assert "expected 0" in _refusal(_rewritten(data, first + 42, "<I", 0xFFFFFF00))


def test_headers_and_directory_that_both_lie_about_a_size_are_refused() -> None:
    data = tiny_ir()
    both = _rewritten(data, _directory(data) + 20, "<II", 0xFFFFFFF0, 0xFFFFFFF0)
    both = _rewritten(both, 18, "<II", 0xFFFFFFF0, 0xFFFFFFF0)
    assert "claims 4294967280 bytes" in _refusal(both)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [(4, 1, "another disk"), (8, 3, "another disk"), (16, 0xFFFFFFFF, "outside the two members"), (20, 9, "comment")],
)
def test_an_end_record_that_lies_is_refused(place: int, value: int, words: str) -> None:
    data = tiny_ir()
    end = len(data) - 22
    assert words in _refusal(_rewritten(data, end + place, "<I" if place == 16 else "<H", value))


def test_a_second_directory_inside_of_the_weights_is_not_read() -> None:
    hidden = _zip(_XML, ("model.bin", b"other"))
    outer = _zip(_XML, ("model.bin", hidden + bytes(64)))
    assert unpack_ir(outer, "x").weights == hidden + bytes(64)
    assert "outside the two members" in _refusal(_zip(_XML, _BIN) + hidden + b"\0")


def test_a_name_that_differs_between_header_and_directory_is_refused() -> None:
    data = tiny_ir()
    assert "name model.xml differently" in _refusal(data.replace(b"model.xml", b"../../etc", 1))


def test_symbolic_links_and_member_comments_are_refused() -> None:
    data = tiny_ir()
    assert "not a regular file" in _refusal(_rewritten(data, _directory(data) + 38, "<I", 0o120777 << 16))
    assert "comment of 5 bytes" in _refusal(_rewritten(data, _directory(data) + 32, "<H", 5))


def test_thousands_of_members_are_not_listed() -> None:
    text = _refusal(_zip(*((f"m{number}", b"") for number in range(3000))))
    assert "members ['m0', 'm1', 'm2'], expected exactly" in text


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
        (tiny_xml().replace(b'layer id="4"', b'layer id="3"'), "5 layers have 4 different ids"),
        (tiny_xml().replace(b'layer id="4"', b"layer"), "has no id"),
        (tiny_xml().replace(b'type="MatMul"', b'type="Mat&#10;Mul"'), "has no id or no type"),
        (tiny_xml().replace(b'port id="1"', b'port id="0"'), "port '0' without an id or twice"),
        (tiny_xml().replace(b'from-layer="3" from-port="1"', b'from-layer="3" from-port="2"'), "does not exist"),
        (tiny_xml().replace(b'shape="1,1,32,32"', b'shape="1,3,32,32"'), "declares [1, 3, 32, 32], its port"),
        (tiny_xml().replace(b'shape="16"', b'shape="4,4"'), "declares [4, 4], its port [16]"),
        (tiny_xml().replace(b'size="64"', b'size="60"'), "of shape [16] has 60 bytes, needs 64"),
        (tiny_xml().replace(b'element_type="f32" shape="16"', b'element_type="f16" shape="16"'), "'f16'"),
        (tiny_xml().replace(b'from-layer="0"', b'from-layer="9"'), "one of them does not exist"),
        (tiny_xml().replace(b'to-layer="4" to-port="0"', b'to-layer="4" to-port="7"'), "one of them does not exist"),
        (tiny_xml().replace(b'from-layer="0"', b'from-layer="1"'), "shape [16] meets [1, 1, 32, 32]"),
        (tiny_xml().replace(b'to-layer="4"', b'to-layer="3"'), "has another source already"),
        (tiny_xml().replace(b'<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>', b""), "has no source"),
        (tiny_xml().replace(b'from-layer="2" from-port="2"', b'from-layer="3" from-port="1"'), "in a circle"),
        (tiny_xml().replace(b"<dim>4</dim>", b"<dim>99999999999</dim>"), "has shape"),
    ],
)
def test_a_graph_that_cannot_be_what_it_says_is_refused(xml: bytes, words: str) -> None:
    assert words in _refusal(pack_ir(xml, bytes(64)))
