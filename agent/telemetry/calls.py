"""Getting work to the journal's threads and its outcome back to the event loop, in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

from agent.clock import Clock
from agent.domain.journal import JournalState
from agent.errors import JournalError
from agent.telemetry.aside import AsideThread
from agent.telemetry.file import Connect, JournalFile
from agent.telemetry.ids import IdSource
from agent.telemetry.mailbox import Job, Outcome
from agent.telemetry.thread import JournalThread, Told

T = TypeVar("T")
V = TypeVar("V")
CLOSE_TIMEOUT_S = 5.0
WRITE_PATIENCE_S = 5.0  # then a write is refused; what of it gets onto the disk later is taken back
READ_PATIENCE_S = 2.0  # behind the writes; then a read goes past them
ASIDE_PATIENCE_S = 3.0


class JournalCalls:
    """Owner of the journal's threads; every method belongs to the event loop.

    A write that is awaited is durable when it returns and raises JournalError when it is not; the journal works on
    after that. Notes never wait and never raise: `lost_notes` counts those that found no room or no disk.
    """

    def __init__(self, path: Path, clock: Clock, ids: IdSource, journal_days: float, connect: Connect) -> None:
        self._path = path
        self._clock = clock
        self._ids = ids
        self._connect = connect
        self._journal_days = journal_days
        self._body: JournalThread | None = None
        self._aside: AsideThread | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[Outcome] | None = None
        self._run_id = ""
        self._lost_before = 0
        self._watchers: list[Callable[[JournalState], None]] = []
        self._state: JournalState | None = None  # None while it is not open

    @property
    def lost_notes(self) -> int:
        """Notes dropped since this journal was made."""
        body = self._body
        return self._lost_before + (body.lost_notes + body.mailbox.dropped if body else 0)

    @property
    def lives(self) -> bool:
        """False where its thread has ended though nobody closed it: nothing can be written or read again."""
        return self._ended is None or self._body is None or self._body.mailbox.closed or not self._ended.done()

    def on_state(self, callback: Callable[[JournalState], None]) -> None:
        """Called on the event loop with the state now, or once it is open, and whenever it changes."""
        self._watchers.append(callback)
        if self._state is not None:
            callback(self._state)

    async def open(self) -> None:
        """Make, migrate or recover the file and start the thread; harmless when open.

        A file that can be read and not written is opened: writes are refused until they work. Raises JournalError for
        one that cannot even be read, or was written by a newer version.
        """
        if self._body is not None:
            return
        opened, tell_opened = _waiter()
        self._ended, tell_ended = _waiter()
        tell_state = _from_thread(asyncio.get_running_loop(), self._set_state)
        self._run_id = self._ids.uuid()
        file = JournalFile(self._path, self._clock, self._connect)
        body = self._body = JournalThread(file, self._clock, self._run_id, self._journal_days)
        self._aside = AsideThread(self._path, self._clock, file.refused)
        told = Told(tell_opened, tell_state, lambda: tell_ended(Outcome()))
        self._thread = self._clock.spawn("journal", lambda: body.run(told))
        try:
            outcome = await opened
        except asyncio.CancelledError:
            body.mailbox.close()  # the thread ends by itself, whether or not somebody comes to close
            raise
        if outcome.error is not None:
            await self.close()
            raise outcome.error

    async def close(self) -> None:
        """Write what waits and end the threads; idempotent, and bounded by CLOSE_TIMEOUT_S."""
        body, aside, thread, ended = self._body, self._aside, self._thread, self._ended
        if body is None or aside is None or thread is None or ended is None:
            return
        body.mailbox.close()
        await asyncio.wait({ended}, timeout=CLOSE_TIMEOUT_S)
        if not ended.done() or not self._clock.join(thread, CLOSE_TIMEOUT_S) or not aside.close(CLOSE_TIMEOUT_S):
            raise JournalError(f"journal {self._path}: still writing after {CLOSE_TIMEOUT_S:g} s; is the disk stuck?")
        self._lost_before = self.lost_notes
        self._body = self._aside = self._thread = self._ended = self._state = None

    async def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """A write. One that is refused has changed nothing, also where the disk comes back with it later."""
        body = self._opened()
        if body.mailbox.stuck:
            raise self._stuck()
        reply = _Reply()
        job = Job(work, reply.tell)
        body.mailbox.put(job)
        outcome = await reply.outcome(WRITE_PATIENCE_S)
        if outcome is None:
            await self._give_up(job)
            outcome = await reply.outcome(None)
        return cast("T", self._value(outcome))

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """After the writes and notes before it, unless they hang: then past them."""
        body = self._opened()
        if not body.mailbox.stuck:
            reply = _Reply()
            job = Job(work, reply.tell, reads=True)
            body.mailbox.put(job)
            outcome = await reply.outcome(READ_PATIENCE_S)
            if outcome is not None:
                return cast("T", self._value(outcome))
            body.mailbox.withdraw(job)
        return await self._read_aside(work)

    async def _read_aside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        answered, tell = _waiter()
        if self._aside is not None:
            self._aside.read(work, tell)
            await asyncio.wait({answered}, timeout=ASIDE_PATIENCE_S)
        if not answered.done():
            raise self._stuck()
        return cast("T", self._value(answered.result()))

    def _note(self, work: Callable[[sqlite3.Connection], None]) -> None:
        if self._body is None:
            self._lost_before += 1
        else:
            self._body.mailbox.put(Job(work))

    async def _give_up(self, job: Job) -> None:
        """The disk does not answer: refuse the write, and all that would be committed with it."""
        body = self._opened()
        refused, batch = body.mailbox.give_up(job)
        if batch is not None and self._aside is not None:
            name = f"{self._run_id}:{batch}"
            written, tell = _waiter()
            self._aside.call(lambda: body.file.refused.write_down(name), tell)
            await asyncio.wait({written}, timeout=ASIDE_PATIENCE_S)
        if refused:
            failure = self._stuck()
            body.retell()
            known = self._state or JournalState(writable=False, readable=True)
            self._set_state(replace(known, writable=False, error=str(failure)))
            for one in refused:
                if one.done is not None:
                    one.done(Outcome(error=failure))

    @staticmethod
    def _value(outcome: Outcome | None) -> object:
        """What `work` answered, through an untyped queue."""
        assert outcome is not None, "whoever waits without end is told"
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def _opened(self) -> JournalThread:
        if self._body is None:
            raise JournalError(f"journal {self._path}: not open")
        return self._body

    def _stuck(self) -> JournalError:
        return JournalError(
            f"journal {self._path}: no answer of the disk within {WRITE_PATIENCE_S:g} s; nothing was changed: "
            "check the disk and its controller"
        )

    def _set_state(self, state: JournalState) -> None:
        if state != self._state and self._body is not None:
            self._state = state
            for watcher in self._watchers:
                watcher(state)


class _Reply:
    """The outcome of a job, for the one task that waits for it on the loop.

    Every turn of a loaded loop counts: by asyncio.wait the task would be woken a turn later.
    """

    __slots__ = ("_came", "_loop", "_outcome")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._outcome: Outcome | None = None
        self._came: asyncio.Future[None] | None = None

    def tell(self, outcome: Outcome) -> None:
        """On any thread."""
        with contextlib.suppress(RuntimeError):  # as in _from_thread
            self._loop.call_soon_threadsafe(self._heard, outcome)

    async def outcome(self, timeout_s: float | None) -> Outcome | None:
        """None where it has not come after that time; it may be asked for again."""
        if self._outcome is None:
            self._came = self._loop.create_future()
            timer = None if timeout_s is None else self._loop.call_later(timeout_s, _wake, self._came)
            try:
                await self._came
            finally:
                if timer is not None:
                    timer.cancel()
        return self._outcome

    def _heard(self, outcome: Outcome) -> None:
        if self._outcome is None:
            self._outcome = outcome
            if self._came is not None:
                _wake(self._came)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _waiter() -> tuple[asyncio.Future[Outcome], Callable[[Outcome], None]]:
    """A future of the running loop, and the call that resolves it from another thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome] = loop.create_future()

    def resolve(outcome: Outcome) -> None:
        if not future.done():
            future.set_result(outcome)

    return future, _from_thread(loop, resolve)


def _from_thread(loop: asyncio.AbstractEventLoop, heard: Callable[[V], None]) -> Callable[[V], None]:
    """A call that may be made on any thread and is heard on the loop."""

    def tell(value: V) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(heard, value)

    return tell
