"""Supervisor of one camera: newest desire, policy, at most one action.

    claims ─► effective budget ─┐
    results ─► latency model  ──┼─► decide (pure) ─► connect | swap | stream ─► Actor
    camera events ──────────────┘

Owner of the latency model, the newest decision and the tasks of one camera. Everything runs on the event loop; what
blocks runs on the camera's own thread. RPC handlers change the desire and return; the loop does the rest.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable

import anyio
from anyio.abc import TaskGroup

from agent.domain.budget import Claim, ClaimKind
from agent.domain.control import ClaimOutcome
from agent.domain.decision import Action, Decision
from agent.domain.device import CameraEvent, EventKind
from agent.domain.journal import SwapRecord
from agent.domain.line import Demand, View
from agent.domain.snapshot import CameraSnapshot, ComingSwap
from agent.domain.states import CameraState
from agent.errors import AgentError, JournalError, NotPermitted
from agent.logs import event, logger
from agent.policy.interlock import Interlock, Network, interlocked, ordered, why_held
from agent.supervisor.actor import Actor
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.capture import capture_desk
from agent.supervisor.commands import LEASE_EXPIRED, Commands
from agent.supervisor.desire import Desire
from agent.supervisor.feed import Broadcast
from agent.supervisor.foresee import coming_swap, settled
from agent.supervisor.inputs import LineInputWatch
from agent.supervisor.intake import Intake
from agent.supervisor.memory import Memory
from agent.supervisor.meters import tell_budget
from agent.supervisor.operations import OperationDesk
from agent.supervisor.parts import Parts, policy_of, policy_settings, streams_only, usable_of
from agent.supervisor.pictures import picture_desk
from agent.supervisor.profiling import Profiler
from agent.supervisor.pulse import Pulse
from agent.supervisor.results import ResultDesk
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.situation import Situation
from agent.supervisor.source import SubnetSource
from agent.supervisor.status import compose, same_but_revision
from agent.supervisor.swap_operations import SwapOperations
from agent.supervisor.view import Running
from agent.supervisor.vigil import Flow, Vigil
from agent.swap.transaction import Installed
from agent.telemetry.figures import RollingFigures, ShownFigures

_log = logger("supervisor")
LEASE_TICK_S = 0.1  # a host that was suspended wakes in the middle of a tick: the end of a lease must not wait for it
BUSY_TICK_S = 0.25  # while a swap or the like is under way, and where others of a group wait for what is seen
_READY = (CameraState.IDLE, CameraState.ACTIVE)


class Supervisor(Commands):
    """See the module docstring; implements agent.domain.control.CameraControl."""

    def __init__(self, parts: Parts) -> None:
        self._camera, self._journal, self._clock = parts.camera, parts.journal, parts.clock
        self._settings = parts.settings
        self._source = parts.source
        self._usable = usable_of(parts.source)
        self._new_id = parts.new_id
        name = parts.camera.name
        self._desire = Desire(name, parts.settings, parts.journal, parts.clock, parts.boot_id, parts.new_id)
        self._claims, self._changes, self._line = self._desire.claims, self._desire.changes, self._desire.line
        self._orders = self._desire.orders
        self._operations = OperationDesk(ends_when_written=True, now_s=lambda: self._clock.now_ns() / 1e9)
        self._meter = parts.meter
        desk = self._desk = ResultDesk(name, parts.clock, parts.meter)
        self._alarms = (parts.alarms or StandingAlarms(parts.journal, parts.clock)).desk(name)
        self._vigil = Vigil(self._alarms)
        self._woken = asyncio.Event()
        wanted = parts.settings.line_stopped_input
        self._inputs = LineInputWatch(parts.camera, parts.clock, self._line, self._alarms, wanted, self._wake)
        self._turn = parts.group.turn(name) if parts.group else None
        self._actor = Actor(
            parts.camera,
            parts.journal,
            parts.clock,
            parts.settings,
            parts.source,
            self._desk,
            self._alarms,
            self._wake,
            self._turn,
            self._barred,
        )
        swaps = (name, parts.journal, parts.clock, self._operations, self._actor, self._orders.hold, parts.meter)
        self._swaps = SwapOperations(*swaps)
        self._policy = policy_of(parts.settings, parts.source)
        self._memory = Memory(name, parts.journal, parts.clock, parts.source, self._policy, parts.settings.profile_age)
        self._profiler = Profiler(
            name, parts.clock, self._memory, parts.source, parts.new_id, parts.settings, self._operations
        )
        self._follow_swaps()
        self._captures = capture_desk(parts, self._operations, self._desk, self._actor)
        self.pictures = picture_desk(parts, self._desk, self._actor)
        self._figures = RollingFigures()
        self._shown = ShownFigures(self._figures, parts.clock)
        self._intake = Intake(parts.camera, parts.clock, desk, self._figures, self._turn, self._actor.gap_measured)
        self._decision: Decision | None = None
        self._seen: View | None = None  # by that decision
        self._now: Situation | None = None  # as that decision found it
        self._wanted: Decision | None = None  # the same before interlocks
        self._noted: tuple[object, ...] = ()
        self._pulse = Pulse(parts.camera, parts.clock, parts.settings.health_every_s, self._lost, parts.meter)
        self._snapshots: Broadcast[CameraSnapshot] = Broadcast()
        self._revision = 0
        self._last: CameraSnapshot | None = None
        self._busy = False
        self._loss: str | None = None
        self._acknowledged = self._stopping = False
        self.passed_ns = parts.clock.now_ns()  # when the loop went round last
        self.stopped = asyncio.Event()  # `run` has ended and the camera is closed
        self._swap_id = parts.new_id()
        self._camera.on_event(self._on_camera_event)

    def _follow_swaps(self) -> None:
        self._actor.on_ended = self._swap_ended
        self._actor.on_given_up = self._swaps.ended
        self._actor.on_gap = self._orders.spend_permit
        self._actor.on_row, self._actor.on_gap_measured = self._meter.swap_ended, self._meter.gap_ended

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Take over what the journal holds of the camera: before `run` and before anybody asks. Raises JournalError."""
        await self._desire.load()
        await self._alarms.restore()
        self._publish()

    async def run(self) -> None:
        """Supervise until `stop` or cancellation; the camera is closed in the vendor's order on every way out."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._captures.run, name=f"{self.name}-captures")
                tasks.start_soon(self.pictures.run, name=f"{self.name}-pictures")
                while not self._stopping:
                    self.passed_ns = self._clock.now_ns()
                    await self._tick(tasks)
                    await self._wait()
        finally:
            with anyio.CancelScope(shield=True):
                self._profiler.close()
                self._captures.close()
                self._memory.away()
                await self._actor.disconnect("the agent stops")
                self._swaps.close()
                await self._write_operations()
                if self._turn is not None:
                    self._turn.sight(False, 0.0)
                self._publish()
                self.stopped.set()

    def reconfigure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        """Other settings, and another library where `source` is another one; in force at once, and nothing that runs is
        disturbed. What was learned of the camera and of sub-nets that stay is kept."""
        self._settings, other = settings, source is not self._source
        self._source = source
        self._desire.configure(settings)
        self._actor.configure(settings, source)
        self._profiler.configure(settings, source)
        self._inputs.reconfigure(settings.line_stopped_input)
        if other:
            self._usable = usable_of(source)
        if source is None:
            self._policy = None
        elif self._policy is None:
            self._policy = policy_of(settings, source)
        else:
            self._policy.retune(policy_settings(settings))
            if other:
                self._policy.use(source.catalogue)
        if other:
            self._memory.use(source, self._policy)
        self._wake()

    def stop(self) -> None:
        """End `run` after the action under way, which has its own deadline; a swap that waits does not begin."""
        self._stopping = True
        self._actor.withdraw("the agent stops")
        self._captures.close()
        self.pictures.end()
        self._wake()

    async def _wait(self) -> None:
        ends_s = (self._desire.until_change_s(), self._until_start_s())
        busy_s = BUSY_TICK_S if self._busy or self._turn is not None else math.inf
        tick_s = min(self._settings.tick_s, self._inputs.look_every_s, busy_s)
        tick_s = min(tick_s, LEASE_TICK_S) if self._desire.has_ends() else tick_s
        timeout_s = min([tick_s, *(end_s + 1e-3 for end_s in ends_s if end_s is not None)])
        timer = asyncio.get_running_loop().call_later(timeout_s, self._wake)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    def _until_start_s(self) -> float | None:
        """Seconds until a swap that is held back is meant to begin."""
        starts_s = self._decision.starts_s if self._decision else None
        return None if starts_s is None or starts_s <= self._actor.now_s() else starts_s - self._actor.now_s()

    async def _tick(self, tasks: TaskGroup) -> None:
        self._woken.clear()
        self._inputs.look(tasks, self._actor.state, self._actor.infers)
        self._learn()
        await self._changes.advance()
        await self._expire()
        await self._profiler.keep()
        await self._memory.refresh()
        self._decision = self._decide_now()
        self._remember()
        self._note(self._decision)
        self._tell_group(self._decision)
        self._act(tasks, self._decision)
        if self._swaps.look(self._decision, self._busy):
            self._swap_id = self._new_id()
        await self._write_operations()
        self._changes.settle(self._rests(self._decision))
        await self._vigil.look(self._publish(), self._ladder(), self._flow(), self._clock.now_ns())

    def _ladder(self) -> frozenset[str] | None:
        """The sub-nets that can be put on the camera; None without a library."""
        return None if self._source is None else self._usable

    def _flow(self) -> Flow:
        return Flow(self._desk.published, self._asked_per_s(), self._settings.free_running)

    def _act(self, tasks: TaskGroup, decision: Decision) -> None:
        """Start at most one action."""
        actor = self._actor
        if actor.waits_for is not None:
            self._ask_health(tasks)  # the old network still infers
        if self._busy or self._stopping:
            return
        if self._loss is not None:
            detail, self._loss = self._loss, None
            if actor.state is not CameraState.DISCONNECTED:
                self._start(tasks, "lost", actor.lost(detail))
                return
        if actor.state is CameraState.FAULTED and self._acknowledged:
            self._acknowledged = False
            self._start(tasks, "reset", actor.disconnect("acknowledged"))
        elif actor.may_connect():
            self._start(tasks, "connect", self._connect())
        elif actor.state in _READY and decision.action is Action.SWAP:
            swap_id, self._swap_id = self._swap_id, self._new_id()
            self._swaps.begun(swap_id, decision)
            waits = self._changes.line_waits(self._line.state())  # then no part passes while all cameras swap at once
            self._start(tasks, "swap", actor.swap(swap_id, decision, in_turn=not waits))
        elif actor.out_of_pace:
            self._start(tasks, "pace", actor.restart_stream())
        elif actor.state is CameraState.IDLE and not actor.streaming:
            self._start(tasks, "stream", actor.stream_idle())
        else:
            self._ask_health(tasks)

    async def _connect(self) -> None:
        await self._actor.connect()
        if self._actor.info is not None:
            self._meter.connected()
            await self._memory.load(self._actor.info)

    def _rests(self, decision: Decision) -> bool:
        """The camera infers, nothing is under way, and nothing is to come for the budget in force."""
        answered = decision.budget.id == self._claims.effective.id and settled(decision) and not self._profiler.active
        return answered and self._actor.state is CameraState.ACTIVE and not self._busy

    def _tell_group(self, decision: Decision) -> None:
        """What the others of the line must know, and whether a swap that waits is still wanted."""
        if self._turn is None:
            return
        self._turn.sight(self._actor.infers and self._loss is None, 1.0 / (self._asked_per_s() or math.inf))
        if self._loss is not None:
            self._actor.withdraw(f"the camera was lost: {self._loss}")
        self._actor.hurry(decision)

    def _start(self, tasks: TaskGroup, kind: str, action: Awaitable[None]) -> None:
        self._busy = True
        tasks.start_soon(self._guarded, kind, action, name=f"{self.name}-{kind}")

    async def _guarded(self, kind: str, action: Awaitable[None]) -> None:
        try:
            await action
        except AgentError as error:  # the journal, mostly: the camera is as its state says
            event(_log, logging.ERROR, "action_failed", camera=self.name, action=kind, error=error)
            await self._alarms.happened("action_failed", f"{kind}: {error}")
        except Exception as error:  # noqa: BLE001 - a fault of ours: say so, let go of the camera, begin anew
            _log.critical("action_crashed camera=%s action=%s", self.name, kind, exc_info=error)
            await self._alarms.happened("internal", f"{kind} crashed: {type(error).__name__}; the log has the trace")
            await self._actor.lost("internal error")
        else:
            await self._alarms.cleared("action_failed")
        finally:
            self._busy = False
            self._wake()

    def _learn(self) -> None:
        self._intake.look(self._captures.busy, self._profiler.active)
        samples_of = self._desk.take_samples()
        self._memory.results(samples_of, in_production=not self._profiler.active)
        self._profiler.results(samples_of)
        if self._policy is not None:
            for subnet_id, samples in samples_of.items():
                self._policy.observe(subnet_id, samples)

    # -- deciding -----------------------------------------------------------------------------------------------------

    def _view(self, demand: Demand, stands: bool = False) -> View:
        running = Running(
            self._active_id(),
            self._actor.activated_s,
            self._actor.state is CameraState.SWAPPING or self._profiler.decides,
        )
        period_ms = self._measured_period_ms()
        return self._desire.view(self._actor.now_s(), demand, running, self._actor.quarantined(), period_ms, stands)

    def _measured_period_ms(self) -> float | None:
        return self._pulse.period_ms

    def _explain(self, demand: Demand, stands: bool = False) -> Decision:
        seen = self._view(demand, stands)
        return streams_only(seen) if self._policy is None else self._policy.explain(seen)

    def _explain_under(self, demand: Demand) -> Decision:
        return self._interlocked(ordered(self._explain(demand), self._orders.now, self._network()))

    def _decide_now(self) -> Decision:
        """The decision under the budget in force; it also says for which budget the next parts are inspected."""
        demand = self._desire.now(self._measured_period_ms())
        now, seen = self._situation(demand), self._view(demand)
        self._now, self._seen = now, seen
        decision = streams_only(seen) if self._policy is None else self._policy.decide(seen)
        decision = ordered(decision, self._orders.now, self._network())
        decision = self._wanted = self._profiler.steer(decision, now)
        decision = self._interlocked(decision)
        if decision.action is not Action.SWAP:
            self._desk.stamp(decision.budget.id)
        tell_budget(self._meter, decision, seen.demand, self._settings.free_running, self._profiler.active)
        return decision

    def _interlocked(self, wanted: Decision) -> Decision:
        stopped = self._seen is not None and self._seen.demand.stopped
        return interlocked(wanted, self._orders.now, self._lock(stopped))

    def _lock(self, stopped: bool) -> Interlock:
        permitted = self._orders.permit_boot_ns is not None
        return Interlock(self._settings.window, permitted, stopped, self._orders.cancelled)

    def _barred(self, wanted: Decision) -> AgentError | None:
        """Why that swap must not begin now; asked last thing before its gap."""
        held = self._interlocked(wanted)
        return NotPermitted(held.text) if held.action is Action.HOLD else None

    def _network(self) -> Network:
        return Network(self._active_id(), self._actor.last_active, self._usable, self._actor.quarantined())

    def _active_id(self) -> str | None:
        """The sub-net that is on the camera; one whose bytes the library has no more goes by a name that it has not."""
        installed = self._actor.installed
        if installed is None or self._source is None:
            return installed.subnet_id if installed else None
        return installed.subnet_id if self._same_bytes(installed) else f"{installed.subnet_id}@{installed.sha256[:8]}"

    def _same_bytes(self, installed: Installed) -> bool:
        if self._source is None or self._source.catalogue.get(installed.subnet_id) is None:
            return True  # its name says it already
        try:
            return self._source.artifact_digest(installed.subnet_id)[0] == installed.sha256
        except AgentError:
            return False

    def _situation(self, demand: Demand | None = None) -> Situation:
        parts_per_s = (demand or self._desire.now(self._measured_period_ms())).parts_per_s
        line = self._line.state()
        held = why_held(self._orders.now, self._lock(line.stopped or self._changes.line_waits(line)))
        return Situation.of(self._actor, line, self._changes, parts_per_s, self._pulse.health, held)

    def _remember(self) -> None:
        """What the line asks for and what the camera does, for the journal and for stops that are long enough."""
        now, seen = self._now, self._seen
        if now is None or seen is None:
            return  # nothing has been decided yet
        self._memory.tick(seen, now.state, now.temperature_c)
        self._profiler.idle(now)
        self._actor.own_pace = self._profiler.own_pace(now.line_stopped)

    def _asked_per_s(self) -> float | None:
        """Inferences asked for: one a part, or one a frame."""
        demand = self._seen.demand if self._seen else self._desire.now(self._measured_period_ms())
        return 1000.0 / demand.frame_period_ms if demand.frame_period_ms else None

    def _note(self, decision: Decision) -> None:
        noted = (decision.action, decision.reason, decision.target, decision.budget.id, decision.feasible)
        if noted != self._noted:
            self._noted = noted
            decision.account  # noqa: B018 - in words now: the journal's thread must not ask a policy that goes on
            self._journal.note_decision(self.name, decision)

    async def _expire(self) -> None:
        for claim in self._claims.expire():
            event(_log, logging.WARNING, "claim_expired", camera=self.name, client=claim.client, kind=claim.kind.value)
            await self._claims.expired(claim)
            if claim.kind is ClaimKind.LEASE:
                self._meter.lease_expired()
                text = f"lease of {claim.client!r} ended without renewal: the fail-safe budget is in force"
                await self._alarms.happened(LEASE_EXPIRED, text)
        if not self._claims.fail_safe and LEASE_EXPIRED in self._alarms.active:
            await self._alarms.cleared(LEASE_EXPIRED)

    async def _write_operations(self) -> None:
        try:
            await self._operations.write(self._journal)
            await self._swaps.write()
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", camera=self.name, error=error)

    def _swap_ended(self, record: SwapRecord, error: AgentError | None) -> None:
        self._memory.swapped(record)
        self._swaps.ended(record, error)

    def _outcome(self, claim: Claim | None) -> ClaimOutcome:
        effective = self._claims.effective
        decision = self._decision = self._decide_now()
        swapping = decision.action is Action.SWAP
        swap_id = self._swap_of(decision) if swapping else None
        operation = None if swap_id is None else self._swaps.expect(swap_id, decision)
        self._wake()
        return ClaimOutcome(claim, effective, decision, swapping, swap_id, operation)

    def _swap_of(self, decision: Decision) -> str | None:
        """The id of the swap that carries it out: the next one, or one that waits for its turn; None: not known yet."""
        running = self._actor.running
        if running is not None and self._actor.waits_for == decision.target:
            return running.id
        return self._swap_id if not self._busy and self._actor.state in _READY else None

    # -- results, events, status --------------------------------------------------------------------------------------

    def _on_camera_event(self, happened: CameraEvent) -> None:
        self._intake.take()  # before a loss, too: they were measured on the line that ends
        if happened.kind is not EventKind.RESULTS:
            self._loss = happened.detail or happened.kind.value
            self._wake()

    def _ask_health(self, tasks: TaskGroup) -> None:
        if self._actor.state in _READY or self._actor.infers:
            self._pulse.look(tasks)

    def _lost(self, detail: str) -> None:
        """The camera is gone; the loop sees to it at its next turn."""
        self._loss = detail

    def _wake(self) -> None:
        self._woken.set()

    def _coming(self) -> ComingSwap | None:
        if self._decision is None or self._seen is None or self._actor.running is not None:
            return None
        return coming_swap(self._decision, self._seen, self._settings.min_dwell_s, self._actor.expected_gap_s)

    def _publish(self) -> CameraSnapshot:
        actor, orders = self._actor, self._orders.now
        latency, load = self._shown.at(actor.installed.generation if actor.installed else None, self._asked_per_s())
        snapshot = compose(
            self.name,
            self._revision + 1,
            actor,
            self._claims,
            self._decision,
            latency,
            load,
            self._pulse.health,
            self._line.state(),
            self._changes.changes(),
            self._coming(),
            stale_profiles=bool(self._memory.stale),
            retired=self._active_id() not in self._usable,
            orders=orders,
            permit_boot_ns=self._orders.permit_boot_ns,
            etag=self._desire.etag_of(orders),
            settled=self._decision is not None and self._rests(self._decision),
        )
        self._swaps.progress()
        if self._last is not None and same_but_revision(self._last, snapshot):
            return self._last
        self._revision, self._last = snapshot.revision, snapshot
        self._snapshots.publish(snapshot)
        return snapshot
