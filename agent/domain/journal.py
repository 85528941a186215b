"""What is written down, and the Protocol of the journal that telemetry implements.

Methods that answer an awaitable return when the row is durable; `note_*` methods queue and return at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from agent.domain.audit import AuditEntry, AuditPage
from agent.domain.budget import Claim
from agent.domain.decision import Decision
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.orders import Orders
from agent.domain.profile import NetProfile, StoredProfile
from agent.domain.request import RequestMark

Ended = Mapping[str, str]  # ids of claims that end, and why; whoever gives one to a journal leaves it as it is
NOTHING_ENDED: Ended = MappingProxyType({})


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
    error_reason: str | None = None  # of agent.errors


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should know. `key` is one per cause, so a repeated cause is one alarm.

    `count` is how often the cause came, `last_wall_ns` when it did last (0: as raised). An `id` of 0 is not known yet.
    """

    id: int
    camera: str
    key: str
    text: str
    raised_wall_ns: int
    cleared_wall_ns: int | None = None
    acknowledged_by: str | None = None
    count: int = 1
    last_wall_ns: int = 0
    acknowledged_wall_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """The network that the journal believes to be verified on a camera."""

    camera: str
    generation: int
    subnet_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """A profiling or capture run as it is kept; `body` is the encoding of whoever puts it. Swaps are SwapRecords, but
    for those that were only told of so far."""

    name: str
    camera: str
    kind: str
    started_wall_ns: int
    done: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The first answer to a request id (empty: of a request without one), with the digest of the request's body.

    `told`: the operations that it names, for the case that the agent ends before they have rows of their own.
    """

    request_id: str
    method: str
    body_sha256: str
    answer: bytes
    told: tuple[StoredOperation, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What a mutation is answered, and its entry of the audit: all that is to be kept of it beside its effect."""

    answer: StoredAnswer
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class JournalState:
    """What the journal can do now; `error` says in words why it cannot write or read.

    `recovered_from`: where a damaged file was moved to by the last recovery of this run, None where there was none.
    `audit_broken`: what did not hold of the audit when the journal was opened, empty where it held.
    """

    writable: bool
    readable: bool
    error: str = ""
    recovered_from: Path | None = None
    lost_notes: int = 0
    audit_broken: str = ""


class Journal(Protocol):
    """Awaited writes that raise JournalError have changed nothing, then and after a restart. While a request is carried
    out (agent.domain.request.CURRENT) put_claim, drop_claims, put_orders, put_operation, put_alarms and
    acknowledge_alarm write its mark in their own transaction.
    """

    def on_state(self, callback: Callable[[JournalState], None]) -> None:
        """Called on the event loop with the state now, or once it is open, and whenever it changes."""
        ...

    async def begin_swap(self, swap: SwapRecord) -> None:
        """Durable before the first destructive call of the swap; also clears the camera's Activation."""
        ...

    def note_step(self, swap_id: str, step: str, elapsed_s: float, error: str | None) -> None: ...

    async def next_generation(self, camera: str) -> int:
        """Durable; +1 each time, never reused."""
        ...

    async def finish_swap(self, swap: SwapRecord, activation: Activation | None) -> None:
        """Durable before ACTIVE is published; its entry of the audit is in the same transaction."""
        ...

    def note_gap(self, swap_id: str, gap_s: float) -> None: ...

    def note_decision(self, camera: str, decision: Decision) -> None:
        """A decision that differs from the last one of this camera."""
        ...

    async def put_claim(self, claim: Claim, orders: Orders | None = None, ended: Ended = NOTHING_ENDED) -> None:
        """With the camera's orders and the end of other claims in the same transaction, where they are given.

        One that is not announced takes the place of all others of its client on the camera that are not either.
        """
        ...

    async def answer_claim(self, claim: Claim, answered: Answered, ended: Ended = NOTHING_ENDED) -> bool:
        """The claim as by `put_claim`, and all that is kept of the request that asked for it, in one transaction.

        False, and nothing has changed, where the request's id was used before.
        """
        ...

    async def drop_claims(self, ended: Ended, orders: tuple[str, Orders] | None = None) -> None:
        """All of them, and a camera's orders where they are given, in one transaction; unknown ones are passed over."""
        ...

    async def claims(self, camera: str) -> Sequence[Claim]: ...

    async def put_orders(self, camera: str, orders: Orders) -> None: ...

    async def orders(self, camera: str) -> Orders:
        """The orders put last; the defaults where there are none."""
        ...

    async def put_operation(self, operation: StoredOperation) -> None:
        """Insert, or replace by name."""
        ...

    async def operation(self, name: str) -> StoredOperation | None: ...

    async def operations(self, camera: str, limit: int) -> Sequence[StoredOperation]:
        """Newest first."""
        ...

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None: ...

    async def put_alarms(self, alarms: Sequence[Alarm]) -> Sequence[Alarm]:
        """Write them all or none, and answer them with their ids.

        One of id 0 is the alarm of the same camera, key and raised_wall_ns, else the one of camera and key that is not
        cleared, else a new one; any other id is that alarm where camera and key are the same, else as id 0 but with
        that id where it is free. All but raised_wall_ns is then as given.
        """
        ...

    async def alarms(self, active_only: bool) -> Sequence[Alarm]: ...

    async def activation(self, camera: str) -> Activation | None: ...

    async def interrupted_swaps(self, camera: str) -> Sequence[SwapRecord]:
        """Swaps still RUNNING in the journal when it was opened; marked INTERRUPTED by this call."""
        ...

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        """Newest first."""
        ...

    async def swap(self, swap_id: str) -> SwapRecord | None: ...

    async def stored_answer(self, request_id: str) -> StoredAnswer | None: ...

    async def store_answer(self, answer: StoredAnswer, audit: AuditEntry | None = None) -> None:
        """The first answer to an id stays; the entry and what it told are written in the same transaction."""
        ...

    def note_answer(self, answer: StoredAnswer, audit: AuditEntry) -> None:
        """The same as a note, for an answer that was given all the same."""
        ...

    async def request_marks(self, request_id: str) -> Sequence[RequestMark]:
        """For which cameras a request was carried out, whether or not it was answered."""
        ...

    def note_audit(self, entry: AuditEntry) -> None: ...

    async def record_audit(self, entry: AuditEntry) -> None:
        """Durable when it returns; a journal that fails now writes it as soon as it can, which raises nothing."""
        ...

    async def audit(self, after: int | None, limit: int, camera: str | None) -> AuditPage:
        """Entries with a higher number than `after`, oldest first; None: the newest ones, newest first."""
        ...

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

    async def trust(self, name: str) -> str | None:
        """What was put under that name last; never removed."""
        ...

    async def put_trust(self, name: str, value: str, audit: AuditEntry) -> None:
        """Value and entry in one transaction."""
        ...

    def note_line(self, row: LineRow) -> None:
        """A new row, or the end of the one that began at that time on that camera."""
        ...

    def note_slowdown(self, row: SlowdownRow) -> None: ...
