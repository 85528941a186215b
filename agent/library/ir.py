"""Single-file IR (`openvino-ir-10`): a stored zip of exactly `model.xml` and `model.bin`.

The container is read strictly: no compression, no extra members, no bytes between or after the members, so a
file has one reading only and its size bounds the memory it takes. The XML is read without any tool-kit.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from xml.etree import ElementTree

from agent.errors import BlobInvalid
from agent.library.blob import BlobInfo

XML_NAME = "model.xml"
BIN_NAME = "model.bin"
MAX_XML_BYTES = 16 * 1024 * 1024
IR_VERSION = "10"

_LOCAL_HEADER_BYTES = 30
_END_RECORD_BYTES = 22
# A fixed stamp (the earliest a zip can hold) keeps equal networks byte-identical.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class IrParts:
    """The two members of a single-file IR."""

    xml: bytes
    weights: bytes


def pack_ir(xml: bytes, weights: bytes) -> bytes:
    """The single-file form of an IR; equal parts give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in ((XML_NAME, xml), (BIN_NAME, weights)):
            info = zipfile.ZipInfo(name, _ZIP_EPOCH)
            info.create_system = 3  # Unix, whatever the host
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def unpack_ir(data: bytes, where: str) -> IrParts:
    """The members of a single-file IR. Raises BlobInvalid."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _checked_members(archive, data, where)
            return IrParts(archive.read(members[XML_NAME]), archive.read(members[BIN_NAME]))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OSError, struct.error) as exc:
        if isinstance(exc, BlobInvalid):
            raise
        raise BlobInvalid(f"{where}: truncated or damaged IR archive: {exc}") from exc


def inspect_ir(data: bytes, where: str) -> BlobInfo:
    """Check container and graph. Raises BlobInvalid."""
    parts = unpack_ir(data, where)
    root = _parse_xml(parts.xml, where)
    if root.tag != "net" or root.get("version") != IR_VERSION:
        raise BlobInvalid(f"{where}: IR version {root.get('version')!r}, expected {IR_VERSION!r}")
    layers = root.findall("./layers/layer")
    inputs = [layer for layer in layers if layer.get("type") == "Parameter"]
    results = [layer for layer in layers if layer.get("type") == "Result"]
    if len(inputs) != 1 or not results:
        raise BlobInvalid(f"{where}: {len(inputs)} inputs and {len(results)} outputs, expected 1 and at least 1")
    _check_constants(layers, len(parts.weights), where)
    return BlobInfo(
        "openvino-ir-10",
        len(data),
        version=IR_VERSION,
        input_shape=_port_shape(inputs[0], "output", where),
        output_shape=_port_shape(results[0], "input", where),
        outputs=len(results),
        layer_types=tuple(sorted({layer.get("type", "") for layer in layers})),
    )


def _checked_members(archive: zipfile.ZipFile, data: bytes, where: str) -> dict[str, zipfile.ZipInfo]:
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    names = [info.filename for info in infos]
    if sorted(names) != [BIN_NAME, XML_NAME]:
        raise BlobInvalid(f"{where}: members {names[:4]}, expected exactly {XML_NAME} and {BIN_NAME}")
    offset = 0
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise BlobInvalid(f"{where}: {info.filename} is compressed, expected stored")
        if info.flag_bits & ~0x800:  # only the UTF-8 name flag: no encryption, no data descriptor
            raise BlobInvalid(f"{where}: {info.filename} has zip flags {info.flag_bits:#x}, expected none")
        if info.header_offset != offset:
            raise BlobInvalid(f"{where}: {info.filename} starts at {info.header_offset}, expected {offset}")
        offset = _end_of_member(info, data)
    if offset != archive.start_dir or archive.comment or _directory_end(archive, data) != len(data):
        raise BlobInvalid(f"{where}: bytes outside the two members of the archive")
    members = {info.filename: info for info in infos}
    if members[XML_NAME].file_size > MAX_XML_BYTES:
        raise BlobInvalid(f"{where}: {XML_NAME} has {members[XML_NAME].file_size} bytes, at most {MAX_XML_BYTES}")
    return members


def _end_of_member(info: zipfile.ZipInfo, data: bytes) -> int:
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, info.header_offset + 26)
    return int(info.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes + info.file_size)


def _directory_end(archive: zipfile.ZipFile, data: bytes) -> int:
    (directory_bytes,) = struct.unpack_from("<I", data, len(data) - _END_RECORD_BYTES + 12)
    return int(archive.start_dir + directory_bytes + _END_RECORD_BYTES)


def _parse_xml(xml: bytes, where: str) -> ElementTree.Element:
    # Entities are the only way an XML text can grow when read; an IR has none.
    try:
        text = xml.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise BlobInvalid(f"{where}: {XML_NAME} declares a document type, which an IR never does")
        return ElementTree.fromstring(text)
    except BlobInvalid:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as exc:
        raise BlobInvalid(f"{where}: {XML_NAME} is not XML: {exc}") from exc


def _check_constants(layers: list[ElementTree.Element], available: int, where: str) -> None:
    for layer in layers:
        if layer.get("type") != "Const":
            continue
        data = layer.find("data")
        try:
            offset, size = (int(data.get(key, "")) for key in ("offset", "size"))  # type: ignore[union-attr]
        except (AttributeError, ValueError) as exc:
            raise BlobInvalid(f"{where}: constant {layer.get('name')!r} has no offset and size") from exc
        if offset < 0 or size < 0 or offset + size > available:
            raise BlobInvalid(
                f"{where}: constant {layer.get('name')!r} ends at byte {offset + size}, {BIN_NAME} has {available}"
            )


def _port_shape(layer: ElementTree.Element, side: str, where: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(dim.text or "") for dim in layer.findall(f"./{side}/port/dim"))
    except ValueError as exc:
        raise BlobInvalid(f"{where}: layer {layer.get('name')!r} has a shape that is not numbers") from exc
    if not shape or any(dim < 1 for dim in shape):
        raise BlobInvalid(f"{where}: layer {layer.get('name')!r} has shape {list(shape)}, expected fixed sizes")
    return shape
