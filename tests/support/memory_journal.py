"""A journal in memory, for tests of what writes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.domain.audit import GENESIS_SHA256, AuditEntry, AuditPage
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
    JournalState,
    StoredAnswer,
    StoredOperation,
    SwapOutcome,
    SwapRecord,
)
from agent.domain.operation import PREFIX
from agent.domain.orders import Orders
from agent.domain.profile import NetProfile, StoredProfile, newest
from agent.domain.request import CURRENT, RequestMark, on_its_own
from agent.errors import JournalError


@dataclass
class MemoryJournal:
    """Keeps the promises of agent.domain.journal; `broken` makes every awaited write fail."""

    broken: bool = False
    rows: dict[str, SwapRecord] = field(default_factory=dict)
    steps: list[tuple[str, str | None]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    known_claims: dict[str, Claim] = field(default_factory=dict)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    known_alarms: list[Alarm] = field(default_factory=list)
    activations: dict[str, Activation] = field(default_factory=dict)
    gaps: dict[str, float] = field(default_factory=dict)
    answers: dict[str, StoredAnswer] = field(default_factory=dict)
    generation: int = 0
    known_profiles: list[StoredProfile] = field(default_factory=list)
    documents: dict[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    lines: dict[tuple[str, int], LineRow] = field(default_factory=dict)
    slow: list[SlowdownRow] = field(default_factory=list)
    known_orders: dict[str, Orders] = field(default_factory=dict)
    known_operations: dict[str, StoredOperation] = field(default_factory=dict)
    marks: dict[tuple[str, str], RequestMark] = field(default_factory=dict)
    chain: list[AuditEntry] = field(default_factory=list)
    trusted: dict[str, str] = field(default_factory=dict)

    def on_state(self, callback: Callable[[JournalState], None]) -> None:
        callback(JournalState(writable=not self.broken, readable=True))

    def _write(self) -> None:
        if self.broken:
            raise JournalError("journal: disk full")

    def _change(self) -> None:
        self._write()
        mark = CURRENT.get()
        if mark is not None:
            self.marks.setdefault((mark.request_id, mark.camera), mark)

    async def begin_swap(self, swap: SwapRecord) -> None:
        self._write()
        self.rows[swap.id] = swap
        self.known_operations.pop(PREFIX + swap.id, None)
        self.activations.pop(swap.camera, None)

    def note_step(self, swap_id: str, step: str, elapsed_s: float, error: str | None) -> None:
        self.steps.append((step, error))

    async def next_generation(self, camera: str) -> int:
        self._write()
        self.generation += 1
        return self.generation

    async def finish_swap(self, swap: SwapRecord, activation: Activation | None) -> None:
        self._write()
        self.rows[swap.id] = swap
        self.known_operations.pop(PREFIX + swap.id, None)
        self.note_audit(swap_entry(swap, {}))
        if activation is not None:
            self.activations[swap.camera] = activation

    def note_gap(self, swap_id: str, gap_s: float) -> None:
        self.gaps[swap_id] = gap_s

    def note_decision(self, camera: str, decision: Decision) -> None:
        self.decisions.append(decision)

    async def put_claim(self, claim: Claim, orders: Orders | None = None, ended: Ended = NOTHING_ENDED) -> None:
        self._change()
        if claim.notice is None:
            self.known_claims = {c: k for c, k in self.known_claims.items() if k.notice or not _same_place(k, claim)}
        self.known_claims[claim.id] = claim
        self._drop_claims(ended)
        if orders is not None:
            self._put_orders(claim.camera, orders)

    async def answer_claim(self, claim: Claim, answered: Answered, ended: Ended = NOTHING_ENDED) -> bool:
        self._write()
        request_id = answered.answer.request_id
        if request_id and (request_id in self.answers or any(one == request_id for one, _ in self.marks)):
            return False
        with on_its_own():
            await self.put_claim(claim, None, ended)
        await self.store_answer(answered.answer, answered.entry)
        return True

    async def drop_claims(self, ended: Ended, orders: tuple[str, Orders] | None = None) -> None:
        self._change()
        self._drop_claims(ended)
        if orders is not None:
            self._put_orders(*orders)

    def _drop_claims(self, ended: Ended) -> None:
        for claim_id, why in ended.items():
            claim = self.known_claims.pop(claim_id, None)
            entry = claim_ended(claim, why) if claim is not None else None
            if entry is not None:
                self.note_audit(entry)
            self.dropped.append((claim_id, why))

    async def claims(self, camera: str) -> Sequence[Claim]:
        return tuple(self.known_claims.values())

    async def put_orders(self, camera: str, orders: Orders) -> None:
        self._change()
        self._put_orders(camera, orders)

    def _put_orders(self, camera: str, orders: Orders) -> None:
        before, after = self.known_orders.get(camera, Orders()).lapse, orders.lapse
        self.known_orders[camera] = orders
        lapse = after if before is None else before
        if lapse is not None and (before is None) is not (after is None):
            self.note_audit(fail_safe_entry(camera, lapse.client, on=after is not None))

    async def orders(self, camera: str) -> Orders:
        return self.known_orders.get(camera, Orders())

    async def put_operation(self, operation: StoredOperation) -> None:
        self._change()
        self.known_operations[operation.name] = operation

    async def operation(self, name: str) -> StoredOperation | None:
        return self.known_operations.get(name)

    async def operations(self, camera: str, limit: int) -> Sequence[StoredOperation]:
        return [one for one in self.known_operations.values() if one.camera == camera][::-1][:limit]

    async def put_alarms(self, alarms: Sequence[Alarm]) -> Sequence[Alarm]:
        self._change()
        return tuple(self._put_alarm(alarm) for alarm in alarms)

    def _put_alarm(self, alarm: Alarm) -> Alarm:
        same = [a for a in self.known_alarms if (a.camera, a.key) == (alarm.camera, alarm.key)]
        found = [
            *(a for a in same if a.id == alarm.id),
            *(a for a in same if a.raised_wall_ns == alarm.raised_wall_ns),
            *(a for a in same if a.cleared_wall_ns is None),
        ]
        if found:
            put = replace(alarm, id=found[0].id, raised_wall_ns=found[0].raised_wall_ns)
            self.known_alarms = [put if a.id == put.id else a for a in self.known_alarms]
            return put
        ids = {a.id for a in self.known_alarms}
        put = replace(alarm, id=alarm.id if alarm.id and alarm.id not in ids else max(ids, default=0) + 1)
        self.known_alarms.append(put)
        return put

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        self._change()
        return next((a for a in self.known_alarms if a.id == alarm_id), None)

    async def alarms(self, active_only: bool) -> Sequence[Alarm]:
        return [a for a in self.known_alarms if not active_only or a.cleared_wall_ns is None]

    async def activation(self, camera: str) -> Activation | None:
        return self.activations.get(camera)

    async def interrupted_swaps(self, camera: str) -> Sequence[SwapRecord]:
        return [row for row in self.rows.values() if row.outcome is SwapOutcome.RUNNING]

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        return list(self.rows.values())[::-1][:limit]

    async def swap(self, swap_id: str) -> SwapRecord | None:
        return self.rows.get(swap_id)

    async def stored_answer(self, request_id: str) -> StoredAnswer | None:
        return self.answers.get(request_id)

    async def store_answer(self, answer: StoredAnswer, audit: AuditEntry | None = None) -> None:
        self._write()
        self._keep(answer)
        if audit is not None:
            self.note_audit(audit)

    def note_answer(self, answer: StoredAnswer, audit: AuditEntry) -> None:
        self._keep(answer)
        self.note_audit(audit)

    def _keep(self, answer: StoredAnswer) -> None:
        if answer.request_id:
            self.answers.setdefault(answer.request_id, answer)
        told = [swap for swap in answer.told if swap.name.removeprefix(PREFIX) not in self.rows]
        self.known_operations = {swap.name: swap for swap in told} | self.known_operations

    async def request_marks(self, request_id: str) -> Sequence[RequestMark]:
        return [mark for mark in self.marks.values() if mark.request_id == request_id]

    def note_audit(self, entry: AuditEntry) -> None:
        previous = self.chain[-1].sha256 if self.chain else GENESIS_SHA256
        self.chain.append(entry.chained(len(self.chain) + 1, 0, previous))

    async def record_audit(self, entry: AuditEntry) -> None:
        self.note_audit(entry)

    async def trust(self, name: str) -> str | None:
        return self.trusted.get(name)

    async def put_trust(self, name: str, value: str, audit: AuditEntry) -> None:
        self._write()
        self.trusted[name] = value
        self.note_audit(audit)

    async def audit(self, after: int | None, limit: int, camera: str | None) -> AuditPage:
        mine = [entry for entry in self.chain if camera in (None, entry.camera) and entry.seq > (after or 0)]
        shown = mine[::-1] if after is None else mine
        return AuditPage(tuple(shown[:limit]), newest=len(self.chain))

    async def put_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        self._write()
        self.note_profile(serial, sha256, profile)

    def note_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        self.known_profiles.append(StoredProfile(serial, sha256, profile))

    async def profiles(self, serial: str) -> Sequence[StoredProfile]:
        mine = [stored for stored in self.known_profiles if stored.serial == serial]
        return [StoredProfile(serial, sha256, profile) for sha256, profile in sorted(newest(mine).items())]

    def note_learned(self, serial: str, library: str, document: Mapping[str, object]) -> None:
        self.documents[serial, library] = dict(document)

    async def learned(self, serial: str, library: str) -> Mapping[str, object] | None:
        return self.documents.get((serial, library))

    def note_line(self, row: LineRow) -> None:
        self.lines[row.camera, row.from_wall_ns] = row

    def note_slowdown(self, row: SlowdownRow) -> None:
        self.slow.append(row)


def _same_place(one: Claim, other: Claim) -> bool:
    return (one.camera, one.client) == (other.camera, other.client)
