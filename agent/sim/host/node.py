"""What every node of a node map answers, and the map itself (facts/pyspin-surface.md 2.3).

A node may be nothing: not an error until it is used.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np

from agent.sim.host.errors import (
    SPINNAKER_ERR_GENICAM_ACCESS,
    SPINNAKER_ERR_GENICAM_LOGICAL,
    SpinnakerException,
    genicam_text,
)
from agent.sim.host.genapi import NI, NodeSource, RawNode, access_mode, kind_of

N = TypeVar("N", bound="INode")


class INode:
    """A node of a node map, or nothing."""

    _kinds: ClassVar[tuple[str, ...]] = ()
    # Set where this stands for a feature that the SDK lists and the camera lacks (QuickSpin).
    _lacks = ""

    def __init__(self, node: object = None, /) -> None:
        """Of a node, another pointer or nothing; TypeError for anything else."""
        if node is not None and not isinstance(node, INode):
            raise TypeError(f"{type(self).__name__} of a {type(node).__name__}, wanted a node or None")
        fits = node is not None and node._raw is not None and (not self._kinds or kind_of(node._raw) in self._kinds)
        self._raw: RawNode | None = node._raw if node is not None and fits else None
        self._source: NodeSource | None = node._source if node is not None and fits else None

    @classmethod
    def _make(cls: type[N], raw: RawNode | None, source: NodeSource) -> N:
        node = cls.__new__(cls)
        node._raw, node._source = raw, source if raw is not None else None
        return node

    @classmethod
    def _lacking(cls: type[N], name: str) -> N:
        """The feature `name` of a camera that has none such: not implemented."""
        node = cls()
        node._lacks = name
        return node

    def __bool__(self) -> bool:
        return self._raw is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, INode):
            return other is None and self._raw is None
        if self._raw is None or other._raw is None:
            return self._raw is other._raw
        return self._source is other._source and self.GetName() == other.GetName()

    def __hash__(self) -> int:
        return hash((id(self._source), self.GetName() if self._raw is not None else ""))

    def _live(self) -> tuple[RawNode, NodeSource]:
        if self._raw is None or self._source is None:
            raise self._null()
        return self._raw, self._source

    def _null(self) -> SpinnakerException:
        """What using nothing raises: GenApi's references and its pointers differ."""
        if self._lacks:
            text = genicam_text("AccessException", f"Feature {self._lacks} not present (reference not valid)")
            return SpinnakerException(text, SPINNAKER_ERR_GENICAM_ACCESS)
        text = genicam_text("LogicalErrorException", "NULL pointer dereferenced")
        return SpinnakerException(text, SPINNAKER_ERR_GENICAM_LOGICAL)

    def _get(self, attribute: str) -> Any:
        raw, source = self._live()
        return source.call(getattr, raw, attribute)

    def _node(self, attribute: str) -> Any:
        raw, source = self._live()
        return source.call(lambda: getattr(raw.node, attribute))

    def _call(self, method: str, *arguments: Any) -> Any:
        raw, source = self._live()
        return source.call(lambda: getattr(raw, method)(*arguments))

    def _on_node(self, method: str, *arguments: Any) -> Any:
        raw, source = self._live()
        return source.call(lambda: getattr(raw.node, method)(*arguments))

    def IsValid(self) -> bool:
        return self._raw is not None

    def GetNode(self) -> INode:
        return INode(self)

    def GetName(self) -> str:
        if self._lacks:
            return self._lacks
        return str(self._node("name"))

    def GetDisplayName(self) -> str:
        return str(self._node("display_name") or self._node("name"))

    def GetToolTip(self) -> str:
        return str(self._node("tooltip"))

    def GetDescription(self) -> str:
        return str(self._node("description"))

    def GetVisibility(self) -> int:
        return int(self._node("visibility"))

    def GetPrincipalInterfaceType(self) -> int:
        return int(self._node("principal_interface_type"))

    def GetAccessMode(self) -> int:
        if self._lacks:
            return NI
        raw, source = self._live()
        return source.call(access_mode, raw)

    def ImposeAccessMode(self, ImposedAccessMode: int) -> None:
        """Allow no more than this; the camera's own rules still hold."""
        self._on_node("impose_access_mode", typed(ImposedAccessMode, int))

    def ImposeVisibility(self, ImposedVisibility: int) -> None:
        self._on_node("impose_visibility", typed(ImposedVisibility, int))

    def InvalidateNode(self) -> None:
        self._on_node("invalidate_node")

    def IsFeature(self) -> bool:
        """Whether the node belongs to a category, as opposed to the registers and formulas behind such nodes."""
        return bool(self._on_node("is_feature"))

    def IsStreamable(self) -> bool:
        return bool(self._on_node("is_streamable"))

    def IsDeprecated(self) -> bool:
        return bool(self._on_node("is_deprecated"))

    def GetNameSpace(self) -> int:
        return int(self._node("name_space"))

    def GetPollingTime(self) -> int:
        return int(self._node("polling_time"))

    def GetEventID(self) -> str:
        return str(self._node("event_id"))

    def GetDeviceName(self) -> str:
        return str(self._node("device_name"))

    def GetNodeMap(self) -> INodeMap:
        return INodeMap(self._live()[1])

    def GetProperty(self, *_arguments: object) -> NoReturn:
        raise NotImplementedError("INode.GetProperty")

    def GetPropertyNames(self, *_arguments: object) -> NoReturn:
        raise NotImplementedError("INode.GetPropertyNames")

    def RegisterCallback(self, *_arguments: object) -> NoReturn:
        raise NotImplementedError("INode.RegisterCallback (programs call RegisterNodeCallback)")


class IValue(INode):
    """A node with a value that has a text form."""

    def ToString(self, Verify: bool = False, IgnoreCache: bool = False) -> str:
        return str(self._call("to_string", Verify, IgnoreCache))

    def FromString(self, ValueStr: str, Verify: bool = True) -> None:
        self._call("from_string", typed(ValueStr, str), Verify)

    def IsValueCacheValid(self) -> bool:
        return bool(self._call("is_value_cache_valid"))


class INodeMap:
    """A node map under the vendor's names."""

    def __init__(self, source: NodeSource) -> None:
        self._source = source

    def GetNode(self, Name: str) -> INode | None:
        raw = self._source.find(typed(Name, str))
        return None if raw is None else INode._make(raw, self._source)

    def GetNodes(self) -> list[INode]:
        return [INode._make(raw, self._source) for raw in self._source.nodes()]

    def GetNumNodes(self) -> int:
        return len(self._source.nodes())

    def InvalidateNodes(self) -> None:
        self._source.invalidate()

    def Poll(self, ElapsedTime: int) -> NoReturn:
        raise NotImplementedError(f"NodeMap.Poll after {ElapsedTime} ms")

    @staticmethod
    def ClearXMLCache(*_arguments: object) -> NoReturn:
        raise NotImplementedError("NodeMap_ClearXMLCache")


def typed(value: Any, *wanted: type) -> Any:
    """Wrong argument types are a TypeError in the SDK; numpy integers count as int."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) and bool not in wanted and int not in wanted:
        raise TypeError(f"argument is bool, wanted {wanted[0].__name__}")
    if not isinstance(value, wanted):
        raise TypeError(f"argument is {type(value).__name__}, wanted {wanted[0].__name__}")
    return value


def as_int64(value: Any) -> int:
    """A number that fits the node's 64 bits; anything else is a TypeError."""
    number = int(typed(value, int))
    if not -(1 << 63) <= number < 1 << 63:
        raise TypeError(f"argument is {number}, wanted 64 bits")
    return number
