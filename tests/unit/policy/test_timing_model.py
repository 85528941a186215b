"""What the latency model of a camera promises: bounds that hold, a slow-down shared by nets, and memory of both."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.domain.result import LatencySample
from agent.policy.delivery import MIN_MEASURED
from agent.policy.timing import LatencyModel

Floats = NDArray[np.float64]
PREDICTED_MS = {"a": 10.0, "b": 20.0, "c": 40.0, "d": 80.0}
ROWS = np.arange(len(PREDICTED_MS))
JITTER = 0.02


def noise(count: int, seed: int = 1, spikes: float = 0.001) -> Floats:
    """Factors on a service time: log-normal jitter, and a share of spikes."""
    source = np.random.default_rng(seed)
    factors = np.exp(JITTER * source.standard_normal(count))
    return np.where(source.random(count) < spikes, factors * source.uniform(1.15, 1.5, count), factors)


def commissioned() -> LatencyModel:
    model = LatencyModel(PREDICTED_MS)
    for place, (subnet_id, ms) in enumerate(PREDICTED_MS.items()):
        model.set_profile(NetProfile.of(subnet_id, ms * noise(500, seed=place), "1.0", 0))
    return model


def feed(model: LatencyModel, subnet_id: str, factor: float, count: int, seed: int = 1, batch: int = 3) -> None:
    times_ms = PREDICTED_MS[subnet_id] * factor * noise(count, seed, spikes=0.0)
    for start in range(0, count, batch):
        model.observe_services(subnet_id, times_ms[start : start + batch])


def test_a_net_that_was_never_measured_is_bounded_by_its_prediction_with_the_prior_s_margin() -> None:
    model = LatencyModel(PREDICTED_MS, prior_sigma=0.15)
    assert model.service_bound_ms("b", 0.5) == pytest.approx(20.0)
    assert model.service_bound_ms("b", 0.99) == pytest.approx(20.0 * math.exp(2.3263 * 0.15), rel=0.03)
    assert (model.measured("b"), model.basis("b")) == (0, "prediction")


def test_a_few_results_do_not_outweigh_the_prior_yet() -> None:
    model = LatencyModel(PREDICTED_MS)
    feed(model, "b", 5.0, MIN_MEASURED - 1)
    assert model.measured("b") == 0
    assert model.service_bound_ms("b", 0.5) == pytest.approx(20.0)
    feed(model, "b", 5.0, 1)
    assert (model.measured("b"), model.basis("b")) == (MIN_MEASURED, "results")
    assert model.service_bound_ms("b", 0.5) == pytest.approx(100.0, rel=0.08)


def test_the_scale_of_predictions_is_learned_from_measured_nets() -> None:
    model = LatencyModel(PREDICTED_MS)
    for subnet_id in "abd":
        feed(model, subnet_id, 1.3, 100)
    assert model.service_bound_ms("c", 0.5) == pytest.approx(52.0, rel=0.05)


def test_a_slow_down_of_the_running_net_counts_for_the_others_and_so_does_its_end() -> None:
    model = commissioned()
    feed(model, "a", 1.0, 200)
    feed(model, "a", 1.3, 60)
    assert model.levels_ms(ROWS) == pytest.approx([13.0, 26.0, 52.0, 104.0], rel=0.02)
    assert model.slowdown == pytest.approx(1.3, rel=0.02)
    feed(model, "a", 1.0, 60)
    assert model.levels_ms(ROWS) == pytest.approx([10.0, 20.0, 40.0, 80.0], rel=0.02)


def test_a_saved_model_answers_as_the_one_it_was_saved_from() -> None:
    model = commissioned()
    for subnet_id, factor in (("a", 1.0), ("b", 1.3), ("c", 1.25), ("a", 1.28)):
        feed(model, subnet_id, factor, 90)
    model.observe("a", [LatencySample(12.0, 20.0, 3.0)] * 8)
    model.service_bounds_ms(ROWS, 0.99)
    other = commissioned()
    other.restore(json.loads(json.dumps(model.saved())))
    assert other.service_bounds_ms(ROWS, 0.99).tolist() == model.service_bounds_ms(ROWS, 0.99).tolist()
    assert other.meets(ROWS, 40.0).tolist() == model.meets(ROWS, 40.0).tolist()
    assert other.delivered_ms(10.0, 0.9, 25.0) == model.delivered_ms(10.0, 0.9, 25.0)
    for one in (model, other):
        feed(one, "b", 1.3, 200, seed=5)
    assert other.service_bounds_ms(ROWS, 0.99).tolist() == model.service_bounds_ms(ROWS, 0.99).tolist()
