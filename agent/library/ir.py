"""Single-file IR (`openvino-ir-10`): a stored zip of exactly `model.xml` and `model.bin`.

The container is read strictly (`archive`), the XML without any tool-kit and with bounds on what it may hold, so that
the size of a file bounds time and memory. The graph itself is checked in `ir_graph`.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from xml.etree import ElementTree

from agent.errors import BlobInvalid
from agent.library.archive import read_stored
from agent.library.blob import BlobInfo
from agent.library.ir_graph import read_graph

XML_NAME = "model.xml"
BIN_NAME = "model.bin"
MAX_XML_BYTES = 16 * 1024 * 1024
# Ten times what the largest once-for-all sub-net needs; a tree of so many takes less than 128 MiB.
MAX_XML_ELEMENTS = 200_000
MAX_XML_ATTRIBUTES = 300_000
IR_VERSION = "10"

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
    xml, weights = _members(data, where)
    return IrParts(bytes(xml), bytes(weights))


def inspect_ir(data: bytes, where: str) -> BlobInfo:
    """Check container and graph. Raises BlobInvalid."""
    xml, weights = _members(data, where)
    root = _parse_xml(bytes(xml), where)
    if root.tag != "net" or root.get("version") != IR_VERSION:
        raise BlobInvalid(f"{where}: IR version {root.get('version')!r}, expected {IR_VERSION!r}")
    graph = read_graph(root, len(weights), f"{where}: {XML_NAME}")
    results = graph.results
    answers = [result.inputs[key] for result in results for key in sorted(result.inputs)]
    return BlobInfo(
        "openvino-ir-10",
        len(data),
        version=IR_VERSION,
        stages=graph.steps,
        inputs=math.prod(graph.taken),
        outputs=sum(math.prod(shape) for shape in answers),
        result_tensors=len(results),
        input_shape=graph.taken,
        output_shape=answers[0] if len(answers) == 1 else None,
        layer_types=tuple(sorted({layer.type for layer in graph.layers})),
        work=graph.work(),
    )


def _members(data: bytes, where: str) -> tuple[memoryview, memoryview]:
    members = read_stored(data, (XML_NAME, BIN_NAME), where)
    xml = members[XML_NAME]
    if len(xml) > MAX_XML_BYTES:
        raise BlobInvalid(f"{where}: {XML_NAME} has {len(xml)} bytes, at most {MAX_XML_BYTES}")
    return xml, members[BIN_NAME]


def _parse_xml(xml: bytes, where: str) -> ElementTree.Element:
    # Entities are the only way an XML text can grow when read; an IR has none.
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise BlobInvalid(f"{where}: {XML_NAME} declares a document type, which an IR never does")
    elements, attributes = xml.count(b"<") - xml.count(b"</"), xml.count(b"=")
    if elements > MAX_XML_ELEMENTS or attributes > MAX_XML_ATTRIBUTES:
        raise BlobInvalid(
            f"{where}: {XML_NAME} has {elements} elements with {attributes} attributes,"
            f" at most {MAX_XML_ELEMENTS} with {MAX_XML_ATTRIBUTES}"
        )
    try:
        return ElementTree.fromstring(xml.decode("utf-8"))
    except (ElementTree.ParseError, ValueError, LookupError) as exc:
        raise BlobInvalid(f"{where}: {XML_NAME} is not XML: {exc}") from exc
