"""What the transport may ask of a camera's supervisor. All methods run on the event loop.

Feeds are bounded: a reader that does not keep up loses the oldest items of its own feed, never slows the camera.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget
from agent.domain.capture import Capture, CaptureAsk
from agent.domain.decision import Decision
from agent.domain.journal import Answered
from agent.domain.notice import AnnouncedChange, LineState
from agent.domain.operation import Operation, Operations, ProfileAsk, ProfilePlan
from agent.domain.orders import Mode, Orders
from agent.domain.preview import Preview
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot
from agent.domain.subnet import Catalogue

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ClaimOutcome:
    """The answer to a change of claims: the claim as stored (None when released), what is now in force, what follows.

    `swap_expected` says that the decision starts a swap now; its id is `swap_id`, and `operation` follows it. `etag` is
    the camera's after the change, where that is still to come; empty: ask the camera.
    """

    claim: Claim | None
    effective: EffectiveBudget
    decision: Decision
    swap_expected: bool
    swap_id: str | None
    operation: Operation | None = None
    etag: str = ""


# Called once, before anything is changed, with what will be told of the change, or None where that cannot be said
# before. What it answers is kept in the transaction of the change; None: the caller keeps it when it has been told.
Closing: TypeAlias = "Callable[[ClaimOutcome | None], Awaitable[Answered | None]]"


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """The answer to an order: all of the camera's, and what follows. `permit_boot_ns`: until when one swap is
    permitted.

    `operation`: of the swap that starts now; None where none does.
    """

    orders: Orders
    permit_boot_ns: int | None
    decision: Decision
    operation: Operation | None


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """The answer to a report: what the line is now taken to do, and what follows; `swap_id` of a swap that starts."""

    line: LineState
    decision: Decision
    swap_id: str | None
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an announced change would mean on one camera; times in seconds from now.

    `decision` and `subnet_id`: what its budget calls for as things are now. `ready_in_s`: until that answers, were the
    change committed now for its time; `wait_s`, `waiting_subnet_id`: how long the line would stand and for which
    network, were it to wait.
    """

    change: AnnouncedChange
    effective: EffectiveBudget
    decision: Decision
    subnet_id: str | None
    expected_accuracy: float | None
    feasible: bool
    swap_needed: bool
    expected_gap_s: float
    ready_in_s: float
    wait_s: float
    waiting_subnet_id: str | None


@dataclass(frozen=True, slots=True)
class Committed:
    """The answer to a commit: the change as stored, what is in force now, what follows; `swap_id` as LineOutcome."""

    change: AnnouncedChange
    effective: EffectiveBudget
    decision: Decision
    swap_id: str | None
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class ProfileStarted:
    """A profiling run that has begun, and the decision by which it did."""

    operation: Operation
    decision: Decision


class Feed(Protocol, Generic[T_co]):
    """One reader's bounded view of a stream; use as `async with feed: item = await feed.next(timeout_s)`."""

    @property
    def dropped(self) -> int:
        """Items this reader lost so far because it was too slow."""
        ...

    async def next(self, timeout_s: float) -> T_co | None:
        """The next item, or None when none came within `timeout_s` (the caller sends a heartbeat)."""
        ...

    def close(self) -> None: ...


class CameraControl(Protocol):
    """One camera as the transport sees it."""

    @property
    def name(self) -> str: ...

    def snapshot(self) -> CameraSnapshot: ...

    def catalogue(self) -> Catalogue | None: ...

    def explain(self, budget: Budget | None) -> Decision:
        """The decision now, or what it would be under `budget`; changes nothing."""
        ...

    @property
    def etag(self) -> str:
        """Names what is asked of the camera: claims, announced changes, orders. The same content has the same etag,
        also after a restart; a renewed lease does not change it.
        """
        ...

    def writing(self, etag: str = "") -> AbstractAsyncContextManager[None]:
        """Be the one who commands the camera; every mutation below is done inside.

        Raises Stale where `etag` is given and is not the camera's, CameraBusy where others are in the way for too long.
        """
        ...

    def present(self, client: str) -> ClaimOutcome:
        """What the client's claim is now and what follows from it, as if it had just been set; changes nothing."""
        ...

    async def set_budget(
        self,
        client: str,
        budget: Budget,
        ttl_s: float | None,
        allow_infeasible: bool,
        kind: ClaimKind | None = None,
        closing: Closing | None = None,
    ) -> ClaimOutcome:
        """Store the client's one claim (durable when this returns) and start what follows; does not wait for a swap.

        `kind` None: LEASE with a ttl, else MANUAL. Raises BadInput, Infeasible (with allow_infeasible false: nothing is
        stored then), ModeForbids for a claim of maintenance in another mode, JournalError, Repeated.
        """
        ...

    async def renew_budget(self, client: str) -> ClaimOutcome:
        """Full ttl again for the client's lease; raises BadInput where it has none (expired ones included)."""
        ...

    async def release_budget(self, client: str, announced_only: bool = False) -> ClaimOutcome:
        """Drop the client's claim and what it has announced, or only that; harmless when it has neither."""
        ...

    async def prepare_budget(
        self, client: str, notice_id: str, budget: Budget, ttl_s: float | None, due_s: float
    ) -> Prepared:
        """Store that the client will ask for `budget` in `due_s`, in place of what it announced before.

        Nothing else changes. Raises BadInput, JournalError.
        """
        ...

    async def commit_budget(self, client: str, notice_id: str, waits: bool) -> Committed:
        """Make it definite: in force from its time on or, where the line `waits` for the camera, now.

        Raises BadInput where it is not the client's announced change, JournalError.
        """
        ...

    async def report_line(
        self, client: str, stopped: bool, parts_per_minute: float | None, ttl_s: float | None
    ) -> LineOutcome:
        """Take the client's word of the line in place of its last one, for `ttl_s` (None: a default).

        Written nowhere. Raises BadInput.
        """
        ...

    def ordered(self) -> OrderOutcome:
        """The orders as they stand and what follows from them; changes nothing."""
        ...

    async def set_mode(self, client: str, mode: Mode) -> OrderOutcome:
        """Say who moves the network; durable when this returns. Raises JournalError."""
        ...

    async def pin(self, client: str, subnet_id: str) -> OrderOutcome:
        """Keep that sub-net whatever the budget says. Raises BadInput where the library has none of that id, Refused
        where the camera cannot run it, JournalError.
        """
        ...

    async def unpin(self, client: str) -> OrderOutcome:
        """Let the policy choose again; harmless where nothing is pinned. Raises JournalError."""
        ...

    async def rollback(self, client: str) -> OrderOutcome:
        """Pin the sub-net that was active before the present one. Raises NoPrevious, Refused, JournalError."""
        ...

    async def permit_swap(
        self, client: str, ttl_s: float | None, everyone: bool = False, lift_only: bool = False
    ) -> OrderOutcome:
        """Take back the client's inhibition (`everyone`: those of all clients) and, unless `lift_only`, let one swap
        begin within `ttl_s` (None: a default). Raises BadInput, JournalError.
        """
        ...

    async def inhibit_swap(self, client: str, ttl_s: float | None, why: str) -> OrderOutcome:
        """No swap begins for `ttl_s` (None: until the client permits one). Raises BadInput, JournalError."""
        ...

    @property
    def operations(self) -> Operations:
        """Its swaps, profiling runs and captures."""
        ...

    def plan_profile(self, ask: ProfileAsk) -> ProfilePlan:
        """What a run would do and cost now; raises BadInput, and Refused where none may begin."""
        ...

    async def start_profile(self, ask: ProfileAsk) -> ProfileStarted:
        """Begin a run, durable when this returns; raises as `plan_profile`, and JournalError. It goes on by itself."""
        ...

    def start_capture(self, ask: CaptureAsk) -> Capture:
        """Begin to take labelled images; it goes on by itself until its reader closes it.

        Raises BadInput, TooMany, and CameraGone or Refused where no picture can come now.
        """
        ...

    async def preview(self, max_width: int) -> Preview:
        """A small picture of what the camera sees now, at most `max_width` pixels wide; waits for a frame.

        However many ask, little is made of it and the inference is not disturbed. Raises CameraGone or Refused where no
        picture can come now, CameraTimeout where none comes, CameraRefused where its pixel format cannot be shown.
        """
        ...

    async def acknowledge(self, key: str, by: str) -> None:
        """Somebody has seen the alarm of that key.

        Any alarm of a FAULTED camera lets it try again; that of an expired lease lifts the fail-safe budget; every
        other acknowledgement changes nothing but the journal.
        """
        ...

    def status_feed(self) -> Feed[CameraSnapshot]:
        """Newest snapshot first, then changes, conflated to the newest."""
        ...

    def result_feed(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Feed[InferenceResult]:
        """Every result from now on; with `wanted`, which sees each once, those for which it is true."""
        ...
