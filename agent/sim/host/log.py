"""The SDK's own log, as logging event handlers see it (facts/pyspin-surface.md 3.1). Nobody listens by default.

Global on purpose, as the SDK's is; ReleaseInstance empties it. Records are told on the thread that writes them.
"""

from __future__ import annotations

import threading
from datetime import datetime, timezone

from agent.clock import SystemClock
from agent.sim.host.constants import LOG_LEVELS
from agent.sim.host.errors import SPINNAKER_ERR_INVALID_PARAMETER, SpinnakerException
from agent.sim.host.events import LoggingEventDataPtr, LoggingEventHandler
from agent.sim.host.worker import guarded

ERROR, NOTICE, INFO, DEBUG = (LOG_LEVELS[name] for name in ("ERROR", "NOTICE", "INFO", "DEBUG"))


class Log:
    """Level and handlers. Thread-safe."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._busy = threading.local()
        self._handlers: tuple[LoggingEventHandler, ...] = ()
        self.level = ERROR

    def set_level(self, level: int) -> None:
        if level not in LOG_LEVELS.values():
            raise SpinnakerException(f"{level} is no logging level", SPINNAKER_ERR_INVALID_PARAMETER)
        self.level = level

    def add(self, handler: LoggingEventHandler) -> None:
        if handler not in self._handlers:
            self._handlers = (*self._handlers, handler)

    def remove(self, handler: LoggingEventHandler) -> None:
        if handler not in self._handlers:
            raise SpinnakerException("Logging event handler is not registered.", SPINNAKER_ERR_INVALID_PARAMETER)
        self._handlers = tuple(h for h in self._handlers if h is not handler)

    def clear(self) -> None:
        """As a new process finds it."""
        self._handlers, self.level = (), ERROR

    def remove_all(self) -> None:
        self._handlers = ()

    def write(self, priority: int, category: str, message: str) -> None:
        """Tell everybody who wants records of `priority`; what a handler does itself is not logged."""
        handlers = self._handlers
        if not handlers or priority > self.level or getattr(self._busy, "on", False):
            return
        self._busy.on = True
        try:
            data = self._data(priority, category, message)
            for handler in handlers:
                guarded(handler.OnLogEvent, data)
        finally:
            self._busy.on = False

    def _data(self, priority: int, category: str, message: str) -> LoggingEventDataPtr:
        at = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, timezone.utc)
        stamp = at.strftime("%Y-%m-%d %H:%M:%S,") + f"{at.microsecond // 1000:03d}"
        name = next(k for k, v in LOG_LEVELS.items() if v == priority)
        return LoggingEventDataPtr(category, priority, name, stamp, threading.current_thread().name, message)


log = Log()
