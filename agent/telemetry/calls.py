"""Getting work to the journal thread and its outcome back to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.clock import Clock
from agent.domain.journal import JournalState
from agent.errors import JournalError
from agent.telemetry import schema
from agent.telemetry.ids import IdSource
from agent.telemetry.mailbox import Job, Outcome
from agent.telemetry.thread import Connect, JournalThread

T = TypeVar("T")
CLOSE_TIMEOUT_S = 5.0


class JournalCalls:
    """Owner of the journal thread; every method belongs to the event loop.

    A write that is awaited is durable when it returns and raises JournalError when it is not; the journal works on
    after that. Notes never wait and never raise: `lost_notes` counts those that found no room or no disk.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ids: IdSource,
        journal_days: float = 30.0,
        connect: Connect = schema.connect,
    ) -> None:
        self._path = path
        self._clock = clock
        self._ids = ids
        self._connect = connect
        self._journal_days = journal_days
        self._body: JournalThread | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[Outcome] | None = None
        self._lost_before = 0
        self._watchers: list[Callable[[JournalState], None]] = []
        self._state = JournalState(writable=False, readable=False, error=f"journal {path}: not open")

    def on_state(self, callback: Callable[[JournalState], None]) -> None:
        """Called on the event loop with the state now and whenever it changes."""
        self._watchers.append(callback)
        callback(self._state)

    @property
    def lost_notes(self) -> int:
        """Notes dropped since this journal was made."""
        body = self._body
        return self._lost_before + (body.lost_notes + body.mailbox.dropped if body else 0)

    async def open(self) -> None:
        """Make or migrate the file and start the thread; harmless when open."""
        if self._body is not None:
            return
        opened, tell_opened = _waiter()
        self._ended, tell_ended = _waiter()
        body = self._body = JournalThread(self._path, self._clock, self._ids.uuid(), self._connect, self._journal_days)
        self._thread = self._clock.spawn("journal", lambda: body.run(tell_opened, lambda: tell_ended(Outcome())))
        try:
            outcome = await opened
        except asyncio.CancelledError:
            body.mailbox.close()  # the thread ends by itself, whether or not somebody comes to close
            raise
        if outcome.error is not None:
            await self.close()
            raise outcome.error

    async def close(self) -> None:
        """Write what waits and end the thread; idempotent, and bounded by CLOSE_TIMEOUT_S."""
        body, thread, ended = self._body, self._thread, self._ended
        if body is None or thread is None or ended is None:
            return
        body.mailbox.close()
        await asyncio.wait({ended}, timeout=CLOSE_TIMEOUT_S)
        if not ended.done() or not self._clock.join(thread, CLOSE_TIMEOUT_S):
            raise JournalError(f"journal {self._path}: still writing after {CLOSE_TIMEOUT_S:g} s; is the disk stuck?")
        self._lost_before = self.lost_notes
        self._body = self._thread = self._ended = None

    async def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._body is None:
            raise JournalError(f"journal {self._path}: not open")
        answered, tell = _waiter()
        self._body.mailbox.put(Job(work, tell))
        outcome = await answered
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]  # what `work` answered, through an untyped queue

    def _note(self, work: Callable[[sqlite3.Connection], None]) -> None:
        if self._body is None:
            self._lost_before += 1
        else:
            self._body.mailbox.put(Job(work))


def _waiter() -> tuple[asyncio.Future[Outcome], Callable[[Outcome], None]]:
    """A future of the running loop, and the call that resolves it from another thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome] = loop.create_future()

    def resolve(outcome: Outcome) -> None:
        if not future.done():
            future.set_result(outcome)

    def tell(outcome: Outcome) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(resolve, outcome)

    return future, tell
