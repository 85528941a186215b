"""Measuring sub-nets on the camera itself: swap to each, take its results, and go back.

    SWAPPING to the net ─► MEASURING ─┬─► the next one
        ▲      └─ fault: noted ───────┤
        └─────────────────────────────┘─► RETURNING to what the policy wants ─► DONE

The supervisor's loop carries it out: at every look it shows the policy's decision, and does what comes back. Each swap
is a verified one like any other; a fault leaves the camera as any failed swap does. A run ends before its time when it
is cancelled, when the line runs again (unless it was allowed to measure then), when the camera is lost, or when its
deadline is so near that only the way back is left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.domain.decision import Account, Action, Decision, Reason
from agent.domain.operation import PREFIX, Operation, ProfileAsk, ProfiledNet, ProfilePlan, ProfileStage, ProfileWork
from agent.domain.profile import NetProfile, ProfileSource, Range
from agent.domain.result import LatencySample
from agent.domain.states import CameraState
from agent.errors import AgentError, CameraGone, CameraTimeout, Cancelled, Inhibited, JournalError, Refused
from agent.logs import event, logger
from agent.supervisor.memory import Memory
from agent.supervisor.operations import OperationDesk
from agent.supervisor.profile_plan import USABLE, WARM_UP, Cost, Planner
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.situation import Situation
from agent.supervisor.source import SubnetSource

_log = logger("supervisor")
SWAP_LIMIT_S = 300.0  # for one net, waits for the turn in a group included
RETURN_LIMIT_S = 120.0
LEAST_RESULTS = 20  # that a profile may rest on when the time is up
_PATIENCE = 2.0  # how many times longer than expected results may take to come
_PATIENCE_S = 30.0
END_S = 5.0  # between the end of a run and its being told: a look of the loop at a journal whose disk hangs
IDLE_AGAIN_S = 3600.0  # a net that could not be measured in a stop is left alone for so long


@dataclass
class _Run:
    """One run. Owner: the profiler."""

    operation: Operation
    work: ProfileWork
    plan: ProfilePlan
    ask: ProfileAsk
    origin: str | None
    source: ProfileSource
    costs: tuple[Cost, ...]
    since_s: float  # of the step under way
    until_s: float  # then it is given up, wherever it is
    number: int = 0
    service_ms: list[float] | None = None  # None until the net is active
    temperature_c: Range | None = None
    ending: AgentError | None = None
    waits: bool = False  # until it is written down

    @property
    def target(self) -> str:
        return self.plan.subnets[self.number]


class Profiler:
    """See the module docstring. Event-loop side only; at most one run at a time."""

    def __init__(
        self,
        camera: str,
        clock: Clock,
        memory: Memory,
        source: SubnetSource | None,
        new_id: Callable[[], str],
        settings: SupervisorSettings,
        desk: OperationDesk,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._memory = memory
        self._planner = Planner(camera, memory, source, settings)
        self._new_id = new_id
        self._triggered = not settings.free_running
        self._idle_after_s = settings.idle_profiling_after_s
        self._stood_since_s: float | None = None
        self._left_alone: dict[str, float] = {}
        self._run: _Run | None = None
        self._measured: list[NetProfile] = []
        self._desk = desk

    def configure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        """Other settings, and perhaps another library, from the next plan on."""
        self._planner = Planner(self._camera, self._memory, source, settings)
        self._idle_after_s = settings.idle_profiling_after_s

    @property
    def active(self) -> bool:
        """A run is under way."""
        return self._run is not None

    @property
    def decides(self) -> bool:
        """A run chooses what the camera does, and the policy only looks on."""
        run = self._run
        return run is not None and not run.waits and run.work.stage is not ProfileStage.RETURNING

    def own_pace(self, line_stopped: bool) -> bool:
        """Whether a triggered camera should take frames by itself now."""
        return self._triggered and line_stopped and self.decides

    # -- asking -------------------------------------------------------------------------------------------------------

    def plan(self, ask: ProfileAsk, now: Situation) -> ProfilePlan:
        """What a run would do and cost now; raises BadInput, and Refused where none may begin."""
        if self._run is not None:
            raise Refused(f"camera {self._camera}: {self._run.operation.name} is under way; wait for it or cancel it")
        return self._planner.plan(ask, now)

    def begin(
        self,
        ask: ProfileAsk,
        now: Situation,
        source: ProfileSource = ProfileSource.COMMISSIONING,
        waits: bool = False,
    ) -> Operation:
        """Start a run; it goes on by `steer`, where it `waits` from `proceed` on. Raises as `plan`."""
        plan = self.plan(ask, now)
        work = ProfileWork(ProfileStage.SWAPPING, plan.subnets[0], len(plan.subnets), plan.takes_s)
        costs = tuple(self._planner.cost(subnet_id, ask, now) for subnet_id in plan.subnets)
        now_s = self._now_s()
        until_s = now_s + sum(SWAP_LIMIT_S + _limit_s(cost) for cost in costs) + RETURN_LIMIT_S
        name, started_ns = PREFIX + self._new_id(), self._clock.wall_ns()
        operation = Operation(name, self._camera, work, started_ns, until_s + END_S)
        self._run = _Run(operation, work, plan, ask, now.active, source, costs, now_s, until_s, waits=waits)
        self._desk.put(operation, lambda: self._cancel(operation.name))
        event(_log, logging.INFO, "profiling_started", camera=self._camera, operation=operation.name,
              subnets=len(plan.subnets), source=source.value)  # fmt: skip
        return operation

    def proceed(self, name: str) -> None:
        """That run is written down."""
        run = self._run
        if run is not None and run.operation.name == name:
            run.waits, run.since_s = False, self._now_s()

    def withdraw(self, name: str, why: AgentError) -> None:
        """That run was refused before anything was done for it."""
        run = self._run
        if run is not None and run.operation.name == name:
            run.ending = why
            self._end(run)

    def close(self) -> None:
        """The agent ends: a run ends with it."""
        if self._run is not None:
            self._run.ending = self._run.ending or Cancelled("the agent stops")
            self._end(self._run)

    def _cancel(self, name: str) -> None:
        run = self._run
        if run is not None and run.operation.name == name and run.ending is None:
            run.ending = Cancelled("cancelled")
            self._publish(run, cancelling=True)

    def idle(self, now: Situation) -> None:
        """Begin to measure one net whose profile is missing or stale, where the line has stood long enough."""
        if not now.line_stopped:
            self._stood_since_s = None
            return
        now_s = self._now_s()
        self._stood_since_s = now_s if self._stood_since_s is None else self._stood_since_s
        waits = self._idle_after_s is None or now_s - self._stood_since_s < self._idle_after_s
        if waits or self.active or now.announced or now.line_waits or now.state is not CameraState.ACTIVE:
            return
        for subnet_id in self._most_stale_first(now.quarantined):
            if self._left_alone.get(subnet_id, now_s) <= now_s:
                self._left_alone[subnet_id] = now_s + IDLE_AGAIN_S
                self.begin(ProfileAsk((subnet_id,)), now, ProfileSource.IDLE)
                return

    def _most_stale_first(self, quarantined: Mapping[str, str]) -> list[str]:
        ages = {one: self._memory.profile_of(one) for one in self._planner.usable(quarantined)}
        due = [one for one, profile in ages.items() if profile is None or one in self._memory.stale]
        return sorted(due, key=lambda one: profile.wall_ns if (profile := ages[one]) is not None else 0)

    # -- going on -----------------------------------------------------------------------------------------------------

    def results(self, samples_of: Mapping[str, Sequence[LatencySample]]) -> None:
        """What the camera measured since the last call."""
        run = self._run
        if run is None or run.service_ms is None or run.work.stage is not ProfileStage.MEASURING:
            return
        run.service_ms += [
            one.service_ms
            for one in samples_of.get(run.target, ())
            if one.service_ms is not None and one.service_ms > 0
        ]

    async def keep(self) -> None:
        """Write down what was measured since the last call; a journal that cannot be written is told in the result."""
        measured, self._measured = self._measured, []
        for profile in measured:
            try:
                await self._memory.keep(profile)
            except JournalError as error:
                event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)
                if self._run is not None:
                    self._run.ending = self._run.ending or error

    def steer(self, decision: Decision, now: Situation) -> Decision:
        """What is to be done instead of the policy's `decision`; that itself where no run is under way."""
        run = self._run
        if run is None or run.waits:
            return decision
        if run.work.stage is not ProfileStage.RETURNING:
            steered = self._measure(run, decision, now)
            if steered is not None:
                return steered
            run.since_s = self._now_s()
            self._publish(run, ProfileStage.RETURNING)
        return self._go_home(run, decision, now)

    def _measure(self, run: _Run, decision: Decision, now: Situation) -> Decision | None:
        """The next thing to do for the net whose turn it is; None when all are done or the run has to end."""
        while run.number < len(run.plan.subnets):
            self._look_for_end(run, decision, now)
            if run.ending is not None:
                return None
            if now.active != run.target or now.state is not CameraState.ACTIVE:
                why = self._unreachable(run, now)
                if not why:
                    return self._go_on(run, decision, Action.SWAP, "to be measured")
                self._next(run, ProfiledNet(run.target, error=why))
            elif run.service_ms is None:
                run.service_ms, run.since_s, run.temperature_c = [], self._now_s(), None
                self._publish(run, ProfileStage.MEASURING)
            else:
                run.temperature_c = _widened(run.temperature_c, now.temperature_c)
                if not self._enough(run, now):
                    self._publish(run)
                    return self._go_on(run, decision, Action.KEEP, "is being measured")
                self._next(run, self._profiled(run))
        return None

    def _go_on(self, run: _Run, decision: Decision, action: Action, why: str) -> Decision | None:
        """As `_ask` for the net whose turn it is; None, and the run ends, where only the way back has time left."""
        if self._now_s() <= run.until_s - RETURN_LIMIT_S:
            return self._ask(run, decision, action, why)
        done = f"{len(run.work.nets)} of {run.work.total} sub-nets"
        run.ending = CameraTimeout(f"camera {self._camera}: {done} were measured when the time for all was up")
        return None

    def _look_for_end(self, run: _Run, decision: Decision, now: Situation) -> None:
        if run.ending is not None:
            return
        if now.state not in USABLE:
            run.ending = CameraGone(f"camera {self._camera} is {now.state.value}")
        elif now.swaps_held and now.state is not CameraState.SWAPPING:
            run.ending = Inhibited(f"camera {self._camera}: {now.swaps_held}")
        elif now.line_waits:
            run.ending = Refused("the line waits for the camera to be ready for a change")
        elif not now.line_stopped and not run.ask.while_running:
            run.ending = Refused("the line runs again")
        elif decision.budget.fail_safe and not now.line_stopped:
            run.ending = Refused("the fail-safe budget is in force")

    def _unreachable(self, run: _Run, now: Situation) -> str:
        """Why the net whose turn it is will not come, in words; empty while it may."""
        if run.target in now.quarantined:
            return now.quarantined[run.target]
        if now.state is not CameraState.SWAPPING and self._now_s() - run.since_s > SWAP_LIMIT_S:
            return f"no swap to it within {SWAP_LIMIT_S:g} s"
        return ""

    def _enough(self, run: _Run, now: Situation) -> bool:
        if len(run.service_ms or ()) >= run.plan.results + WARM_UP:
            return True
        results_s = self._planner.results_s(run.target, run.ask, now)
        return self._now_s() - run.since_s > _PATIENCE_S + _PATIENCE * results_s

    def _profiled(self, run: _Run) -> ProfiledNet:
        times_ms = (run.service_ms or [])[WARM_UP:][: run.plan.results]
        if len(times_ms) < LEAST_RESULTS:
            return ProfiledNet(run.target, error=f"only {len(times_ms)} service times came; at least {LEAST_RESULTS}")
        info = self._memory.info
        profile = NetProfile.of(
            run.target,
            times_ms,
            info.firmware if info is not None else "",
            self._clock.wall_ns(),
            swap_s=self._memory.swap_s(run.target),
            temperature_c=run.temperature_c,
            source=run.source,
        )
        self._measured.append(profile)
        p99 = next((ratio for q, ratio in profile.quantiles if q == 0.99), None)
        return ProfiledNet(
            run.target,
            profile.count,
            profile.median_ms,
            None if p99 is None else profile.median_ms * p99,
            profile.sigma,
            profile.swap_s,
        )

    def _next(self, run: _Run, net: ProfiledNet) -> None:
        event(_log, logging.INFO if not net.error else logging.WARNING, "subnet_profiled", camera=self._camera,
              subnet=net.subnet_id, median_ms=net.median_ms, count=net.count, error=net.error)  # fmt: skip
        run.number += 1
        run.service_ms, run.since_s = None, self._now_s()
        run.work = replace(run.work, nets=(*run.work.nets, net))
        if run.number < len(run.plan.subnets):
            self._publish(run, ProfileStage.SWAPPING)

    def _go_home(self, run: _Run, decision: Decision, now: Situation) -> Decision:
        """Back to what ran before, unless the policy wants another one by now; then the run is over."""
        waited_s = self._now_s() - run.since_s
        held = now.swaps_held and now.state is not CameraState.SWAPPING  # and nobody can say for how long
        late = waited_s > RETURN_LIMIT_S or self._now_s() >= run.until_s
        if now.state not in USABLE or late or held:
            self._end(run)
            return decision
        if decision.action is Action.SWAP:
            run.origin = None  # the policy has chosen
        if now.state is CameraState.SWAPPING or decision.action is Action.SWAP:
            return decision
        if self._wants_home(run, decision, now):
            return self._ask(run, decision, Action.SWAP, "ran before", run.origin)
        if now.own_pace:  # the stream is started anew with its trigger
            return decision
        self._end(run)
        return decision

    def _wants_home(self, run: _Run, decision: Decision, now: Situation) -> bool:
        """On a line that runs without leave to be measured, or waits, only the policy says what a swap is worth."""
        if (
            now.line_waits
            or run.origin is None
            or now.active == run.origin
            or run.origin not in self._planner.usable(now.quarantined)
        ):
            return False
        fits = all(one.feasible for one in decision.candidates if one.subnet_id == run.origin) or not decision.feasible
        return fits and (now.line_stopped or run.ask.while_running)

    def _end(self, run: _Run) -> None:
        self._run = None
        work = replace(run.work, stage=ProfileStage.DONE, subnet_id="", left_s=0.0)
        done = replace(run.operation, work=work, deadline_s=None, done=True, error=run.ending)
        self._desk.put(done)
        event(_log, logging.INFO, "profiling_ended", camera=self._camera, operation=done.name,
              subnets=len(work.nets), error=run.ending)  # fmt: skip

    # -- inside -------------------------------------------------------------------------------------------------------

    def _ask(self, run: _Run, decision: Decision, action: Action, why: str, target: str | None = None) -> Decision:
        target = target or run.target
        place = f"{min(run.number + 1, run.work.total)} of {run.work.total} sub-nets"
        text = f"{target} {why} (profiling, {place})"
        return Decision(
            action,
            Reason.PROFILE,
            target,
            decision.active,
            decision.budget,
            decision.feasible,
            lambda: Account(decision.candidates, text, decision.figures),
        )

    def _publish(self, run: _Run, stage: ProfileStage | None = None, cancelling: bool | None = None) -> None:
        left = run.plan.subnets[run.number :]
        subnet_id, stage = left[0] if left else "", stage or run.work.stage
        run.work = replace(run.work, stage=stage, subnet_id=subnet_id, left_s=self._left_s(run))
        cancelling = run.operation.cancelling if cancelling is None else cancelling
        run.operation = replace(run.operation, work=run.work, cancelling=cancelling)
        self._desk.put(run.operation)

    def _left_s(self, run: _Run) -> float:
        """Seconds to the end as expected: the nets to come, what this one lacks, and the way back."""
        ahead_s = sum(cost.swap_s + cost.results_s for cost in run.costs[run.number + 1 :])
        here_s = 0.0
        if run.number < len(run.costs):
            cost, wanted = run.costs[run.number], run.plan.results + WARM_UP
            lacks = max(0.0, 1.0 - len(run.service_ms or ()) / wanted)
            here_s = cost.results_s * lacks + (cost.swap_s if run.service_ms is None else 0.0)
        back = run.origin is not None and run.plan.subnets[-1] != run.origin
        return ahead_s + here_s + (self._planner.swap_s(run.origin) if back and run.origin is not None else 0.0)

    def _now_s(self) -> float:
        return self._clock.now_ns() / 1e9


def _limit_s(cost: Cost) -> float:
    """How long the results of a net are waited for."""
    return _PATIENCE_S + _PATIENCE * cost.results_s


def _widened(known: Range | None, temperature_c: float | None) -> Range | None:
    if temperature_c is None:
        return known
    low, high = known or (temperature_c, temperature_c)
    return min(low, temperature_c), max(high, temperature_c)
