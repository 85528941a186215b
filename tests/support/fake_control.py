"""Scripted CameraControl and Journal: what the transport talks to, without cameras behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Priority
from agent.domain.capture import CaptureAsk
from agent.domain.control import ClaimOutcome, Closing, Committed, LineOutcome, OrderOutcome, Prepared, ProfileStarted
from agent.domain.decision import Account, Action, Candidate, Decision, Reason
from agent.domain.device import CameraInfo, Health
from agent.domain.journal import Alarm, SwapRecord
from agent.domain.notice import AnnouncedChange, ChangeState, LineReport, LineState
from agent.domain.operation import Operation, ProfileAsk, ProfilePlan, ProfileStage, ProfileWork, SwapWork
from agent.domain.orders import NO_ORDERS, Inhibit, Mode, Orders, Pin
from agent.domain.preview import Jpeg, Preview
from agent.domain.result import Box, InferenceResult, RawInference, StreamCounts
from agent.domain.snapshot import CameraSnapshot, ComingCause, ComingSwap, LatencyFigures, Proof, RunningSwap
from agent.domain.states import CameraState, Degraded, SwapStage
from agent.domain.subnet import Accuracy, Arch, Artifact, Catalogue, Golden, InputSpec, Subnet
from agent.errors import BadInput, Cancelled, Stale
from agent.supervisor.feed import Broadcast, Reader
from agent.supervisor.operations import OperationDesk
from tests.support.fake_capture import FakeCapture
from tests.support.memory_journal import MemoryJournal

DEFAULT = EffectiveBudget("budget-1", Budget(max_latency_ms=80.0), Priority.DEFAULT, ())
ACCOUNT = Account(
    (
        Candidate("w1-big", 0.93, 31.5, 42.5, 120, True),
        Candidate("w1-huge", 0.95, 96.0, 107.0, 0, False, "latency bound 107 ms above 80 ms"),
    ),
    "w1-big is the most accurate of 1 that meet 80 ms",
)


def a_decision(
    action: Action = Action.KEEP, reason: Reason = Reason.BEST_ALREADY, budget: EffectiveBudget = DEFAULT
) -> Decision:
    """About the one net that runs."""
    return Decision(action, reason, "w1-big", "w1-big", budget, True, ACCOUNT)


DECISION = a_decision()
INPUT = InputSpec(96, 96, 1, "mono8", (127.5,), (127.5,))


def a_subnet(subnet_id: str, top1: float) -> Subnet:
    return Subnet(
        id=subnet_id,
        arch=Arch((3, 5), (3.0, 4.5), (2, 3), 96),
        params=10_000,
        macs_dense=2_000_000,
        macs_depthwise=300_000,
        layers=20,
        accuracy=Accuracy(top1, 500, top1 - 0.02, top1 + 0.02, "held-out"),
        predicted_ms=30.0,
        latency_source="law",
        input=INPUT,
        artifacts=(Artifact("openvino-ir-10", "sim", 0, "blobs/ab.ovir", "ab" * 32, 123_456),),
        goldens=(Golden("golden/cd.png", 1, 0.97, 0.05),),
    )


CATALOGUE = Catalogue(
    "line", 7, "ef" * 32, "classification", ("good", "bad"), (a_subnet("w1-big", 0.93), a_subnet("w1-huge", 0.95))
)
HEALTH = Health(41.5, StreamCounts(100, 1, 90, 5, 3, 2), 16.6, 0.02)
SNAPSHOT = CameraSnapshot(
    camera="station-1",
    revision=1,
    state=CameraState.ACTIVE,
    degraded=(Degraded.THROTTLED,),
    detail="hot",
    info=CameraInfo("20381234", "Firefly DL", "1.2", "4.0", 1 << 20, 8 << 20, 123_456, "w1-big", True, ("old",)),
    active_subnet="w1-big",
    generation=3,
    verified=True,
    budget=DEFAULT,
    claims=(),
    decision=DECISION,
    latency=LatencyFigures(120, 30.0, 31.0, 40.0, 42.0),
    load=0.5,
    swap=RunningSwap("swap-9", "w1-huge", SwapStage.UPLOADING, 10, 20, 1_700_000_000_500_000_000, 1.5),
    health=HEALTH,
    swaps_total=4,
    verified_by=Proof.GOLDEN_IMAGES,
    line=LineState(True, 600.0, (LineReport("plc", True, 600.0, 0, 1 << 60),)),
    changes=(AnnouncedChange("p-1", "plc", ChangeState.COMMITTED, Budget(40.0), 60.0, 1 << 60),),
    coming=ComingSwap("w1-huge", 9e8, 2.5, Reason.BUDGET, ComingCause.ANNOUNCED_CHANGE, "w1-huge for p-1"),
    permit_boot_ns=1 << 60,
    etag="etag-1",
    settled=True,
)


def a_result(sequence: int, camera: str = "station-1") -> InferenceResult:
    raw = RawInference(
        generation=3,
        frame_id=sequence + 10,
        captured_ns=sequence * 1_000_000,
        carried_ns=sequence * 1_000_000 + 500,
        class_id=1,
        confidence=0.9,
        service_ms=30.0,
        latency_ms=40.0,
        part=sequence,
        boxes=(Box(0, 0.8, 1, 2, 3, 4),),
    )
    return InferenceResult(sequence, camera, "w1-big", "budget-1", raw)


@dataclass
class FakeControl:
    """Says what it is told to; `error` is raised by every change, `gate` holds changes until it is set."""

    name: str = "station-1"
    known: Catalogue | None = CATALOGUE
    error: Exception | None = None
    gate: asyncio.Event | None = None
    swap_expected: bool = True
    calls: list[tuple[object, ...]] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    now: CameraSnapshot = SNAPSHOT
    snapshots: Broadcast[CameraSnapshot] = field(default_factory=Broadcast)
    results: Broadcast[InferenceResult] = field(default_factory=Broadcast)
    claims: dict[str, Claim] = field(default_factory=dict)
    prepared: dict[str, AnnouncedChange] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    orders: Orders = NO_ORDERS
    permit_boot_ns: int | None = None
    captures: list[FakeCapture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = replace(self.now, camera=self.name)
        self.desk = OperationDesk(self.cancelled.append)

    def snapshot(self) -> CameraSnapshot:
        return self.now

    def change(self, **fields: object) -> None:
        """The next revision of the snapshot, published."""
        self.now = replace(self.now, revision=self.now.revision + 1, **fields)  # type: ignore[arg-type]
        self.snapshots.publish(self.now)

    def catalogue(self) -> Catalogue | None:
        return self.known

    def explain(self, budget: Budget | None) -> Decision:
        self.calls.append(("explain", budget))
        if self.error is not None:
            raise self.error
        return DECISION if budget is None else a_decision(budget=replace(DEFAULT, id="tried", budget=budget))

    @property
    def etag(self) -> str:
        return f"{sorted(self.claims)} {self.orders}"

    @asynccontextmanager
    async def writing(self, etag: str = "") -> AsyncIterator[None]:
        if etag and etag != self.etag:
            raise Stale(f"camera {self.name}: etag {etag!r} is not {self.etag!r} any more")
        yield

    def present(self, client: str) -> ClaimOutcome:
        return self._outcome(self.claims.get(client))

    def ordered(self) -> OrderOutcome:
        swaps = self.swap_expected
        work = SwapWork("swap-1", "w1-big", "w1-huge", Reason.PINNED.value)
        operation = Operation("operations/swap-1", self.name, work, started_wall_ns=1) if swaps else None
        return OrderOutcome(self.orders, self.permit_boot_ns, DECISION, operation)

    async def set_mode(self, client: str, mode: Mode) -> OrderOutcome:
        await self._change("set_mode", client, mode)
        self.orders = replace(self.orders, mode=mode, mode_by=client)
        self.now = replace(self.now, orders=self.orders)
        return self.ordered()

    async def pin(self, client: str, subnet_id: str) -> OrderOutcome:
        await self._change("pin", client, subnet_id)
        self.orders = replace(self.orders, pin=Pin(subnet_id, client, 1))
        return self.ordered()

    async def unpin(self, client: str) -> OrderOutcome:
        await self._change("unpin", client)
        self.orders = replace(self.orders, pin=None)
        return self.ordered()

    async def rollback(self, client: str) -> OrderOutcome:
        await self._change("rollback", client)
        self.orders = replace(self.orders, pin=Pin("w1-huge", client, 1, rollback=True))
        return self.ordered()

    async def permit_swap(
        self, client: str, ttl_s: float | None, everyone: bool = False, lift_only: bool = False
    ) -> OrderOutcome:
        await self._change("permit_swap", client, ttl_s, everyone, lift_only)
        self.orders = self.orders.permitted(None if everyone else client)
        self.permit_boot_ns = self.permit_boot_ns if lift_only else 1 << 62
        return self.ordered()

    async def inhibit_swap(self, client: str, ttl_s: float | None, why: str) -> OrderOutcome:
        await self._change("inhibit_swap", client, ttl_s, why)
        self.orders = self.orders.inhibited(Inhibit(client, why, ttl_s))
        return self.ordered()

    async def set_budget(
        self,
        client: str,
        budget: Budget,
        ttl_s: float | None,
        allow_infeasible: bool,
        kind: ClaimKind | None = None,
        closing: Closing | None = None,
    ) -> ClaimOutcome:
        if closing is not None:
            await closing(None)
        await self._change("set_budget", client, budget, ttl_s, allow_infeasible)
        kind = kind or (ClaimKind.MANUAL if ttl_s is None else ClaimKind.LEASE)
        expires = None if ttl_s is None else round(ttl_s * 1e9)
        claim = Claim(f"claim-{len(self.calls)}", client, self.name, kind, budget, ttl_s, expires)
        self.claims[client] = claim
        return self._outcome(claim)

    async def renew_budget(self, client: str) -> ClaimOutcome:
        await self._change("renew_budget", client)
        if client not in self.claims:
            raise BadInput("client", f"{client} holds no lease on {self.name}; set a budget with a ttl first")
        return self._outcome(self.claims[client])

    async def release_budget(self, client: str, announced_only: bool = False) -> ClaimOutcome:
        await self._change("release_budget", client, *([announced_only] if announced_only else []))
        self.claims.pop(client, None)
        return self._outcome(None)

    async def report_line(
        self, client: str, stopped: bool, parts_per_minute: float | None, ttl_s: float | None
    ) -> LineOutcome:
        await self._change("report_line", client, stopped, parts_per_minute, ttl_s)
        report = LineReport(client, stopped, parts_per_minute, 0, 1 << 62)
        return LineOutcome(LineState(stopped, parts_per_minute, (report,)), DECISION, None)

    async def prepare_budget(
        self, client: str, notice_id: str, budget: Budget, ttl_s: float | None, due_s: float
    ) -> Prepared:
        await self._change("prepare_budget", client, notice_id, budget, ttl_s, due_s)
        self.prepared[client] = AnnouncedChange(notice_id, client, ChangeState.PREPARED, budget, ttl_s, 1 << 62)
        return Prepared(self.prepared[client], DEFAULT, DECISION, "w1-big", 0.93, True, True, 2.5, 5.0, 2.5, "w1-huge")

    async def commit_budget(self, client: str, notice_id: str, waits: bool) -> Committed:
        await self._change("commit_budget", client, notice_id, waits)
        if client not in self.prepared or self.prepared[client].id != notice_id:
            raise BadInput("prepared_id", f"{client} has no announced change {notice_id}; prepare it anew")
        state = ChangeState.WAITING if waits else ChangeState.COMMITTED
        return Committed(replace(self.prepared[client], state=state), DEFAULT, DECISION, "swap-1" if waits else None)

    def start_capture(self, ask: CaptureAsk) -> FakeCapture:
        self.calls.append(("start_capture", ask))
        if self.error is not None:
            raise self.error
        capture = FakeCapture.of(ask, self.name, len(self.captures) + 1)
        self.captures.append(capture)
        self.desk.put(capture.operation, lambda: capture.end(Cancelled("cancelled")))
        return capture

    async def preview(self, max_width: int) -> Preview:
        await self._change("preview", max_width)
        size = (max_width, max_width * 3 // 4, 1440, 1080)
        jpeg = Jpeg(1, 17, 7, 7_000_000, 1, 3, *size, b"jpeg")
        return Preview(self.name, 1_700_000_000_123_456_000, jpeg, "w1-big", a_result(7, self.name))

    async def acknowledge(self, key: str, by: str) -> None:
        await self._change("acknowledge", f"{key} {by}")

    @property
    def operations(self) -> OperationDesk:
        return self.desk

    def plan_profile(self, ask: ProfileAsk) -> ProfilePlan:
        self.calls.append(("plan_profile", ask))
        if self.error is not None:
            raise self.error
        return ProfilePlan(ask.subnets or ("w1-huge", "w1-big"), ask.validated().results, 42.5, 6.0)

    async def start_profile(self, ask: ProfileAsk) -> ProfileStarted:
        plan = self.plan_profile(ask)
        work = ProfileWork(ProfileStage.SWAPPING, plan.subnets[0], len(plan.subnets), plan.takes_s)
        operation = Operation(f"operations/{len(self.calls)}", self.name, work, started_wall_ns=1)
        self.desk.put(operation)
        return ProfileStarted(operation, a_decision(Action.SWAP, Reason.PROFILE))

    def status_feed(self) -> Reader[CameraSnapshot]:
        return self.snapshots.subscribe(1, self.now)

    def result_feed(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Reader[InferenceResult]:
        return self.results.subscribe(capacity, wanted=wanted)

    async def _change(self, *call: object) -> None:
        self.calls.append(call)
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error

    def _outcome(self, claim: Claim | None) -> ClaimOutcome:
        claims = () if claim is None else (claim.id,)
        effective = EffectiveBudget("budget-2", Budget(max_latency_ms=50.0), Priority.LEASE, claims)
        operation = self.ordered().operation
        return ClaimOutcome(claim, effective, DECISION, self.swap_expected, "swap-1", operation)


class FakeJournal(MemoryJournal):
    """The journal as the transport sees it: filters by camera and notes who acknowledged."""

    async def swaps(self, camera: str | None, limit: int) -> Sequence[SwapRecord]:
        rows = [row for row in self.rows.values() if camera in (None, row.camera)]
        return rows[::-1][:limit]

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        self._write()
        self.known_alarms = [replace(a, acknowledged_by=by) if a.id == alarm_id else a for a in self.known_alarms]
        return await super().acknowledge_alarm(alarm_id, by)
