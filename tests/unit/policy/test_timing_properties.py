"""What holds of the latency model whatever was seen."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.result import LatencySample
from agent.policy.timing import LatencyModel
from tests.unit.policy.camera_times import PREDICTED_MS, PROPERTY, ROWS, commissioned, noise, profile

IDS = "abcdz"  # the last one is in no catalogue
Batch = tuple[str, float, int, int]

batches = st.lists(
    st.tuples(st.sampled_from(IDS), st.floats(1e-7, 1e10), st.integers(1, 60), st.integers(0, 9)), max_size=14
)
tame = st.lists(
    st.tuples(st.sampled_from("abcd"), st.floats(0.7, 1.6), st.integers(1, 60), st.integers(0, 9)), max_size=14
)
quantiles = st.lists(st.floats(0.01, 0.9999), min_size=2, max_size=4, unique=True).map(sorted)


def shown(model: LatencyModel, found: list[Batch], relative: bool = False) -> LatencyModel:
    for subnet_id, level, count, seed in found:
        scale = PREDICTED_MS[subnet_id] * level if relative else level
        model.observe_services(subnet_id, scale * noise(count, seed, spikes=0.1))
    return model


@PROPERTY
@given(batches, quantiles, st.floats(1e-9, 1e12), st.booleans())
def test_answers_are_finite_and_ordered(
    found: list[Batch], asked: list[float], limit_ms: float, profiled: bool
) -> None:
    model = shown(commissioned() if profiled else LatencyModel(PREDICTED_MS), found)
    levels_ms = model.levels_ms(ROWS)
    bounds = [model.service_bounds_ms(ROWS, quantile) for quantile in asked]
    for lower, upper in zip([levels_ms, *bounds], [*bounds, np.full(len(ROWS), np.inf)], strict=True):
        assert np.all(lower > 0.0)
        assert np.all(lower <= upper * (1.0 + 1e-12))
        assert np.all(np.isfinite(lower))
    within = model.meets(ROWS, limit_ms)
    assert np.all((within >= 0.0) & (within <= 1.0 + 1e-12))
    assert np.all(within <= model.meets(ROWS, limit_ms * 1.1) + 1e-12)
    assert 0.0 < model.slowdown < math.inf
    assert 0.0 <= model.slowdown_sigma < math.inf


@PROPERTY
@given(tame, st.permutations(list(PREDICTED_MS)), st.sampled_from([0.9, 0.99, 0.999]))
def test_names_and_their_order_mean_nothing(found: list[Batch], order: list[str], quantile: float) -> None:
    model = shown(commissioned(), found, relative=True)
    other = LatencyModel({f"net {subnet_id}": PREDICTED_MS[subnet_id] for subnet_id in order})
    for place, (subnet_id, ms) in enumerate(PREDICTED_MS.items()):
        other.set_profile(profile(f"net {subnet_id}", ms, place))
    for subnet_id, level, count, seed in found:
        other.observe_services(f"net {subnet_id}", PREDICTED_MS[subnet_id] * level * noise(count, seed, spikes=0.1))
    rows = np.array([order.index(subnet_id) for subnet_id in PREDICTED_MS])
    assert other.service_bounds_ms(rows, quantile).tolist() == model.service_bounds_ms(ROWS, quantile).tolist()
    assert other.meets(rows, 30.0).tolist() == model.meets(ROWS, 30.0).tolist()


@PROPERTY
@given(tame, st.sampled_from([0.9, 0.99, 0.999]))
def test_equal_results_give_equal_answers_whatever_was_asked_in_between(found: list[Batch], quantile: float) -> None:
    model, asked = commissioned(), commissioned()
    for one in (model, asked):
        one.service_bounds_ms(ROWS, quantile)
    for batch in found:
        shown(model, [batch], relative=True)
        shown(asked, [batch], relative=True)
        asked.levels_ms(ROWS[::2])
        asked.meets(ROWS, 30.0)
        asked.service_bounds_ms(ROWS, quantile)
    assert asked.saved() == model.saved()
    assert asked.service_bounds_ms(ROWS, quantile).tolist() == model.service_bounds_ms(ROWS, quantile).tolist()


@PROPERTY
@given(tame, st.integers(0, 14))
def test_a_restored_model_goes_on_as_the_saved_one(found: list[Batch], at: int) -> None:
    model = shown(commissioned(), found[:at], relative=True)
    model.observe("a", [LatencySample(None, 30.0, 4.0)] * 6)
    model.service_bounds_ms(ROWS, 0.99)
    other = commissioned()
    other.restore(json.loads(json.dumps(model.saved())))
    for one in (model, other):
        shown(one, found[at:], relative=True)
    assert other.saved() == model.saved()
    assert other.service_bounds_ms(ROWS, 0.99).tolist() == model.service_bounds_ms(ROWS, 0.99).tolist()


@PROPERTY
@given(st.lists(st.tuples(st.floats(0.7, 1.6), st.integers(10, 60)), min_size=1, max_size=8), st.integers(1, 9))
def test_batches_of_another_size_tell_about_the_same(found: list[tuple[float, int]], size: int) -> None:
    whole, parts = commissioned(), commissioned()
    for seed, (level, count) in enumerate(found):
        times_ms = PREDICTED_MS["b"] * level * noise(count, seed, spikes=0.0)
        whole.observe_services("b", times_ms)
        for start in range(0, count, size):
            parts.observe_services("b", times_ms[start : start + size])
    assert abs(math.log(parts.slowdown / whole.slowdown)) < 0.01
