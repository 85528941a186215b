"""What the transport may ask of a supervisor (agent.domain.control): each command changes the desire and returns.

The loop does what follows. A command is durable when it returns; what it starts is an operation.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from agent.clock import Clock
from agent.domain.alarms import AlarmKey
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget
from agent.domain.capture import CaptureAsk
from agent.domain.control import ClaimOutcome, Closing, Committed, LineOutcome, OrderOutcome, Prepared, ProfileStarted
from agent.domain.decision import Action, Decision
from agent.domain.device import Camera
from agent.domain.journal import Journal
from agent.domain.line import Demand
from agent.domain.operation import Operations, ProfileAsk, ProfilePlan
from agent.domain.orders import Mode
from agent.domain.preview import Preview
from agent.domain.request import on_its_own
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState
from agent.domain.subnet import Catalogue
from agent.errors import AgentError, BadInput, Cancelled, Infeasible, ModeForbids, NoPrevious, Refused
from agent.logs import event, logger
from agent.supervisor.actor import Actor
from agent.supervisor.alarms import AlarmDesk
from agent.supervisor.announce import ChangeBook
from agent.supervisor.capture import CaptureDesk, ImageCapture
from agent.supervisor.claims import ClaimBook
from agent.supervisor.desire import Desire
from agent.supervisor.feed import Broadcast, Reader
from agent.supervisor.foresee import prepared
from agent.supervisor.line import LineDesk
from agent.supervisor.operations import OperationDesk
from agent.supervisor.orders import OrderBook
from agent.supervisor.pictures import PictureDesk
from agent.supervisor.profiling import Profiler
from agent.supervisor.results import ResultDesk
from agent.supervisor.situation import Situation
from agent.supervisor.source import SubnetSource

_log = logger("supervisor")
LEASE_EXPIRED: AlarmKey = "lease_expired"  # the alarm whose acknowledgement lifts the fail-safe budget
SETTLES_S = 0.01  # from a command that changes nothing on the camera to the turn of the loop that tells who watches
LOOK_BACK = 200  # swaps; further back nobody means to go


class Commands(ABC):
    """Part of Supervisor, which owns all that is named here; event-loop side only."""

    _camera: Camera
    _journal: Journal
    _clock: Clock
    _source: SubnetSource | None
    _usable: frozenset[str]
    _desire: Desire
    _claims: ClaimBook
    _changes: ChangeBook
    _line: LineDesk
    _orders: OrderBook
    _actor: Actor
    _alarms: AlarmDesk
    _profiler: Profiler
    _captures: CaptureDesk
    pictures: PictureDesk
    _operations: OperationDesk
    _desk: ResultDesk
    _snapshots: Broadcast[CameraSnapshot]
    _acknowledged: bool
    _decision: Decision | None

    @property
    def name(self) -> str:
        return self._camera.name

    @property
    def etag(self) -> str:
        return self._desire.etag

    def writing(self, etag: str = "") -> AbstractAsyncContextManager[None]:
        return self._desire.writing(etag)

    def snapshot(self) -> CameraSnapshot:
        return self._publish()

    def catalogue(self) -> Catalogue | None:
        return self._source.catalogue if self._source else None

    def explain(self, budget: Budget | None) -> Decision:
        period_ms = self._measured_period_ms()
        if budget is None:
            return self._explain_under(self._desire.now(period_ms))
        return self._explain(self._desire.under(budget, period_ms))

    # -- budgets ------------------------------------------------------------------------------------------------------

    def present(self, client: str) -> ClaimOutcome:
        return self._outcome(self._claims.held_by(client))

    async def set_budget(
        self,
        client: str,
        budget: Budget,
        ttl_s: float | None,
        allow_infeasible: bool,
        kind: ClaimKind | None = None,
        closing: Closing | None = None,
    ) -> ClaimOutcome:
        if kind is ClaimKind.MAINTENANCE and self._orders.now.mode is not Mode.MAINTENANCE:
            raise ModeForbids(
                f"camera {self.name}: a claim of maintenance needs mode maintenance, and it is "
                f"{self._orders.now.mode.value}; set the mode first"
            )
        if not allow_infeasible:
            wanted = self.explain(budget)
            if not wanted.feasible:
                raise Infeasible(f"camera {self.name}: {wanted.text}")
        with on_its_own():
            await self._changes.advance()  # what was due before this was asked for does not come after it
        claim = self._claims.drawn_up(client, budget, ttl_s, kind)
        foreseen = None if closing is None else self._foreseen(claim)
        answered = None if closing is None else await closing(foreseen)
        await self._claims.put_drawn_up(claim, answered)
        self._orders.go_on()
        return self._outcome(claim) if foreseen is None or answered is None else self._in_force(foreseen)

    def _foreseen(self, claim: Claim) -> ClaimOutcome | None:
        """What that claim comes to; None where it starts a swap, or ends more than its client's claim before."""
        if self._changes.changes() or self._orders.cancelled or self._profiler.active:
            return None
        effective = self._claims.foresee(claim)
        if effective is None:
            return None
        decision = self._stands_for(effective)
        if decision is None:
            decision = self._explain_under(self._desire.now_under(effective, self._measured_period_ms()))
        if decision.action is Action.SWAP:
            return None
        return ClaimOutcome(claim, effective, decision, False, None, etag=self._desire.etag_with(claim))

    def _stands_for(self, effective: EffectiveBudget) -> Decision | None:
        """The decision of the loop's last turn, where that was to keep what runs and for just such a budget: claims
        that are said again are most of all."""
        last, state = self._decision, self._actor.state
        if last is None or last.action is not Action.KEEP or state is not CameraState.ACTIVE:
            return None
        if replace(last.budget, id=effective.id, claims=effective.claims) != effective:
            return None
        account = last.account
        return Decision(
            last.action, last.reason, last.target, last.active, effective, last.feasible, account, last.starts_s
        )

    def _in_force(self, foreseen: ClaimOutcome) -> ClaimOutcome:
        """What was told of a claim holds until the next decision. That finds nothing to do, so that it comes when the
        answer is on its way, once for all that came meanwhile."""
        self._decision = foreseen.decision
        asyncio.get_running_loop().call_later(SETTLES_S, self._wake)
        return foreseen

    async def renew_budget(self, client: str) -> ClaimOutcome:
        return self._outcome(await self._claims.renew(client))

    async def release_budget(self, client: str, announced_only: bool = False) -> ClaimOutcome:
        await self._changes.release(client, announced_only)
        self._orders.go_on()
        return self._outcome(None)

    async def prepare_budget(
        self, client: str, notice_id: str, budget: Budget, ttl_s: float | None, due_s: float
    ) -> Prepared:
        claim = await self._changes.prepare(client, notice_id, budget, ttl_s, due_s)
        effective = self._changes.effective_with(claim)
        demand = self._desire.under(effective, self._measured_period_ms())
        decision, standing = self._explain(demand), self._explain(demand, stands=True)
        change, gap_s = self._changes.change_of(claim), self._actor.expected_gap_s
        return prepared(change, effective, decision, standing, due_s, gap_s)

    async def commit_budget(self, client: str, notice_id: str, waits: bool) -> Committed:
        claim = await self._changes.commit(client, notice_id, waits)
        self._orders.go_on()
        told, change = self._outcome(None), self._changes.change_of(claim)
        return Committed(change, told.effective, told.decision, told.swap_id, told.operation)

    async def report_line(
        self, client: str, stopped: bool, parts_per_minute: float | None, ttl_s: float | None
    ) -> LineOutcome:
        self._line.report(client, stopped, parts_per_minute, ttl_s)
        told = self._outcome(None)
        return LineOutcome(self._line.state(), told.decision, told.swap_id, told.operation)

    # -- orders -------------------------------------------------------------------------------------------------------

    def ordered(self) -> OrderOutcome:
        told = self._outcome(None)
        return OrderOutcome(self._orders.now, self._orders.permit_boot_ns, told.decision, told.operation)

    async def set_mode(self, client: str, mode: Mode) -> OrderOutcome:
        await self._orders.set_mode(client, mode)
        self._orders.go_on()
        return self.ordered()

    async def pin(self, client: str, subnet_id: str) -> OrderOutcome:
        await self._pin(client, subnet_id, rollback=False)
        return self.ordered()

    async def unpin(self, client: str) -> OrderOutcome:
        await self._orders.unpin(client)
        self._orders.go_on()
        return self.ordered()

    async def rollback(self, client: str) -> OrderOutcome:
        active = self._actor.installed.subnet_id if self._actor.installed else None
        swaps = await self._journal.swaps(self.name, LOOK_BACK)
        before = (swap.active_subnet for swap in swaps if swap.active_subnet is not None)
        previous = next((one for one in before if one != active), None)
        if previous is None:
            raise NoPrevious(f"camera {self.name}: no other sub-net than {active or 'none'} was active before; pin one")
        if previous not in self._usable:
            raise NoPrevious(
                f"camera {self.name}: {previous} was active before, and the library has it no more; pin one"
            )
        await self._pin(client, previous, rollback=True)
        return self.ordered()

    async def _pin(self, client: str, subnet_id: str, rollback: bool) -> None:
        catalogue = self.catalogue()
        if catalogue is None or catalogue.get(subnet_id) is None:
            raise BadInput("subnet_id", f"{subnet_id!r} is not in the library of camera {self.name}")
        if subnet_id not in self._usable:
            raise Refused(f"camera {self.name}: {subnet_id} has no format that the camera accepts")
        await self._orders.pin(client, subnet_id, rollback)
        self._actor.forgive(subnet_id)  # who asks by name wants it tried again
        self._orders.go_on()

    async def permit_swap(
        self, client: str, ttl_s: float | None, everyone: bool = False, lift_only: bool = False
    ) -> OrderOutcome:
        await self._orders.permit(client, ttl_s, everyone, lift_only)
        self._orders.go_on()
        return self.ordered()

    async def inhibit_swap(self, client: str, ttl_s: float | None, why: str) -> OrderOutcome:
        await self._orders.inhibit(client, ttl_s, why)
        return self.ordered()

    def start_capture(self, ask: CaptureAsk) -> ImageCapture:
        return self._captures.start(ask)

    async def preview(self, max_width: int) -> Preview:
        return await self.pictures.preview(max_width)

    async def acknowledge(self, key: str, by: str) -> None:
        event(_log, logging.INFO, "alarm_acknowledged", camera=self.name, key=key, by=by)
        if key == LEASE_EXPIRED:
            await self._claims.acknowledge()
        await self._alarms.acknowledged(key)
        if self._actor.state is CameraState.FAULTED:
            self._acknowledged = True
        self._wake()

    # -- operations and feeds -----------------------------------------------------------------------------------------

    @property
    def operations(self) -> Operations:
        return self._operations

    def plan_profile(self, ask: ProfileAsk) -> ProfilePlan:
        return self._profiler.plan(ask, self._situation())

    async def start_profile(self, ask: ProfileAsk) -> ProfileStarted:
        operation = self._profiler.begin(ask, self._situation(), waits=True)
        try:
            await self._operations.write_first(operation.name, self._journal)
        except BaseException as error:
            why = error if isinstance(error, AgentError) else Cancelled("whoever asked for it has gone")
            self._profiler.withdraw(operation.name, why)
            raise
        self._profiler.proceed(operation.name)
        self._wake()
        return ProfileStarted(operation, self._outcome(None).decision)

    def status_feed(self) -> Reader[CameraSnapshot]:
        return self._snapshots.subscribe(1, self._publish())

    def result_feed(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Reader[InferenceResult]:
        return self._desk.subscribe(capacity, wanted)

    # -- what the loop knows ------------------------------------------------------------------------------------------

    @abstractmethod
    def _outcome(self, claim: Claim | None) -> ClaimOutcome: ...

    @abstractmethod
    def _explain(self, demand: Demand, stands: bool = False) -> Decision: ...

    @abstractmethod
    def _explain_under(self, demand: Demand) -> Decision:
        """The same as the decision under that demand, without learning anything."""

    @abstractmethod
    def _measured_period_ms(self) -> float | None: ...

    @abstractmethod
    def _situation(self) -> Situation: ...

    @abstractmethod
    def _publish(self) -> CameraSnapshot: ...

    @abstractmethod
    def _wake(self) -> None: ...
