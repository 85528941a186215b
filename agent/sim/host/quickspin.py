"""QuickSpin: nodes as attributes, enumerations in the SDK's numbers (facts/pyspin-surface.md 2.4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

from agent.sim.host.constants import TABLE
from agent.sim.host.errors import SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT, SpinnakerException
from agent.sim.host.genapi import NodeSource
from agent.sim.host.nodes import (
    IBoolean,
    ICommand,
    IEnumEntry,
    IEnumeration,
    IFloat,
    IInteger,
    IRegister,
    IString,
    IValue,
    typed_node,
)
from agent.sim.nodes.camera import FIRMWARES, description_xml

_CLASSES: dict[str, type[IValue]] = {
    "Integer": IInteger,
    "Float": IFloat,
    "Boolean": IBoolean,
    "StringReg": IString,
    "String": IString,
    "Command": ICommand,
    "Register": IRegister,
}

# Names that programs use and this camera lacks: the attribute is there, the node is not implemented.
_ABSENT: dict[str, type[IValue]] = {
    "BalanceWhiteAuto": IEnumeration,
    "BinningHorizontal": IInteger,
    "BinningSelector": IEnumeration,
    "BinningVertical": IInteger,
    "DecimationHorizontal": IInteger,
    "DecimationVertical": IInteger,
    "LineSource": IEnumeration,
    "SequencerMode": IEnumeration,
    "TransferQueueCurrentBlockCount": IInteger,
    "V3_3Enable": IBoolean,
}


class _QuickEnumeration(IEnumeration):
    """An enumeration whose GetValue and SetValue speak the SDK's constants."""

    _node_name = ""

    def __call__(self) -> int:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> int:
        symbolic = self.GetCurrentEntry(Verify, IgnoreCache).GetSymbolic()
        try:
            return TABLE[self._node_name][symbolic]
        except KeyError:
            raise SpinnakerException(
                f"{self._node_name} has no constant for {symbolic}", SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT
            ) from None

    def SetValue(self, Value: int, Verify: bool = True) -> None:
        if isinstance(Value, bool) or not isinstance(Value, int):
            raise TypeError(f"{self._node_name}.SetValue takes an int constant")
        symbolic = next((k for k, v in TABLE.get(self._node_name, {}).items() if v == Value), None)
        if symbolic is None:
            raise SpinnakerException(
                f"{self._node_name} has no entry for constant {Value}", SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT
            )
        self.FromString(symbolic, Verify)

    def GetEntry(self, IntValue: int) -> IEnumEntry | None:
        """By the SDK's constant, unlike GetEntry of a pointer."""
        symbolic = next((k for k, v in TABLE.get(self._node_name, {}).items() if v == IntValue), None)
        return None if symbolic is None else self.GetEntryByName(symbolic)


@lru_cache(maxsize=256)
def enumeration_class(name: str) -> type[_QuickEnumeration]:
    """`IEnumerationT_<name>Enums`, the same class each time."""
    return type(f"IEnumerationT_{name}Enums", (_QuickEnumeration,), {"_node_name": name})


@lru_cache(maxsize=1)
def camera_names() -> dict[str, type[IValue]]:
    """Attribute names of a camera and their classes. DL-only nodes have no attribute, their chunks have."""
    names: dict[str, type[IValue]] = {}
    for element in ElementTree.fromstring(description_xml(FIRMWARES[0])):
        tag, name = element.tag.rpartition("}")[2], element.get("Name", "")
        if tag == "Enumeration":
            names[name] = enumeration_class(name)
        elif tag in _CLASSES:
            names[name] = _CLASSES[tag]
    absent = {name: enumeration_class(name) if kind is IEnumeration else kind for name, kind in _ABSENT.items()}
    return absent | {n: c for n, c in names.items() if not _deep_learning_only(n)}


def _deep_learning_only(name: str) -> bool:
    return name.startswith(("Inference", "Injected", "HasInference")) or name == "FileWriteToFlash"


def quick_node(name: str, source: NodeSource | None) -> IValue:
    """The node behind attribute `name`; null where the map is not there yet or lacks it."""
    kind = camera_names().get(name, IValue)
    raw = source.find(name) if source is not None else None
    if raw is None or source is None:
        return kind()
    return kind._make(raw, source)


class NodeGroup:
    """TLDevice, TLStream and TLInterface: the nodes of a map as attributes."""

    def __init__(self, source: NodeSource) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        raw = None if name.startswith("_") else self._source.find(name)
        if raw is None:
            raise AttributeError(f"{type(self).__name__} has no node {name!r}")
        node = typed_node(raw, self._source)
        return enumeration_class(name)._make(raw, self._source) if isinstance(node, IEnumeration) else node


class TransportLayerDevice(NodeGroup):
    pass


class TransportLayerStream(NodeGroup):
    pass


class TransportLayerInterface(NodeGroup):
    pass
