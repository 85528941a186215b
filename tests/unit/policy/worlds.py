"""Random lines: what they ask for, how their camera behaves, and a policy that is driven along them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision
from agent.domain.line import Announced, Demand, View
from agent.domain.subnet import Catalogue
from agent.policy.engine import PolicySettings, SwapPolicy
from tests.unit.policy.ladder import JITTER, a_catalogue, a_net, effective, profile

STEPS_S = (0.5, 0.5, 1.0, 1.0, 3.0, 15.0, 90.0)
MIN_DWELL_S = 5.0
QUANTILES = (0.9, 0.99, 0.99, 0.999)
COSTS = (0.0, 0.0, 0.5, 4.0)


@dataclass(frozen=True, slots=True)
class Net:
    """`time_ms` is what it takes, `predicted_ms` what the library says."""

    top1: float
    time_ms: float
    predicted_ms: float


@dataclass(frozen=True, slots=True)
class Tick:
    """One view of a line, without what its camera makes of it. Nets are numbers; `swap_s`: what a swap would take."""

    now_s: float
    demand: Demand
    announced: tuple[Announced, ...]
    slow: float
    quarantined: frozenset[int]
    noise: tuple[float, ...]
    swap_s: float


@dataclass(frozen=True, slots=True)
class World:
    """A catalogue and a line that knows nothing of the policy."""

    nets: tuple[Net, ...]
    ticks: tuple[Tick, ...]
    given: PolicySettings
    notice_s: float
    profiled: frozenset[int]


def a_world(seed: int, most_nets: int = 60, ticks: int = 30) -> World:
    """Drawn from the seed. Some nets have equal figures."""
    source = np.random.default_rng(seed)
    count = int(source.choice([1, 2, 3, 7, 25, most_nets]))
    grid = int(source.choice([4, 50]))
    nets = []
    for _ in range(count):
        along = float(source.integers(0, grid)) / grid
        top1 = round(0.5 + 0.4 * along + 0.1 * float(source.integers(-1, 2)) / grid, 4)
        time_ms = 5.0 * 30.0**along
        nets.append(Net(top1, time_ms, time_ms * float(source.choice([1.0, 1.0, 0.9, 1.15]))))
    free = bool(source.integers(0, 2))
    given = PolicySettings(
        min_dwell_s=MIN_DWELL_S,
        infeasible="hold" if source.random() < 0.2 else "best_effort",
        free_running=free,
        results_wait=free,
        miss_cost=float(source.choice(COSTS)),
        prior_transfer_ms=1.0,
    )
    notice_s = float(source.choice([0.0, 0.0, 5.0]))
    profiled = frozenset(np.flatnonzero(source.random(count) < source.choice([0.0, 0.6, 1.0])).tolist())
    return World(tuple(nets), tuple(_ticks(source, count, ticks, free, notice_s)), given, notice_s, profiled)


def in_quarter_seconds(world: World) -> World:
    """The same at the daemon's own pace, with swaps that take next to no time."""
    began_s = world.ticks[0].now_s
    ticks = (
        replace(one, now_s=began_s + 0.25 * place, swap_s=0.2, announced=()) for place, one in enumerate(world.ticks)
    )
    return replace(world, ticks=tuple(ticks))


def _ticks(source: np.random.Generator, nets: int, count: int, free: bool, notice_s: float) -> Iterator[Tick]:
    now_s, slow, stopped, quarantined = float(source.uniform(0.0, 1000.0)), 1.0, False, frozenset[int]()
    period_ms = float(source.choice([4.0, 16.667, 33.3])) if free else None
    budgets = [_budget(source) for _ in range(4)]
    asked, made = budgets[0], 0
    told: Announced | None = None
    for _ in range(count):
        now_s += float(source.choice(STEPS_S))
        event = source.random()
        if told is not None and now_s >= told.at_s:
            asked, made, told = told.demand.effective.budget, made + 1, None
        elif told is None and event < 0.3:
            made += 1
            following = budgets[int(source.integers(0, len(budgets)))] if source.random() < 0.8 else _budget(source)
            if notice_s or source.random() < 0.2:
                told = Announced(now_s + (notice_s or 4.0), _demand(following, f"b-{made}", period_ms, False, False))
            else:
                asked = following
        elif event < 0.4:
            stopped = not stopped
        elif event < 0.5:
            slow = float(source.choice([1.0, 1.0, 1.1, 1.5]))
        elif event < 0.55:
            quarantined = frozenset(np.flatnonzero(source.random(nets) < 0.3).tolist())
        noise = tuple(np.exp(JITTER * source.standard_normal(5)).tolist())
        demand = _demand(asked, f"b-{made}", period_ms, stopped, bool(source.random() < 0.03))
        yield Tick(
            now_s,
            demand,
            () if told is None else (told,),
            slow,
            quarantined,
            noise,
            float(source.choice([0.5, 2.0, 4.0])),
        )


def _budget(source: np.random.Generator) -> Budget:
    limit_ms = float(4.0 * 50.0 ** source.random())
    per_minute = 60_000.0 / limit_ms if source.random() < 0.8 else None
    latency_ms = (
        None if per_minute is not None and source.random() < 0.7 else limit_ms * float(source.uniform(0.8, 3.0))
    )
    accuracy = float(source.uniform(0.5, 0.95)) if source.random() < 0.15 else None
    return Budget(latency_ms, per_minute, accuracy, float(source.choice(QUANTILES)))


def _demand(budget: Budget, name: str, period_ms: float | None, stopped: bool, fail_safe: bool) -> Demand:
    per_minute = budget.parts_per_minute
    return Demand(
        effective(budget, name, fail_safe), None if per_minute is None else per_minute / 60.0, period_ms, stopped
    )


@dataclass(slots=True)
class Drive:
    """A policy that is driven through a world; mutable. `names`: of the nets, in their order in the catalogue.

    `order`: places of the nets in the catalogue. `began`: (time, view, decision) of each swap. `to`: where a swap under
    way goes, which ends at `until_s` and then will have taken `left_s` since the last part.
    """

    world: World
    names: tuple[str, ...]
    order: tuple[int, ...]
    policy: SwapPolicy = field(init=False)
    active: str | None = None
    activated_s: float | None = None
    began: list[tuple[float, View, Decision]] = field(default_factory=list)
    to: str | None = None
    until_s: float = -1.0
    left_s: float = 0.0

    def __post_init__(self) -> None:
        self.policy = SwapPolicy(self.catalogue, self.world.given)
        for place in sorted(self.world.profiled):
            net = self.world.nets[place]
            self.policy.set_profile(profile(self.names[place], net.time_ms, 100))

    @property
    def catalogue(self) -> Catalogue:
        nets = [a_net(self.names[i], self.world.nets[i].top1, self.world.nets[i].predicted_ms) for i in self.order]
        return a_catalogue(nets)

    def left_alone(self, seconds: int) -> list[Decision]:
        """The swaps of the time after the last tick, in which nothing changes."""
        last = self.world.ticks[-1]
        demand, swaps = replace(last.demand, stopped=False), []
        for passed_s in range(10, seconds, 8):
            now_s = last.now_s + passed_s
            found = self.policy.decide(View(now_s, demand, self.active, self.activated_s, notice_s=self.world.notice_s))
            if found.action is Action.SWAP:
                swaps.append(found)
                self.active, self.activated_s = found.target, now_s
        return swaps

    def run(self) -> Iterator[tuple[View, Decision]]:
        """Each view and what was decided; swaps are carried out."""
        for tick in self.world.ticks:
            view, decision = self.decided(tick)
            yield view, decision
            self.carry_out(tick, view, decision)

    def decided(self, tick: Tick) -> tuple[View, Decision]:
        """What is decided of a view, with what was seen until then; a swap that is due has ended."""
        if self.to is not None and tick.now_s >= self.until_s:
            self.active, self.activated_s = self.to, self.until_s
            if self.left_s:
                self.policy.note_swap(self.to, self.left_s)
            self.to = None
        view = self._view(tick, self.to is not None)
        if self.to is None and self.active is not None and not tick.demand.stopped:
            time_ms = self.world.nets[self.names.index(self.active)].time_ms
            self.policy.observe_services(self.active, np.array(tick.noise) * time_ms * tick.slow)
        return view, self.policy.decide(view)

    def carry_out(self, tick: Tick, view: View, decision: Decision) -> None:
        """Begin the swap that was decided, if there is one."""
        if self.to is None and decision.action is Action.SWAP and decision.target is not None:
            self.began.append((tick.now_s, view, decision))
            self.left_s = 0.0 if self.active is None else tick.swap_s
            self.to, self.until_s = decision.target, tick.now_s + self.left_s

    def _view(self, tick: Tick, swapping: bool) -> View:
        quarantined: Mapping[str, str] = {self.names[place]: "refused" for place in sorted(tick.quarantined)}
        return View(
            tick.now_s,
            tick.demand,
            self.active,
            self.activated_s,
            tick.announced,
            self.world.notice_s,
            quarantined,
            swapping,
        )


def driven(world: World) -> Drive:
    """With plain names, in plain order."""
    return Drive(world, tuple(f"n{place:02}" for place in range(len(world.nets))), tuple(range(len(world.nets))))


def settled(view: View, target: str) -> View:
    """The same moment, with that net running since now."""
    return replace(view, active_id=target, activated_s=view.now_s, swapping=False)
