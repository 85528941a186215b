"""A camera profile: every node with type, access, range and entries, as plain data; and what differs between two.

What the vendor does not publish (facts/firefly-dl.md section 7) is asked of each camera and kept beside the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict

from agent.camera.sdk import NodeHandle, NodeMap, Sdk, ValueNode

ROOT = "Root"
_KINDS = {
    2: "integer",
    3: "boolean",
    4: "command",
    5: "float",
    6: "string",
    7: "register",
    8: "category",
    9: "enumeration",
}
_ACCESS = ("NI", "NA", "WO", "RO", "RW")


class NodeProfile(TypedDict, total=False):
    """One node; keys are left out where the node has no such property or did not tell."""

    display_name: str
    kind: str
    access: str
    low: float
    high: float
    step: float
    length: int
    entries: dict[str, int]


Profile = dict[str, NodeProfile]


def read_profile(sdk: Sdk, node_map: NodeMap) -> Profile:
    """Walk the categories from Root; reads no values, so two profiles of one firmware are equal."""
    root = node_map.GetNode(ROOT)
    return {node.GetName(): _read_node(sdk, node) for node in _features(sdk, root, set())}


@dataclass(frozen=True, slots=True)
class Difference:
    """One property of a node that two profiles do not share; `property` None where one of them lacks the node."""

    node: str
    property: str | None
    first: object
    second: object

    def __str__(self) -> str:
        if self.property is None:
            return f"{self.node}: only in the {'first' if self.second is None else 'second'}"
        return f"{self.node}.{self.property}: {self.first} against {self.second}"


def differences(before: Profile, after: Profile) -> tuple[Difference, ...]:
    """What differs, by node name."""
    found: list[Difference] = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            found.append(Difference(name, None, before.get(name), after.get(name)))
            continue
        old, new = _flat(before[name]), _flat(after[name])
        found += [
            Difference(name, key, old.get(key), new.get(key))
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]
    return tuple(found)


def _flat(node: NodeProfile) -> dict[str, object]:
    """Entries of an enumeration as properties of their own."""
    properties: dict[str, object] = {key: value for key, value in node.items() if key != "entries"}
    return properties | {f"entries.{entry}": number for entry, number in node.get("entries", {}).items()}


def _features(sdk: Sdk, category: NodeHandle, seen: set[str]) -> Iterator[ValueNode]:
    """Every feature below a category, each once."""
    for node in sdk.CCategoryPtr(category).GetFeatures():
        name = node.GetName()
        if name in seen:
            continue
        seen.add(name)
        if _KINDS.get(node.GetPrincipalInterfaceType()) == "category":
            yield from _features(sdk, node, seen)
        else:
            yield node


def _read_node(sdk: Sdk, node: ValueNode) -> NodeProfile:
    kind = _KINDS.get(node.GetPrincipalInterfaceType(), "other")
    profile = NodeProfile(display_name=node.GetDisplayName(), kind=kind, access=_ACCESS[node.GetAccessMode()])
    if not sdk.IsAvailable(node):
        return profile
    with suppress(sdk.SpinnakerException):  # a node that does not tell its range is still worth its line
        _read_properties(sdk, node, kind, profile)
    return profile


def _read_properties(sdk: Sdk, node: ValueNode, kind: str, profile: NodeProfile) -> None:
    if kind == "integer":
        integer = sdk.CIntegerPtr(node)
        profile["low"], profile["high"], profile["step"] = integer.GetMin(), integer.GetMax(), integer.GetInc()
    elif kind == "float":
        real = sdk.CFloatPtr(node)
        profile["low"], profile["high"] = real.GetMin(), real.GetMax()
    elif kind == "register":
        profile["length"] = sdk.CRegisterPtr(node).GetLength()
    elif kind == "enumeration":
        entries = [sdk.CEnumEntryPtr(entry) for entry in sdk.CEnumerationPtr(node).GetEntries()]
        profile["entries"] = {entry.GetSymbolic(): entry.GetValue() for entry in entries}
