"""Cameras under the vendor's names (facts/pyspin-surface.md 2.2, 3.1)."""

from __future__ import annotations

from typing import Any

from agent.sim.host.constants import EVENT_TIMEOUT_INFINITE
from agent.sim.host.core import CameraCore
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_HANDLE,
    SPINNAKER_ERR_INVALID_PARAMETER,
    SpinnakerException,
)
from agent.sim.host.events import DeviceEventHandler, EventHandler, ImageEventHandler, ImageListEventHandler
from agent.sim.host.genapi import NA, RO, RW
from agent.sim.host.generation import only
from agent.sim.host.images import ImagePtr
from agent.sim.host.nodes import INodeMap
from agent.sim.host.quickspin import TransportLayerDevice, TransportLayerStream, camera_names, quick_node
from agent.sim.host.rare import RareCameraCalls
from agent.sim.host.transport_layer import Access


class Camera(RareCameraCalls):
    """Methods of a camera; programs hold CameraPtr."""

    _core: CameraCore | None = None

    def _live(self) -> CameraCore:
        if self._core is None:
            raise SpinnakerException("Camera handle is not valid.", SPINNAKER_ERR_INVALID_HANDLE)
        return self._core

    def __getattr__(self, name: str) -> Any:
        # QuickSpin: 674 attributes on the real class, looked up in its list here.
        if name.startswith("_") or name not in camera_names():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return quick_node(name, self._live().source)

    def Init(self) -> None:
        self._live().init()

    def DeInit(self) -> None:
        self._live().deinit()

    def IsValid(self) -> bool:
        return self._core is not None and self._core.alive()

    def IsInitialized(self) -> bool:
        return self._core is not None and self._core.link is not None

    def IsStreaming(self) -> bool:
        return self._core is not None and self._core.streaming

    def BeginAcquisition(self) -> None:
        self._live().begin()

    def EndAcquisition(self) -> None:
        self._live().end()

    def GetNextImage(self, grabTimeout: int = EVENT_TIMEOUT_INFINITE, streamIndex: int = 0, /) -> ImagePtr:
        if type(grabTimeout) is not int or streamIndex != 0:
            raise TypeError("GetNextImage takes an int timeout in ms and stream 0")
        return self._live().grab(grabTimeout)

    def GetNumImagesInUse(self) -> int:
        return len(self._live().buffers.held)

    def GetNodeMap(self) -> INodeMap:
        return INodeMap(self._live().nodes())

    def GetTLDeviceNodeMap(self) -> INodeMap:
        return INodeMap(self._live().tl_device)

    def GetTLStreamNodeMap(self, streamIndex: int = 0) -> INodeMap:
        if streamIndex != 0:
            raise NotImplementedError("Camera.GetTLStreamNodeMap of a second stream")
        return INodeMap(self._live().tl_stream)

    @property
    def TLDevice(self) -> TransportLayerDevice:
        return TransportLayerDevice(self._live().tl_device)

    @property
    def TLStream(self) -> TransportLayerStream:
        return TransportLayerStream(self._live().tl_stream)

    def GetUniqueID(self) -> str:
        return self._live().info.serial

    def GetDeviceID(self) -> str:
        return self._live().info.serial

    def GetAccessMode(self) -> int:
        """RW while the camera is free or ours, RO while another host has it, NA while it is gone."""
        return {Access.NO_ACCESS: NA, Access.BUSY: RO}.get(self._live().access(), RW)

    def RegisterEventHandler(self, evtHandlerToRegister: object, which: str | int = "", /) -> None:
        """An image handler, of the stream `which`, or a device event handler, of the event `which` or of all."""
        core, handler = self._live(), evtHandlerToRegister
        if isinstance(handler, ImageListEventHandler):
            raise NotImplementedError("Camera.RegisterEventHandler of an ImageListEventHandler")
        if isinstance(handler, ImageEventHandler) and which in ("", 0):
            core.handlers.add(handler)
        elif isinstance(handler, DeviceEventHandler) and isinstance(which, str):
            if which and core.nodes().find(f"{which}Port") is None:
                raise SpinnakerException(f"Camera has no event {which}.", SPINNAKER_ERR_INVALID_PARAMETER)
            core.nodes()
            core.handlers.add(handler, which)
        else:
            raise TypeError("RegisterEventHandler takes an image or device event handler, and its stream 0 or event")

    def UnregisterEventHandler(self, evtHandlerToUnregister: object) -> None:
        if not isinstance(evtHandlerToUnregister, EventHandler):
            raise TypeError("UnregisterEventHandler takes an event handler")
        self._live().handlers.remove(evtHandlerToUnregister)

    @only(until=1)
    def RegisterEvent(self, evtToRegister: EventHandler, which: str | int = "", /) -> None:
        self.RegisterEventHandler(evtToRegister, which)

    @only(until=1)
    def UnregisterEvent(self, evtToUnregister: EventHandler) -> None:
        self.UnregisterEventHandler(evtToUnregister)


class CameraPtr(Camera):
    """A reference to a camera. System.ReleaseInstance refuses while one lives (-1004)."""

    def __init__(self, core: CameraCore | None = None) -> None:
        self._core = core
        if core is not None:
            core.references.add(id(self))

    def __bool__(self) -> bool:
        return self._core is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CameraPtr) and other._core is self._core

    def __hash__(self) -> int:
        return id(self._core)

    def __del__(self) -> None:
        # Programs drop initialised cameras without DeInit; they must stay openable (pyspin-surface.md 2.1).
        core = self.__dict__.get("_core")
        if core is not None:
            core.references.discard(id(self))
            if core.link is not None and not core.references:
                core.drop()
