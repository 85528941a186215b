"""QuickSpin: nodes as attributes, enumerations in the SDK's numbers (facts/pyspin-surface.md 2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from agent.sim.host.constants import TABLE, TRANSPORT_TABLE
from agent.sim.host.errors import SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT, SpinnakerException
from agent.sim.host.genapi import NodeSource, kind_of
from agent.sim.host.node import as_int64
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
from agent.sim.host.tables.camera_nodes import CAMERA_NODES
from agent.sim.host.tables.kinds import Kind
from agent.sim.host.tables.transport_nodes import DEVICE_NODES, INTERFACE_NODES, STREAM_NODES, SYSTEM_NODES

_CLASSES: dict[Kind, type[IValue]] = {
    "integer": IInteger,
    "float": IFloat,
    "boolean": IBoolean,
    "string": IString,
    "command": ICommand,
    "register": IRegister,
}


class _QuickEnumeration(IEnumeration):
    """An enumeration whose GetValue and SetValue speak the SDK's constants."""

    _node_name = ""
    _numbers: ClassVar[Mapping[str, int]] = {}

    def __call__(self) -> int:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> int:
        symbolic = self.GetCurrentEntry(Verify, IgnoreCache).GetSymbolic()
        try:
            return self._numbers[symbolic]
        except KeyError:
            raise self._unknown(f"has no constant for {symbolic}") from None

    def SetValue(self, Value: int, Verify: bool = True) -> None:
        entry = self.GetEntry(Value)
        if entry is None:
            raise self._unknown(f"has no entry for constant {Value}")
        self.FromString(entry.GetSymbolic(), Verify)

    def GetEntry(self, IntValue: int) -> IEnumEntry | None:
        """By the SDK's constant, unlike GetEntry of a pointer."""
        number = as_int64(IntValue)
        symbolic = next((symbolic for symbolic, n in self._numbers.items() if n == number), None)
        return None if symbolic is None else self.GetEntryByName(symbolic)

    def _unknown(self, what: str) -> SpinnakerException:
        return SpinnakerException(f"{self._node_name} {what}", SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT)


@cache
def enumeration_class(name: str) -> type[_QuickEnumeration]:
    """`IEnumerationT_<name>Enums`, the same class each time."""
    return _enumeration(f"IEnumerationT_{name}Enums", name, TABLE.get(name, {}))


@cache
def transport_enumeration_class(name: str) -> type[_QuickEnumeration]:
    """`IEnumerationT_<name>Enum`, of the host's node maps (S15); the same class each time."""
    return _enumeration(f"IEnumerationT_{name}Enum", name, TRANSPORT_TABLE.get(name, {}))


def _enumeration(title: str, name: str, numbers: Mapping[str, int]) -> type[_QuickEnumeration]:
    return type(title, (_QuickEnumeration,), {"_node_name": name, "_numbers": numbers})


def camera_names() -> Mapping[str, Kind]:
    """Attribute names of a camera, whatever camera it is. DL-only nodes have no attribute, their chunks have."""
    return CAMERA_NODES


def quick_node(name: str, source: NodeSource | None) -> IValue:
    """The node behind attribute `name` of a camera; not implemented where the map is not there yet or lacks it."""
    kind = CAMERA_NODES[name]
    return _node(name, enumeration_class(name) if kind == "enumeration" else _CLASSES[kind], source)


def _node(name: str, wanted: type[IValue], source: NodeSource | None) -> IValue:
    raw = source.find(name) if source is not None else None
    if raw is None or source is None:
        return wanted._lacking(name)
    return wanted._make(raw, source) if kind_of(raw) in wanted._kinds else typed_node(raw, source)


class NodeGroup:
    """The nodes of a host-side map as attributes: those that the SDK lists, and what else the map has."""

    _listed: ClassVar[Mapping[str, Kind]] = {}

    def __init__(self, source: NodeSource) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        kind = self._listed.get(name)
        if kind is not None:
            wanted = transport_enumeration_class(name) if kind == "enumeration" else _CLASSES[kind]
            return _node(name, wanted, self._source)
        raw = None if name.startswith("_") else self._source.find(name)
        if raw is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return typed_node(raw, self._source)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._listed]


class TransportLayerDevice(NodeGroup):
    _listed = DEVICE_NODES


class TransportLayerStream(NodeGroup):
    _listed = STREAM_NODES


class TransportLayerSystem(NodeGroup):
    _listed = SYSTEM_NODES


class TransportLayerInterface(NodeGroup):
    _listed = INTERFACE_NODES
