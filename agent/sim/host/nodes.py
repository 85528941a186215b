"""Nodes by kind under the vendor's names (facts/pyspin-surface.md 2.3); pointers to them are in `pointers.py`."""

from __future__ import annotations

from agent.sim.host.enumerations import IEnumEntry, IEnumeration
from agent.sim.host.genapi import NodeSource, RawNode, kind_of
from agent.sim.host.node import INode, INodeMap, IValue
from agent.sim.host.values import IBoolean, ICommand, IFloat, IInteger, IRegister, IString

__all__ = [
    "IBoolean", "ICategory", "ICommand", "IEnumEntry", "IEnumeration", "IFloat", "IInteger", "INode", "INodeMap",
    "IRegister", "IString", "IValue", "intfIBase", "intfIBoolean", "intfICategory", "intfICommand", "intfIEnumEntry",
    "intfIEnumeration", "intfIFloat", "intfIInteger", "intfIPort", "intfIRegister", "intfIString", "intfIValue",
]  # fmt: skip

intfIValue, intfIBase, intfIInteger, intfIBoolean, intfICommand = range(5)
intfIFloat, intfIString, intfIRegister, intfICategory = 5, 6, 7, 8
intfIEnumeration, intfIEnumEntry, intfIPort = 9, 10, 11


class ICategory(IValue):
    _kinds = ("ICategory",)

    def GetFeatures(self) -> list[IValue]:
        raw, source = self._live()
        return [typed_node(f, source) for f in source.call(lambda: list(raw.features))]


_BY_KIND: dict[str, type[IValue]] = {
    c._kinds[0]: c
    for c in (IInteger, IFloat, IBoolean, IString, ICommand, IRegister, IEnumeration, IEnumEntry, ICategory)
}


def typed_node(raw: RawNode, source: NodeSource) -> IValue:
    """`raw` under the class of its kind."""
    return _BY_KIND.get(kind_of(raw), IValue)._make(raw, source)
