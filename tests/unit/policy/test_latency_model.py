"""What the latency model promises, and how fast it learns that it was wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.budget import Budget
from agent.domain.result import LatencySample
from agent.policy.candidates import Limits
from agent.policy.latency import MIN_MEASURED, RELIEF_RESULTS, LatencyModel, whole_periods_ms
from agent.policy.window import CAPACITY, RANKED_FROM, Window
from tests.unit.policy.ladder import PROPERTY, TRANSFER_MS, measured, samples

quantiles = st.floats(0.5, 0.9999)
times_ms = st.floats(0.01, 10_000.0)


def test_an_unmeasured_net_is_bounded_by_its_prediction_with_the_prior_s_margin() -> None:
    model = LatencyModel.empty(prior_sigma=0.15, prior_transfer_ms=12.0)
    assert model.service_bound_ms("a", 20.0, 0.5) == pytest.approx(20.0)
    assert model.service_bound_ms("a", 20.0, 0.99) == pytest.approx(20.0 * math.exp(2.3263 * 0.15), rel=1e-4)
    assert model.latency_bound_ms("a", 20.0, 0.5, 16.0) == pytest.approx(32.0 + 12.0)
    assert model.latency_bound_ms("a", 20.0, 0.5, None) == pytest.approx(20.0 + 12.0)
    assert model.measured("a") == 0


def test_a_few_results_do_not_outweigh_the_prior_yet() -> None:
    model = measured({"a": 100.0}, count=MIN_MEASURED - 1)
    assert model.measured("a") == 0
    assert model.service_bound_ms("a", 20.0, 0.5) == pytest.approx(20.0)


def test_with_enough_results_the_bound_is_the_conformal_order_statistic() -> None:
    values = [float(ms) for ms in range(1, 301)]
    window = Window(tuple(values), tuple(values), 0.1)
    assert window.bound(0.99, 0.1) == 298.0  # ceil(301 * .99)
    assert window.bound(0.9, 0.1) == 271.0
    assert window.bound(0.9999, 0.1) >= 300.0  # more than 300 results can tell: never below the largest


@pytest.mark.parametrize("count", [20, 150, 300, 2000])
def test_the_bound_holds_for_the_share_that_was_asked_for(count: int) -> None:
    model = measured({"a": 30.0}, count)
    bound_ms = model.service_bound_ms("a", 1.0, 0.99)
    fresh = samples(30.0, 4000, seed=2)
    held = sum((sample.service_ms or 0.0) <= bound_ms for sample in fresh) / len(fresh)
    assert held >= 0.975
    assert bound_ms < 30.0 * 1.12


def test_a_single_spike_does_not_move_the_bound() -> None:
    model = measured({"a": 30.0}, RANKED_FROM)
    before = model.service_bound_ms("a", 1.0, 0.99)
    after = model.observe("a", samples(60.0, 1)).service_bound_ms("a", 1.0, 0.99)
    assert after == pytest.approx(before, rel=0.03)


@pytest.mark.parametrize("factor", [1.3, 0.7])
@pytest.mark.parametrize("known", [40, 600])
def test_a_change_of_level_shows_within_twenty_results(factor: float, known: int) -> None:
    model = measured({"a": 30.0}, known).observe("a", samples(30.0 * factor, 20, seed=3))
    assert model.service_bound_ms("a", 1.0, 0.5) == pytest.approx(30.0 * factor, rel=0.03)
    assert model.service_bound_ms("a", 1.0, 0.99) < 30.0 * factor * 1.15


def test_the_scale_of_predictions_is_learned_from_measured_nets_and_shrunk() -> None:
    predicted = {"a": 10.0, "b": 20.0, "c": 40.0}
    one = measured({"a": 13.0}).with_predictions(predicted).service_bound_ms("c", 40.0, 0.5)
    two = measured({"a": 13.0, "b": 26.0}).with_predictions(predicted).service_bound_ms("c", 40.0, 0.5)
    assert 40.0 < one < two < 52.0
    assert two == pytest.approx(52.0, rel=0.05)


def test_a_slow_down_of_the_active_net_counts_for_the_others_at_once_and_its_end_gradually() -> None:
    model = measured({"large": 40.0, "small": 10.0})
    nominal = model.service_bound_ms("large", 1.0, 0.5)
    slowed = model.observe("small", samples(13.0, 60))
    assert slowed.service_bound_ms("large", 1.0, 0.5) == pytest.approx(nominal * 1.3, rel=0.04)
    fast = (
        measured({"small": 10.0, "large": 40.0}).observe("large", samples(52.0, 60)).observe("small", samples(13, 60))
    )
    remembered = fast.service_bound_ms("large", 1.0, 0.5)
    eased = fast.observe("small", samples(10.0, 20))
    assert eased.service_bound_ms("large", 1.0, 0.5) > remembered * 0.95
    relieved = eased.observe("small", samples(10.0, RELIEF_RESULTS))
    assert relieved.service_bound_ms("large", 1.0, 0.5) < remembered * 0.85


def test_a_net_that_runs_again_after_a_slow_down_is_not_judged_by_its_slow_results() -> None:
    model = measured({"small": 10.0, "large": 40.0}).observe("large", samples(52.0, 20))
    model = model.observe("small", samples(13.0, 60)).observe("small", samples(10.0, RELIEF_RESULTS))
    again = model.observe("large", samples(40.0, 5, seed=7))
    assert again.service_bound_ms("large", 1.0, 0.99) < 40.0 * 1.12
    slow = model.observe("large", samples(52.0, 20, seed=7))
    assert slow.service_bound_ms("large", 1.0, 0.5) == pytest.approx(52.0, rel=0.03)


def test_a_little_less_on_one_net_is_no_relief_for_another() -> None:
    model = measured({"large": 40.0, "small": 10.0})
    before = model.service_bound_ms("large", 1.0, 0.99)
    eased = model.observe("small", samples(9.8, RELIEF_RESULTS, seed=5))
    assert eased.service_bound_ms("large", 1.0, 0.99) == before


def test_a_net_that_comes_back_slower_is_slow_by_itself_until_it_has_settled() -> None:
    model = measured({"large": 40.0, "small": 10.0})
    before = model.service_bound_ms("small", 1.0, 0.5)
    returned = model.observe("large", samples(52.0, 30, seed=5))
    assert returned.service_bound_ms("small", 1.0, 0.5) == before
    assert returned.service_bound_ms("large", 1.0, 0.5) == pytest.approx(52.0, rel=0.03)
    slower = returned.observe("large", samples(60.0, 30, seed=6))
    assert slower.service_bound_ms("small", 1.0, 0.5) > before * 1.1


def test_transfer_is_learned_over_all_nets_of_the_camera() -> None:
    model = measured({"a": 20.0})
    expected = 32.0 + TRANSFER_MS
    assert model.latency_bound_ms("b", 20.0, 0.5, 16.0) == pytest.approx(expected)
    assert model.delivered_ms(20.0, 0.5, None) == pytest.approx(20.0 + 10.0 + TRANSFER_MS)


def test_values_that_are_no_times_are_left_out() -> None:
    nonsense = [LatencySample(v, v, v) for v in (math.nan, math.inf, -1.0)]
    assert LatencyModel.empty().observe("a", nonsense).seen == 0
    model = measured({"a": 20.0}, 10)
    assert model.observe("a", [*nonsense, LatencySample(20.0, math.nan, math.nan)]).measured("a") == 11


def test_a_service_time_of_exactly_some_periods_takes_that_many() -> None:
    period_ms = 1000.0 / 60.0
    assert [whole_periods_ms(n * period_ms, period_ms) / period_ms for n in (1, 2, 3, 7)] == pytest.approx([1, 2, 3, 7])
    assert whole_periods_ms(17.0, period_ms) == pytest.approx(2 * period_ms)
    assert whole_periods_ms(17.0, None) == whole_periods_ms(17.0, 0.0) == 17.0


def test_the_window_is_bounded_and_the_same_for_any_split_into_batches() -> None:
    values = [sample.service_ms or 0.0 for sample in samples(30.0, 3 * CAPACITY)]
    whole = Window().extended(values)
    parts = Window()
    for start in range(0, len(values), 7):
        parts = parts.extended(values[start : start + 7])
    assert whole.count <= CAPACITY
    assert sorted(whole.arrived) == list(whole.ordered)
    assert parts.arrived[-CAPACITY // 2 :] == whole.arrived[-CAPACITY // 2 :]


@PROPERTY
@given(st.lists(times_ms, min_size=MIN_MEASURED, max_size=600), quantiles, quantiles)
def test_a_bound_is_finite_never_below_the_median_and_grows_with_the_quantile(
    values: list[float], one: float, other: float
) -> None:
    model = LatencyModel.empty().observe("a", [LatencySample(ms, 2 * ms, ms) for ms in values])
    low, high = sorted((one, other))
    bounds = [model.service_bound_ms("a", 1.0, q) for q in (low, high)]
    assert model.nets["a"].service.median <= bounds[0] <= bounds[1] < math.inf
    delivered = [model.latency_bound_ms("a", 1.0, q, 16.0) for q in (low, high)]
    assert bounds[0] < delivered[0] <= delivered[1] < math.inf


@PROPERTY
@given(st.lists(st.tuples(st.sampled_from("abc"), times_ms, st.integers(1, 60)), max_size=12), quantiles, times_ms)
def test_bounds_stay_finite_and_ordered_whatever_was_seen(
    batches: list[tuple[str, float, int]], quantile: float, predicted_ms: float
) -> None:
    model = LatencyModel.empty()
    for subnet_id, ms, count in batches:
        model = model.observe(subnet_id, [LatencySample(ms, ms + 5.0, 5.0)] * count)
    model = model.with_predictions(dict.fromkeys("abcd", predicted_ms))
    for subnet_id in "abcd":
        bound_ms = model.service_bound_ms(subnet_id, predicted_ms, quantile)
        assert 0.0 < bound_ms < math.inf
        assert model.service_bound_ms(subnet_id, predicted_ms, 0.5) <= bound_ms


def test_a_result_without_a_service_time_still_teaches_its_transfer() -> None:
    model = LatencyModel.empty().observe("a", [LatencySample(None, 60.0, 3.0)] * 20)
    assert model.measured("a") == 0
    assert model.transfer.count == 20
    assert model.delivered_ms(20.0, 0.99, 25.0) == pytest.approx(25.0 + 3.0, abs=1.0), "not the prior of 12 ms"


def test_results_that_wait_for_no_frame_are_bounded_by_service_and_what_came_on_top() -> None:
    """Events, and frames with their own result: latency minus service is all there is."""
    model = LatencyModel.empty().observe("a", [LatencySample(20.0, 26.0, 26.0)] * 40)
    budget = Budget(parts_per_minute=150.0, max_latency_ms=100.0)
    waits, none = (Limits(budget, 400.0, False, results_wait) for results_wait in (True, False))
    assert (waits.wait_period_ms, none.wait_period_ms) == (400.0, None)
    assert model.latency_bound_ms("a", 20.0, 0.99, waits.wait_period_ms) > 400.0
    assert model.latency_bound_ms("a", 20.0, 0.99, none.wait_period_ms) == pytest.approx(27.0, abs=2.0)
