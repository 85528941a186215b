"""What is chosen, when, and in which words."""

from __future__ import annotations

import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision, Reason
from agent.policy.decide import Context, Promise, decide, promise_of
from agent.policy.latency import LatencyModel
from tests.unit.policy.ladder import LADDER, a_catalogue, a_net, candidate_of, effective, measured, samples

MEASURED = measured({"small": 10.0, "middle": 20.0, "large": 40.0})
PROMISE = Promise("b-1", 21.0)
SETTLED = Context(now_s=100.0, activated_s=0.0, promise=PROMISE)
PERIOD_MS = 1000.0 / 60.0


def decided(
    budget: Budget,
    active: str | None = None,
    context: Context = SETTLED,
    model: LatencyModel = MEASURED,
    budget_id: str = "b-1",
    fail_safe: bool = False,
) -> Decision:
    return decide(LADDER, active, model, effective(budget, budget_id, fail_safe), PERIOD_MS, False, context)


def outcome(decision: Decision) -> tuple[Action, Reason, str | None, bool]:
    return decision.action, decision.reason, decision.target, decision.feasible


def rate(service_limit_ms: float) -> Budget:
    return Budget(parts_per_minute=60_000.0 / service_limit_ms)


def test_the_most_accurate_that_fits_is_started() -> None:
    assert outcome(decided(rate(30.0))) == (Action.SWAP, Reason.INITIAL, "middle", True)
    assert outcome(decided(rate(100.0))) == (Action.SWAP, Reason.INITIAL, "large", True)
    assert outcome(decided(Budget(max_latency_ms=30.0))) == (Action.SWAP, Reason.INITIAL, "small", True)
    assert outcome(decided(Budget(max_latency_ms=39.0))) == (Action.SWAP, Reason.INITIAL, "middle", True)


def test_of_equally_accurate_nets_the_faster_and_then_the_first_by_name_is_chosen() -> None:
    twins = a_catalogue([a_net("c", 0.8, 30.0), a_net("b", 0.8, 20.0), a_net("a", 0.8, 20.0)])
    found = decide(twins, None, LatencyModel.empty(), effective(rate(100.0)), None, False, SETTLED)
    assert found.target == "a"


def test_the_best_is_kept_while_it_runs() -> None:
    found = decided(rate(30.0), "middle")
    assert outcome(found) == (Action.KEEP, Reason.BEST_ALREADY, "middle", True)
    assert promise_of(found) == Promise("b-1", candidate_of(found, "middle").service_bound_ms)


def test_a_net_that_breaks_a_changed_budget_goes_at_once_and_dwell_does_not_matter() -> None:
    just_started = Context(now_s=100.0, activated_s=99.9, promise=PROMISE)
    found = decided(rate(15.0), "middle", just_started, budget_id="b-2")
    assert outcome(found) == (Action.SWAP, Reason.BUDGET, "small", True)
    assert "service 20.9 ms > 15.0 ms (4000 parts/min)" in found.text


def test_a_net_that_breaks_its_promise_goes_and_stays_away_though_another_runs() -> None:
    slow = MEASURED.observe("middle", samples(29.5, 60))
    found = decided(rate(30.0), "middle", model=slow)
    assert outcome(found) == (Action.SWAP, Reason.MEASURED, "small", True)
    assert "(promised 21.0 ms)" in found.text
    after = decided(rate(30.0), "small", model=slow.observe("small", samples(10.0, 20)))
    assert outcome(after) == (Action.KEEP, Reason.BEST_ALREADY, "small", True)


def test_a_passing_slow_down_costs_two_swaps_and_no_more() -> None:
    model, active, swaps, promise = MEASURED, "middle", [], PROMISE
    for tick in range(120):
        factor = 1.5 if 20 <= tick < 60 else 1.0
        service_ms = {"small": 10.0, "middle": 20.0}[active] * factor
        model = model.observe(active, samples(service_ms, 30, seed=tick))
        found = decided(rate(23.0), active, Context(now_s=float(tick), activated_s=0.0, promise=promise), model)
        promise = promise_of(found, promise) or promise
        if found.action is Action.SWAP:
            active = str(found.target)
            swaps.append((tick, active, found.reason))
    assert [(to, reason) for _, to, reason in swaps] == [("small", Reason.MEASURED), ("middle", Reason.MORE_ACCURATE)]
    assert swaps[0][0] in (20, 21)
    assert 60 <= swaps[1][0] <= 90


def test_a_more_accurate_net_waits_for_dwell_and_the_text_says_how_long() -> None:
    waiting = Context(now_s=102.0, activated_s=100.0, min_dwell_s=5.0, promise=PROMISE)
    found = decided(rate(100.0), "middle", waiting)
    assert outcome(found) == (Action.HOLD, Reason.DWELL, "large", True)
    assert found.text.startswith("wait 3.0 s of min_dwell, then swap middle for large")
    later = Context(now_s=105.0, activated_s=100.0, min_dwell_s=5.0, promise=PROMISE)
    assert outcome(decided(rate(100.0), "middle", later)) == (Action.SWAP, Reason.MORE_ACCURATE, "large", True)
    assert decided(rate(100.0), "middle", later, budget_id="b-2").reason is Reason.BUDGET


def test_the_fail_safe_does_not_wait_for_dwell() -> None:
    waiting = Context(now_s=101.0, activated_s=100.0, promise=PROMISE)
    assert outcome(decided(rate(15.0), "large", waiting, fail_safe=True))[:3] == (
        Action.SWAP,
        Reason.FAIL_SAFE,
        "small",
    )
    assert outcome(decided(rate(100.0), "small", waiting, fail_safe=True))[:3] == (
        Action.SWAP,
        Reason.FAIL_SAFE,
        "large",
    )


def test_a_gain_that_is_hardly_one_is_not_worth_a_swap() -> None:
    twins = a_catalogue([a_net("a", 0.8, 20.0), a_net("b", 0.8015, 20.0)])
    found = decide(twins, "a", LatencyModel.empty(), effective(rate(100.0)), None, False, SETTLED)
    assert outcome(found) == (Action.KEEP, Reason.BEST_ALREADY, "a", True)
    assert "b is only 0.0015 more accurate" in found.text


def test_an_infeasible_budget_takes_the_net_nearest_to_it_without_dwell() -> None:
    just_started = Context(now_s=100.0, activated_s=99.9, promise=PROMISE)
    found = decided(rate(5.0), "large", just_started)
    assert outcome(found) == (Action.SWAP, Reason.INFEASIBLE, "small", False)
    assert "no usable sub-net meets 12000 parts/min at quantile 0.99; nearest is small" in found.text
    assert outcome(decided(rate(5.0), "small")) == (Action.KEEP, Reason.INFEASIBLE, "small", False)
    assert promise_of(found, PROMISE) is PROMISE


def test_infeasible_nets_that_are_about_as_far_off_are_not_swapped() -> None:
    twins = a_catalogue([a_net("a", 0.8, 20.0), a_net("b", 0.8, 19.9)])
    found = decide(twins, "a", LatencyModel.empty(), effective(rate(5.0)), None, False, SETTLED)
    assert outcome(found) == (Action.KEEP, Reason.INFEASIBLE, "a", False)


def test_what_cannot_be_had_is_no_reason_to_miss_parts() -> None:
    """None is accurate enough; the nearest one would also miss parts while it is busy, so it is not taken."""
    wanted = effective(Budget(parts_per_minute=1500.0, min_accuracy=0.99))
    model = measured({"small": 10.0, "middle": 20.0, "large": 42.0})
    found = decide(LADDER, "large", model, wanted, None, False, SETTLED)
    assert outcome(found)[:3] == (Action.SWAP, Reason.INFEASIBLE, "middle")
    found = decide(
        LADDER, "large", measured({"small": 41.0, "middle": 41.0, "large": 42.0}), wanted, None, False, SETTLED
    )
    assert outcome(found)[:3] == (Action.KEEP, Reason.INFEASIBLE, "large")


def test_in_hold_mode_an_infeasible_budget_swaps_nothing_but_starts_something() -> None:
    hold = Context(now_s=100.0, infeasible_mode="hold", promise=PROMISE)
    assert outcome(decided(rate(5.0), "large", hold)) == (Action.KEEP, Reason.INFEASIBLE, "large", False)
    assert outcome(decided(rate(5.0), None, hold)) == (Action.SWAP, Reason.INFEASIBLE, "small", False)


def test_a_minimum_of_accuracy_is_part_of_the_budget() -> None:
    wanted = Budget(parts_per_minute=2000.0, min_accuracy=0.78)
    found = decided(wanted, "middle")
    assert outcome(found) == (Action.KEEP, Reason.INFEASIBLE, "middle", False)
    assert candidate_of(found, "small").why_not == "accuracy 0.700 < 0.780"
    assert candidate_of(found, "large").why_not.startswith("service 4")


def test_free_running_counts_whole_frames_for_the_rate() -> None:
    budget = rate(30.0)
    grid = decide(LADDER, None, MEASURED, effective(budget), PERIOD_MS, True, SETTLED)
    assert grid.target == "small"
    assert "= 33.3 ms in whole frames > 30.0 ms (2000 parts/min)" in candidate_of(grid, "middle").why_not
    two_frames = Budget(parts_per_minute=1800.0)
    assert decide(LADDER, None, MEASURED, effective(two_frames), 16.68, True, SETTLED).target == "middle"


def test_a_quarantined_net_is_not_chosen_and_the_reason_is_given() -> None:
    barred = Context(now_s=100.0, quarantined={"large": "digest mismatch"}, promise=PROMISE)
    found = decided(rate(100.0), None, barred)
    assert found.target == "middle"
    assert candidate_of(found, "large").why_not == "quarantined: digest mismatch"
    assert outcome(decided(rate(100.0), "large", barred)) == (Action.KEEP, Reason.BEST_ALREADY, "large", True)
    every = Context(now_s=100.0, quarantined=dict.fromkeys(["small", "middle", "large"], "refused"))
    assert outcome(decided(rate(100.0), None, every)) == (Action.NONE, Reason.QUARANTINED, None, False)


def test_an_empty_library_has_nothing_to_choose_from() -> None:
    found = decide(a_catalogue([]), None, MEASURED, effective(rate(9.0)), None, False, SETTLED)
    assert outcome(found) == (Action.NONE, Reason.EMPTY, None, False)


def test_a_retired_net_stays_while_its_measured_times_fit() -> None:
    model = MEASURED.observe("old", samples(25.0, 60))
    kept = decided(rate(30.0), "old", model=model)
    assert outcome(kept) == (Action.KEEP, Reason.RETIRED, "old", True)
    assert promise_of(kept, PROMISE) is PROMISE
    assert outcome(decided(rate(30.0), "unknown", model=model)) == (Action.KEEP, Reason.RETIRED, "unknown", True)
    assert outcome(decided(rate(5.0), "old", model=model)) == (Action.KEEP, Reason.RETIRED, "old", False)
    assert outcome(decided(rate(22.0), "old", model=model)) == (Action.SWAP, Reason.RETIRED, "middle", True)
    assert decided(rate(22.0), "old", model=model, budget_id="b-2").reason is Reason.BUDGET


def test_a_net_taken_over_from_an_earlier_run_is_measured_before_it_is_given_up() -> None:
    adopted = Context(now_s=100.0, activated_s=99.0)
    budget = rate(42.0)
    found = decided(budget, "large", adopted, LatencyModel.empty())
    assert outcome(found) == (Action.HOLD, Reason.MEASURED, "middle", True)
    assert promise_of(found) is None
    known = LatencyModel.empty().observe("large", samples(39.0, 40))
    assert outcome(decided(budget, "large", adopted, known)) == (Action.KEEP, Reason.BEST_ALREADY, "large", True)
    slow = LatencyModel.empty().observe("large", samples(45.0, 10))
    assert decided(budget, "large", adopted, slow).action is Action.SWAP
    assert decided(budget, "large", adopted, LatencyModel.empty(), fail_safe=True).action is Action.SWAP
    assert decided(budget, "large", SETTLED, LatencyModel.empty()).action is Action.SWAP


@pytest.mark.parametrize(("allowed_ms", "words"), [(34.02, "34.1 ms > 34.0 ms"), (33.3, "34.1 ms > 33.3 ms")])
def test_the_words_never_say_that_a_number_exceeds_itself(allowed_ms: float, words: str) -> None:
    net = a_catalogue([a_net("a", 0.8, 34.06)])
    budget = Budget(parts_per_minute=60_000.0 / allowed_ms, quantile=0.5)
    found = decide(net, None, LatencyModel.empty(), effective(budget), None, False, SETTLED)
    assert words in found.candidates[0].why_not
