"""What one decision costs, on a running line, with libraries of 10 to 10 000 sub-nets.

Every tick some results are observed and the policy is asked what to do; only that is timed. The budget changes now and
then, and what the policy wants is done, so that all that a decision meets in operation is met: looks at a line that has
not changed, changed budgets, regimes that end, values that are solved anew.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Action
from agent.domain.line import Demand, View
from agent.domain.subnet import Accuracy, Artifact, Catalogue, InputSpec, Subnet
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.policy.values import Values
from tests.bench.figures import Figure, Left

SIZES = (10, 100, 1_000, 10_000)
GOALS_US = {100: 60.0, 10_000: 250.0}
REPEATS = 5
TICK_S = 0.25  # four decisions a second, as in a replay; the daemon makes one
SECONDS = 600.0
RESULTS = 5  # of a tick: 20 parts a second
CHANGES_S = 30.0
LIMITS_MS = (32.0, 90.0, 46.0, 150.0, 66.0)  # LineShift's
TIMES_MS = (20.0, 143.0)  # from the fastest to the slowest net, as in LineShift's ladder
JITTER = 0.02
SWAP_S = 3.0

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Timed:
    """Seconds that decisions of one line took; `solves`: those in which values were solved."""

    plain: list[float] = field(default_factory=list)
    solves: list[float] = field(default_factory=list)

    @property
    def all(self) -> list[float]:
        return self.plain + self.solves


def figures() -> list[Figure | Left]:
    """Measure. Takes about a minute."""
    measured = {size: [_line(size, repeat) for repeat in range(REPEATS)] for size in SIZES}
    found: list[Figure | Left] = [_figure(size, runs) for size, runs in measured.items()]
    return [*found, _growth(measured)]


def _figure(size: int, runs: list[Timed]) -> Figure:
    plain = [seconds for run in runs for seconds in run.plain]
    solves = [seconds for run in runs for seconds in run.solves]
    every = plain + solves
    parts = {
        "p99_us": _quantile_us(every, 0.99),
        "mean_us": statistics.fmean(every) * 1e6,
        "without_solving_p50_us": _quantile_us(plain, 0.5),
        "without_solving_p99_us": _quantile_us(plain, 0.99),
        "solving_p50_us": _quantile_us(solves, 0.5),
        "solving_share": len(solves) / len(every),
    }
    return Figure(
        f"decide.us.{size}",
        f"one decision with {size} sub-nets on a running line, median over {len(every)} decisions",
        "a microsecond",
        tuple(_quantile_us(run.all, 0.5) for run in runs),
        goal=GOALS_US.get(size),
        parts=parts,
    )


def _growth(measured: dict[int, list[Timed]]) -> Figure:
    """The steepest step between two sizes."""

    def steepest(repeat: int) -> float:
        steps = pairwise((size, statistics.fmean(measured[size][repeat].all)) for size in SIZES)
        return max((after / before) / (larger / smaller) for (smaller, before), (larger, after) in steps)

    return Figure(
        "decide.growth",
        "growth of a decision's mean cost from one size of library to the next, solving included; the steepest step",
        "growth of the library",
        tuple(steepest(repeat) for repeat in range(REPEATS)),
        goal=1.0,
    )


def _quantile_us(seconds: list[float], quantile: float) -> float:
    return float(np.quantile(seconds, quantile)) * 1e6 if seconds else 0.0


def _line(size: int, seed: int) -> Timed:
    """One line of SECONDS, after as long a time that is not counted."""
    nets = catalogue(size, seed)
    policy = SwapPolicy(nets, PolicySettings(free_running=False, results_wait=False, prior_transfer_ms=0.0))
    found = Timed()
    _drive(policy, nets, seed, 0.0, Timed())
    _drive(policy, nets, seed + 1, SECONDS, found)
    return found


def _drive(policy: SwapPolicy, nets: Catalogue, seed: int, start_s: float, found: Timed) -> None:
    source = np.random.default_rng(seed)
    demands = [_demand(limit_ms) for limit_ms in LIMITS_MS]
    service_ms = {net.id: net.predicted_ms for net in nets.subnets}
    active, activated_s, until_s = nets.subnets[0].id, start_s, start_s
    with _counted() as solved:
        for tick in range(int(SECONDS / TICK_S)):
            now_s = start_s + tick * TICK_S
            swapping = now_s < until_s
            if not swapping:
                times_ms = service_ms[active] * np.exp(JITTER * source.standard_normal(RESULTS))
                policy.observe_services(active, times_ms)
            view = View(now_s, demands[int(now_s / CHANGES_S) % len(demands)], active, activated_s, swapping=swapping)
            before, begun = len(solved), time.thread_time()
            decision = policy.decide(view)
            seconds = time.thread_time() - begun
            (found.plain if len(solved) == before else found.solves).append(seconds)
            if not swapping and decision.action is Action.SWAP and decision.target is not None:
                active, until_s = decision.target, now_s + SWAP_S
                activated_s = until_s


@contextmanager
def _counted() -> Iterator[list[float]]:
    """A list that grows by one whenever values are solved."""
    solved: list[float] = []
    solve = Values.solve

    def counting(values: Values, notice_s: float) -> None:
        solved.append(notice_s)
        solve(values, notice_s)

    with mock.patch.object(Values, "solve", counting):
        yield solved


def _demand(limit_ms: float) -> Demand:
    budget = Budget(parts_per_minute=60_000.0 / limit_ms)
    return Demand(EffectiveBudget(f"b-{limit_ms}", budget, Priority.LEASE, ()), 1000.0 / limit_ms)


def catalogue(size: int, seed: int) -> Catalogue:
    """Nets as a search finds them: slower ones are more accurate, give or take."""
    source = np.random.default_rng(seed)
    along = np.sort(source.random(size))
    times_ms = TIMES_MS[0] * (TIMES_MS[1] / TIMES_MS[0]) ** along
    top1 = 0.71 + 0.09 * along + 0.005 * source.standard_normal(size)
    return Catalogue("bench", 1, "00", "classification", ("ok", "bad"), tuple(map(_net, range(size), top1, times_ms)))


def _net(place: int, top1: float, time_ms: float) -> Subnet:
    accuracy = Accuracy(float(top1), 1000, float(top1) - 0.02, float(top1) + 0.02, "made up")
    name = f"n{place:05}"
    blob = Artifact("ncsdk-graph-2", "myriad2", 12, name, f"{place:064x}", int(4e6 + 6e4 * time_ms))
    spec = InputSpec(224, 224, 1, "Mono8", (0.0,), (1.0,))
    return Subnet(name, None, 1, 1, 1, 1, accuracy, float(time_ms), "made up", spec, (blob,), ())
