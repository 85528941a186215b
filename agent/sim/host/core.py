"""What the SDK keeps of a camera: connection, node maps, stream and handlers (facts/pyspin-surface.md 2.2, 3.1).

Any number of `CameraPtr` refer to one `CameraCore`, and System counts them.
"""

from __future__ import annotations

import os
import threading
from typing import cast

from agent.errors import AgentError
from agent.sim.buffers import BufferMode
from agent.sim.chunks import Frame, LinkGone, StreamAborted
from agent.sim.host.buffers import Buffers
from agent.sim.host.chunk_data import pack_boxes
from agent.sim.host.constants import EVENT_TIMEOUT_INFINITE
from agent.sim.host.dispatch import Dispatch
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
from agent.sim.host.host_port import HostPort
from agent.sim.host.images import ImagePtr
from agent.sim.host.log import ERROR, INFO, NOTICE, log
from agent.sim.host.transport_layer import HOST_PORT, Access, device_xml, stream_values, stream_xml
from agent.sim.link import BusDevice, DeviceInfo, DeviceLink
from agent.sim.nodes.camera import description_xml
from agent.sim.registers import encode, load_description

# How long a starved GetNextImage sleeps before it looks for a released buffer again.
_STARVED_S = 0.01
_REMOVED = "Camera has been removed from the list and is no longer valid."


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
        if feature == "ChunkInferenceBoundingBoxResult":
            return (pack_boxes(self.frame.result) if self.frame else b"")[:length].ljust(length, b"\0")
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
            "ChunkExposureEndLineStatusAll": frame.lines,
            "ChunkInferenceFrameId": frame.result.frame_id,
        }
        if feature == "ChunkInferenceResult":
            return frame.result.class_id
        if feature == "ChunkInferenceConfidence":
            return frame.result.confidence
        return values.get(feature)


class CameraCore:
    """One camera of the SDK. `lock` guards GenApi; GetNextImage waits without it.

    Once an enumeration saw that the camera left the bus it is `removed` for good: what comes back is another one.
    """

    def __init__(self, place: BusDevice, info: DeviceInfo) -> None:
        self.place, self.info = place, info
        self.lock = threading.RLock()
        self.removed = False
        self._process = os.getpid()
        self.references: set[int] = set()
        self.link: DeviceLink | None = None
        self.source: NodeSource | None = None
        self.streaming = False
        self.buffers = Buffers()
        self.chunks = _FrameChunks(info.firmware)
        self.handlers = Dispatch(self)
        self.tl_device = NodeSource(
            device_xml(info), {HOST_PORT: HostPort(lambda: self.access().to_bytes(8, "little"))}, self.lock, _nothing
        )
        statistics = HostPort(lambda: stream_values(self.buffers.counts()))
        self.tl_stream = NodeSource(stream_xml(), {HOST_PORT: statistics}, self.lock, _nothing)

    def init(self) -> None:
        """Open the camera; harmless where it is open."""
        self.check()
        try:
            opened = self._connect()
        except SpinnakerException as exc:
            log.write(ERROR, "Camera", f"{self.info.serial}: {exc}")
            raise
        if opened is not None:
            self.handlers.opened(*opened)
            log.write(NOTICE, "Camera", f"{self.info.serial}: initialized")

    def deinit(self) -> None:
        if self.streaming:
            raise SpinnakerException(
                "Can't de-initialize camera. Camera is still streaming.", SPINNAKER_ERR_RESOURCE_IN_USE
            )
        if self.handlers.registered:
            raise SpinnakerException(
                "Can't de-initialize camera. Event handlers are still registered.", SPINNAKER_ERR_RESOURCE_IN_USE
            )
        if self.link is not None:
            log.write(NOTICE, "Camera", f"{self.info.serial}: de-initialized")
        self.drop()

    def drop(self) -> None:
        """Close the connection in whatever state; never raises."""
        link = self.link
        if link is None or os.getpid() != self._process:  # a forked child must not end its parent's session
            self.link = self.source = None
            return
        self.streaming = False
        link.abort_stream()
        self.handlers.closed()  # joins threads that may want the lock
        with self.lock:
            source = self.source
            self.link = self.source = None
            self.buffers.end()
            self.chunks.frame = None
        if source is not None:
            source.close()
        link.close()

    def check(self) -> None:
        if self.removed:
            raise SpinnakerException(_REMOVED, SPINNAKER_ERR_NOT_INITIALIZED)

    def alive(self) -> bool:
        if self.removed:
            return False
        link = self.link
        if link is not None:
            return link.is_alive()
        return self.place.present() is not None

    def nodes(self) -> NodeSource:
        self.check()
        if self.source is None:
            raise SpinnakerException("Camera is not initialized.", SPINNAKER_ERR_NOT_INITIALIZED)
        return self.source

    def begin(self) -> None:
        source, link = self.nodes(), self.link
        if self.streaming or link is None:
            raise SpinnakerException("Camera is already streaming.", SPINNAKER_ERR_RESOURCE_IN_USE)
        mode = self.tl_stream.text("StreamBufferHandlingMode")
        buffers = int(self.tl_stream.text("StreamBufferCountResult"))
        try:
            link.begin_stream()
            link.configure_stream(buffers, cast(BufferMode, mode))
            self.buffers.begin(link, buffers)
            self._lock_parameters(source, 1)
            source.execute("AcquisitionStart")
        except (AgentError, SpinnakerException) as exc:
            self.buffers.end()
            self._lock_parameters(source, 0)
            log.write(ERROR, "Stream", f"{self.info.serial}: could not start acquisition")
            raise SpinnakerException(
                "Could not start acquisition. Please try reconnecting the device.", SPINNAKER_ERR_INVALID_HANDLE
            ) from exc
        self.streaming = True
        self.handlers.began()
        log.write(INFO, "Stream", f"{self.info.serial}: acquisition started")

    def end(self) -> None:
        source, link = self.source, self.link
        if not self.streaming or link is None or source is None:
            self.nodes()
            raise SpinnakerException("Camera is not started.", SPINNAKER_ERR_NOT_INITIALIZED)
        self.streaming = False
        self.buffers.counts()
        self.buffers.end()
        link.abort_stream()
        self.handlers.ending()
        log.write(INFO, "Stream", f"{self.info.serial}: acquisition ended")
        try:
            source.execute("AcquisitionStop")
        finally:
            self._lock_parameters(source, 0)

    def grab(self, timeout_ms: int) -> ImagePtr:
        link = self.link
        if not self.streaming or link is None:
            self.check()
            raise SpinnakerException("Camera is not streaming", SPINNAKER_ERR_IO)
        timeout_s = None if timeout_ms >= EVENT_TIMEOUT_INFINITE else timeout_ms / 1e3
        try:
            if self.buffers.exhausted():
                timeout_s = self._await_buffer(link, timeout_s)
            self.buffers.flush()
            frame = link.next_frame(timeout_s) if not self.buffers.exhausted() else None
        except StreamAborted as exc:
            raise SpinnakerException("Stream has been aborted", SPINNAKER_ERR_ABORT) from exc
        except AgentError as exc:
            raise from_link(exc, "read the stream") from exc
        if frame is None:
            raise SpinnakerException("Failed waiting for EventData on NEW_BUFFER_DATA event.", SPINNAKER_ERR_TIMEOUT)
        self.chunks.frame = frame
        return ImagePtr._grabbed(frame, link, self.buffers)

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
        self.tl_stream.put("GrabbingReg", value)

    def access(self) -> Access:
        """What the host may do with the camera now: DeviceAccessStatus."""
        if self.link is not None:
            return Access.OPEN_READ_WRITE
        info = self.place.present()
        if info is None or self.removed:
            return Access.NO_ACCESS
        return Access.BUSY if info.busy else Access.READ_WRITE

    def _connect(self) -> tuple[DeviceLink, NodeSource] | None:
        """The new connection and its node map; None where there is one already."""
        with self.lock:
            if self.link is not None:
                return None
            link = self._open()
            ports: dict[str, PortBackend] = {"Device": link, "FrameChunks": self.chunks, **self.handlers.new_ports()}
            known = {register.port for register in load_description(self.info.firmware).registers.values()}
            ports = {name: port for name, port in ports.items() if name in known}
            source = NodeSource(description_xml(self.info.firmware), ports, self.lock, link.settle)
            self.link, self.source = link, source
            return link, source

    def _open(self) -> DeviceLink:
        try:
            return self.place.open()
        except LinkGone as exc:
            raise SpinnakerException(_REMOVED, SPINNAKER_ERR_NOT_INITIALIZED) from exc
        except AgentError as exc:
            raise from_link(exc, "open device") from exc


def _nothing() -> None:
    """Host-side node maps cost no transfers."""
