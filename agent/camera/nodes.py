"""Typed access to the nodes of one node map.

Enumerations are written by symbolic name with the camera's own numbers: the SDK's constants know neither the Firefly
DL's entries nor its numbers (facts/firefly-dl.md 1.2, S12). A name may be a tuple of candidates where the vendor's
pages give only a display name (facts section 7 item 3). Every failure is a CameraError that says node, value and range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from agent.camera.sdk import (
    BooleanPtr,
    CommandPtr,
    EnumerationPtr,
    FloatPtr,
    IntegerPtr,
    NodeHandle,
    NodeMap,
    RegisterPtr,
    Sdk,
    StringPtr,
)
from agent.camera.vendor_errors import translate
from agent.errors import CameraError, CameraRefused

T = TypeVar("T")
Name = str | tuple[str, ...]


class Nodes:
    """Node pointers of one map, made once. Owner: the session; used on the worker thread only."""

    def __init__(self, sdk: Sdk, node_map: NodeMap, camera: str) -> None:
        self._sdk = sdk
        self._map = node_map
        self._camera = camera
        self._handles: dict[str, NodeHandle] = {}
        self._pointers: dict[tuple[str, str], object] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._symbols: dict[tuple[str, int], str] = {}

    def forget(self) -> None:
        """Drop every pointer: none may outlive the camera's DeInit."""
        self._handles.clear()
        self._pointers.clear()

    # -- presence ----------------------------------------------------------------------------------------------------

    # The SDK answers False for a broken transfer too, so a No is asked twice: one failed read of an access mode must
    # not hide a node.

    def readable(self, name: Name) -> bool:
        return self._first(name, self._sdk.IsReadable) is not None

    def writable(self, name: Name) -> bool:
        return self._first(name, self._sdk.IsWritable) is not None

    def first(self, name: Name) -> str | None:
        """The first candidate that this firmware has, or None."""
        return self._first(name, self._sdk.IsAvailable)

    def implemented(self, name: Name) -> str | None:
        """The first candidate that this firmware knows, also while it is not available; None where it knows none."""
        return self._first(name, self._sdk.IsImplemented)

    # -- values ------------------------------------------------------------------------------------------------------

    def get_int(self, name: str) -> int:
        return int(self._read(name, self.integer(name).GetValue))

    def set_int(self, name: str, value: int) -> None:
        pointer = self.integer(name)
        self._write(
            name,
            value,
            lambda: pointer.SetValue(value),
            lambda: f"{pointer.GetMin()}..{pointer.GetMax()} in steps of {pointer.GetInc()}",
        )

    def int_range(self, name: str) -> tuple[int, int]:
        pointer = self.integer(name)
        return self._read(name, lambda: (pointer.GetMin(), pointer.GetMax()))

    def int_max(self, name: str) -> int:
        return int(self._read(name, self.integer(name).GetMax))

    def get_float(self, name: str) -> float:
        return float(self._read(name, self._float(name).GetValue))

    def set_float(self, name: str, value: float) -> None:
        pointer = self._float(name)
        self._write(name, value, lambda: pointer.SetValue(value), lambda: f"{pointer.GetMin()}..{pointer.GetMax()}")

    def float_range(self, name: str) -> tuple[float, float]:
        pointer = self._float(name)
        return self._read(name, lambda: (pointer.GetMin(), pointer.GetMax()))

    def get_bool(self, name: str) -> bool:
        return bool(self._read(name, self._boolean(name).GetValue))

    def set_bool(self, name: str, value: bool) -> None:
        pointer = self._boolean(name)
        self._write(name, value, lambda: pointer.SetValue(value), lambda: "true or false")

    def get_string(self, name: str) -> str:
        return str(self._read(name, self._string(name).GetValue))

    def set_string(self, name: str, value: str) -> None:
        pointer = self._string(name)
        self._write(name, repr(value), lambda: pointer.SetValue(value), lambda: "a text the camera can hold")

    def get_enum(self, name: str) -> str:
        """The entry of now; one read, and its name is looked up the first time."""
        number = self._read(name, self._enumeration(name).GetIntValue)
        symbolic = self._symbols.get((name, number))
        if symbolic is None:
            symbolic = self._symbols[(name, number)] = self._read(name, lambda: self._symbol(name, number))
        return symbolic

    def set_enum(self, name: str, symbolic: str) -> None:
        pointer = self._enumeration(name)
        number = self._number(name, symbolic)
        self._write(name, symbolic, lambda: pointer.SetIntValue(number), lambda: ", ".join(self.entries(name)))

    def entries(self, name: str) -> tuple[str, ...]:
        """Symbolic names of the entries that are available now, in the camera's order."""
        pointer, sdk = self._enumeration(name), self._sdk
        return self._read(
            name,
            lambda: tuple(sdk.CEnumEntryPtr(e).GetSymbolic() for e in pointer.GetEntries() if sdk.IsAvailable(e)),
        )

    def has_entry(self, name: str, symbolic: str) -> bool:
        """Whether the enumeration exists and has that entry."""
        if not self.readable(name):
            return False
        entry = self._read(name, lambda: self._enumeration(name).GetEntryByName(symbolic))
        return self._sdk.IsAvailable(entry) or self._sdk.IsAvailable(entry)

    def execute(self, name: str) -> None:
        pointer = self.command(name)
        try:
            pointer.Execute()
        except self._sdk.SpinnakerException as exc:
            raise self.wrap(name, exc, "execute") from exc

    # -- optional nodes ----------------------------------------------------------------------------------------------

    def try_int(self, name: Name) -> int | None:
        """The value, or None where this firmware does not tell."""
        found = self._first(name, self._sdk.IsReadable)
        return None if found is None else _quiet(lambda: self.get_int(found))

    def try_float(self, name: Name) -> float | None:
        found = self._first(name, self._sdk.IsReadable)
        return None if found is None else _quiet(lambda: self.get_float(found))

    def try_string(self, name: Name) -> str | None:
        found = self._first(name, self._sdk.IsReadable)
        return None if found is None else _quiet(lambda: self.get_string(found))

    # -- pointers for the hot paths ----------------------------------------------------------------------------------

    def integer(self, name: str) -> IntegerPtr:
        return self._pointer(name, "integer", self._sdk.CIntegerPtr)

    def command(self, name: str) -> CommandPtr:
        return self._pointer(name, "command", self._sdk.CCommandPtr)

    def float_reader(self, name: Name) -> Callable[[], float] | None:
        """The bare read of the first readable candidate, raising the vendor's exception; None where none is."""
        found = self._first(name, self._sdk.IsReadable)
        return None if found is None else self._float(found).GetValue

    def float_pointer(self, name: str) -> FloatPtr:
        return self._float(name)

    def node(self, name: str) -> NodeHandle:
        """The node itself, for the SDK's own functions."""
        return self._handle(name)

    def register(self, name: str) -> RegisterPtr:
        return self._pointer(name, "register", self._sdk.CRegisterPtr)

    def wrap(self, name: str, exc: Exception, doing: str) -> CameraError:
        """The error for a vendor exception met on a pointer that a hot path holds."""
        return translate(exc, f"camera {self._camera}: {doing} {name}")

    @property
    def vendor_exception(self) -> type[Exception]:
        return self._sdk.SpinnakerException

    # -- inside ------------------------------------------------------------------------------------------------------

    def _float(self, name: str) -> FloatPtr:
        return self._pointer(name, "float", self._sdk.CFloatPtr)

    def _boolean(self, name: str) -> BooleanPtr:
        return self._pointer(name, "boolean", self._sdk.CBooleanPtr)

    def _string(self, name: str) -> StringPtr:
        return self._pointer(name, "string", self._sdk.CStringPtr)

    def _enumeration(self, name: str) -> EnumerationPtr:
        return self._pointer(name, "enumeration", self._sdk.CEnumerationPtr)

    def _first(self, name: Name, holds: Callable[[NodeHandle], bool]) -> str | None:
        candidates = [(one, self._handle(one)) for one in _names(name)]
        return next((one for one, handle in candidates if holds(handle) or holds(handle)), None)

    def _handle(self, name: str) -> NodeHandle:
        # GetNode of a missing name gives None or a null proxy, by SDK generation (facts section 3, [U]).
        if name not in self._handles:
            self._handles[name] = self._read(name, lambda: self._map.GetNode(name))
        return self._handles[name]

    def _pointer(self, name: str, kind: str, make: Callable[[NodeHandle], T]) -> T:
        held = self._pointers.get((name, kind))
        if held is None:
            handle = self._handle(name)
            if not self._sdk.IsImplemented(handle):
                raise CameraRefused(f"camera {self._camera}: it has no node {name}; update its firmware")
            held = self._pointers[(name, kind)] = make(handle)
        return held  # type: ignore[return-value]

    def _number(self, name: str, symbolic: str) -> int:
        """The camera's number of an entry; these never change while the map lives."""
        held = self._numbers.get((name, symbolic))
        if held is not None:
            return held
        pointer = self._enumeration(name)
        entry = self._read(name, lambda: pointer.GetEntryByName(symbolic))
        if entry is None or not self._sdk.IsReadable(entry):
            raise CameraRefused(
                f"camera {self._camera}: {name} has no entry {symbolic!r} now; it has {', '.join(self.entries(name))}"
            )
        number = self._read(name, self._sdk.CEnumEntryPtr(entry).GetValue)
        self._numbers[(name, symbolic)] = number
        return number

    def _symbol(self, name: str, number: int) -> str:
        """The name of an entry by the camera's number of it."""
        sdk = self._sdk
        for entry in map(sdk.CEnumEntryPtr, self._enumeration(name).GetEntries()):
            if entry.GetValue() == number:
                return entry.GetSymbolic()
        raise CameraRefused(f"camera {self._camera}: {name} is {number}, which is none of its entries")

    def _read(self, name: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except self._sdk.SpinnakerException as exc:
            raise self.wrap(name, exc, "read") from exc

    def _write(self, name: str, value: object, write: Callable[[], None], allowed: Callable[[], str]) -> None:
        try:
            write()
        except self._sdk.SpinnakerException as exc:
            error = self.wrap(name, exc, f"set {value} to")
            if isinstance(error, CameraRefused):
                raise CameraRefused(f"{error} (allowed: {self._describe(allowed)})", error.vendor_code) from exc
            raise error from exc

    def _describe(self, allowed: Callable[[], str]) -> str:
        try:
            return allowed()
        except (self._sdk.SpinnakerException, CameraError):
            return "not known"


def _names(name: Name) -> Sequence[str]:
    return (name,) if isinstance(name, str) else name


def _quiet(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except CameraRefused:
        return None
