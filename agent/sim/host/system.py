"""The SDK's singleton (facts/pyspin-surface.md 2.1, 3.4)."""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass
from typing import ClassVar

from agent.clock import Clock, SystemClock
from agent.sim import bus
from agent.sim.host import generation
from agent.sim.host.camera import CameraPtr
from agent.sim.host.core import CameraCore
from agent.sim.host.errors import HELD, SPINNAKER_ERR_INVALID_HANDLE, SPINNAKER_ERR_RESOURCE_IN_USE, SpinnakerException
from agent.sim.host.events import EventHandler, LoggingEventHandler
from agent.sim.host.genapi import NodeSource
from agent.sim.host.generation import Generation, only
from agent.sim.host.interfaces import InterfaceList, InterfacePtr
from agent.sim.host.lists import CameraList
from agent.sim.host.log import DEBUG, INFO, NOTICE, log
from agent.sim.host.nodes import INodeMap
from agent.sim.host.quickspin import TransportLayerSystem
from agent.sim.host.rare import RareSystemCalls
from agent.sim.host.transport_layer import system_xml
from agent.sim.host.watcher import Watcher
from agent.sim.link import BusDevice, DeviceInfo

__all__ = ["CameraList", "InterfaceList", "InterfacePtr", "LibraryVersion", "System", "SystemPtr"]


@dataclass(frozen=True, slots=True)
class LibraryVersion:
    """Release of the SDK, to be compared as a tuple."""

    major: int
    minor: int
    type: int
    build: int


# The last known release of each generation.
_RELEASES: dict[Generation, tuple[int, int, int, int]] = {
    1: (1, 29, 0, 5),
    2: (2, 7, 0, 128),
    3: (3, 2, 0, 62),
    4: (4, 4, 0, 246),
}


class System(RareSystemCalls):
    """What programs get by `System.GetInstance()`, and end with `ReleaseInstance()`. Thread-safe."""

    _instance: ClassVar[SystemPtr | None] = None
    _making: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        self._cores: dict[int, CameraCore] = {}
        self._lists: weakref.WeakSet[CameraList] = weakref.WeakSet()
        self._interfaces: weakref.WeakSet[InterfacePtr] = weakref.WeakSet()
        self._seen: list[CameraCore] = []
        self._departed: weakref.WeakSet[CameraCore] = weakref.WeakSet()  # removed, and perhaps still held
        self._alive = True
        self._source: NodeSource | None = None
        self._watcher = Watcher(self._enumerate, self._clock)

    @staticmethod
    def GetInstance() -> SystemPtr:
        with System._making:
            instance, made = System._instance, System._instance is None
            if instance is None:
                instance = System._instance = SystemPtr()
        if made:
            log.write(INFO, "System", "system instance acquired")
        return instance

    def GetCameras(self, updateInterfaces: bool = True, updateCameras: bool = True) -> CameraList:  # noqa: ARG002
        """A fresh list: of the cameras on the bus now, or of those found last where `updateCameras` is off."""
        self._check()
        if updateCameras or not self._seen:
            self._seen = self._enumerate()
        cameras = CameraList([CameraPtr(core) for core in self._seen])
        self._lists.add(cameras)
        return cameras

    def UpdateCameras(self, updateInterfaces: bool = True) -> bool:  # noqa: ARG002
        """Look at the bus; whether the set of cameras changed since the last enumeration."""
        self._check()
        before, self._seen = self._seen, self._enumerate()
        return before != self._seen

    def GetInterfaces(self, updateInterface: bool = True) -> InterfaceList:  # noqa: ARG002
        self._check()
        interface = InterfacePtr(self)
        self._interfaces.add(interface)
        return InterfaceList([interface])

    def UpdateInterfaceList(self) -> None:
        """Look for host adapters; the simulated one is always there."""
        self._check()
        log.write(DEBUG, "System", "interface list updated, 1 interface")

    def GetTLNodeMap(self) -> INodeMap:
        return INodeMap(self._tl_system())

    @property
    def TLSystem(self) -> TransportLayerSystem:
        return TransportLayerSystem(self._tl_system())

    def GetLibraryVersion(self) -> LibraryVersion:
        """A release of the generation that the program asked for."""
        return LibraryVersion(*_RELEASES[generation.current()])

    def IsInUse(self) -> bool:
        """Whether a camera, a filled list or an interface is still referenced."""
        return self._cameras_in_use() or bool(len(self._interfaces))

    def ReleaseInstance(self) -> None:
        """End the SDK; -1004 while anything of it is still referenced."""
        if not self._alive:
            return
        if self.IsInUse():
            raise SpinnakerException(HELD, SPINNAKER_ERR_RESOURCE_IN_USE)
        self._watcher.close()
        self._alive = False
        for core in (*self._cores.values(), *self._departed):
            core.drop()
        self._cores.clear()
        self._departed.clear()
        self._seen = []
        if System._instance is self:
            System._instance = None
        log.write(INFO, "System", "system instance released")
        log.clear()

    # -- events ----------------------------------------------------------------------------------------------------

    def RegisterEventHandler(
        self,
        evtHandlerToRegister: EventHandler,
        updateInterface: bool = False,  # noqa: ARG002 - there is one interface, and it does not change
        /,
    ) -> None:
        self._check()
        self._watcher.add(evtHandlerToRegister)

    def UnregisterEventHandler(self, evtHandlerToUnregister: EventHandler) -> None:
        self._check()
        if not isinstance(evtHandlerToUnregister, EventHandler):
            raise TypeError("UnregisterEventHandler takes an event handler")
        self._watcher.remove(evtHandlerToUnregister)

    @only(since=2, until=2)
    def RegisterInterfaceEventHandler(self, evtHandler: EventHandler, updateInterface: bool = True) -> None:
        self.RegisterEventHandler(evtHandler, updateInterface)

    @only(since=2, until=2)
    def UnregisterInterfaceEventHandler(self, evtHandler: EventHandler) -> None:
        self.UnregisterEventHandler(evtHandler)

    @only(until=1)
    def RegisterInterfaceEvent(self, evtToRegister: EventHandler, updateInterface: bool = True) -> None:
        self.RegisterEventHandler(evtToRegister, updateInterface)

    @only(until=1)
    def UnregisterInterfaceEvent(self, evtToUnregister: EventHandler) -> None:
        self.UnregisterEventHandler(evtToUnregister)

    def RegisterLoggingEventHandler(self, handler: LoggingEventHandler) -> None:
        self._check()
        log.add(_logging(handler))

    def UnregisterLoggingEventHandler(self, handler: LoggingEventHandler) -> None:
        self._check()
        log.remove(_logging(handler))

    def UnregisterAllLoggingEventHandlers(self) -> None:
        self._check()
        log.remove_all()

    @only(until=1)
    def RegisterLoggingEvent(self, handler: LoggingEventHandler) -> None:
        self.RegisterLoggingEventHandler(handler)

    @only(until=1)
    def UnregisterLoggingEvent(self, handler: LoggingEventHandler) -> None:
        self.UnregisterLoggingEventHandler(handler)

    @only(until=1)
    def UnregisterAllLoggingEvent(self) -> None:
        self.UnregisterAllLoggingEventHandlers()

    def SetLoggingEventPriorityLevel(self, level: int) -> None:
        self._check()
        log.set_level(level)

    def GetLoggingEventPriorityLevel(self) -> int:
        self._check()
        return log.level

    # -- inside ----------------------------------------------------------------------------------------------------

    def _tl_system(self) -> NodeSource:
        self._check()
        if self._source is None:
            self._source = NodeSource(system_xml(), {}, threading.RLock(), lambda: None)
        return self._source

    def _check(self) -> None:
        if not self._alive:
            raise SpinnakerException("System instance has been released.", SPINNAKER_ERR_INVALID_HANDLE)

    def _cameras_in_use(self) -> bool:
        cores = (*self._cores.values(), *self._departed)
        return any(c.references or c.buffers.held for c in cores) or any(self._lists)

    def _present(self) -> list[DeviceInfo]:
        return [core.info for core in self._enumerate()]

    def _clock(self) -> Clock:
        """Of the cameras: virtual where they are."""
        places = bus.places()
        return places[0].clock if places else SystemClock()

    def _enumerate(self) -> list[CameraCore]:
        """The cameras on the bus, in its order; those that are not found any more are removed."""
        with self._mutex:
            places = {id(place): place for place in bus.places()}
            before = list(self._cores.values())
            for key in [k for k in self._cores if k not in places]:
                self._cores.pop(key).removed = True
            found = [core for core in (self._core(key, place) for key, place in places.items()) if core is not None]
        # Handlers of the log are programs, so they are told without the mutex.
        for core in before:
            if core.removed and core not in self._departed:
                self._departed.add(core)
                log.write(NOTICE, "Interface", f"{core.info.serial}: camera left the bus")
        log.write(DEBUG, "Interface", f"enumeration found {len(found)} cameras")
        for core in found:
            log.write(DEBUG, "Interface", f"{core.info.serial}: {core.info.model}")
        return found

    def _core(self, key: int, place: BusDevice) -> CameraCore | None:
        """The camera at a place of the bus; a new one where the old one lost its connection."""
        known = self._cores.get(key)
        link = known.link if known is not None else None  # another thread may open it while the camera is asked
        if link is not None and link.is_alive():
            return known
        info = place.present()
        if known is not None and (info is None or link is not None or known.info != info):
            known.removed = True
        if info is None:
            return None
        if known is None or known.removed:
            known = self._cores[key] = CameraCore(place, info)
        return known


class SystemPtr(System):
    """What GetInstance gives."""


def _logging(handler: LoggingEventHandler) -> LoggingEventHandler:
    if not isinstance(handler, LoggingEventHandler):
        raise TypeError("takes a LoggingEventHandler")
    return handler


def _forget_parent() -> None:
    """A forked child makes a System of its own; the cameras that its parent opened stay the parent's."""
    System._instance, System._making = None, threading.Lock()
    log.clear()


os.register_at_fork(after_in_child=_forget_parent)
