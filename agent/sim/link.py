"""How the host half reaches a device: in-process here, over a socket in `remote.py`.

Nothing of the device itself is loaded here: a host whose devices are other processes has no use for it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock
from agent.sim.buffers import BufferMode, StreamCounts
from agent.sim.chunks import Frame, LinkGone, StreamAborted
from agent.sim.events import DeviceEvent

if TYPE_CHECKING:
    from agent.sim.device import Firefly

# Debts below this are carried along, so that a register access costs no turn of a virtual clock.
_PAYABLE_S = 0.001
# Virtual time must pass in every turn of a wait.
_LEAST_WAIT_NS = 1000


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What enumeration shows of a camera; `busy` is whether a host has it open.

    `clear_refuses` tells the host half of the quirk of that name.
    """

    serial: str
    model: str
    firmware: str
    busy: bool = field(default=False, compare=False)
    clear_refuses: bool = field(default=False, compare=False)


class DeviceLink(Protocol):
    """An open connection of one host to one camera. Thread-safe; raises LinkGone once the camera is gone."""

    def read(self, address: int, length: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...
    def settle(self) -> None:
        """Wait out what transfers cost so far; called without any lock held."""
        ...

    def configure_stream(self, buffers: int, mode: BufferMode) -> None: ...
    def return_buffers(self, buffers: int) -> None:
        """Images were released; harmless where the camera is gone."""
        ...

    def stream_counts(self) -> StreamCounts: ...
    def next_frame(self, timeout_s: float | None) -> Frame | None:
        """Block for the next frame; None after `timeout_s`. Raises StreamAborted after `abort`."""
        ...

    def begin_stream(self) -> None:
        """Make `next_frame` wait again after an abort."""
        ...

    def abort_stream(self) -> None:
        """Wake every `next_frame` with StreamAborted."""
        ...

    def frame_pixels(self, frame: Frame) -> NDArray[np.uint8] | NDArray[np.uint16]: ...
    def is_alive(self) -> bool:
        """Whether the camera is still there and still the one that was opened."""
        ...

    def pause(self, timeout_s: float | None) -> None:
        """Wait without taking a frame; an abort ends it."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that waits on this link are on; threads that wait on it are spawned with it."""
        ...

    def begin_events(self) -> int:
        """Open an event channel in the place of the last one; its number."""
        ...

    def next_event(self, channel: int, timeout_s: float | None) -> DeviceEvent | None:
        """Block for the next device event; None after `timeout_s`.

        Raises StreamAborted when `channel` is not the open one: a thread of an old one takes nobody's events.
        """
        ...

    def abort_events(self) -> None:
        """Close the event channel, if one is open, and wake every `next_event` with StreamAborted; never raises."""
        ...

    def close(self) -> None: ...


class BusDevice(Protocol):
    """A place on the simulated bus: a camera may be there, and can be opened."""

    @property
    def clock(self) -> Clock: ...
    def present(self) -> DeviceInfo | None: ...
    def open(self) -> DeviceLink: ...


class LocalLink:
    """A camera in this process. `next_frame` and `settle` wait on the device's clock, real or virtual."""

    def __init__(self, device: Firefly) -> None:
        self._device = device
        self._epoch = device.attach()
        self._activity = device.listen()
        self._event_activity = device.listen()
        self._aborted = False
        self._event_channel = 0  # counts openings and closings; odd while one is open
        self._owed_s = 0.0

    def read(self, address: int, length: int) -> bytes:
        return self._device.read(self._epoch, address, length)

    def write(self, address: int, data: bytes) -> None:
        self._device.write(self._epoch, address, data)

    def settle(self) -> None:
        self._owed_s += self._device.take_debt()
        if self._owed_s >= _PAYABLE_S:
            owed, self._owed_s = self._owed_s, 0.0
            self._device.clock.sleep(owed)

    def configure_stream(self, buffers: int, mode: BufferMode) -> None:
        self._device.configure_stream(self._epoch, buffers, mode)

    def return_buffers(self, buffers: int) -> None:
        with contextlib.suppress(LinkGone):
            self._device.return_buffers(self._epoch, buffers)

    def stream_counts(self) -> StreamCounts:
        return self._device.stream_counts(self._epoch)

    def next_frame(self, timeout_s: float | None) -> Frame | None:
        device, clock = self._device, self._device.clock
        deadline_ns = None if timeout_s is None else clock.now_ns() + round(timeout_s * 1e9)
        while True:
            if self._aborted:
                raise StreamAborted("stream was aborted")
            self._activity.clear()
            # A pulled cable looks like frames that do not come (facts/firefly-dl.md section 3, -1011).
            with contextlib.suppress(LinkGone):
                frame = device.poll_frame(self._epoch)
                if frame is not None:
                    return frame
            now_ns = clock.now_ns()
            if deadline_ns is not None and now_ns >= deadline_ns:
                return None
            times = [t for t in (device.due_ns(), deadline_ns) if t is not None]
            self._activity.wait(max(min(times) - now_ns, _LEAST_WAIT_NS) / 1e9 if times else None)

    def begin_stream(self) -> None:
        self._aborted = False

    def abort_stream(self) -> None:
        self._aborted = True
        self._activity.set()

    @property
    def clock(self) -> Clock:
        return self._device.clock

    def begin_events(self) -> int:
        channel = self._event_channel = self._event_channel + 1 + self._event_channel % 2
        self._device.listen_events(self._epoch, True)
        return channel

    def next_event(self, channel: int, timeout_s: float | None) -> DeviceEvent | None:
        device, clock = self._device, self._device.clock
        deadline_ns = None if timeout_s is None else clock.now_ns() + round(timeout_s * 1e9)
        while True:
            if channel != self._event_channel:
                raise StreamAborted("event channel was closed")
            self._event_activity.clear()
            due_ns = None
            # A pulled cable looks like events that do not come.
            with contextlib.suppress(LinkGone):
                event = device.poll_event(self._epoch)
                if event is not None:
                    return event
                due_ns = device.event_due_ns()
            now_ns = clock.now_ns()
            if deadline_ns is not None and now_ns >= deadline_ns:
                return None
            times = [t for t in (due_ns, deadline_ns) if t is not None]
            self._event_activity.wait(max(min(times) - now_ns, _LEAST_WAIT_NS) / 1e9 if times else None)

    def abort_events(self) -> None:
        self._event_channel += self._event_channel % 2
        with contextlib.suppress(LinkGone):
            self._device.listen_events(self._epoch, False)
        self._event_activity.set()

    def frame_pixels(self, frame: Frame) -> NDArray[np.uint8] | NDArray[np.uint16]:
        return self._device.pixels(frame)

    def is_alive(self) -> bool:
        return self._device.is_attached(self._epoch)

    def pause(self, timeout_s: float | None) -> None:
        self._activity.clear()
        if not self._aborted:
            self._activity.wait(timeout_s)

    def close(self) -> None:
        self.abort_stream()
        self.abort_events()
        self._device.unlisten(self._activity)
        self._device.unlisten(self._event_activity)
        self._device.detach(self._epoch)


class LocalBusDevice:
    """A camera in this process as the bus sees it."""

    def __init__(self, device: Firefly) -> None:
        self.device = device

    @property
    def clock(self) -> Clock:
        return self.device.clock

    def present(self) -> DeviceInfo | None:
        return self.device.info()

    def open(self) -> DeviceLink:
        return LocalLink(self.device)
