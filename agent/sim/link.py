"""How the host half reaches a device: in-process here, over a socket in `remote.py`."""

from __future__ import annotations

import contextlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.sim.acquisition import BufferMode
from agent.sim.chunks import Frame, LinkGone, StreamAborted
from agent.sim.device import DeviceInfo, Firefly

# Debts below this are carried along, so that a register access costs no turn of a virtual clock.
_PAYABLE_S = 0.001
# Virtual time must pass in every turn of a wait.
_LEAST_WAIT_NS = 1000


class DeviceLink(Protocol):
    """An open connection of one host to one camera. Thread-safe; raises LinkGone once the camera is gone."""

    def read(self, address: int, length: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...
    def settle(self) -> None:
        """Wait out what transfers cost so far; called without any lock held."""
        ...

    def configure_stream(self, buffers: int, mode: BufferMode) -> None: ...
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

    def close(self) -> None: ...


class BusDevice(Protocol):
    """A place on the simulated bus: a camera may be there, and can be opened."""

    def present(self) -> DeviceInfo | None: ...
    def open(self) -> DeviceLink: ...


class LocalLink:
    """A camera in this process. `next_frame` and `settle` wait on the device's clock, real or virtual."""

    def __init__(self, device: Firefly) -> None:
        self._device = device
        self._epoch = device.attach()
        self._activity = device.listen()
        self._aborted = False
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
        self._device.unlisten(self._activity)
        self._device.detach(self._epoch)


class LocalBusDevice:
    """A camera in this process as the bus sees it."""

    def __init__(self, device: Firefly) -> None:
        self.device = device

    def present(self) -> DeviceInfo | None:
        return self.device.info()

    def open(self) -> DeviceLink:
        return LocalLink(self.device)
