"""What is written down, and the Protocol of the journal that telemetry implements.

Methods that answer an awaitable return when the row is durable; `note_*` methods queue and return at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from agent.domain.budget import Claim
from agent.domain.decision import Decision
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.profile import NetProfile, StoredProfile


class SwapOutcome(Enum):
    RUNNING = "running"
    VERIFIED = "verified"
    ROLLED_BACK = "rolled_back"
    FAULTED = "faulted"
    REFUSED = "refused"  # failed before anything on the camera changed; the old network never stopped
    INTERRUPTED = "interrupted"  # the daemon died in it; found at the next start


@dataclass(frozen=True, slots=True)
class SwapRecord:
    """One swap. `generation` is the one it activated (None while running or when none was); times in wall ns."""

    id: str
    camera: str
    from_subnet: str | None
    to_subnet: str
    reason: str
    budget_id: str
    started_wall_ns: int
    outcome: SwapOutcome = SwapOutcome.RUNNING
    generation: int | None = None
    active_subnet: str | None = None  # what is verified on the camera at the end
    duration_s: float | None = None
    gap_s: float | None = None  # interfaces.md section 3; None until the first result of the new generation
    failed_step: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should know. `key` is one per cause, so a repeated cause is one alarm."""

    id: int
    camera: str
    key: str
    text: str
    raised_wall_ns: int
    cleared_wall_ns: int | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """The network that the journal believes to be verified on a camera."""

    camera: str
    generation: int
    subnet_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The first answer to a request id, with the digest of the request's body."""

    request_id: str
    method: str
    body_sha256: str
    answer: bytes


class Journal(Protocol):
    async def begin_swap(self, swap: SwapRecord) -> None:
        """Durable before the first destructive call of the swap; also clears the camera's Activation."""
        ...

    def note_step(self, swap_id: str, step: str, elapsed_s: float, error: str | None) -> None: ...

    async def next_generation(self, camera: str) -> int:
        """Durable; +1 each time, never reused."""
        ...

    async def finish_swap(self, swap: SwapRecord, activation: Activation | None) -> None:
        """Durable before ACTIVE is published."""
        ...

    def note_gap(self, swap_id: str, gap_s: float) -> None: ...

    def note_decision(self, camera: str, decision: Decision) -> None:
        """A decision that differs from the last one of this camera."""
        ...

    async def put_claim(self, claim: Claim) -> None: ...

    async def drop_claim(self, claim_id: str, why: str) -> None: ...

    async def claims(self, camera: str) -> Sequence[Claim]: ...

    async def raise_alarm(self, camera: str, key: str, text: str) -> Alarm: ...

    async def clear_alarm(self, camera: str, key: str) -> None: ...

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None: ...

    async def alarms(self, active_only: bool) -> Sequence[Alarm]: ...

    async def activation(self, camera: str) -> Activation | None: ...

    async def interrupted_swaps(self, camera: str) -> Sequence[SwapRecord]:
        """Swaps still RUNNING in the journal when it was opened; marked INTERRUPTED by this call."""
        ...

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        """Newest first."""
        ...

    async def stored_answer(self, request_id: str) -> StoredAnswer | None: ...

    async def store_answer(self, answer: StoredAnswer) -> None: ...

    async def put_profile(self, serial: str, sha256: str, profile: NetProfile) -> None:
        """One more generation of what the camera of that serial measured of the network of that digest."""
        ...

    def note_profile(self, serial: str, sha256: str, profile: NetProfile) -> None: ...

    async def profiles(self, serial: str) -> Sequence[StoredProfile]:
        """The newest of each network; what is damaged is left out."""
        ...

    def note_learned(self, serial: str, library: str, document: Mapping[str, object]) -> None:
        """What a policy has learned on that camera with that library, as JSON; replaces the document before."""
        ...

    async def learned(self, serial: str, library: str) -> Mapping[str, object] | None:
        """The document noted last; None where there is none or it is damaged."""
        ...

    def note_line(self, row: LineRow) -> None:
        """A new row, or the end of the one that began at that time on that camera."""
        ...

    def note_slowdown(self, row: SlowdownRow) -> None: ...
