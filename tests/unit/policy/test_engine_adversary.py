"""A line that is steered by somebody who sees each decision and wants as many swaps as can be had.

For a gain there is at most one swap in each dwell. Exempt are the first one, the fail-safe, a line that stands, and a
net that does not fit the budget any more; each kind is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Decision
from agent.domain.line import Announced, Demand, View
from tests.reliability.recorder import Reliability
from tests.unit.policy.ladder import JITTER, candidate_of, effective
from tests.unit.policy.worlds import MIN_DWELL_S, Drive, Tick, a_world, driven

FEW, MANY, BAITED = (0, 2, 11, 13, 89), 1000, 5  # worlds by seed; each has the next plan in turn
SHORT, LONG = 60, 200  # ticks
STEP_S = 0.5
EPS = 1e-9


@dataclass
class Adversary:
    """Makes the next tick of what was decided last. `plan`: what it does with that; see PLANS."""

    drive: Drive
    plan: Plan
    source: np.random.Generator
    now_s: float = 100.0
    made: int = 0
    budget: Budget = field(default_factory=lambda: Budget(max_latency_ms=200.0))
    told: Announced | None = None

    def tick(self, last: Decision | None) -> Tick:
        move = self.plan(self, last)
        if move.budget is not None:
            self.budget, self.made = move.budget, self.made + 1
        demand = self.demand(self.budget, move)
        noise = tuple(np.exp(JITTER * self.source.standard_normal(5)).tolist())
        told = () if self.told is None or self.told.at_s <= self.now_s else (self.told,)
        tick = Tick(self.now_s, demand, told, move.slow, frozenset(), noise, 0.5)
        self.now_s += STEP_S
        return tick

    def demand(self, budget: Budget, move: Move) -> Demand:
        per_minute = budget.parts_per_minute
        per_s = None if per_minute is None else per_minute / 60.0
        return Demand(effective(budget, f"b-{self.made}", move.fail_safe), per_s, None, move.stopped)

    def limit_ms(self) -> float:
        """Somewhere between the fastest and the slowest net."""
        times_ms = [net.time_ms for net in self.drive.world.nets]
        return float(self.source.uniform(0.5 * min(times_ms), 3.0 * max(times_ms)))


@dataclass(frozen=True, slots=True)
class Move:
    """What the line does next; no budget leaves the last one."""

    budget: Budget | None = None
    slow: float = 1.0
    stopped: bool = False
    fail_safe: bool = False


Plan = Callable[[Adversary, Decision | None], Move]


def to_and_fro(adversary: Adversary, last: Decision | None) -> Move:
    """Room for the best net until it runs, then for the fastest only; sometimes the bait lies there for a while."""
    nets, drive = adversary.drive.world.nets, adversary.drive
    fastest = min(range(len(nets)), key=lambda place: nets[place].time_ms)
    if drive.to is None and adversary.source.random() < 0.3:
        room = drive.active == drive.names[fastest]
        return Move(Budget(max_latency_ms=1e4 if room else 1.6 * nets[fastest].time_ms + 20.0))
    return Move()


def at_the_edge(adversary: Adversary, last: Decision | None) -> Move:
    """A budget that the running net just keeps, or just does not."""
    active = adversary.drive.active
    if adversary.made and adversary.source.random() < 0.7:
        return Move()
    if last is None or active is None or all(one.subnet_id != active for one in last.candidates):
        return Move(Budget(max_latency_ms=adversary.limit_ms()))
    bound_ms = candidate_of(last, active).latency_bound_ms
    return Move(Budget(max_latency_ms=max(1.0, bound_ms * float(adversary.source.uniform(0.97, 1.06)))))


def breathing_camera(adversary: Adversary, last: Decision | None) -> Move:
    """The camera is slow and fast in turn, each time for about a dwell."""
    slow = 1.7 if int(adversary.now_s / MIN_DWELL_S) % 2 else 1.0
    anew = adversary.source.random() < 0.02
    return Move(Budget(max_latency_ms=adversary.limit_ms()) if anew else None, slow)


def false_notices(adversary: Adversary, last: Decision | None) -> Move:
    """Changes are announced and never come, or come otherwise."""
    if adversary.source.random() < 0.3:
        coming = adversary.demand(Budget(max_latency_ms=adversary.limit_ms()), Move())
        adversary.told = Announced(adversary.now_s + float(adversary.source.uniform(0.5, 8.0)), coming)
    change = adversary.source.random() < 0.1
    return Move(Budget(max_latency_ms=adversary.limit_ms()) if change else None)


def rates(adversary: Adversary, last: Decision | None) -> Move:
    """Another rate again and again, and sometimes a line that stands or a lease that has expired."""
    dice, anew = adversary.source.random(2)
    budget = Budget(parts_per_minute=60_000.0 / adversary.limit_ms()) if anew < 0.2 else None
    return Move(budget, stopped=dice < 0.05, fail_safe=dice > 0.95)


PLANS: tuple[Plan, ...] = (to_and_fro, at_the_edge, breathing_camera, false_notices, rates)


@dataclass
class Counted:
    """Swaps by kind, and what is wrong with those for a gain."""

    swaps: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def attacked(seed: int, ticks: int, min_dwell_s: float = MIN_DWELL_S) -> Counted:
    """One world and one adversary; `min_dwell_s` is what the policy keeps to."""
    plan = PLANS[seed % len(PLANS)]
    found = Counted()
    gained_s: float | None = None
    for view, decision in _moments(seed, plan, ticks, min_dwell_s):
        kind = kind_of(view, decision)
        found.swaps[kind] += 1
        if kind != "gain":
            continue
        assert view.activated_s is not None
        if view.now_s - view.activated_s < MIN_DWELL_S - EPS:
            found.wrong.append(f"{plan.__name__}: {view.now_s - view.activated_s:g} s after the last: {decision.text}")
        if gained_s is not None and view.now_s - gained_s < MIN_DWELL_S - EPS:
            found.wrong.append(f"{plan.__name__}: two for a gain within {view.now_s - gained_s:g} s: {decision.text}")
        gained_s = view.now_s
    return found


def kind_of(view: View, decision: Decision) -> str:
    """Why that swap was allowed now; the kinds but `gain` are exempt from the dwell."""
    if view.active_id is None:
        return "start"
    if view.demand.effective.fail_safe:
        return "fail-safe"
    if view.demand.stopped:
        return "line stands"
    return "gain" if candidate_of(decision, view.active_id).feasible else "does not fit"


def _moments(seed: int, plan: Plan, ticks: int, min_dwell_s: float) -> Iterator[tuple[View, Decision]]:
    """The swaps that began."""
    world = a_world(seed, most_nets=12)
    given = replace(world.given, min_dwell_s=min_dwell_s, free_running=False, infeasible="best_effort")
    nets = world.nets if len(world.nets) > 2 else a_world(2).nets
    drive = driven(replace(world, nets=nets, ticks=(), given=given, profiled=frozenset(range(len(nets)))))
    adversary = Adversary(drive, plan, np.random.default_rng(seed))
    decision: Decision | None = None
    for _ in range(ticks):
        tick = adversary.tick(decision)
        view, decision = drive.decided(tick)
        before = len(drive.began)
        drive.carry_out(tick, view, decision)
        if len(drive.began) > before:
            yield view, decision


def test_an_adversary_gets_one_swap_a_dwell() -> None:
    found = [attacked(seed, SHORT) for seed in FEW]
    assert [wrong for one in found for wrong in one.wrong] == []
    swaps = sum((one.swaps for one in found), Counter[str]())
    assert {seed % len(PLANS) for seed in FEW} == set(range(len(PLANS)))
    assert set(swaps) == {"start", "fail-safe", "line stands", "does not fit", "gain"}, (
        "each kind, else it proves little"
    )


def test_a_policy_that_keeps_no_dwell_is_found_out() -> None:
    assert attacked(BAITED, SHORT, min_dwell_s=0.0).wrong
    assert not attacked(BAITED, SHORT).wrong


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_over_many_worlds_an_adversary_gets_one_swap_a_dwell(reliability: Reliability) -> None:
    wrong = []
    for seed in reliability.seeds(range(MANY)):
        found = attacked(seed, LONG)
        reliability.count(8, "worlds", seed=f"0..{MANY - 1}")
        for kind, count in found.swaps.items():
            reliability.count(8, f"swaps: {kind}", count)
        for words in found.wrong:
            reliability.failed(8, words, seed)
        wrong += found.wrong
    assert wrong == []
