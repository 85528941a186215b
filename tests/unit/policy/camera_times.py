"""Service times of a camera for tests of its latency model."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.policy.timing import LatencyModel

Floats = NDArray[np.float64]

PROPERTY = settings(
    deadline=None, max_examples=80, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
PREDICTED_MS = {"a": 10.0, "b": 20.0, "c": 40.0, "d": 80.0}
ROWS = np.arange(len(PREDICTED_MS))
JITTER = 0.02


def noise(count: int, seed: int = 1, spikes: float = 0.001) -> Floats:
    """Factors on a service time: log-normal jitter, and a share of spikes."""
    source = np.random.default_rng(seed)
    factors = np.exp(JITTER * source.standard_normal(count))
    return np.where(source.random(count) < spikes, factors * source.uniform(1.15, 1.5, count), factors)


def profile(subnet_id: str, median_ms: float, seed: int = 1) -> NetProfile:
    return NetProfile.of(subnet_id, median_ms * noise(500, seed), "1.0", 0)


def commissioned() -> LatencyModel:
    """A model of the four nets, each with its profile."""
    model = LatencyModel(PREDICTED_MS)
    for place, (subnet_id, ms) in enumerate(PREDICTED_MS.items()):
        model.set_profile(profile(subnet_id, ms, place))
    return model


def feed(model: LatencyModel, subnet_id: str, factor: float, count: int, seed: int = 1, batch: int = 3) -> None:
    """`count` results of a net that takes `factor` times its profile, without spikes."""
    times_ms = PREDICTED_MS[subnet_id] * factor * noise(count, seed, spikes=0.0)
    for start in range(0, count, batch):
        model.observe_services(subnet_id, times_ms[start : start + batch])
