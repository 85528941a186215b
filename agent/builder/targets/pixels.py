"""Whether a network takes raw pixels or normalised values."""

from __future__ import annotations

from xml.etree import ElementTree

from agent.library.ir import unpack_ir


def takes_pixels(ir: bytes) -> bool:
    """The network starts with its own normalisation (an addition or product), as `InputFold` makes it.

    `ir` must have passed `inspect_blob`: its XML is not checked again.
    """
    root = ElementTree.fromstring(unpack_ir(ir, "the network's IR").xml)
    kinds = {layer.get("id"): layer.get("type") for layer in root.iter("layer")}
    inputs = {number for number, kind in kinds.items() if kind == "Parameter"}
    # An input of 8 bits is converted first.
    inputs |= {e.get("to-layer") for e in root.iter("edge") if e.get("from-layer") in inputs and _converts(kinds, e)}
    edges = [edge for edge in root.iter("edge") if edge.get("from-layer") in inputs and not _converts(kinds, edge)]
    return all(kinds[edge.get("to-layer")] in ("Add", "Subtract", "Multiply", "Divide") for edge in edges)


def _converts(kinds: dict[str | None, str | None], edge: ElementTree.Element) -> bool:
    return kinds[edge.get("to-layer")] == "Convert"
