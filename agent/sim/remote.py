"""The host's end of a connection to the device process.

Three connections: registers, stream and pixels, so that a blocked GetNextImage blocks neither node access nor pixels.
Pixels come through memory that the process shares by file descriptor; nothing has a name that could be left behind.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
import struct
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock, SystemClock
from agent.errors import AgentError
from agent.sim.buffers import BufferMode, StreamCounts
from agent.sim.chunks import Frame, FrameSettings, LinkGone
from agent.sim.events import DeviceEvent
from agent.sim.link import DeviceInfo, DeviceLink
from agent.sim.wire import Op, Status, check, receive, send, unpack_event, unpack_frame

# The device process answers at once or waits out a simulated transfer; a stall fault may take longer than any limit.
_CONNECT_S = 5.0
_SLICE_S = 1.0
_HANG_UP_S = 2.0
_CLOCK = SystemClock()


class _Channel:
    """One request at a time over one connection. Thread-safe."""

    def __init__(self, path: Path, greeting: dict[str, object]) -> None:
        self._lock = threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.settimeout(_CONNECT_S)
            self.socket.connect(os.fspath(path))
            self.socket.settimeout(None)
            self.greeting = json.loads(self.ask(Op.HELLO, json.dumps(greeting).encode()))
        except OSError as exc:
            self.close()
            raise LinkGone(f"no simulated camera answers at {path}: {exc}") from exc
        except AgentError:
            self.close()
            raise

    def ask(self, op: Op, payload: bytes = b"") -> bytes:
        """Request and good answer; raises LinkGone where the process is gone."""
        return self.ask_status(op, payload)[1]

    def ask_status(self, op: Op, payload: bytes = b"") -> tuple[Status, bytes]:
        with self._lock:
            try:
                send(self.socket, op, payload)
                answer = receive(self.socket)
            except OSError as exc:
                raise LinkGone(f"device process is gone: {exc}") from exc
        if answer is None:
            raise LinkGone("device process closed the connection")
        return Status(answer[0]), check(*answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def hang_up(self) -> None:
        """Close, and wait (at most _HANG_UP_S) until the process has ended the session."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(_HANG_UP_S)
            while self.socket.recv(4096):
                pass
        self.socket.close()


class RemoteLink:
    """A camera in its own process. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._control = _Channel(path, {"role": "control"})
        token = self._control.greeting["token"]
        self._path, self._token = path, token
        self._events: _Channel | None = None
        opened = [self._control]
        try:
            self._stream = _Channel(path, {"role": "stream", "token": token})
            opened.append(self._stream)
            self._pixels = _Channel(path, {"role": "pixels", "token": token})
            opened.append(self._pixels)
            self._memory = _receive_memory(self._pixels.socket)
        except (OSError, AgentError):
            for channel in opened:
                channel.close()
            raise
        self._settings: FrameSettings | None = None
        self._pixel_lock = threading.Lock()

    def read(self, address: int, length: int) -> bytes:
        return self._control.ask(Op.READ, struct.pack("<QI", address, length))

    def write(self, address: int, data: bytes) -> None:
        self._control.ask(Op.WRITE, struct.pack("<Q", address) + data)

    def settle(self) -> None:
        """Nothing to wait for: the device process answers after the time that a transfer takes."""

    def configure_stream(self, buffers: int, mode: BufferMode) -> None:
        self._control.ask(Op.CONFIGURE, json.dumps({"buffers": buffers, "mode": mode}).encode())

    def return_buffers(self, buffers: int) -> None:
        with contextlib.suppress(LinkGone):  # not on the control connection, where a slow transfer would delay it
            self._pixels.ask(Op.RETURN, struct.pack("<I", buffers))

    def stream_counts(self) -> StreamCounts:
        return StreamCounts(**json.loads(self._pixels.ask(Op.COUNTS)))

    def next_frame(self, timeout_s: float | None) -> Frame | None:
        left = timeout_s
        while True:
            step = _SLICE_S if left is None else min(left, _SLICE_S)
            status, payload = self._stream.ask_status(Op.NEXT, struct.pack("<d", step))
            if status is Status.OK:
                frame = unpack_frame(payload, self._settings)
                self._settings = frame.settings
                return frame
            left = None if left is None else left - step
            if left is not None and left <= 0:
                return None

    def begin_stream(self) -> None:
        self._control.ask(Op.BEGIN)

    def abort_stream(self) -> None:
        with contextlib.suppress(LinkGone):
            self._control.ask(Op.ABORT)

    def pause(self, timeout_s: float | None) -> None:
        threading.Event().wait(timeout_s)

    @property
    def clock(self) -> Clock:
        return _CLOCK

    def begin_events(self) -> int:
        (number,) = struct.unpack("<I", self._control.ask(Op.BEGIN_EVENTS))
        if self._events is None:  # most hosts want no events
            self._events = _Channel(self._path, {"role": "events", "token": self._token})
        return int(number)

    def next_event(self, channel: int, timeout_s: float | None) -> DeviceEvent | None:
        connection, left = self._events, timeout_s
        if connection is None:
            raise LinkGone("event channel was never opened")
        while True:
            step = _SLICE_S if left is None else min(left, _SLICE_S)
            status, payload = connection.ask_status(Op.EVENT, struct.pack("<Id", channel, step))
            if status is Status.OK:
                return unpack_event(payload)
            left = None if left is None else left - step
            if left is not None and left <= 0:
                return None

    def abort_events(self) -> None:
        with contextlib.suppress(AgentError):
            self._control.ask(Op.ABORT_EVENTS)

    def frame_pixels(self, frame: Frame) -> NDArray[np.uint8] | NDArray[np.uint16]:
        with self._pixel_lock:  # the memory holds one frame
            payload = self._pixels.ask(Op.PIXELS, struct.pack("<Q", frame.token))
            height, width, item_bytes = struct.unpack("<III", payload)
            narrow: NDArray[np.uint8] = np.frombuffer(self._memory, np.uint8, height * width * item_bytes).copy()
        if item_bytes == 2:
            wide: NDArray[np.uint16] = narrow.view(np.uint16)
            return wide.reshape(height, width)
        return narrow.reshape(height, width)

    def is_alive(self) -> bool:
        try:
            self._control.ask(Op.ALIVE)
        except AgentError:
            return False
        return True

    def close(self) -> None:
        for channel in (self._stream, self._pixels, self._events):
            if channel is not None:
                channel.close()
        with contextlib.suppress(AgentError):  # without it the process takes the end of the connection for a death
            self._control.ask(Op.BYE)
        self._control.hang_up()
        with contextlib.suppress(BufferError):
            self._memory.close()


class RemoteBusDevice:
    """A place on the bus where a device process listens, or will."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def clock(self) -> Clock:
        return _CLOCK

    def present(self) -> DeviceInfo | None:
        """Identity by asking the process; None where none answers or its camera is unplugged."""
        try:
            channel = _Channel(self.path, {"role": "probe"})
        except AgentError:
            return None
        channel.close()
        return DeviceInfo(**channel.greeting)

    def open(self) -> DeviceLink:
        return RemoteLink(self.path)


def _receive_memory(connection: socket.socket) -> mmap.mmap:
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    if not descriptors:
        raise LinkGone("device process sent no pixel memory")
    try:
        return mmap.mmap(descriptors[0], 0, prot=mmap.PROT_READ)
    finally:
        os.close(descriptors[0])
