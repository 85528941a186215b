"""The journal in SQLite: what `agent.domain.journal.Journal` asks for, and reading it back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from agent.clock import Clock
from agent.domain.audit import AuditEntry, AuditPage
from agent.domain.audit_entries import claim_ended, fail_safe_entry, swap_entry
from agent.domain.budget import Claim
from agent.domain.decision import Decision
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.journal import (
    NOTHING_ENDED,
    Activation,
    Alarm,
    Answered,
    Ended,
    StoredAnswer,
    StoredOperation,
    SwapOutcome,
    SwapRecord,
)
from agent.domain.orders import Orders
from agent.domain.profile import NetProfile, StoredProfile
from agent.domain.request import AUDITED, CURRENT, RequestMark
from agent.errors import JournalError
from agent.telemetry import alarm_rows, audit_rows, measured, rows, schema, standing
from agent.telemetry.calls import JournalCalls
from agent.telemetry.causes import Causes, with_clients
from agent.telemetry.file import Connect
from agent.telemetry.ids import IdSource

T = TypeVar("T")


class SqliteJournal(JournalCalls):
    """See `agent.domain.journal.Journal`; every method belongs to the event loop.

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
        super().__init__(path, clock, ids, journal_days, connect)
        self._last_decisions: dict[str, tuple[object, ...]] = {}
        self._interrupted: set[str] = set()
        self._causes = Causes()

    @property
    def last_run(self) -> Mapping[str, object]:
        """How the run before ended; empty for the first one."""
        return self._opened().last_run

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
        cause, wall_ns = self._causes.of(swap), self._clock.wall_ns()

        def work(db: sqlite3.Connection) -> None:
            rows.put_swap(db, swap)
            audit_rows.put_audit(db, swap_entry(swap, with_clients(db, cause)), wall_ns)
            if activation is not None:
                rows.put_activation(db, activation)

        await self._ask(work)

    def note_gap(self, swap_id: str, gap_s: float) -> None:
        self._note(lambda db: rows.put_gap(db, swap_id, gap_s))

    def note_decision(self, camera: str, decision: Decision) -> None:
        """Journals it where it differs in more than figures from the last one of this camera."""
        self._causes.decided(decision.budget)
        d = decision
        key = (d.action, d.reason, d.target, d.active, d.budget, d.feasible)
        if self._last_decisions.get(camera) == key:
            return
        self._last_decisions[camera] = key
        _ = decision.account  # here and now: it may be a function over what goes on changing
        row = rows.DecisionRow(self._clock.wall_ns(), camera, decision)
        self._note(lambda db: rows.put_decision(db, row))

    async def put_claim(self, claim: Claim, orders: Orders | None = None, ended: Ended = NOTHING_ENDED) -> None:
        wall_ns = self._clock.wall_ns()

        def work(db: sqlite3.Connection) -> None:
            rows.put_claim(db, claim, wall_ns)
            _drop_claims(db, ended, wall_ns)
            if orders is not None:
                _put_orders(db, claim.camera, orders, wall_ns)

        await self._marked(work)

    async def answer_claim(self, claim: Claim, answered: Answered, ended: Ended = NOTHING_ENDED) -> bool:
        wall_ns, change, request_id = self._clock.wall_ns(), AUDITED.get(), answered.answer.request_id
        put_answer = self._answered(answered.answer, answered.entry)
        if change is not None:
            change.begun = True

        def work(db: sqlite3.Connection) -> bool:
            if request_id and standing.is_known(db, request_id):
                return False
            rows.put_claim(db, claim, wall_ns)
            _drop_claims(db, ended, wall_ns)
            put_answer(db)
            return True

        return await self._ask(work)

    async def drop_claims(self, ended: Ended, orders: tuple[str, Orders] | None = None) -> None:
        wall_ns = self._clock.wall_ns()

        def work(db: sqlite3.Connection) -> None:
            _drop_claims(db, ended, wall_ns)
            if orders is not None:
                _put_orders(db, *orders, wall_ns)

        await self._marked(work)

    async def claims(self, camera: str) -> Sequence[Claim]:
        return await self._read(lambda db: rows.claims(db, camera))

    async def put_orders(self, camera: str, orders: Orders) -> None:
        wall_ns = self._clock.wall_ns()
        await self._marked(lambda db: _put_orders(db, camera, orders, wall_ns))

    async def orders(self, camera: str) -> Orders:
        return await self._read(lambda db: standing.orders(db, camera))

    async def put_operation(self, operation: StoredOperation) -> None:
        await self._marked(lambda db: standing.put_operation(db, operation))

    async def operation(self, name: str) -> StoredOperation | None:
        return await self._read(lambda db: standing.operation(db, name))

    async def operations(self, camera: str, limit: int) -> Sequence[StoredOperation]:
        return await self._read(lambda db: standing.operations(db, camera, limit))

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        wall_ns = self._clock.wall_ns()
        return await self._marked(lambda db: alarm_rows.acknowledge_alarm(db, alarm_id, by, wall_ns))

    async def put_alarms(self, alarms: Sequence[Alarm]) -> Sequence[Alarm]:
        return await self._marked(lambda db: tuple(alarm_rows.put_alarm(db, alarm) for alarm in alarms))

    async def alarms(self, active_only: bool) -> Sequence[Alarm]:
        return await self._read(lambda db: alarm_rows.alarms(db, active_only))

    async def activation(self, camera: str) -> Activation | None:
        return await self._read(lambda db: rows.activation(db, camera))

    async def interrupted_swaps(self, camera: str) -> Sequence[SwapRecord]:
        """Also where nothing can be written: then the mark is made as soon as it can be."""
        last_seq = self._body.last_swap_seq if self._body is not None else 0
        running = await self._read(lambda db: rows.running_swaps(db, camera, last_seq))
        found = [swap for swap in running if swap.id not in self._interrupted]
        self._interrupted.update(swap.id for swap in found)
        wall_ns = self._clock.wall_ns()

        def work(db: sqlite3.Connection) -> None:
            for swap in rows.interrupt_swaps(db, camera, last_seq):
                audit_rows.put_audit(db, swap_entry(swap, {}), wall_ns)

        if found:
            self._note(work)
        return tuple(replace(swap, outcome=SwapOutcome.INTERRUPTED) for swap in found)

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        return await self._read(lambda db: rows.swaps(db, camera, limit))

    async def swap(self, swap_id: str) -> SwapRecord | None:
        return await self._read(lambda db: rows.swap(db, swap_id))

    async def steps(self, swap_id: str) -> Sequence[rows.StepRow]:
        """In the order they were noted."""
        return await self._read(lambda db: rows.steps(db, swap_id))

    async def decisions(self, camera: str | None, limit: int) -> Sequence[rows.DecisionRow]:
        """Newest first."""
        return await self._read(lambda db: rows.decisions(db, camera, limit))

    async def stored_answer(self, request_id: str) -> StoredAnswer | None:
        return await self._read(lambda db: rows.answer(db, request_id))

    async def store_answer(self, answer: StoredAnswer, audit: AuditEntry | None = None) -> None:
        await self._ask(self._answered(answer, audit))

    def note_answer(self, answer: StoredAnswer, audit: AuditEntry) -> None:
        self._note(self._answered(answer, audit))

    def _answered(self, answer: StoredAnswer, audit: AuditEntry | None) -> Callable[[sqlite3.Connection], None]:
        wall_ns = self._clock.wall_ns()
        put_entry = None if audit is None else self._audited(audit)
        if audit is not None and answer.told:
            self._causes.answered(answer, audit)

        def work(db: sqlite3.Connection) -> None:
            if answer.request_id:
                rows.put_answer(db, answer, wall_ns)
            for swap in answer.told:
                standing.put_told(db, swap)
            if put_entry is not None:
                put_entry(db)

        return work

    async def request_marks(self, request_id: str) -> Sequence[RequestMark]:
        return await self._read(lambda db: standing.marks(db, request_id))

    def note_audit(self, entry: AuditEntry) -> None:
        self._note(self._audited(entry))

    async def record_audit(self, entry: AuditEntry) -> None:
        wall_ns = self._clock.wall_ns()
        try:
            await self._ask(lambda db: audit_rows.put_audit(db, entry, wall_ns))
        except JournalError:
            self._note(lambda db: audit_rows.put_audit(db, entry, wall_ns))

    def _audited(self, entry: AuditEntry) -> Callable[[sqlite3.Connection], None]:
        """The entry takes the place of what the change that is being made has left to be audited as."""
        wall_ns, change = self._clock.wall_ns(), AUDITED.get()
        left = change if change is not None and change.begun else None

        def work(db: sqlite3.Connection) -> None:
            if left is not None:
                audit_rows.drop_pending(db, left)
            audit_rows.put_audit(db, entry, wall_ns)

        return work

    async def audit(self, after: int | None, limit: int, camera: str | None) -> AuditPage:
        return await self._read(lambda db: audit_rows.audit(db, after, limit, camera))

    async def trust(self, name: str) -> str | None:
        return await self._read(lambda db: standing.trust(db, name))

    async def put_trust(self, name: str, value: str, audit: AuditEntry) -> None:
        wall_ns = self._clock.wall_ns()

        def work(db: sqlite3.Connection) -> None:
            standing.put_trust(db, name, value, wall_ns)
            audit_rows.put_audit(db, audit, wall_ns)

        await self._ask(work)

    async def put_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        stored = StoredProfile(serial, sha256, profile)
        await self._ask(lambda db: measured.put_profile(db, stored))

    def note_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        stored = StoredProfile(serial, sha256, profile)
        self._note(lambda db: measured.put_profile(db, stored))

    async def profiles(self, serial: str) -> Sequence[StoredProfile]:
        return await self._read(lambda db: measured.profiles(db, serial))

    def note_learned(self, serial: str, library: str, document: Mapping[str, object]) -> None:
        """Encoded at once, so that the caller may go on changing it; one that is no JSON or too large is not kept."""
        body, wall_ns = measured.learned_bytes(serial, document), self._clock.wall_ns()
        if body is not None:
            self._note(lambda db: measured.put_learned(db, serial, library, body, wall_ns))

    async def learned(self, serial: str, library: str) -> Mapping[str, object] | None:
        return await self._read(lambda db: measured.learned(db, serial, library))

    def note_line(self, row: LineRow) -> None:
        self._note(lambda db: measured.put_line(db, row))

    def note_slowdown(self, row: SlowdownRow) -> None:
        self._note(lambda db: measured.put_slowdown(db, row))

    async def line(self, camera: str, since_ns: int, until_ns: int) -> Sequence[LineRow]:
        """What was asked for in that time, oldest first."""
        return await self._read(lambda db: measured.line(db, camera, since_ns, until_ns))

    async def slowdowns(self, camera: str, since_ns: int, until_ns: int) -> Sequence[SlowdownRow]:
        """How slow the camera was in that time, oldest first."""
        return await self._read(lambda db: measured.slowdowns(db, camera, since_ns, until_ns))

    async def _marked(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """A write that carries out a request: the request's mark goes with it, and what it will be audited as."""
        mark, change, wall_ns, run_id = CURRENT.get(), AUDITED.get(), self._clock.wall_ns(), self._run_id
        if change is not None:
            change.begun = True

        def marked(db: sqlite3.Connection) -> T:
            if mark is not None:
                standing.put_mark(db, mark, wall_ns)
            if change is not None:
                audit_rows.put_pending(db, change, run_id)
            return work(db)

        return await self._ask(marked)


def _drop_claims(db: sqlite3.Connection, ended: Ended, wall_ns: int) -> None:
    """With an entry for each that ended by itself."""
    for claim_id, why in ended.items():
        dropped = rows.drop_claim(db, claim_id, why, wall_ns)
        entry = claim_ended(dropped, why) if dropped is not None else None
        if entry is not None:
            audit_rows.put_audit(db, entry, wall_ns)


def _put_orders(db: sqlite3.Connection, camera: str, orders: Orders, wall_ns: int) -> None:
    """With an entry where the fail-safe comes into force by it, or ends."""
    before, after = standing.orders(db, camera).lapse, orders.lapse
    standing.put_orders(db, camera, orders, wall_ns)
    lapse = after if before is None else before
    if lapse is not None and (before is None) is not (after is None):
        audit_rows.put_audit(db, fail_safe_entry(camera, lapse.client, on=after is not None), wall_ns)
