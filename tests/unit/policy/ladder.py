"""A small catalogue, results for it, and a line that does what its policy decides."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, settings

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Action, Candidate, Decision, Figure
from agent.domain.line import Announced, Demand, View
from agent.domain.profile import NetProfile
from agent.domain.result import LatencySample
from agent.domain.subnet import Accuracy, Catalogue, InputSpec, Subnet
from agent.policy.engine import PolicySettings, SwapPolicy

PROPERTY = settings(
    deadline=None, max_examples=80, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
INPUT = InputSpec(64, 64, 1, "Mono8", (0.0,), (1.0,))
TRANSFER_MS = 4.0
SWAP_S = 2.0
JITTER = 0.02
PLAIN = PolicySettings(free_running=False, results_wait=False, prior_transfer_ms=0.0)
MEASURED_MS = {"small": 10.0, "middle": 20.0, "large": 40.0}


def a_net(subnet_id: str, accuracy: float, predicted_ms: float) -> Subnet:
    measured = Accuracy(accuracy, 1000, accuracy - 0.02, accuracy + 0.02, "held-out")
    return Subnet(subnet_id, None, 1, 1, 1, 1, measured, predicted_ms, "law", INPUT, (), ())


def a_catalogue(nets: Sequence[Subnet]) -> Catalogue:
    return Catalogue("demo", 1, "00", "classification", ("ok", "bad"), tuple(nets))


LADDER = a_catalogue([a_net("small", 0.70, 10.0), a_net("middle", 0.75, 20.0), a_net("large", 0.80, 40.0)])


def samples(service_ms: float, count: int, noise: float = JITTER, seed: int = 1) -> list[LatencySample]:
    """Log-normal service times around `service_ms`, each with the same transfer."""
    source = random.Random(seed)
    times = [service_ms * source.lognormvariate(0.0, noise) for _ in range(count)]
    return [LatencySample(ms, ms + 10.0 + TRANSFER_MS, TRANSFER_MS) for ms in times]


def profile(subnet_id: str, median_ms: float, count: int = 400, swap_s: float | None = SWAP_S) -> NetProfile:
    """What a commissioning run measures of a net with JITTER."""
    times_ms = median_ms * np.exp(JITTER * np.random.default_rng(1).standard_normal(count))
    return NetProfile.of(subnet_id, times_ms, "1.0", 0, swap_s=swap_s)


def commissioned(
    service_ms: Mapping[str, float] = MEASURED_MS, catalogue: Catalogue = LADDER, given: PolicySettings = PLAIN
) -> SwapPolicy:
    """A policy that starts from profiles of these nets."""
    policy = SwapPolicy(catalogue, given)
    for subnet_id, ms in service_ms.items():
        policy.set_profile(profile(subnet_id, ms))
    return policy


def effective(budget: Budget, budget_id: str = "b-1", fail_safe: bool = False) -> EffectiveBudget:
    return EffectiveBudget(budget_id, budget, Priority.LEASE, ("c-1",), fail_safe)


def rate(service_limit_ms: float, min_accuracy: float | None = None) -> Budget:
    """Parts that come so fast that this is all the time there is for one."""
    return Budget(parts_per_minute=60_000.0 / service_limit_ms, min_accuracy=min_accuracy)


def asked(budget: Budget, budget_id: str = "b-1", stopped: bool = False, fail_safe: bool = False) -> Demand:
    """What a triggered line asks for, at the rate of its budget."""
    per_minute = budget.parts_per_minute
    return Demand(
        effective(budget, budget_id, fail_safe), None if per_minute is None else per_minute / 60.0, None, stopped
    )


def candidate_of(decision: Decision, subnet_id: str) -> Candidate:
    return next(c for c in decision.candidates if c.subnet_id == subnet_id)


def figure_of(figures: Iterable[Figure], name: str) -> float:
    return next(figure.value for figure in figures if figure.name == name)


def lived(limits_ms: Sequence[float], dwell_s: float, turns: int = 40, policy: SwapPolicy | None = None) -> Line:
    """A line that has asked for these service times in turn, each for so long."""
    line = Line(policy or commissioned(), results=0, step_s=max(1.0, dwell_s / 15.0))
    for turn in range(turns):
        line.run(asked(rate(limits_ms[turn % len(limits_ms)]), f"lived-{turn}"), dwell_s)
    line.step_s = 1.0
    line.swaps.clear()
    return line


@dataclass(slots=True)
class Line:
    """A camera whose policy is asked every `step_s`, and whose swaps take `swap_s`; mutable, owns its clock.

    `slow`: how many times slower the camera is than profiled. `results`: of each step. `swaps`: (when it began, where
    to, why).
    """

    policy: SwapPolicy
    service_ms: Mapping[str, float] = field(default_factory=lambda: dict(MEASURED_MS))
    active: str | None = None
    now_s: float = 0.0
    activated_s: float | None = None
    swap_s: float = SWAP_S
    step_s: float = 1.0
    slow: float = 1.0
    results: int = 20
    swaps: list[tuple[float, str, str]] = field(default_factory=list)
    _until_s: float = -1.0
    _to: str | None = None

    def view(self, demand: Demand, announced: tuple[Announced, ...] = (), notice_s: float = 0.0) -> View:
        swapping = self._to is not None
        return View(self.now_s, demand, self.active, self.activated_s, announced, notice_s, swapping=swapping)

    def tick(self, demand: Demand, announced: tuple[Announced, ...] = (), notice_s: float = 0.0) -> Decision:
        """One decision, carried out, and the time until the next."""
        self.arrive()
        decision = self.policy.decide(self.view(demand, announced, notice_s))
        if self._to is None and decision.action is Action.SWAP and decision.target is not None:
            self._to = decision.target
            self._until_s = self.now_s + (0.0 if self.active is None else self.swap_s)
            self.swaps.append((self.now_s, decision.target, decision.reason.value))
        elif self._to is None and self.active is not None and not demand.stopped:
            ms = self.service_ms[self.active] * self.slow
            self.policy.observe(self.active, samples(ms, self.results, seed=int(self.now_s)))
        self.now_s += self.step_s
        return decision

    def arrive(self) -> None:
        """End a swap whose time is up."""
        if self._to is not None and self.now_s >= self._until_s:
            self.active, self.activated_s, self._to = self._to, self.now_s, None

    def run(self, demand: Demand, seconds: float, notice_s: float = 0.0) -> Decision:
        """So many seconds without a change; the last decision."""
        decision = self.tick(demand, (), notice_s)
        for _ in range(round(seconds / self.step_s) - 1):
            decision = self.tick(demand, (), notice_s)
        return decision
