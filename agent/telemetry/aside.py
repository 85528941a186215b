"""A second thread beside the one that writes, for what must not wait for a disk that hangs in a write."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agent.clock import Clock
from agent.errors import JournalError
from agent.telemetry import schema
from agent.telemetry.mailbox import Outcome
from agent.telemetry.undo import RefusedBatches, without

MOST = 256  # that wait for it


class AsideThread:
    """Started at its first use; ends after the work in hand once it is closed. Work and `done` run on it."""

    def __init__(self, path: Path, clock: Clock, refused: RefusedBatches) -> None:
        self._path = path
        self._refused = refused
        self._clock = clock
        self._mutex = threading.Lock()
        self._arrived = clock.signal()
        self._waiting: deque[tuple[Callable[[], object], Callable[[Outcome], None]]] = deque(maxlen=MOST)
        self._closed = False
        self._thread: threading.Thread | None = None

    def read(self, work: Callable[[sqlite3.Connection], object], done: Callable[[Outcome], None]) -> None:
        """With a connection of its own, which only reads, and sees nothing that was refused."""

        def reading() -> object:
            with closing(schema.connect_reading(self._path)) as connection:
                schema.check_version(connection, self._path)
                with without(connection, self._refused.names()) as seen:
                    return work(seen)

        self.call(reading, done)

    def call(self, work: Callable[[], object], done: Callable[[Outcome], None]) -> None:
        """What waits longest is never told where too much waits: whoever asked has a deadline."""
        with self._mutex:
            self._waiting.append((work, done))
        self._arrived.set()
        if self._thread is None:
            self._thread = self._clock.spawn("journal-aside", self._run)

    def close(self, timeout_s: float) -> bool:
        """End the thread; False where it still hangs after that time."""
        self._closed = True
        self._arrived.set()
        return self._thread is None or self._clock.join(self._thread, timeout_s)

    def _run(self) -> None:
        while not self._closed:
            self._arrived.wait(None)
            self._arrived.clear()
            while self._waiting:
                with self._mutex:
                    work, done = self._waiting.popleft()
                done(self._outcome(work))

    def _outcome(self, work: Callable[[], object]) -> Outcome:
        try:
            return Outcome(work())
        except Exception as exc:  # noqa: BLE001  # told to whoever waits
            return Outcome(error=JournalError(f"journal {self._path}: cannot be read: {type(exc).__name__}: {exc}"))
