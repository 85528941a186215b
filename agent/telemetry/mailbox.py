"""The bounded queue between the event loop and the journal thread, and who has the last word on what is in it."""

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
NOTES_S = 0.25  # that notes alone wait for a write which they can share a commit with
NOTES_AT_ONCE = 256  # of so many there is enough for a commit

Work = Callable[[sqlite3.Connection], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job answered, or why it failed."""

    value: object = None
    error: JournalError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Work on the connection; a job without `done` is a note, which nobody waits for. `done` may run on any thread.

    `reads`: it changes nothing, and is done whatever becomes of the writes beside it.
    """

    work: Work
    done: Callable[[Outcome], None] | None = None
    reads: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Jobs that were taken together, in their order; `number` counts the batches of a mailbox."""

    number: int
    jobs: tuple[Job, ...]

    @property
    def reads(self) -> list[Job]:
        return [job for job in self.jobs if job.reads]

    @property
    def awaited(self) -> list[Job]:
        """Writes that somebody waits for."""
        return [job for job in self.jobs if not job.reads and job.done is not None]

    @property
    def notes(self) -> list[Job]:
        return [job for job in self.jobs if job.done is None]


class Mailbox:
    """First in, first out. When notes fill it the oldest note goes; a write that finds it full is refused.

    The writes of a batch share one fate: the first caller whose patience ends gives all of them up, unless the thread
    has settled them by then. Only one of the two comes first, for both decide under the mutex.
    """

    def __init__(self, clock: Clock, notes: int = NOTES, writes: int = WRITES) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._arrived = clock.signal()
        self._jobs: deque[Job] = deque()
        self._limits = {True: notes, False: writes}
        self._waiting = {True: 0, False: 0}  # by: is it a note
        self._closed = False
        self._taken: Batch | None = None  # and not settled yet
        self._given_up: Batch | None = None  # while the thread is still at it
        self._count = 0  # of batches; the thread's
        self.dropped = 0

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def stuck(self) -> bool:
        """The thread is at a batch that was given up."""
        return self._given_up is not None

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

    def take(self, timeout_s: float | None = None) -> Batch:
        """All that waits; blocks until there is something. Empty once closed and served, or after `timeout_s`.

        Notes alone are left for NOTES_S: a commit of their own would hold up the write that comes after them.
        """
        due_ns: int | None = None
        while True:
            with self._mutex:
                if self._is_enough() or (self._jobs and due_ns is not None and self._clock.now_ns() >= due_ns):
                    return self._all()
                if self._jobs and due_ns is None:
                    due_ns = self._clock.now_ns() + round(NOTES_S * 1e9)
            if due_ns is not None:
                self._arrived.wait(max(0.0, (due_ns - self._clock.now_ns()) / 1e9))
            elif not self._arrived.wait(timeout_s):
                return self._next(())
            self._arrived.clear()

    def _is_enough(self) -> bool:
        return self._closed or self._waiting[False] > 0 or self._waiting[True] >= NOTES_AT_ONCE

    def _all(self) -> Batch:
        batch = self._taken = self._next(tuple(self._jobs))
        self._jobs.clear()
        self._waiting = {True: 0, False: 0}
        return batch

    def give_up(self, job: Job) -> tuple[list[Job], int | None]:
        """End the wait for a write: those that are to be told so, and the batch in which they may yet be written.

        Nobody where it is too late: then the outcome is on its way.
        """
        with self._mutex:
            if job in self._jobs:
                self._jobs.remove(job)
                self._waiting[False] -= 1
                return [job], None
            batch = self._taken
            if batch is None or job not in batch.jobs:
                return [], None
            self._taken, self._given_up = None, batch
            return batch.awaited, batch.number

    def withdraw(self, job: Job) -> None:
        """Nobody waits for that read any more."""
        with self._mutex:
            if job in self._jobs:
                self._jobs.remove(job)
                self._waiting[False] -= 1

    def settle(self, batch: Batch) -> bool:
        """The thread has done the writes of the batch; False where they were given up meanwhile."""
        with self._mutex:
            kept = self._given_up is not batch
            self._taken = self._given_up = None
            return kept

    def _next(self, jobs: tuple[Job, ...]) -> Batch:
        self._count += 1
        return Batch(self._count, jobs)

    def _overflow(self, is_note: bool) -> None:
        if not is_note:
            state = "closed" if self._closed else f"{self._limits[False]} writes behind"
            raise JournalError(f"journal: {state}; the write was not taken")
        self.dropped += 1
        if not self._closed:
            oldest = next(job for job in self._jobs if job.done is None)
            self._jobs.remove(oldest)
            self._waiting[True] -= 1
