"""Pointers to nodes and questions about their access (facts/pyspin-surface.md 2.3).

A pointer is made of a node, another pointer or None. Of the wrong kind it is null: not an error until it is used.
"""

from __future__ import annotations

from agent.sim.host.errors import SpinnakerException
from agent.sim.host.genapi import NA, NI, RO, RW, WO
from agent.sim.host.nodes import (
    IBoolean,
    ICategory,
    ICommand,
    IEnumEntry,
    IEnumeration,
    IFloat,
    IInteger,
    INode,
    IRegister,
    IString,
    IValue,
)

__all__ = [
    "NA",
    "NI",
    "RO",
    "RW",
    "WO",
    "CBooleanPtr",
    "CCategoryPtr",
    "CCommandPtr",
    "CEnumEntryPtr",
    "CEnumerationPtr",
    "CFloatPtr",
    "CIntegerPtr",
    "CNodePtr",
    "CRegisterPtr",
    "CStringPtr",
    "CValuePtr",
    "IsAvailable",
    "IsImplemented",
    "IsReadable",
    "IsWritable",
]  # fmt: skip


class CNodePtr(INode):
    pass


class CValuePtr(IValue):
    pass


class CIntegerPtr(IInteger):
    pass


class CFloatPtr(IFloat):
    pass


class CBooleanPtr(IBoolean):
    pass


class CStringPtr(IString):
    pass


class CCommandPtr(ICommand):
    pass


class CRegisterPtr(IRegister):
    pass


class CEnumerationPtr(IEnumeration):
    pass


class CEnumEntryPtr(IEnumEntry):
    pass


class CCategoryPtr(ICategory):
    pass


def IsImplemented(node: object, /) -> bool:
    return _mode(node) != NI


def IsAvailable(node: object, /) -> bool:
    return _mode(node) not in {NI, NA}


def IsReadable(node: object, /) -> bool:
    return _mode(node) in {RO, RW}


def IsWritable(node: object, /) -> bool:
    return _mode(node) in {WO, RW}


def _mode(node: object) -> int:
    """Access mode of anything; never raises. None, null pointers and what is no node are not implemented."""
    if isinstance(node, int):
        return node
    if not isinstance(node, INode) or not node:
        return NI
    try:
        return node.GetAccessMode()
    except SpinnakerException:
        return NA
