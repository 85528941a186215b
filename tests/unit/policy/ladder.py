"""A small catalogue and results for it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import HealthCheck, settings

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Candidate, Decision
from agent.domain.result import LatencySample
from agent.domain.subnet import Accuracy, Catalogue, InputSpec, Subnet
from agent.policy.latency import LatencyModel

PROPERTY = settings(
    deadline=None, max_examples=80, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
INPUT = InputSpec(64, 64, 1, "Mono8", (0.0,), (1.0,))
TRANSFER_MS = 4.0


def a_net(subnet_id: str, accuracy: float, predicted_ms: float) -> Subnet:
    measured = Accuracy(accuracy, 1000, accuracy - 0.02, accuracy + 0.02, "held-out")
    return Subnet(subnet_id, None, 1, 1, 1, 1, measured, predicted_ms, "law", INPUT, (), ())


def a_catalogue(nets: Sequence[Subnet]) -> Catalogue:
    return Catalogue("demo", 1, "00", "classification", ("ok", "bad"), tuple(nets))


LADDER = a_catalogue([a_net("small", 0.70, 10.0), a_net("middle", 0.75, 20.0), a_net("large", 0.80, 40.0)])


def samples(service_ms: float, count: int, noise: float = 0.02, seed: int = 1) -> list[LatencySample]:
    """Log-normal service times around `service_ms`, each with the same transfer."""
    source = random.Random(seed)
    times = [service_ms * source.lognormvariate(0.0, noise) for _ in range(count)]
    return [LatencySample(ms, ms + 10.0 + TRANSFER_MS, TRANSFER_MS) for ms in times]


def measured(service_ms: dict[str, float], count: int = 300) -> LatencyModel:
    """A model that has seen `count` results of each of these nets."""
    model = LatencyModel.empty()
    for subnet_id, ms in service_ms.items():
        model = model.observe(subnet_id, samples(ms, count))
    return model


def effective(budget: Budget, budget_id: str = "b-1", fail_safe: bool = False) -> EffectiveBudget:
    return EffectiveBudget(budget_id, budget, Priority.LEASE, ("c-1",), fail_safe)


def candidate_of(decision: Decision, subnet_id: str) -> Candidate:
    return next(c for c in decision.candidates if c.subnet_id == subnet_id)
