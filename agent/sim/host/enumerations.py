"""Enumerations and their entries, in the camera's own numbers (facts/pyspin-surface.md 2.3)."""

from __future__ import annotations

from agent.sim.host.node import IValue, as_int64, typed


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
        entry = self._call("get_entry_by_name", typed(Symbolic, str))
        return None if entry is None else IEnumEntry._make(entry, self._live()[1])

    def GetEntry(self, IntValue: int) -> IEnumEntry | None:
        entry = self._call("get_entry", typed(IntValue, int))
        return None if entry is None else IEnumEntry._make(entry, self._live()[1])

    def GetCurrentEntry(self, Verify: bool = False, IgnoreCache: bool = False) -> IEnumEntry:
        return IEnumEntry._make(self._call("get_current_entry", Verify, IgnoreCache), self._live()[1])

    def GetIntValue(self, Verify: bool = False, IgnoreCache: bool = False) -> int:
        return int(self._call("get_int_value", Verify, IgnoreCache))

    def SetIntValue(self, Value: float, Verify: bool = True) -> None:
        # Callers pass what GetNumericValue returned, a float (facts/firefly-dl.md S12).
        number = typed(Value, int, float)
        self._call("set_int_value", as_int64(int(number) if number == int(number) else number), Verify)
