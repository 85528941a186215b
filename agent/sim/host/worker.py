"""Threads of the library: started with the device's clock, ended at the latest when the program ends."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from agent.clock import Clock

# A handler that does not return in this time is left alone, as one of the real library's would be.
_JOIN_S = 5.0

_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class Worker:
    """One thread of the library. `body` ends soon after `stopping` is set and `wake` was called."""

    def __init__(self, clock: Clock, name: str, body: Callable[[Worker], None], wake: Callable[[], None]) -> None:
        self.stopping = False
        self._clock, self._wake = clock, wake
        self._thread: threading.Thread | None = None  # as the thread itself sees it if it is quick
        _workers.add(self)
        self._thread = clock.spawn(name, lambda: body(self))

    def stop(self) -> None:
        """End the thread and wait for that, except on the thread itself. Idempotent, bounded."""
        self.dismiss()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._clock.join(self._thread, _JOIN_S)

    def dismiss(self) -> None:
        """Tell the thread to end, without waiting for it."""
        if not self.stopping:
            self.stopping = True
            self._wake()


def guarded(function: Callable[..., object], *arguments: Any) -> None:
    """Call a program's handler; what it raises is reported as from a thread, and the library goes on."""
    try:
        function(*arguments)
    except Exception:  # noqa: BLE001 - a program's mistake must not end the library's thread
        report()


def report() -> None:
    """Report the exception that is being handled as one that ended a thread."""
    kind, error, trace = sys.exc_info()
    if kind is not None:
        threading.excepthook(threading.ExceptHookArgs((kind, error, trace, threading.current_thread())))


def _end_all() -> None:
    for worker in list(_workers):
        worker.dismiss()


# Programs that never unregister their handlers end all the same: this runs before the interpreter joins threads, where
# atexit would be too late (concurrent.futures uses the same hook).
threading._register_atexit(_end_all)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_workers.clear)  # a child has none of the threads
