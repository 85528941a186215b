"""What the latency model of a camera promises: bounds that hold, a slow-down shared by nets, and memory of both."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from agent.domain.profile import NetProfile, ProfileSource
from agent.domain.result import LatencySample
from agent.policy.delivery import CAPACITY, MIN_MEASURED, Recent, whole_periods_ms
from agent.policy.rows import OWN_RESULTS
from agent.policy.slowdown import SLOTS
from agent.policy.timing import LatencyModel
from tests.unit.policy.camera_times import JITTER, PREDICTED_MS, ROWS, commissioned, feed, noise, profile


def test_a_net_that_was_never_measured_is_bounded_by_its_prediction_with_the_prior_s_margin() -> None:
    model = LatencyModel(PREDICTED_MS, prior_sigma=0.15)
    assert model.service_bound_ms("b", 0.5) == pytest.approx(20.0)
    assert model.service_bound_ms("b", 0.99) == pytest.approx(20.0 * math.exp(2.3263 * 0.15), rel=0.03)
    assert (model.measured("b"), model.basis("b")) == (0, "prediction")
    assert model.meets(ROWS, 20.0)[1] == pytest.approx(0.5, abs=0.01)
    assert model.meets(ROWS, 20.0 * math.exp(0.15))[1] == pytest.approx(0.84, abs=0.02)


def test_bounds_asked_for_at_once_are_those_asked_for_one_by_one() -> None:
    model = LatencyModel(PREDICTED_MS)
    feed(model, "b", 1.5, 50)
    model.use({name: PREDICTED_MS[name] for name in ("a", "c")})  # b is retired, and known by its results
    found = model.service_bound_each_ms(["c", "b", "nobody", "a"], 0.99)
    assert found == pytest.approx({name: model.service_bound_ms(name, 0.99) for name in ("a", "b", "c")})


def test_a_few_results_do_not_outweigh_the_prior_yet() -> None:
    model = LatencyModel(PREDICTED_MS)
    feed(model, "b", 5.0, MIN_MEASURED - 1)
    assert model.measured("b") == 0
    assert model.service_bound_ms("b", 0.5) == pytest.approx(20.0)
    feed(model, "b", 5.0, 1)
    assert (model.measured("b"), model.basis("b")) == (MIN_MEASURED, "results")
    assert model.service_bound_ms("b", 0.5) == pytest.approx(100.0, rel=0.08)


@pytest.mark.parametrize("count", [20, 300, 2000])
@pytest.mark.parametrize("commissioning", [True, False])
def test_a_bound_holds_for_the_share_that_was_asked_for(count: int, commissioning: bool) -> None:
    model = commissioned() if commissioning else LatencyModel(PREDICTED_MS)
    feed(model, "c", 1.0, count)
    bound_ms = model.service_bound_ms("c", 0.99)
    held = np.mean(40.0 * noise(20_000, seed=2) <= bound_ms)
    assert held >= 0.975
    assert bound_ms < 40.0 * 1.12


@pytest.mark.parametrize("sigma", [0.0, 0.002, 0.01, 0.05])
def test_a_bound_is_as_tight_as_the_noise_of_the_camera_whatever_that_is(sigma: float) -> None:
    model = LatencyModel(PREDICTED_MS)
    source = np.random.default_rng(3)
    misses, over = [], []
    for _ in range(3000):
        bound_ms = model.service_bounds_ms(ROWS[2:3], 0.99)[0]
        times_ms = 40.0 * np.exp(sigma * source.standard_normal(4))
        misses += (times_ms > bound_ms).tolist()
        over.append(math.log(bound_ms / 40.0))
        model.observe_services("c", times_ms)
    assert np.mean(misses[400:]) < 0.015
    assert np.median(over) == pytest.approx(2.33 * sigma, abs=0.15 * sigma + 0.001)


def test_frequent_spikes_are_within_the_bound_where_that_was_asked() -> None:
    model = commissioned()
    times_ms = 40.0 * noise(45_000, seed=4, spikes=0.02).reshape(-1, 5)
    misses = dict.fromkeys((0.9, 0.99, 0.999), 0)
    for batch in times_ms:
        for quantile in misses:
            misses[quantile] += int(np.sum(batch > model.service_bounds_ms(ROWS[2:3], quantile)[0]))
        model.observe_services("c", batch)
    assert model.slowdown == pytest.approx(1.0, abs=0.03)
    for quantile, count in misses.items():
        assert 0.5 < count / times_ms.size / (1.0 - quantile) < 2.0
    assert model.service_bound_ms("c", 0.999) > 40.0 * 1.35


def test_a_profile_counts_before_the_first_result() -> None:
    model = LatencyModel({"a": 10.0})
    model.set_profile(profile("a", 13.0))
    assert (model.measured("a"), model.basis("a")) == (500, "profile")
    assert model.service_bound_ms("a", 0.5) == pytest.approx(13.0, rel=0.005)
    assert model.service_bound_ms("a", 0.99) == pytest.approx(13.0 * math.exp(2.33 * JITTER), rel=0.03)


def test_only_a_newer_measurement_replaces_what_results_have_told() -> None:
    model = commissioned()
    feed(model, "a", 1.0, 100)
    feed(model, "b", 1.2, 100)
    feed(model, "a", 1.0, 100)
    before = model.service_bound_ms("b", 0.5)
    newer = replace(profile("b", 30.0), wall_ns=5)
    model.set_profile(profile("b", 30.0))
    model.set_profile(replace(newer, source=ProfileSource.PRODUCTION, wall_ns=3))
    model.set_profile(replace(newer, wall_ns=4), stale=True)
    assert model.service_bound_ms("b", 0.5) == pytest.approx(before, rel=1e-3)
    model.set_profile(newer)
    assert model.service_bound_ms("b", 0.5) == pytest.approx(30.0, rel=0.01)


def test_a_profile_that_is_newer_than_what_was_saved_counts() -> None:
    model = commissioned()
    feed(model, "b", 1.0, 100)
    feed(model, "a", 1.0, 100)
    other = commissioned()
    other.set_profile(replace(profile("b", 30.0), wall_ns=5))
    other.restore(model.saved())
    assert other.service_bound_ms("b", 0.5) == pytest.approx(30.0, rel=0.01)


def test_the_running_net_keeps_its_level_when_it_gets_a_profile() -> None:
    model = LatencyModel(PREDICTED_MS)
    feed(model, "b", 1.3, 200)
    model.set_profile(profile("b", 24.0))
    feed(model, "b", 1.3, 10)
    assert model.service_bound_ms("b", 0.5) == pytest.approx(26.0, rel=0.02)
    assert model.slowdown == pytest.approx(26.0 / 24.0, rel=0.03)


def test_a_stale_profile_is_believed_less() -> None:
    bounds = []
    for stale in (False, True):
        model = LatencyModel(PREDICTED_MS)
        model.set_profile(profile("b", 24.0), stale)
        assert model.service_bound_ms("b", 0.5) == pytest.approx(24.0, rel=0.01)
        bounds.append(model.service_bound_ms("b", 0.99))
    assert bounds[1] == pytest.approx(24.0 * math.exp(2.33 * math.hypot(0.06, JITTER)), rel=0.02)
    assert bounds[0] < bounds[1] * 0.93


def test_a_profile_tells_of_spikes_before_they_are_seen() -> None:
    usual, spiky = (LatencyModel(PREDICTED_MS) for _ in range(2))
    for model, spikes in ((usual, 0.0), (spiky, 0.03)):
        model.set_profile(NetProfile.of("b", 20.0 * noise(1000, spikes=spikes), "1.0", 0))
    assert usual.meets(ROWS, 22.4)[1] > 0.9985
    assert 0.99 < spiky.meets(ROWS, 22.4)[1] < 0.998


def test_one_spike_in_a_profile_does_not_widen_the_bound_for_all_but_one_in_a_thousand() -> None:
    times_ms = 20.0 * noise(1000, spikes=0.0)
    bounds = []
    for spike in (1.0, 1.45):
        model = LatencyModel(PREDICTED_MS)
        model.set_profile(NetProfile.of("b", np.append(times_ms[:-1], 20.0 * spike), "1.0", 0))
        bounds.append(model.service_bound_ms("b", 0.999))
    assert bounds[0] == pytest.approx(20.0 * 1.075, rel=0.015)
    assert bounds[1] == pytest.approx(bounds[0], rel=0.003)


def test_profiles_that_come_after_a_bound_was_asked_for_count_as_if_they_had_come_before() -> None:
    early = LatencyModel(PREDICTED_MS)
    for quantile in (0.99, 0.999):
        early.service_bounds_ms(ROWS, quantile)
    for place, (subnet_id, ms) in enumerate(PREDICTED_MS.items()):
        early.set_profile(profile(subnet_id, ms, place))
    for quantile in (0.99, 0.999):
        bounds_ms = early.service_bounds_ms(ROWS, quantile)
        assert bounds_ms == pytest.approx(commissioned().service_bounds_ms(ROWS, quantile), rel=1e-9)


def test_what_is_asked_for_in_passing_leaves_no_trace() -> None:
    model = commissioned()
    feed(model, "a", 1.0, 100)
    model.service_bounds_ms(ROWS, 0.99)
    before = model.saved()
    with model.unchanged():
        passing = [model.service_bounds_ms(ROWS, quantile)[0] for quantile in (0.9, 0.95, 0.98, 0.995, 0.999)]
    assert passing == sorted(passing)
    assert model.saved() == before


def test_nothing_is_saved_before_the_first_result() -> None:
    assert commissioned().saved() == {}


def test_the_scale_of_predictions_is_learned_from_measured_nets_and_from_profiles() -> None:
    model = LatencyModel(PREDICTED_MS)
    feed(model, "a", 1.3, 100)
    one = model.service_bound_ms("c", 0.5)
    feed(model, "b", 1.3, 100)
    model.set_profile(profile("d", 80.0 * 1.3))
    assert 40.0 < one < model.service_bound_ms("c", 0.5) < 52.0
    assert model.service_bound_ms("c", 0.5) == pytest.approx(52.0, rel=0.05)


def test_a_slow_down_of_the_running_net_counts_for_the_others_and_so_does_its_end() -> None:
    model = commissioned()
    feed(model, "a", 1.0, 200)
    feed(model, "a", 1.3, 60)
    assert model.levels_ms(ROWS) == pytest.approx([13.0, 26.0, 52.0, 104.0], rel=0.02)
    assert model.slowdown == pytest.approx(1.3, rel=0.02)
    feed(model, "a", 1.0, 60)
    assert model.levels_ms(ROWS) == pytest.approx([10.0, 20.0, 40.0, 80.0], rel=0.02)
    assert model.slowdown_sigma < 0.02


@pytest.mark.parametrize("factor", [1.15, 1.3, 0.8])
def test_a_step_is_seen_after_two_to_four_results(factor: float) -> None:
    for seed in range(30):
        model = commissioned()
        feed(model, "b", 1.0, 100, seed)
        times_ms = 20.0 * factor * noise(4, 100 + seed, spikes=0.0)
        model.observe_services("b", times_ms[:1])
        assert model.slowdown == pytest.approx(1.0, abs=0.03), "one result may be a spike"
        model.observe_services("b", times_ms[1:])
        assert model.slowdown == pytest.approx(factor, rel=0.04)


def test_a_small_step_is_followed_within_a_second() -> None:
    model = commissioned()
    feed(model, "b", 1.0, 100)
    feed(model, "b", 1.05, 15, seed=2)
    assert model.slowdown == pytest.approx(1.05, abs=0.012)


def test_a_lone_spike_is_never_taken_for_a_step() -> None:
    for seed in range(60):
        model = commissioned()
        feed(model, "b", 1.0, 60, seed)
        before = model.service_bounds_ms(ROWS, 0.99)
        model.observe_services("b", np.array([20.0 * (1.15 + 0.35 * seed / 60)]))
        assert model.service_bounds_ms(ROWS, 0.99) == pytest.approx(before, rel=0.012)
        feed(model, "b", 1.0, 3, seed + 100)
        assert model.service_bounds_ms(ROWS, 0.99) == pytest.approx(before, rel=0.03)


def test_a_ramp_is_followed_closely() -> None:
    model = commissioned()
    feed(model, "c", 1.0, 200)
    lags = []
    for second in range(60):
        factor = 1.0 + 0.25 * second / 60
        feed(model, "c", factor, 10, seed=second)
        lags.append(math.log(model.slowdown / factor))
    assert abs(float(np.mean(lags[5:]))) < 0.006
    assert float(np.max(np.abs(lags))) < 0.03


def test_what_two_nets_show_under_one_slow_down_tells_their_sensitivities_for_good() -> None:
    gamma = {"a": 0.8, "b": 1.2, "c": 1.1, "d": 0.9}
    model = commissioned()

    def run(subnet_id: str, slowdown: float, seed: int) -> None:
        feed(model, subnet_id, slowdown ** gamma[subnet_id], 300, seed)

    def errors(slowdown: float) -> dict[str, float]:
        true = [ms * slowdown ** gamma[subnet_id] for subnet_id, ms in PREDICTED_MS.items()]
        return dict(zip(PREDICTED_MS, np.abs(np.log(model.levels_ms(ROWS) / true)).tolist(), strict=True))

    for subnet_id in PREDICTED_MS:
        run(subnet_id, 1.0, 1)
    run("a", 1.3, 2)
    assert max(errors(1.3).values()) > 0.06, "unknown sensitivities"
    for seed, subnet_id in enumerate("bcdabcd", start=3):
        run(subnet_id, 1.3, seed)
    run("a", 1.0, 20)
    run("a", 1.3, 21)
    assert max(errors(1.3).values()) < 0.012


def test_a_net_that_is_slow_by_itself_does_not_blame_the_camera_twice_nor_for_ever() -> None:
    model = commissioned()
    feed(model, "d", 1.0, 200)
    feed(model, "d", 1.3, 100)
    assert model.service_bound_ms("a", 0.5) == pytest.approx(13.0, rel=0.03), "at first it is the camera"
    feed(model, "a", 1.0, 100)
    assert model.service_bound_ms("d", 0.5) == pytest.approx(80.0, rel=0.03)
    feed(model, "d", 1.3, 100)
    feed(model, "a", 1.0, 100, seed=3)
    assert model.levels_ms(ROWS) == pytest.approx([10.0, 20.0, 40.0, 104.0], rel=0.03)
    feed(model, "a", 1.0, int(4 * OWN_RESULTS), seed=4)
    assert model.service_bound_ms("d", 0.5) < 80.0 * 1.03


def test_a_net_that_was_slow_by_itself_and_recovers_takes_nobody_with_it() -> None:
    model = commissioned()
    for subnet_id, factor in (("d", 1.0), ("d", 1.3), ("a", 1.0), ("d", 1.3), ("d", 1.0)):
        feed(model, subnet_id, factor, 100)
    assert model.levels_ms(ROWS) == pytest.approx([10.0, 20.0, 40.0, 80.0], rel=0.03)


def test_probabilities_know_of_jitter_and_of_spikes() -> None:
    model = commissioned()
    for seed in range(10):
        model.observe_services("b", 20.0 * noise(1000, seed))
    level_ms = float(model.levels_ms(ROWS)[1])

    def within(share: float) -> float:
        return float(model.meets(ROWS, level_ms / (1.0 - share))[1])

    assert within(0.14) == pytest.approx(0.999, abs=0.0005)
    assert 0.99 < within(0.05) < 0.997
    assert within(0.0) == pytest.approx(0.5, abs=0.03)
    assert within(0.5) > 0.9999
    assert model.meets(ROWS, math.inf).tolist() == [1.0] * 4
    assert model.meets(ROWS, 0.0).tolist() == [0.0] * 4


def test_a_net_that_left_the_catalogue_is_still_tracked() -> None:
    model = commissioned()
    feed(model, "b", 1.0, 100)
    model.use({"c": 40.0})
    feed(model, "b", 1.2, 50)
    assert model.service_bound_ms("b", 0.5) == pytest.approx(24.0, rel=0.02)
    assert model.levels_ms(np.array([0]))[0] == pytest.approx(48.0, rel=0.03)
    with pytest.raises(KeyError):
        model.service_bound_ms("nothing", 0.5)


def test_of_nets_that_left_the_catalogue_the_latest_are_kept() -> None:
    names = [f"n{place}" for place in range(SLOTS + 4)]
    model = LatencyModel(dict.fromkeys(names, 10.0))
    for subnet_id in names:
        model.observe_services(subnet_id, 13.0 * noise(40))
    model.use({"other": 20.0})
    assert model.basis("n0") == "prediction", "forgotten"
    assert model.basis(names[-1]) == "results"
    assert model.levels_ms(np.array([0]))[0] == pytest.approx(26.0, rel=0.02), "its scale stays"
    for place in range(SLOTS):
        model.observe_services(f"later {place}", 10.0 * noise(40))
    assert model.basis(names[-1]) == "prediction"


def test_knowledge_by_id_survives_another_order_of_the_catalogue() -> None:
    model = commissioned()
    feed(model, "b", 1.2, 100)
    before = dict(zip(PREDICTED_MS, model.service_bounds_ms(ROWS, 0.99).tolist(), strict=True))
    model.use({"d": 80.0, "e": 160.0, "b": 20.0})
    assert model.service_bounds_ms(np.array([0, 2]), 0.99) == pytest.approx([before["d"], before["b"]], rel=1e-4)


def test_more_nets_than_are_told_apart_jointly_keep_their_levels() -> None:
    model = LatencyModel({f"n{place}": 10.0 for place in range(3 * SLOTS)})
    for place in range(3 * SLOTS):
        model.observe_services(f"n{place}", (10.0 + place) * noise(60, place))
    levels_ms = model.levels_ms(np.arange(3 * SLOTS))
    assert levels_ms == pytest.approx(10.0 + np.arange(3 * SLOTS), rel=0.05)


def test_values_that_are_no_times_are_left_out() -> None:
    model = commissioned()
    feed(model, "a", 1.0, 50)
    before = model.saved()
    model.observe("a", [LatencySample(v, v, v) for v in (math.nan, math.inf, -1.0, -math.inf)])
    model.observe_services("a", np.array([math.nan, math.inf, -1.0, 0.0]))
    assert model.saved() == before
    model.observe("a", [LatencySample(10.0, math.nan, math.nan), LatencySample(None, 60.0, 3.0)])
    assert model.measured("a") == 51


def test_transfer_is_learned_over_all_nets_and_waits_for_whole_periods() -> None:
    model = LatencyModel(PREDICTED_MS, prior_transfer_ms=12.0)
    assert model.delivered_ms(20.0, 0.5, 16.0) == pytest.approx(32.0 + 12.0)
    assert model.delivered_ms(20.0, 0.5, None) == pytest.approx(20.0 + 12.0)
    model.observe("a", [LatencySample(10.0, 30.0, 4.0)] * 40)
    assert model.delivered_ms(20.0, 0.5, 16.0) == pytest.approx(32.0 + 4.0)
    assert model.delivered_ms(20.0, 0.5, None) == pytest.approx(20.0 + 20.0)
    assert model.delivered_ms(20.0, 0.5, 16.0) <= model.delivered_ms(20.0, 0.99, 16.0)


def test_a_result_without_a_service_time_still_teaches_its_transfer() -> None:
    model = LatencyModel(PREDICTED_MS)
    model.observe("a", [LatencySample(None, 60.0, 3.0)] * 20)
    assert model.measured("a") == 0
    assert model.delivered_ms(20.0, 0.99, 25.0) == pytest.approx(25.0 + 3.0, abs=1.0), "not the prior of 12 ms"


def test_a_service_time_of_exactly_some_periods_takes_that_many() -> None:
    period_ms = 1000.0 / 60.0
    assert [whole_periods_ms(n * period_ms, period_ms) / period_ms for n in (1, 2, 3, 7)] == pytest.approx([1, 2, 3, 7])
    assert whole_periods_ms(17.0, period_ms) == pytest.approx(2 * period_ms)
    assert whole_periods_ms(17.0, None) == whole_periods_ms(17.0, 0.0) == 17.0


def test_recent_transfers_are_bounded_and_start_anew_after_a_shift() -> None:
    recent = Recent()
    recent.extend((5.0 * noise(3 * CAPACITY)).tolist())
    assert recent.count == CAPACITY
    assert recent.bound(0.99, 0.02) == pytest.approx(5.0 * math.exp(2.33 * JITTER), rel=0.02)
    assert recent.bound(0.9999, 0.02) >= recent.bound(0.99, 0.02)
    recent.extend((8.0 * noise(15, seed=2, spikes=0.0)).tolist())
    assert recent.median == pytest.approx(8.0, rel=0.03)


def test_a_saved_model_answers_as_the_one_it_was_saved_from() -> None:
    model = commissioned()
    for subnet_id, factor in (("a", 1.0), ("b", 1.3), ("c", 1.25), ("a", 1.28)):
        feed(model, subnet_id, factor, 90)
    model.observe("a", [LatencySample(12.0, 20.0, 3.0)] * 8)
    model.service_bounds_ms(ROWS, 0.99)
    other = commissioned()
    other.restore(json.loads(json.dumps(model.saved())))
    assert other.saved() == model.saved()
    for one in (model, other):
        feed(one, "b", 1.3, 200, seed=5)
        one.observe("a", [LatencySample(12.0, 20.0, 3.0)] * 8)
    assert other.service_bounds_ms(ROWS, 0.99).tolist() == model.service_bounds_ms(ROWS, 0.99).tolist()
    assert other.meets(ROWS, 40.0).tolist() == model.meets(ROWS, 40.0).tolist()
    assert other.delivered_ms(10.0, 0.9, 25.0) == model.delivered_ms(10.0, 0.9, 25.0)


def test_what_does_not_hold_together_is_not_restored() -> None:
    model = commissioned()
    feed(model, "a", 1.2, 90)
    saved = json.loads(json.dumps(model.saved()))
    tracking = saved["tracking"]
    broken = [
        {},
        {**saved, "schema": "other"},
        {**saved, "tracking": {**tracking, "slots": ["a", "a"]}},
        {**saved, "tracking": {**tracking, "slots": ["z"], "used": ["z"]}},
        {**saved, "tracking": {**tracking, "latest": "z"}},
        {**saved, "tracking": {**tracking, "slowdown": {"mean": [0.0], "covariance": [[1.0]]}}},
        {**saved, "tracking": {**tracking, "level": {**tracking["level"], "level": math.nan}}},
        {**saved, "tracking": {**tracking, "residuals": {**tracking["residuals"], "body": [1.0]}}},
    ]
    for document in broken:
        fresh = commissioned()
        before = fresh.saved()
        fresh.restore(document)
        assert fresh.saved() == before
    fresh.restore(saved)
    assert fresh.slowdown == model.slowdown


def test_restored_knowledge_is_of_the_nets_that_are_there() -> None:
    model = commissioned()
    feed(model, "a", 1.0, 90)
    feed(model, "b", 1.3, 90)
    other = LatencyModel({"b": 25.0, "e": 160.0})
    other.restore(model.saved())
    assert other.service_bound_ms("b", 0.5) == model.service_bound_ms("b", 0.5)
    assert other.basis("e") == "prediction"
    later = LatencyModel({"b": 25.0})
    later.observe_services("gone", 50.0 * noise(40))
    later.restore(model.saved())
    assert later.basis("gone") == "prediction"
    assert later.basis("a") == "results", "it ran lately"
