"""The host's USB adapter as an interface of the SDK (facts/pyspin-surface.md 3.4)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.sim.host.events import EventHandler
from agent.sim.host.genapi import NodeSource
from agent.sim.host.generation import only
from agent.sim.host.host_port import HostPort
from agent.sim.host.lists import PointerList
from agent.sim.host.nodes import INodeMap
from agent.sim.host.quickspin import TransportLayerInterface
from agent.sim.host.rare import RareInterfaceCalls
from agent.sim.host.transport_layer import HOST_PORT, interface_values, interface_xml

if TYPE_CHECKING:
    from agent.sim.host.lists import CameraList
    from agent.sim.host.system import System

__all__ = ["IInterface", "InterfaceList", "InterfacePtr"]


class IInterface(RareInterfaceCalls):
    """One simulated host adapter, where every camera is."""

    def __init__(self, system: System) -> None:
        self._system = system
        port = HostPort(lambda: interface_values(system._present()), action=system.UpdateCameras)
        self._source = NodeSource(interface_xml(), {HOST_PORT: port}, threading.RLock(), lambda: None)

    def GetTLNodeMap(self) -> INodeMap:
        return INodeMap(self._source)

    @property
    def TLInterface(self) -> TransportLayerInterface:
        return TransportLayerInterface(self._source)

    def GetCameras(self, updateCameras: bool = True) -> CameraList:
        return self._system.GetCameras(False, updateCameras)

    def UpdateCameras(self) -> bool:
        """Look at the bus; whether anything came or went."""
        return self._system.UpdateCameras()

    def IsValid(self) -> bool:
        return self._system._alive

    def IsInUse(self) -> bool:
        """Whether one of its cameras is referenced."""
        return self._system._cameras_in_use()

    def RegisterEventHandler(self, evtHandlerToRegister: EventHandler) -> None:
        """Arrivals and removals; the same as with the system, as there is one interface."""
        self._system.RegisterEventHandler(evtHandlerToRegister)

    def UnregisterEventHandler(self, evtHandlerToUnregister: EventHandler) -> None:
        self._system.UnregisterEventHandler(evtHandlerToUnregister)

    @only(until=1)
    def RegisterEvent(self, evtToRegister: EventHandler) -> None:
        self.RegisterEventHandler(evtToRegister)

    @only(until=1)
    def UnregisterEvent(self, evtToUnregister: EventHandler) -> None:
        self.UnregisterEventHandler(evtToUnregister)


class InterfacePtr(IInterface):
    """A reference to an interface. System.ReleaseInstance refuses while one lives (-1004)."""

    def __bool__(self) -> bool:
        return True


class InterfaceList(PointerList[InterfacePtr]):
    """Interfaces of one enumeration."""
