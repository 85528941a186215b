"""The bounded queue between the event loop and the journal thread."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import Clock
from agent.errors import JournalError

NOTES = 2048
WRITES = 4096

Work = Callable[[sqlite3.Connection], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job answered, or why it failed."""

    value: object = None
    error: JournalError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Work on the connection; a job without `done` is a note, which nobody waits for. `done` runs on the thread."""

    work: Work
    done: Callable[[Outcome], None] | None = None


class Mailbox:
    """First in, first out. When notes fill it the oldest note goes; a write that finds it full is refused."""

    def __init__(self, clock: Clock, notes: int = NOTES, writes: int = WRITES) -> None:
        self._mutex = threading.Lock()
        self._arrived = clock.signal()
        self._jobs: deque[Job] = deque()
        self._limits = {True: notes, False: writes}
        self._waiting = {True: 0, False: 0}  # by: is it a note
        self._closed = False
        self.dropped = 0

    def put(self, job: Job) -> None:
        """Never blocks; JournalError for a write when closed or full."""
        is_note = job.done is None
        with self._mutex:
            if self._closed or self._waiting[is_note] >= self._limits[is_note]:
                self._overflow(is_note)
            if not self._closed:
                self._jobs.append(job)
                self._waiting[is_note] += 1
        self._arrived.set()

    def close(self) -> None:
        """Take nothing more; `take` answers what is left and then an empty batch."""
        with self._mutex:
            self._closed = True
        self._arrived.set()

    def take(self) -> list[Job]:
        """Everything that waits; blocks until there is something. Empty once closed and served."""
        while True:
            with self._mutex:
                batch = list(self._jobs)
                self._jobs.clear()
                self._waiting = {True: 0, False: 0}
                if batch or self._closed:
                    return batch
            self._arrived.wait(None)
            self._arrived.clear()

    def _overflow(self, is_note: bool) -> None:
        if not is_note:
            state = "closed" if self._closed else f"{self._limits[False]} writes behind"
            raise JournalError(f"journal: {state}; the write was not taken")
        self.dropped += 1
        if not self._closed:
            oldest = next(job for job in self._jobs if job.done is None)
            self._jobs.remove(oldest)
            self._waiting[True] -= 1
