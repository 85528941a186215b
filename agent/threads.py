"""Threads whose start does not hang, and that do not wait long for one another.

`threading.Thread.start` waits for the new thread to say that it runs. Where there is no memory left, that thread may
end before it can (CPython prints "Exception ignored in thread started by"), and the caller waits for ever: on the event
loop that is the end of every call.
"""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Callable

from agent.errors import OutOfResources

START_S = 1.0  # for the first steps of a thread; a busy machine needs a few milliseconds
ROOM_BYTES = 16 * 2**20  # a thread's stack (8 MiB as a rule) and its first objects; only tried out, and given back

SWITCH_S = 5e-5


def take_short_turns() -> None:
    """Of this whole process: a thread that others wait for gives the interpreter away after SWITCH_S.

    By default that is 5 ms. The journal's thread asks for it again after each statement, a camera's after each call of
    its SDK: beside an event loop that is busy for some milliseconds each of them waited as long.
    """
    sys.setswitchinterval(SWITCH_S)


class SureThread(threading.Thread):
    """A thread that runs `work`, or `start` raises OutOfResources and `work` never runs."""

    def __init__(self, name: str, work: Callable[[], None], daemon: bool = False) -> None:
        super().__init__(name=name, daemon=daemon)
        self._started: threading.Event = _Started()
        self._work = work
        self._chosen = threading.Lock()  # by whoever is first: the thread that begins, or the one that gives up

    def start(self) -> None:
        try:
            mmap.mmap(-1, ROOM_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
            super().start()
        except (OSError, RuntimeError, MemoryError) as exc:
            if isinstance(exc, _NeverStarted) and not self._chosen.acquire(blocking=False):
                return  # it began while we gave up
            raise OutOfResources(f"thread {self.name!r} cannot be started: {exc}; free memory, or allow more") from exc

    def run(self) -> None:
        if self._chosen.acquire(blocking=False):
            self._work()


class _NeverStarted(RuntimeError):
    """The thread did not say that it runs."""


class _Started(threading.Event):
    """What `start` waits for, for a while only."""

    def wait(self, timeout: float | None = None) -> bool:
        if super().wait(START_S if timeout is None else timeout) or timeout is not None:
            return self.is_set()
        raise _NeverStarted(f"it has not begun within {START_S:g} s")
