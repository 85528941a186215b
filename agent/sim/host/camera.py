"""Cameras: life cycle, acquisition and node maps (facts/pyspin-surface.md 2.2).

`CameraCore` is what the SDK keeps of a camera; any number of `CameraPtr` refer to it, and System counts them.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any, cast

from agent.errors import AgentError
from agent.sim.acquisition import BufferMode
from agent.sim.chunks import Frame, LinkGone, StreamAborted
from agent.sim.device import DeviceInfo
from agent.sim.host.constants import EVENT_TIMEOUT_INFINITE
from agent.sim.host.errors import (
    SPINNAKER_ERR_ABORT,
    SPINNAKER_ERR_INVALID_HANDLE,
    SPINNAKER_ERR_IO,
    SPINNAKER_ERR_NOT_INITIALIZED,
    SPINNAKER_ERR_RESOURCE_IN_USE,
    SPINNAKER_ERR_TIMEOUT,
    SpinnakerException,
    from_link,
)
from agent.sim.host.genapi import NodeSource, PortBackend
from agent.sim.host.images import Buffers, ImagePtr
from agent.sim.host.nodes import INodeMap
from agent.sim.host.quickspin import TransportLayerDevice, TransportLayerStream, camera_names, quick_node
from agent.sim.host.transport_layer import device_xml, stream_xml
from agent.sim.link import BusDevice, DeviceLink
from agent.sim.nodes.camera import description_xml
from agent.sim.registers import encode, load_description

# How long a starved GetNextImage sleeps before it looks for a released buffer again.
_STARVED_S = 0.01
_BUFFERS = 10


class _FrameChunks:
    """Port of the Chunk... mirrors: values of the last grabbed frame."""

    def __init__(self, firmware: str) -> None:
        self.frame: Frame | None = None
        description = load_description(firmware)
        self._pixel_formats = description.entries["PixelFormat"]
        self._features = {
            description.register_of(f).address: (f, description.register_of(f))
            for f in ("ChunkInferenceBoundingBoxResult", *description.feature_register)
            if f.startswith("Chunk") and description.register_of(f).port == "FrameChunks"
        }

    def read(self, address: int, length: int) -> bytes:
        feature, register = self._features[address]
        value = self._value(feature, self.frame) if self.frame else 0
        return bytes(length) if value is None else encode(register, value).ljust(length, b"\0")

    def write(self, address: int, data: bytes) -> None:
        raise SpinnakerException(f"chunk at {address:08X} is read-only ({len(data)} bytes)", SPINNAKER_ERR_IO)

    def _value(self, feature: str, frame: Frame) -> float | None:
        settings, geometry = frame.settings, frame.settings.geometry
        values: dict[str, float | None] = {
            "ChunkFrameID": frame.frame_id,
            "ChunkTimestamp": frame.timestamp_ns,
            "ChunkOffsetX": geometry.offset_x,
            "ChunkOffsetY": geometry.offset_y,
            "ChunkWidth": geometry.width,
            "ChunkHeight": geometry.height,
            "ChunkExposureTime": settings.exposure_us,
            "ChunkGain": settings.gain_db,
            "ChunkBlackLevel": settings.black_level,
            "ChunkPixelFormat": self._pixel_formats[geometry.pixel_format],
            "ChunkInferenceFrameId": frame.result.frame_id,
        }
        if feature == "ChunkInferenceResult":
            return frame.result.class_id
        if feature == "ChunkInferenceConfidence":
            return frame.result.confidence
        return values.get(feature)


class CameraCore:
    """One camera of the SDK. `lock` guards GenApi; GetNextImage waits without it."""

    def __init__(self, place: BusDevice, info: DeviceInfo) -> None:
        self.place, self.info = place, info
        self.lock = threading.RLock()
        self.references: set[int] = set()
        self.link: DeviceLink | None = None
        self.source: NodeSource | None = None
        self.streaming = False
        self.buffers = Buffers()
        self.chunks = _FrameChunks(info.firmware)
        self._numbers = itertools.count()
        self.tl_device = NodeSource(device_xml(info), {}, self.lock, _nothing)
        self.tl_stream = NodeSource(stream_xml(), {}, self.lock, _nothing)

    def init(self) -> None:
        with self.lock:
            if self.link is not None:
                return
            try:
                link = self.place.open()
            except LinkGone as exc:
                raise SpinnakerException(
                    "Camera has been removed from the list and is no longer valid.", SPINNAKER_ERR_NOT_INITIALIZED
                ) from exc
            except AgentError as exc:
                raise from_link(exc, "open device") from exc
            self.link = link
            ports: dict[str, PortBackend] = {"Device": link, "FrameChunks": self.chunks}
            self.source = NodeSource(description_xml(self.info.firmware), ports, self.lock, link.settle)

    def deinit(self) -> None:
        with self.lock:
            if self.streaming:
                raise SpinnakerException(
                    "Can't de-initialize camera. Camera is still streaming.", SPINNAKER_ERR_RESOURCE_IN_USE
                )
            self.drop()

    def drop(self) -> None:
        """Close the connection in whatever state; never raises."""
        link, source = self.link, self.source
        self.link = self.source = None
        self.streaming = False
        self.chunks.frame = None
        if source is not None:
            source.close()
        if link is not None:
            link.close()

    def alive(self) -> bool:
        link = self.link
        if link is not None:
            return link.is_alive()
        return self.place.present() is not None

    def nodes(self) -> NodeSource:
        if self.source is None:
            raise SpinnakerException("Camera is not initialized.", SPINNAKER_ERR_NOT_INITIALIZED)
        return self.source

    def begin(self) -> None:
        source, link = self.nodes(), self.link
        if self.streaming or link is None:
            raise SpinnakerException("Camera is already streaming.", SPINNAKER_ERR_RESOURCE_IN_USE)
        mode = self.tl_stream.text("StreamBufferHandlingMode")
        manual = self.tl_stream.text("StreamBufferCountMode") == "Manual"
        self.buffers.count = int(self.tl_stream.text("StreamBufferCountManual")) if manual else _BUFFERS
        try:
            link.begin_stream()
            link.configure_stream(self.buffers.count, cast(BufferMode, mode))
            self._lock_parameters(source, 1)
            source.execute("AcquisitionStart")
        except (AgentError, SpinnakerException) as exc:
            self._lock_parameters(source, 0)
            raise SpinnakerException(
                "Could not start acquisition. Please try reconnecting the device.", SPINNAKER_ERR_INVALID_HANDLE
            ) from exc
        self.streaming = True

    def end(self) -> None:
        source, link = self.nodes(), self.link
        if not self.streaming or link is None:
            raise SpinnakerException("Camera is not started.", SPINNAKER_ERR_NOT_INITIALIZED)
        self.streaming = False
        link.abort_stream()
        try:
            source.execute("AcquisitionStop")
        finally:
            self._lock_parameters(source, 0)

    def grab(self, timeout_ms: int) -> ImagePtr:
        link = self.link
        if not self.streaming or link is None:
            raise SpinnakerException("Camera is not streaming", SPINNAKER_ERR_IO)
        timeout_s = None if timeout_ms >= EVENT_TIMEOUT_INFINITE else timeout_ms / 1e3
        try:
            if self.buffers.exhausted():
                timeout_s = self._await_buffer(link, timeout_s)
            frame = link.next_frame(timeout_s) if not self.buffers.exhausted() else None
        except StreamAborted as exc:
            raise SpinnakerException("Stream has been aborted", SPINNAKER_ERR_ABORT) from exc
        except AgentError as exc:
            raise from_link(exc, "read the stream") from exc
        if frame is None:
            raise SpinnakerException("Failed waiting for EventData on NEW_BUFFER_DATA event.", SPINNAKER_ERR_TIMEOUT)
        self.chunks.frame = frame
        return ImagePtr._grabbed(frame, link, self.buffers, next(self._numbers))

    def _await_buffer(self, link: DeviceLink, timeout_s: float | None) -> float | None:
        """All buffers are held by images: wait for one; the rest of the timeout."""
        left = timeout_s
        while self.buffers.exhausted() and self.streaming and (left is None or left > 0):
            step = _STARVED_S if left is None else min(left, _STARVED_S)
            link.pause(step)
            left = None if left is None else left - step
        return left

    def _lock_parameters(self, source: NodeSource, value: int) -> None:
        source.put("TLParamsLocked", value)
        self.tl_stream.put("StreamIsGrabbing", value)


def _nothing() -> None:
    """Host-side node maps cost no transfers."""


class Camera:
    """Methods of a camera; programs hold CameraPtr."""

    _core: CameraCore | None = None

    def _live(self) -> CameraCore:
        if self._core is None:
            raise SpinnakerException("Camera handle is not valid.", SPINNAKER_ERR_INVALID_HANDLE)
        return self._core

    def __getattr__(self, name: str) -> Any:
        # QuickSpin: 760 attributes on the real class, made from the description here.
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

    def RegisterEventHandler(self, *arguments: Any) -> None:
        raise NotImplementedError("Camera.RegisterEventHandler")

    def UnregisterEventHandler(self, *arguments: Any) -> None:
        raise NotImplementedError("Camera.UnregisterEventHandler")


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
