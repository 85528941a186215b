"""A journal in memory, for tests of what writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.domain.budget import Claim
from agent.domain.decision import Decision
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.journal import Activation, Alarm, StoredAnswer, SwapOutcome, SwapRecord
from agent.domain.profile import NetProfile, StoredProfile, newest
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

    def _write(self) -> None:
        if self.broken:
            raise JournalError("journal: disk full")

    async def begin_swap(self, swap: SwapRecord) -> None:
        self._write()
        self.rows[swap.id] = swap
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
        if activation is not None:
            self.activations[swap.camera] = activation

    def note_gap(self, swap_id: str, gap_s: float) -> None:
        self.gaps[swap_id] = gap_s

    def note_decision(self, camera: str, decision: Decision) -> None:
        self.decisions.append(decision)

    async def put_claim(self, claim: Claim) -> None:
        self._write()
        self.known_claims[claim.id] = claim

    async def drop_claim(self, claim_id: str, why: str) -> None:
        self._write()
        self.dropped.append((claim_id, why))
        self.known_claims = {c: k for c, k in self.known_claims.items() if k.id != claim_id}

    async def claims(self, camera: str) -> Sequence[Claim]:
        return tuple(self.known_claims.values())

    async def raise_alarm(self, camera: str, key: str, text: str) -> Alarm:
        self._write()
        alarm = Alarm(len(self.known_alarms) + 1, camera, key, text, 0)
        self.known_alarms.append(alarm)
        return alarm

    async def clear_alarm(self, camera: str, key: str) -> None:
        self._write()
        self.known_alarms = [replace(a, cleared_wall_ns=1) if a.key == key else a for a in self.known_alarms]

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        return next((a for a in self.known_alarms if a.id == alarm_id), None)

    async def alarms(self, active_only: bool) -> Sequence[Alarm]:
        return [a for a in self.known_alarms if not active_only or a.cleared_wall_ns is None]

    async def activation(self, camera: str) -> Activation | None:
        return self.activations.get(camera)

    async def interrupted_swaps(self, camera: str) -> Sequence[SwapRecord]:
        return [row for row in self.rows.values() if row.outcome is SwapOutcome.RUNNING]

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        return list(self.rows.values())[::-1][:limit]

    async def stored_answer(self, request_id: str) -> StoredAnswer | None:
        return self.answers.get(request_id)

    async def store_answer(self, answer: StoredAnswer) -> None:
        self._write()
        self.answers[answer.request_id] = answer

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
