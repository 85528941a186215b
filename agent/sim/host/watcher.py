"""Looks at the bus while somebody wants to know who comes and goes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.clock import Clock
from agent.sim.host.camera import CameraPtr
from agent.sim.host.core import CameraCore
from agent.sim.host.errors import SPINNAKER_ERR_INVALID_PARAMETER, SPINNAKER_ERR_RESOURCE_IN_USE, SpinnakerException
from agent.sim.host.events import (
    DeviceArrivalEventHandler,
    DeviceRemovalEventHandler,
    EventHandler,
    SystemEventHandler,
)
from agent.sim.host.generation import current
from agent.sim.host.worker import Worker, guarded

# How soon a program hears of it; the delay of the real library is not published.
_LOOK_S = 0.25


class Watcher:
    """Handlers of arrival and removal and the thread that serves them. Owner: the system. Thread-safe."""

    def __init__(self, enumerate_: Callable[[], list[CameraCore]], clock: Callable[[], Clock]) -> None:
        self._enumerate, self._clock = enumerate_, clock
        self._mutex = threading.Lock()
        self._handlers: tuple[EventHandler, ...] = ()
        self._worker: Worker | None = None
        self._known: list[CameraCore] = []

    def add(self, handler: EventHandler) -> None:
        wanted = (DeviceArrivalEventHandler, DeviceRemovalEventHandler, SystemEventHandler)
        if not isinstance(handler, wanted):
            raise TypeError("RegisterEventHandler takes an arrival, removal, interface or system event handler")
        known = self._enumerate()
        with self._mutex:
            if any(h is handler for h in self._handlers):
                raise SpinnakerException("Event handler is already registered.", SPINNAKER_ERR_RESOURCE_IN_USE)
            self._handlers = (*self._handlers, handler)
            # Interfaces never come and go on USB, so nobody has to look for them.
            if self._worker is None and not isinstance(handler, SystemEventHandler):
                self._start(known)

    def remove(self, handler: EventHandler) -> None:
        with self._mutex:
            kept = tuple(h for h in self._handlers if h is not handler)
            if len(kept) == len(self._handlers):
                raise SpinnakerException("Event handler is not registered.", SPINNAKER_ERR_INVALID_PARAMETER)
            self._handlers = kept
            ended = None
            if all(isinstance(h, SystemEventHandler) for h in kept):
                ended, self._worker = self._worker, None
        if ended is not None:
            ended.stop()

    def close(self) -> None:
        """Forget all handlers and end the thread."""
        with self._mutex:
            self._handlers = ()
            ended, self._worker = self._worker, None
        if ended is not None:
            ended.stop()

    def _start(self, known: list[CameraCore]) -> None:
        self._known = known
        wake = self._clock().signal()

        def watch(worker: Worker) -> None:
            while not wake.wait(_LOOK_S) and not worker.stopping:
                self._look()

        self._worker = Worker(self._clock(), "device arrival", watch, wake.set)

    def _look(self) -> None:
        before, now = self._known, self._enumerate()
        self._known = now
        for core in before:
            if core not in now:
                self._tell(DeviceRemovalEventHandler, "OnDeviceRemoval", core)
        for core in now:
            if core not in before:
                self._tell(DeviceArrivalEventHandler, "OnDeviceArrival", core)

    def _tell(self, kind: type[EventHandler], method: str, core: CameraCore) -> None:
        for handler in self._handlers:
            if isinstance(handler, kind):
                # Up to generation 2 the argument is the serial number (facts/pyspin-surface.md 5).
                guarded(getattr(handler, method), int(core.info.serial) if current() <= 2 else CameraPtr(core))
