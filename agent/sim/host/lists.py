"""Lists of references (facts/pyspin-surface.md 2.1): Clear drops the list's own, what was taken out stays valid."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

from agent.sim.host.camera import CameraPtr
from agent.sim.host.errors import (
    HELD,
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_RESOURCE_IN_USE,
    SpinnakerException,
)

__all__ = ["CameraList"]

P = TypeVar("P")


class PointerList(Generic[P]):
    """A fixed list of references."""

    def __init__(self, items: list[P] | None = None) -> None:
        self._items = items or []

    def GetSize(self) -> int:
        return len(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> P:
        return self._items[index]

    def __iter__(self) -> Iterator[P]:
        return iter(self._items)

    def GetByIndex(self, index: int) -> P:
        if not 0 <= index < len(self._items):
            raise SpinnakerException(f"index {index} of {len(self._items)}", SPINNAKER_ERR_INVALID_PARAMETER)
        return self._items[index]

    def Clear(self) -> None:
        self._items = []


class CameraList(PointerList[CameraPtr]):
    """Cameras found by one enumeration."""

    def GetBySerial(self, serialNumber: str) -> CameraPtr:
        """The camera, or a pointer that is not valid."""
        return next((c for c in self._items if _serial(c) == _text(serialNumber)), CameraPtr())

    def GetByDeviceID(self, deviceID: str) -> CameraPtr:
        """The same here: device ids are serial numbers."""
        return self.GetBySerial(deviceID)

    def RemoveByIndex(self, index: int) -> None:
        self.GetByIndex(index)
        self._items = [c for i, c in enumerate(self._items) if i != index]

    def RemoveBySerial(self, serialNumber: str) -> None:
        self._items = [c for c in self._items if _serial(c) != _text(serialNumber)]

    def RemoveByDeviceID(self, deviceID: str) -> None:
        self.RemoveBySerial(deviceID)

    def Clear(self) -> None:
        """Drop the list's references; -1004, and the list stays, where the quirk is on and a camera of it is held."""
        cores = [camera._core for camera in self._items]
        outside = [weakref.ref(camera) for camera in self._items]
        super().Clear()
        held = [core for core, camera in zip(cores, outside, strict=True) if core is not None and camera() is not None]
        if any(core.info.clear_refuses for core in held):
            self._items = [CameraPtr(core) for core in cores]
            raise SpinnakerException(HELD, SPINNAKER_ERR_RESOURCE_IN_USE)

    def Append(self, otherList: CameraList) -> None:
        self._items = [*self._items, *otherList._items]


def _serial(camera: CameraPtr) -> str:
    return camera._live().info.serial


def _text(serial: str) -> str:
    if not isinstance(serial, str):
        raise TypeError(f"a serial number is a str, not {type(serial).__name__}")
    return serial
