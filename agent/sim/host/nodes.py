"""Nodes by kind and node maps under the vendor's names (facts/pyspin-surface.md 2.3); pointers are in `pointers.py`.

Everything here may be null: not an error until it is used.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.sim.host.errors import (
    SPINNAKER_ERR_GENICAM_ACCESS,
    SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT,
    SPINNAKER_ERR_GENICAM_LOGICAL,
    SpinnakerException,
    genicam_text,
)
from agent.sim.host.genapi import NI, NodeSource, RawNode, access_mode, kind_of

__all__ = [
    "IBoolean", "ICategory", "ICommand", "IEnumEntry", "IEnumeration", "IFloat", "IInteger", "INode", "INodeMap",
    "IRegister", "IString", "IValue", "intfIBase", "intfIBoolean", "intfICategory", "intfICommand", "intfIEnumEntry",
    "intfIEnumeration", "intfIFloat", "intfIInteger", "intfIPort", "intfIRegister", "intfIString", "intfIValue",
]  # fmt: skip

N = TypeVar("N", bound="INode")

intfIValue, intfIBase, intfIInteger, intfIBoolean, intfICommand = range(5)
intfIFloat, intfIString, intfIRegister, intfICategory = 5, 6, 7, 8
intfIEnumeration, intfIEnumEntry, intfIPort = 9, 10, 11


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
        self._on_node("impose_access_mode", _typed(ImposedAccessMode, int))

    def ImposeVisibility(self, ImposedVisibility: int) -> None:
        self._on_node("impose_visibility", _typed(ImposedVisibility, int))

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
        self._call("from_string", _typed(ValueStr, str), Verify)

    def IsValueCacheValid(self) -> bool:
        return bool(self._call("is_value_cache_valid"))


class IInteger(IValue):
    _kinds = ("IInteger",)

    def __call__(self) -> int:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> int:
        return int(self._read(Verify, IgnoreCache))

    def SetValue(self, Value: int, Verify: bool = True) -> None:
        self._call("set_value", as_int64(Value), Verify)

    def GetMin(self) -> int:
        return int(self._get("min"))

    def GetMax(self) -> int:
        return int(self._get("max"))

    def GetInc(self) -> int:
        return int(self._get("inc"))

    def GetIncMode(self) -> int:
        return int(self._get("inc_mode"))

    def GetUnit(self) -> str:
        return str(self._get("unit"))

    def GetRepresentation(self) -> int:
        return int(self._get("representation"))

    def ImposeMin(self, Value: int) -> None:
        """Narrow the range on the host."""
        self._call("impose_min", _typed(Value, int))

    def ImposeMax(self, Value: int) -> None:
        self._call("impose_max", _typed(Value, int))

    def GetListOfValidValues(self, *_arguments: object) -> NoReturn:
        raise NotImplementedError("IInteger.GetListOfValidValues")

    def _read(self, verify: bool, ignore_cache: bool) -> Any:
        return self._call("get_value", verify, ignore_cache) if verify or ignore_cache else self._get("value")


class IFloat(IValue):
    _kinds = ("IFloat",)

    def __call__(self) -> float:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> float:
        if Verify or IgnoreCache:
            return float(self._call("get_value", Verify, IgnoreCache))
        return float(self._get("value"))

    def SetValue(self, Value: float, Verify: bool = True) -> None:
        self._call("set_value", float(_typed(Value, int, float)), Verify)

    def GetMin(self) -> float:
        return float(self._get("min"))

    def GetMax(self) -> float:
        return float(self._get("max"))

    def HasInc(self) -> bool:
        return bool(self._call("has_inc"))

    def GetInc(self) -> float:
        return float(self._get("inc"))

    def GetIncMode(self) -> int:
        return int(self._get("inc_mode"))

    def GetUnit(self) -> str:
        return str(self._get("unit"))

    def GetRepresentation(self) -> int:
        return int(self._get("representation"))

    def GetDisplayNotation(self) -> int:
        return int(self._get("display_notation"))

    def GetDisplayPrecision(self) -> int:
        return int(self._get("display_precision"))

    def ImposeMin(self, Value: float) -> None:
        """Narrow the range on the host."""
        self._call("impose_min", float(_typed(Value, int, float)))

    def ImposeMax(self, Value: float) -> None:
        self._call("impose_max", float(_typed(Value, int, float)))

    def GetListOfValidValues(self, *_arguments: object) -> NoReturn:
        raise NotImplementedError("IFloat.GetListOfValidValues")


class IBoolean(IValue):
    _kinds = ("IBoolean",)

    def __call__(self) -> bool:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> bool:
        if Verify or IgnoreCache:
            return bool(self._call("get_value", Verify, IgnoreCache))
        return bool(self._get("value"))

    def SetValue(self, Value: bool, Verify: bool = True) -> None:
        self._call("set_value", bool(_typed(Value, bool, int)), Verify)


class IString(IValue):
    _kinds = ("IString",)

    def __call__(self) -> str:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> str:
        if Verify or IgnoreCache:
            return str(self._call("get_value", Verify, IgnoreCache))
        return str(self._get("value"))

    def SetValue(self, Value: str, Verify: bool = True) -> None:
        self._call("set_value", _typed(Value, str), Verify)

    def GetMaxLength(self) -> int:
        return int(self._get("max_length"))


class ICommand(IValue):
    _kinds = ("ICommand",)

    def __call__(self) -> None:
        self.Execute()

    def Execute(self, Verify: bool = True) -> None:
        self._call("execute", Verify)

    def IsDone(self, Verify: bool = True) -> bool:
        return bool(self._call("is_done", Verify))


class IRegister(IValue):
    _kinds = ("IRegister",)

    def GetLength(self) -> int:
        return int(self._get("length"))

    def GetAddress(self) -> int:
        return int(self._get("address"))

    def Set(self, pBuffer: NDArray[np.uint8], Verify: bool = True) -> None:
        """Write from the register's start on; shorter than the register is allowed."""
        if _typed(pBuffer, np.ndarray).dtype != np.uint8:
            raise TypeError(f"array is of {pBuffer.dtype}, wanted uint8")
        self._call("set", pBuffer.tobytes(), Verify)

    def Get(self, Length: int, Verify: bool = False, IgnoreCache: bool = False) -> NDArray[np.uint8]:
        if _typed(Length, int) < 0:
            text = genicam_text("InvalidArgumentException", f"length {Length} is negative")
            raise SpinnakerException(text, SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT)
        data: bytes = self._call("get", Length, Verify, IgnoreCache)
        return np.array(bytearray(data), np.uint8)


class IEnumEntry(IValue):
    _kinds = ("IEnumEntry",)

    def GetValue(self) -> int:
        return int(self._get("value"))

    def GetNumericValue(self) -> float:
        return float(self._get("numeric_value"))

    def GetSymbolic(self) -> str:
        return str(self._get("symbolic"))

    def IsSelfClearing(self) -> bool:
        return bool(self._call("is_self_clearing"))


class IEnumeration(IValue):
    """No GetValue and SetValue here: generic programs tell enumerations by that (pyspin-surface.md 2.3)."""

    _kinds = ("IEnumeration",)

    def GetEntries(self) -> list[IEnumEntry]:
        raw, source = self._live()
        return [IEnumEntry._make(e, source) for e in source.call(lambda: list(raw.entries))]

    def GetSymbolics(self) -> list[str]:
        return [str(s) for s in self._get("symbolics")]

    def GetEntryByName(self, Symbolic: str) -> IEnumEntry | None:
        entry = self._call("get_entry_by_name", _typed(Symbolic, str))
        return None if entry is None else IEnumEntry._make(entry, self._live()[1])

    def GetEntry(self, IntValue: int) -> IEnumEntry | None:
        entry = self._call("get_entry", _typed(IntValue, int))
        return None if entry is None else IEnumEntry._make(entry, self._live()[1])

    def GetCurrentEntry(self, Verify: bool = False, IgnoreCache: bool = False) -> IEnumEntry:
        return IEnumEntry._make(self._call("get_current_entry", Verify, IgnoreCache), self._live()[1])

    def GetIntValue(self, Verify: bool = False, IgnoreCache: bool = False) -> int:
        return int(self._call("get_int_value", Verify, IgnoreCache))

    def SetIntValue(self, Value: float, Verify: bool = True) -> None:
        # Callers pass what GetNumericValue returned, a float (facts/firefly-dl.md S12).
        number = _typed(Value, int, float)
        self._call("set_int_value", as_int64(int(number) if number == int(number) else number), Verify)


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


class INodeMap:
    """A node map under the vendor's names."""

    def __init__(self, source: NodeSource) -> None:
        self._source = source

    def GetNode(self, Name: str) -> INode | None:
        raw = self._source.find(_typed(Name, str))
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


def _typed(value: Any, *wanted: type) -> Any:
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
    number = int(_typed(value, int))
    if not -(1 << 63) <= number < 1 << 63:
        raise TypeError(f"argument is {number}, wanted 64 bits")
    return number
