"""Nodes with a plain value, commands and registers (facts/pyspin-surface.md 2.3, 3.3)."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from agent.sim.host.errors import SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT, SpinnakerException, genicam_text
from agent.sim.host.node import IValue, as_int64, typed


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
        self._call("impose_min", typed(Value, int))

    def ImposeMax(self, Value: int) -> None:
        self._call("impose_max", typed(Value, int))

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
        self._call("set_value", float(typed(Value, int, float)), Verify)

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
        self._call("impose_min", float(typed(Value, int, float)))

    def ImposeMax(self, Value: float) -> None:
        self._call("impose_max", float(typed(Value, int, float)))

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
        self._call("set_value", bool(typed(Value, bool, int)), Verify)


class IString(IValue):
    _kinds = ("IString",)

    def __call__(self) -> str:
        return self.GetValue()

    def GetValue(self, Verify: bool = False, IgnoreCache: bool = False) -> str:
        if Verify or IgnoreCache:
            return str(self._call("get_value", Verify, IgnoreCache))
        return str(self._get("value"))

    def SetValue(self, Value: str, Verify: bool = True) -> None:
        self._call("set_value", typed(Value, str), Verify)

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
        if typed(pBuffer, np.ndarray).dtype != np.uint8:
            raise TypeError(f"array is of {pBuffer.dtype}, wanted uint8")
        self._call("set", pBuffer.tobytes(), Verify)

    def Get(self, Length: int, Verify: bool = False, IgnoreCache: bool = False) -> NDArray[np.uint8]:
        if typed(Length, int) < 0:
            text = genicam_text("InvalidArgumentException", f"length {Length} is negative")
            raise SpinnakerException(text, SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT)
        data: bytes = self._call("get", Length, Verify, IgnoreCache)
        return np.array(bytearray(data), np.uint8)
