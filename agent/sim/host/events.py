"""Handlers and node callbacks under the vendor's names (facts/pyspin-surface.md 3.1). Programs subclass these.

The vendor wants `super().__init__()` in a subclass; here a handler that forgets it works all the same. Callbacks run
on threads of the library, node callbacks also on the thread that wrote the node; what they raise is reported as from
any thread (`threading.excepthook`) and the library goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.sim.host.genapi import NodeSource, RawNode
from agent.sim.host.nodes import INode
from agent.sim.host.worker import guarded

if TYPE_CHECKING:
    from agent.sim.host.camera import CameraPtr
    from agent.sim.host.images import ImagePtr
    from agent.sim.host.interfaces import InterfacePtr

__all__ = [
    "DeregisterNodeCallback",
    "DeviceArrivalEventHandler",
    "DeviceEventHandler",
    "DeviceRemovalEventHandler",
    "EventHandler",
    "ImageEventHandler",
    "ImageListEventHandler",
    "InterfaceEventHandler",
    "LoggingEventData",
    "LoggingEventDataPtr",
    "LoggingEventHandler",
    "NodeCallback",
    "RegisterNodeCallback",
    "SystemEventHandler",
]


class EventHandler:
    """Root of all handlers."""


class ImageEventHandler(EventHandler):
    """Gets every image of a camera; nobody calls GetNextImage then."""

    def OnImageEvent(self, image: ImagePtr) -> None:
        raise NotImplementedError("ImageEventHandler.OnImageEvent")


class ImageListEventHandler(EventHandler):
    """Gets the images of all streams of a camera at once; this camera has one stream, and no list."""

    def OnImageListEvent(self, imageList: object) -> None:
        raise NotImplementedError("ImageListEventHandler.OnImageListEvent")


class DeviceEventHandler(EventHandler):
    """Gets events of a camera. Id and name are those of the last one."""

    _event_id = 0
    _event_name = ""

    def OnDeviceEvent(self, eventname: str) -> None:
        raise NotImplementedError("DeviceEventHandler.OnDeviceEvent")

    def GetDeviceEventId(self) -> int:
        return self._event_id

    def GetDeviceEventName(self) -> str:
        return self._event_name


class DeviceArrivalEventHandler(EventHandler):
    """Gets cameras that appear on the bus."""

    def OnDeviceArrival(self, camera: CameraPtr) -> None:
        raise NotImplementedError("DeviceArrivalEventHandler.OnDeviceArrival")


class DeviceRemovalEventHandler(EventHandler):
    """Gets cameras that left the bus; their TL device map still answers."""

    def OnDeviceRemoval(self, camera: CameraPtr) -> None:
        raise NotImplementedError("DeviceRemovalEventHandler.OnDeviceRemoval")


class InterfaceEventHandler(DeviceArrivalEventHandler, DeviceRemovalEventHandler):
    """Arrivals and removals."""


class SystemEventHandler(EventHandler):
    """Interfaces that come and go; on USB the host adapter never does (facts/firefly-dl.md section 3: GEV only)."""

    def OnInterfaceArrival(self, iface: InterfacePtr) -> None:
        raise NotImplementedError("SystemEventHandler.OnInterfaceArrival")

    def OnInterfaceRemoval(self, iface: InterfacePtr) -> None:
        raise NotImplementedError("SystemEventHandler.OnInterfaceRemoval")


@dataclass(frozen=True, slots=True)
class LoggingEventData:
    """One record of the SDK's log."""

    category: str
    priority: int
    priority_name: str
    timestamp: str
    thread: str
    message: str

    def GetCategoryName(self) -> str:
        return self.category

    def GetPriority(self) -> int:
        return self.priority

    def GetPriorityName(self) -> str:
        return self.priority_name

    def GetTimestamp(self) -> str:
        return self.timestamp

    def GetNDC(self) -> str:
        """Nested diagnostic context; the simulation has none."""
        return ""

    def GetThreadName(self) -> str:
        return self.thread

    def GetLogMessage(self) -> str:
        return self.message


class LoggingEventDataPtr(LoggingEventData):
    """What handlers get."""


class LoggingEventHandler(EventHandler):
    """Gets records of the SDK's log, on the thread that wrote them."""

    def OnLogEvent(self, loggingEventData: LoggingEventDataPtr) -> None:
        raise NotImplementedError("LoggingEventHandler.OnLogEvent")


class NodeCallback:
    """Told when a node changes or may have changed."""

    _sources: tuple[NodeSource, ...] = ()

    def CallbackFunction(self, node: INode) -> None:
        raise NotImplementedError("NodeCallback.CallbackFunction")


def RegisterNodeCallback(node: object, callback: object) -> NodeCallback:
    """Call `callback` after every write to `node`, also of the same value, and when it is invalidated.

    Gives what DeregisterNodeCallback takes: the callback.
    """
    if not isinstance(node, INode):
        raise TypeError("RegisterNodeCallback takes an INode")
    told = _checked(callback)
    raw, source = node._live()

    def fire(changed: RawNode) -> None:
        guarded(told.CallbackFunction, INode._make(changed, source))

    source.observe(raw, told, fire)
    told._sources = (*told._sources, source)
    return told


def DeregisterNodeCallback(callback: object) -> None:
    """End every registration of `callback`; harmless where there is none any more, as after DeInit."""
    told = _checked(callback)
    sources, told._sources = told._sources, ()
    for source in sources:
        source.unobserve(told)


def _checked(callback: object) -> NodeCallback:
    if not isinstance(callback, NodeCallback):
        raise TypeError(f"a node callback is a NodeCallback, not {type(callback).__name__}")
    return callback
