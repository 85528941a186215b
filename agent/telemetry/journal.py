"""The journal in SQLite: what `agent.domain.journal.Journal` asks for, and reading it back."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from agent.clock import Clock
from agent.domain.budget import Claim
from agent.domain.decision import Decision
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.journal import Activation, Alarm, StoredAnswer, SwapRecord
from agent.domain.profile import NetProfile, StoredProfile
from agent.errors import JournalError
from agent.telemetry import measured, rows, schema
from agent.telemetry.ids import IdSource
from agent.telemetry.mailbox import Job, Outcome
from agent.telemetry.thread import Connect, JournalThread

T = TypeVar("T")
CLOSE_TIMEOUT_S = 5.0


class SqliteJournal:
    """See `agent.domain.journal.Journal`. Owner of the journal thread; every method belongs to the event loop.

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
        self._last_decisions: dict[str, tuple[object, ...]] = {}
        self._lost_before = 0

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

    async def begin_swap(self, swap: SwapRecord) -> None:
        def work(db: sqlite3.Connection) -> None:
            rows.put_swap(db, swap)
            rows.drop_activation(db, swap.camera)

        await self._ask(work)

    def note_step(self, swap_id: str, step: str, elapsed_s: float, error: str | None) -> None:
        row = rows.StepRow(swap_id, step, elapsed_s, error)
        self._note(lambda db: rows.put_step(db, row))

    async def next_generation(self, camera: str) -> int:
        return await self._ask(lambda db: rows.next_generation(db, camera))

    async def finish_swap(self, swap: SwapRecord, activation: Activation | None) -> None:
        def work(db: sqlite3.Connection) -> None:
            rows.put_swap(db, swap)
            if activation is not None:
                rows.put_activation(db, activation)

        await self._ask(work)

    def note_gap(self, swap_id: str, gap_s: float) -> None:
        self._note(lambda db: rows.put_gap(db, swap_id, gap_s))

    def note_decision(self, camera: str, decision: Decision) -> None:
        """Journals it where it differs in more than figures from the last one of this camera."""
        d = decision
        key = (d.action, d.reason, d.target, d.active, d.budget, d.feasible)
        if self._last_decisions.get(camera) == key:
            return
        self._last_decisions[camera] = key
        _ = decision.account  # here and now: it may be a function over what goes on changing
        row = rows.DecisionRow(self._clock.wall_ns(), camera, decision)
        self._note(lambda db: rows.put_decision(db, row))

    async def put_claim(self, claim: Claim) -> None:
        wall_ns = self._clock.wall_ns()
        await self._ask(lambda db: rows.put_claim(db, claim, wall_ns))

    async def drop_claim(self, claim_id: str, why: str) -> None:
        wall_ns = self._clock.wall_ns()
        await self._ask(lambda db: rows.drop_claim(db, claim_id, why, wall_ns))

    async def claims(self, camera: str) -> Sequence[Claim]:
        return await self._ask(lambda db: rows.claims(db, camera))

    async def raise_alarm(self, camera: str, key: str, text: str) -> Alarm:
        wall_ns = self._clock.wall_ns()
        return await self._ask(lambda db: rows.raise_alarm(db, camera, key, text, wall_ns))

    async def clear_alarm(self, camera: str, key: str) -> None:
        wall_ns = self._clock.wall_ns()
        await self._ask(lambda db: rows.clear_alarm(db, camera, key, wall_ns))

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        return await self._ask(lambda db: rows.acknowledge_alarm(db, alarm_id, by))

    async def alarms(self, active_only: bool) -> Sequence[Alarm]:
        return await self._ask(lambda db: rows.alarms(db, active_only))

    async def activation(self, camera: str) -> Activation | None:
        return await self._ask(lambda db: rows.activation(db, camera))

    async def interrupted_swaps(self, camera: str) -> Sequence[SwapRecord]:
        last_seq = self._body.last_swap_seq if self._body is not None else 0
        return await self._ask(lambda db: rows.interrupt_swaps(db, camera, last_seq))

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        return await self._ask(lambda db: rows.swaps(db, camera, limit))

    async def steps(self, swap_id: str) -> Sequence[rows.StepRow]:
        """In the order they were noted."""
        return await self._ask(lambda db: rows.steps(db, swap_id))

    async def decisions(self, camera: str | None, limit: int) -> Sequence[rows.DecisionRow]:
        """Newest first."""
        return await self._ask(lambda db: rows.decisions(db, camera, limit))

    async def stored_answer(self, request_id: str) -> StoredAnswer | None:
        return await self._ask(lambda db: rows.answer(db, request_id))

    async def store_answer(self, answer: StoredAnswer) -> None:
        wall_ns = self._clock.wall_ns()
        await self._ask(lambda db: rows.put_answer(db, answer, wall_ns))

    async def put_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        stored = StoredProfile(serial, sha256, profile)
        await self._ask(lambda db: measured.put_profile(db, stored))

    def note_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        stored = StoredProfile(serial, sha256, profile)
        self._note(lambda db: measured.put_profile(db, stored))

    async def profiles(self, serial: str) -> Sequence[StoredProfile]:
        return await self._ask(lambda db: measured.profiles(db, serial))

    def note_learned(self, serial: str, library: str, document: Mapping[str, object]) -> None:
        """Encoded at once, so that the caller may go on changing it; one that is no JSON or too large is not kept."""
        body, wall_ns = measured.learned_bytes(serial, document), self._clock.wall_ns()
        if body is not None:
            self._note(lambda db: measured.put_learned(db, serial, library, body, wall_ns))

    async def learned(self, serial: str, library: str) -> Mapping[str, object] | None:
        return await self._ask(lambda db: measured.learned(db, serial, library))

    def note_line(self, row: LineRow) -> None:
        self._note(lambda db: measured.put_line(db, row))

    def note_slowdown(self, row: SlowdownRow) -> None:
        self._note(lambda db: measured.put_slowdown(db, row))

    async def line(self, camera: str, since_ns: int, until_ns: int) -> Sequence[LineRow]:
        """What was asked for in that time, oldest first."""
        return await self._ask(lambda db: measured.line(db, camera, since_ns, until_ns))

    async def slowdowns(self, camera: str, since_ns: int, until_ns: int) -> Sequence[SlowdownRow]:
        """How slow the camera was in that time, oldest first."""
        return await self._ask(lambda db: measured.slowdowns(db, camera, since_ns, until_ns))

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
