"""System and lists (facts/pyspin-surface.md 2.1)."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from agent.sim import bus
from agent.sim.host.camera import CameraCore, CameraPtr
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_HANDLE,
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_RESOURCE_IN_USE,
    SpinnakerException,
)
from agent.sim.host.genapi import NodeSource
from agent.sim.host.nodes import INodeMap
from agent.sim.host.quickspin import TransportLayerInterface
from agent.sim.host.transport_layer import interface_xml
from agent.sim.link import BusDevice

P = TypeVar("P")
_HELD = "Can't clear a camera because something still holds a reference to the camera"


@dataclass(frozen=True, slots=True)
class LibraryVersion:
    """The generation whose surface this is."""

    major: int = 4
    minor: int = 4
    type: int = 0
    build: int = 246


class _List(Generic[P]):
    """A fixed list of references; Clear drops the list's own."""

    def __init__(self, items: list[P]) -> None:
        self._items = items

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


class CameraList(_List[CameraPtr]):
    """Cameras found by one enumeration."""

    def GetBySerial(self, serialNumber: str) -> CameraPtr:
        """The camera, or a pointer that is not valid."""
        if not isinstance(serialNumber, str):
            raise TypeError("GetBySerial takes a str")
        found = [c for c in self._items if c._live().info.serial == serialNumber]
        return found[0] if found else CameraPtr()

    def RemoveBySerial(self, serialNumber: str) -> None:
        self._items = [c for c in self._items if c._live().info.serial != serialNumber]

    def Append(self, otherList: CameraList) -> None:
        self._items = [*self._items, *otherList._items]


class InterfacePtr:
    """The one simulated host adapter."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._source = NodeSource(interface_xml(), {}, threading.RLock(), lambda: None)

    def GetTLNodeMap(self) -> INodeMap:
        return INodeMap(self._source)

    @property
    def TLInterface(self) -> TransportLayerInterface:
        return TransportLayerInterface(self._source)

    def GetCameras(self, updateCameras: bool = True) -> CameraList:
        return self._system.GetCameras(False, updateCameras)

    def UpdateCameras(self) -> bool:
        return self._system.UpdateCameras()

    def IsValid(self) -> bool:
        return True

    def RegisterEventHandler(self, *arguments: Any) -> None:
        raise NotImplementedError("Interface.RegisterEventHandler")


class InterfaceList(_List[InterfacePtr]):
    pass


class System:
    """The SDK's singleton; `System.GetInstance()` makes it, `ReleaseInstance()` ends it."""

    _instance: ClassVar[SystemPtr | None] = None

    def __init__(self) -> None:
        self._cores: dict[int, CameraCore] = {}
        self._cameras: weakref.WeakSet[CameraList] = weakref.WeakSet()
        self._interfaces: weakref.WeakSet[InterfacePtr] = weakref.WeakSet()
        self._seen: list[str] = []
        self._released = False

    @staticmethod
    def GetInstance() -> SystemPtr:
        if System._instance is None:
            System._instance = SystemPtr()
        return System._instance

    def GetCameras(self, updateInterfaces: bool = True, updateCameras: bool = True) -> CameraList:  # noqa: ARG002
        """A fresh list of the cameras that are on the bus now."""
        self._check()
        found = [core for core in map(self._core, bus.places()) if core is not None]
        self._seen = [core.info.serial for core in found]
        cameras = CameraList([CameraPtr(core) for core in found])
        self._cameras.add(cameras)
        return cameras

    def UpdateCameras(self, updateInterfaces: bool = True) -> bool:  # noqa: ARG002
        """Whether the set of cameras changed since the last enumeration."""
        self._check()
        present = [i.serial for i in (p.present() for p in bus.places()) if i is not None]
        changed = present != self._seen
        self._seen = present
        return changed

    def GetInterfaces(self, updateInterface: bool = True) -> InterfaceList:  # noqa: ARG002
        self._check()
        interface = InterfacePtr(self)
        self._interfaces.add(interface)
        return InterfaceList([interface])

    def GetLibraryVersion(self) -> LibraryVersion:
        return LibraryVersion()

    def IsInUse(self) -> bool:
        """Whether a camera, a filled list or an interface is still referenced."""
        cores = self._cores.values()
        return any(c.references or c.buffers.held for c in cores) or any(self._cameras) or bool(len(self._interfaces))

    def ReleaseInstance(self) -> None:
        """End the SDK; -1004 while anything of it is still referenced."""
        if self._released:
            return
        if self.IsInUse():
            raise SpinnakerException(_HELD, SPINNAKER_ERR_RESOURCE_IN_USE)
        self._released = True
        for core in self._cores.values():
            core.drop()
        self._cores.clear()
        if System._instance is self:
            System._instance = None

    def RegisterEventHandler(self, *arguments: Any) -> None:
        raise NotImplementedError("System.RegisterEventHandler")

    def UnregisterEventHandler(self, *arguments: Any) -> None:
        raise NotImplementedError("System.UnregisterEventHandler")

    def RegisterLoggingEventHandler(self, *arguments: Any) -> None:
        raise NotImplementedError("System.RegisterLoggingEventHandler")

    def GetTLNodeMap(self) -> INodeMap:
        raise NotImplementedError("System.GetTLNodeMap")

    def _check(self) -> None:
        if self._released:
            raise SpinnakerException("System instance has been released.", SPINNAKER_ERR_INVALID_HANDLE)

    def _core(self, place: BusDevice) -> CameraCore | None:
        """The camera at a place of the bus; a new one where the old one lost its connection."""
        known = self._cores.get(id(place))
        if known is not None and known.link is not None and known.link.is_alive():
            return known
        info = place.present()
        if info is None:
            return None
        if known is None or known.link is not None or known.info != info:
            known = self._cores[id(place)] = CameraCore(place, info)
        return known


class SystemPtr(System):
    pass
