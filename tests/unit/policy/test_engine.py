"""What a camera's policy decides, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision, Reason
from agent.domain.line import Announced, Demand, View
from agent.policy.chooser import Active, Chooser, Chosen
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.policy.tracker import Scene
from tests.unit.policy.ladder import (
    LADDER,
    PLAIN,
    SWAP_S,
    Line,
    a_catalogue,
    a_net,
    asked,
    candidate_of,
    commissioned,
    effective,
    figure_of,
    lived,
    rate,
    samples,
)

PERIOD_MS = 1000.0 / 60.0


def outcome(decision: Decision) -> tuple[Action, Reason, str | None, bool]:
    return decision.action, decision.reason, decision.target, decision.feasible


def told(decision: Decision) -> tuple[object, ...]:
    """All that can be read of it."""
    return (*outcome(decision), decision.starts_s, decision.text, decision.candidates, decision.figures)


def first(budget: Budget, policy: SwapPolicy | None = None, active: str | None = None) -> Decision:
    """Of a policy that has seen nothing of the line; `active` has run for long."""
    return (policy or commissioned()).decide(View(100.0, asked(budget), active, None if active is None else 0.0))


def settled(budget: Budget, seconds: int = 60) -> Line:
    """A line that has run with one budget for so long, with results."""
    line = Line(commissioned())
    line.run(asked(budget), seconds)
    return line


def steady() -> Line:
    """A line whose budgets last for five minutes, so that any gain pays; `large` runs."""
    return lived((15.0, 30.0, 60.0, 100.0), 300.0)


def test_the_most_accurate_that_fits_is_started() -> None:
    assert outcome(first(rate(30.0))) == (Action.SWAP, Reason.INITIAL, "middle", True)
    assert outcome(first(rate(100.0))) == (Action.SWAP, Reason.INITIAL, "large", True)
    assert outcome(first(Budget(max_latency_ms=15.0))) == (Action.SWAP, Reason.INITIAL, "small", True)
    assert first(rate(30.0)).text.startswith("start with middle (accuracy 0.750, service 2")


def test_of_equally_accurate_nets_the_faster_and_then_the_first_by_name_is_chosen() -> None:
    twins = a_catalogue([a_net("c", 0.8, 30.0), a_net("b", 0.8, 20.0), a_net("a", 0.8, 20.0)])
    assert first(rate(100.0), SwapPolicy(twins, PLAIN)).target == "a"


def test_the_best_is_kept_while_it_runs() -> None:
    line = settled(rate(30.0))
    assert outcome(line.tick(asked(rate(30.0)))) == (Action.KEEP, Reason.BEST_ALREADY, "middle", True)
    assert [to for _, to, _ in line.swaps] == ["middle"]


def test_a_net_that_does_not_fit_a_changed_budget_is_left_at_once_and_dwell_does_not_matter() -> None:
    line = settled(rate(30.0), 3)
    found = line.tick(asked(rate(15.0), "b-2"))
    assert outcome(found) == (Action.SWAP, Reason.BUDGET, "small", True)
    assert "ms > 15.0 ms (4000 parts/min)" in found.text


def test_a_net_that_breaks_its_promise_goes_and_the_text_says_what_was_promised() -> None:
    line = settled(rate(23.0), 120)
    assert line.active == "middle"
    line.slow = 1.5
    line.run(asked(rate(23.0)), 5)
    assert [(to, reason) for _, to, reason in line.swaps[1:]] == [("small", Reason.MEASURED.value)]


def test_a_passing_slow_down_costs_two_swaps_and_no_more() -> None:
    line = settled(rate(23.0), 120)
    line.slow = 1.5
    line.run(asked(rate(23.0)), 60)
    line.slow = 1.0
    line.run(asked(rate(23.0)), 200)
    assert [to for _, to, _ in line.swaps] == ["middle", "small", "middle"]
    assert 120 <= line.swaps[1][0] <= 123
    assert line.swaps[2][2] == Reason.MORE_ACCURATE.value


def test_a_swap_for_a_gain_waits_for_dwell_and_the_text_says_how_long() -> None:
    keen = commissioned(given=replace(PLAIN, rule=replace(PLAIN.rule, margin_s=-1e6)))
    found = keen.decide(View(98.0, asked(rate(30.0)), "small", 96.0))
    assert outcome(found) == (Action.HOLD, Reason.DWELL, "middle", True)
    assert found.starts_s == pytest.approx(101.0)
    assert found.text.startswith("wait 3.0 s of min_dwell, then swap small for middle (")
    assert outcome(keen.decide(View(101.0, asked(rate(30.0)), "small", 96.0)))[0] is Action.SWAP


def test_a_better_net_comes_soon_after_dwell_is_over() -> None:
    line = steady()
    line.run(asked(rate(15.0)), 4)
    assert line.activated_s is not None
    earliest_s = line.activated_s + 5.0
    line.run(asked(rate(100.0), "b-2"), 20)
    assert [to for _, to, _ in line.swaps] == ["small", "large"]
    assert earliest_s <= line.swaps[-1][0] <= earliest_s + 5.0


def test_a_gain_without_a_new_budget_is_called_one() -> None:
    line = steady()
    line.run(asked(rate(100.0)), 3)
    line.active = "small"
    assert line.tick(asked(rate(100.0))).reason is Reason.MORE_ACCURATE


def test_the_fail_safe_does_not_wait_for_dwell() -> None:
    for budget, active, target in ((rate(15.0), "large", "small"), (rate(100.0), "small", "large")):
        line = steady()
        line.active, line.activated_s = active, line.now_s - 0.5
        found = line.tick(asked(budget, "b-2", fail_safe=True))
        assert outcome(found) == (Action.SWAP, Reason.FAIL_SAFE, target, True)
        assert outcome(line.run(asked(budget, "b-2", fail_safe=True), 60)) == (
            Action.KEEP,
            Reason.BEST_ALREADY,
            target,
            True,
        )


def test_a_swap_that_does_not_pay_is_not_made_and_the_text_says_why() -> None:
    """A line whose budget flips every six seconds: the faster of two nets that it needs is kept all along."""
    line = lived((30.0, 50.0), 6.0)
    assert line.active == "middle"
    for turn in range(20):
        line.run(asked(rate(30.0 if turn % 2 else 50.0), f"b-{turn}"), 6)
    assert line.swaps == []
    found = line.tick(asked(rate(50.0), "b-20"))
    assert outcome(found) == (Action.KEEP, Reason.NOT_WORTH, "middle", True)
    large = candidate_of(found, "large")
    assert large.feasible
    gap_s, pays_s = figure_of(large.figures, "gap"), figure_of(large.figures, "pays_after")
    assert gap_s == pytest.approx(SWAP_S, rel=0.1)
    assert pays_s == pytest.approx(SWAP_S * 0.8 / 0.05, rel=0.05)
    assert figure_of(large.figures, "lasts_so_long") < 5.0
    assert figure_of(large.figures, "swap_now_wins") < 0.0
    assert f"a swap to large is not worth its gap: {gap_s:.1f} s without results" in found.text
    assert f"pays if the line stays so for {pays_s:.0f} s (chance " in found.text


def test_a_line_that_stays_as_it_is_gets_its_better_net() -> None:
    line = steady()
    line.run(asked(rate(15.0), "b-1"), 300)
    decisions = [line.tick(asked(rate(100.0), "b-2")) for _ in range(20)]
    assert [to for _, to, _ in line.swaps] == ["small", "large"]
    assert decisions[-1].reason is Reason.BEST_ALREADY
    text = next(one.text for one in decisions if one.action is Action.SWAP)
    assert "+60.0 correct parts/min, which pays if the line stays so for 16 s (chance " in text
    assert "correct parts more than waiting" in text


def test_a_line_that_waits_for_its_camera_gets_the_net_that_its_change_calls_for() -> None:
    line = steady()
    line.run(asked(rate(15.0)), 60)
    line.activated_s = line.now_s - 0.5  # dwell does not matter
    after = (Announced(line.now_s + 0.001, asked(rate(60.0), "b-2")),)
    found = line.tick(asked(rate(60.0), "b-2", stopped=True), after)
    assert outcome(found) == (Action.SWAP, Reason.BUDGET, "large", True)
    assert found.text.endswith("while the line stands: no part is lost")


def test_a_line_that_stands_gets_the_net_that_its_stops_were_followed_by() -> None:
    line = Line(commissioned(), results=0, step_s=10.0)
    for turn in range(6):
        line.run(asked(rate(15.0), f"q-{turn}"), 300)
        line.run(asked(rate(100.0), f"r-{turn}"), 300)
        line.run(asked(rate(100.0), f"r-{turn}", stopped=True), 20)
    line.run(asked(rate(100.0), "b-9"), 60)
    assert line.active == "large"
    found = line.tick(asked(rate(100.0), "b-9", stopped=True))
    assert outcome(found)[:3] == (Action.SWAP, Reason.MORE_ACCURATE, "small")
    assert "it is worth most by what the line has asked for after earlier stops" in found.text


def test_while_the_line_stands_one_swap_is_enough() -> None:
    line = steady()
    line.run(asked(rate(100.0), "b-1", stopped=True), 600)
    assert len(line.swaps) <= 1


def change(line: Line, before: Demand, after: Demand, notice_s: float = 5.0) -> list[Decision]:
    """The decisions from the announcement to ten seconds after the change, four a second."""
    at_s = line.now_s + notice_s
    found: list[Decision] = []
    policy, swapped_s = line.policy, float("nan")
    active, activated_s = line.active, line.activated_s
    for quarter in range(int(4 * (notice_s + 10.0))):
        now_s = line.now_s + quarter / 4
        coming = (Announced(at_s, after),) if now_s < at_s else ()
        if now_s >= swapped_s + SWAP_S:
            active, activated_s, swapped_s = found[-1].target if active is None else active, swapped_s, float("nan")
        view = View(now_s, before if now_s < at_s else after, active, activated_s, coming, notice_s)
        decision = policy.decide(view)
        found.append(decision)
        if decision.action is Action.SWAP:
            break
    return found


def test_an_announced_tighter_change_starts_the_swap_so_that_it_ends_at_the_change() -> None:
    line = settled(rate(50.0), 100)
    assert line.active == "large"
    now_s = line.now_s
    found = change(line, asked(rate(50.0)), asked(rate(30.0), "b-2"))
    assert outcome(found[0]) == (Action.HOLD, Reason.ANNOUNCED, "middle", True)
    assert found[0].starts_s is not None
    swap_s = figure_of(candidate_of(found[0], "middle").figures, "gap")
    assert now_s + 5.0 - 1.5 * swap_s < found[0].starts_s <= now_s + 5.0 - swap_s
    assert found[0].text.startswith("in 2.4 s swap large for middle (")
    assert found[0].text.endswith("a change is announced for in 5.0 s, and the swap takes 2.0 s")
    assert found[-1].action is Action.SWAP
    begun_s = now_s + (len(found) - 1) / 4
    assert found[0].starts_s <= begun_s <= found[0].starts_s + 0.25
    assert {decision.action for decision in found[:-1]} == {Action.HOLD}


def test_an_announced_looser_change_is_followed_by_its_swap() -> None:
    line = settled(rate(30.0), 200)
    now_s = line.now_s
    found = change(line, asked(rate(30.0)), asked(rate(100.0), "b-2"))
    assert all(decision.action is not Action.SWAP for decision in found[:20])
    assert outcome(found[0])[:3] == (Action.HOLD, Reason.ANNOUNCED, "large")
    assert found[0].starts_s == pytest.approx(now_s + 5.0)
    assert outcome(found[-1])[:3] == (Action.SWAP, Reason.BUDGET, "large")


def test_where_every_change_is_told_ahead_and_none_is_told_the_swap_need_not_fear_one() -> None:
    """The same line, whose budget changes every 12 s or so, with and without the promise of ten seconds' notice."""
    swapped = {}
    for notice_s in (0.0, 10.0):
        line = Line(commissioned())
        for turn in range(40):
            line.run(asked(rate(30.0 if turn % 2 else 50.0), f"b-{turn}"), 12, notice_s)
        swapped[notice_s] = len(line.swaps)
    assert swapped[0.0] <= swapped[10.0]


def test_a_deliberate_hold_says_that_the_net_does_not_fit_and_that_leaving_it_is_not_worth_the_gap() -> None:
    """Rushes of one second that a swap of two would only follow."""
    line = Line(commissioned())
    for turn in range(40):
        line.run(asked(rate(50.0), f"b-{turn}"), 30)
        found = line.tick(asked(rate(40.5), f"r-{turn}"))
    assert line.active == "large"
    assert outcome(found) == (Action.HOLD, Reason.NOT_WORTH, "middle", True)
    assert found.text.startswith("hold large (accuracy 0.800")
    assert "ms > 40.5 ms" in found.text
    assert "not worth its gap" in found.text


def test_no_net_is_waited_with_for_one_that_may_not_be_chosen() -> None:
    """Only predictions: `middle` would be in time nearly always, but its bound is too long to be chosen."""
    cold = SwapPolicy(LADDER, PLAIN)
    cold.decide(View(0.0, asked(rate(100.0)), "large", 0.0))
    for second in range(1, 9):
        found = cold.decide(View(20.0 + second, asked(rate(27.0), "b-2"), "large", 0.0))
        assert not candidate_of(found, "middle").feasible
        assert figure_of(candidate_of(found, "middle").figures, "in_time") > 95.0
        assert outcome(found) == (Action.SWAP, Reason.BUDGET, "small", True)


def test_an_infeasible_budget_starts_the_net_most_likely_to_meet_it() -> None:
    found = first(rate(5.0))
    assert outcome(found) == (Action.SWAP, Reason.INFEASIBLE, "small", False)
    assert "no usable sub-net meets 12000 parts/min for 99 % of results" in found.text
    assert "parts/min can be kept up" in found.text
    assert outcome(first(rate(5.0), active="small")) == (Action.KEEP, Reason.INFEASIBLE, "small", False)


def test_an_infeasible_budget_that_one_net_meets_half_the_time_swaps_to_it_without_dwell() -> None:
    policy = commissioned()
    policy.decide(View(98.0, asked(rate(50.0)), "large", 97.0))
    found = policy.decide(View(100.0, asked(rate(10.0), "b-2"), "large", 97.0))
    assert outcome(found) == (Action.SWAP, Reason.INFEASIBLE, "small", False)


def test_in_hold_mode_an_infeasible_budget_swaps_nothing_but_starts_something() -> None:
    hold = replace(PLAIN, infeasible="hold")
    kept = first(rate(10.0), commissioned(given=hold), "large")
    assert outcome(kept) == (Action.KEEP, Reason.INFEASIBLE, "large", False)
    assert kept.text.startswith("hold large")
    started = first(rate(10.0), commissioned(given=hold))
    assert outcome(started) == (Action.SWAP, Reason.INFEASIBLE, "small", False)


def test_a_minimum_of_accuracy_is_part_of_the_budget() -> None:
    found = first(rate(30.0, min_accuracy=0.78), active="middle")
    assert (found.reason, found.feasible) == (Reason.INFEASIBLE, False)
    assert candidate_of(found, "small").why_not == "accuracy 0.700 < 0.780"
    assert candidate_of(found, "large").why_not.startswith("service 4")
    assert outcome(first(rate(50.0, min_accuracy=0.78), active="small"))[:3] == (Action.SWAP, Reason.BUDGET, "large")


def test_free_running_counts_whole_frames_for_the_rate() -> None:
    def decided(budget: Budget, period_ms: float) -> Decision:
        policy = commissioned(given=replace(PLAIN, free_running=True))
        return policy.decide(View(0.0, Demand(effective(budget), 30.0, period_ms)))

    on_a_grid = decided(rate(30.0), PERIOD_MS)
    assert on_a_grid.target == "small"
    assert "= 33.3 ms in whole frames > 30.0 ms (2000 parts/min)" in candidate_of(on_a_grid, "middle").why_not
    assert decided(Budget(parts_per_minute=1800.0), 16.68).target == "middle"


def test_a_result_that_waits_for_a_frame_is_late_by_it() -> None:
    waiting = commissioned(given=PolicySettings(prior_transfer_ms=1.0))
    found = waiting.decide(View(0.0, Demand(effective(Budget(max_latency_ms=30.0)), 30.0, PERIOD_MS)))
    assert found.target == "small"
    assert candidate_of(found, "middle").why_not == "latency 34.3 ms > 30.0 ms"
    at_once = commissioned().decide(View(0.0, Demand(effective(Budget(max_latency_ms=30.0)), 30.0, PERIOD_MS)))
    assert at_once.target == "middle"


def test_a_quarantined_net_is_not_chosen_and_the_reason_is_given() -> None:
    barred = {"large": "digest mismatch"}
    found = commissioned().decide(View(100.0, asked(rate(100.0)), quarantined=barred))
    assert found.target == "middle"
    assert candidate_of(found, "large").why_not == "quarantined: digest mismatch"
    running = commissioned().decide(View(100.0, asked(rate(100.0)), "large", 0.0, quarantined=barred))
    assert outcome(running) == (Action.KEEP, Reason.BEST_ALREADY, "large", True)
    every = dict.fromkeys(["small", "middle", "large"], "refused")
    none = commissioned().decide(View(100.0, asked(rate(100.0)), quarantined=every))
    assert outcome(none) == (Action.NONE, Reason.QUARANTINED, None, False)
    assert none.text == "all 3 sub-nets are quarantined"


def test_a_quarantined_net_is_no_target_of_a_change_that_nothing_will_fit() -> None:
    impossible = (Announced(101.0, asked(rate(5.0), "b-2")),)
    for stopped in (False, True):
        demand = asked(rate(30.0), stopped=stopped)
        view = View(100.0, demand, "middle", 0.0, impossible, 5.0, quarantined={"small": "refused"})
        assert commissioned().decide(view).target != "small"


def test_an_empty_library_has_nothing_to_choose_from() -> None:
    found = first(rate(9.0), SwapPolicy(a_catalogue([])))
    assert outcome(found) == (Action.NONE, Reason.EMPTY, None, False)
    assert found.text == "the library has no sub-net"


def test_a_retired_net_stays_while_its_measured_times_fit() -> None:
    policy = commissioned()
    policy.observe("old", samples(25.0, 200))
    assert outcome(first(rate(30.0), policy, "old")) == (Action.KEEP, Reason.RETIRED, "old", True)
    assert outcome(first(rate(30.0), policy, "unknown")) == (Action.KEEP, Reason.RETIRED, "unknown", True)
    assert outcome(first(rate(5.0), policy, "old")) == (Action.KEEP, Reason.RETIRED, "old", False)
    gone = policy.decide(View(100.0, asked(rate(22.5), "b-2"), "old", 0.0))
    assert outcome(gone) == (Action.SWAP, Reason.BUDGET, "middle", True)
    assert gone.text.startswith("swap old (no longer in the library) for middle")


def test_a_net_taken_over_from_an_earlier_run_is_measured_before_it_is_given_up() -> None:
    def adopted() -> SwapPolicy:
        return SwapPolicy(LADDER, PLAIN)

    budget = rate(42.0)
    found = first(budget, adopted(), "large")
    assert outcome(found) == (Action.HOLD, Reason.MEASURED, "middle", True)
    assert found.text.startswith("measure large")
    known = adopted()
    known.observe("large", samples(39.0, 40))
    assert outcome(first(budget, known, "large")) == (Action.KEEP, Reason.BEST_ALREADY, "large", True)
    slow = adopted()
    slow.observe("large", samples(50.0, 40))
    assert first(budget, slow, "large").action is Action.SWAP
    view = View(100.0, asked(budget, fail_safe=True), "large", 0.0)
    assert adopted().decide(view).action is Action.SWAP


@pytest.mark.parametrize("allowed_ms", [34.02, 33.3, 34.05])
def test_the_words_never_say_that_a_number_exceeds_itself(allowed_ms: float) -> None:
    policy = SwapPolicy(a_catalogue([a_net("a", 0.8, 34.06)]), PLAIN)
    found = first(Budget(parts_per_minute=60_000.0 / allowed_ms, quantile=0.5), policy)
    value, _, allowed = found.candidates[0].why_not.removeprefix("service ").partition(" ms > ")
    assert float(value) > float(allowed.split(" ")[0])


def test_late_parts_that_cost_send_away_a_net_that_is_often_late() -> None:
    """The budget is one that the net meets nearly always: worth keeping, unless misses are dear."""
    wins = []
    for cost in (0.0, 50.0):
        line = lived((60.0, 20.6), 300.0, 4, commissioned(given=replace(PLAIN, miss_cost=cost)))
        line.active = "middle"
        found = line.policy.explain(line.view(asked(rate(20.6))))
        wins.append(figure_of(candidate_of(found, "small").figures, "swap_now_wins"))
        assert figure_of(candidate_of(found, "middle").figures, "in_time") == pytest.approx(93.0, abs=3.0)
    assert wins[0] < wins[1]
    assert wins[1] > 0.0


def test_dear_misses_do_not_reward_a_swap_where_nothing_can_meet_the_budget() -> None:
    """Without a network no part is late, but none is inspected either."""
    line = Line(commissioned(given=replace(PLAIN, miss_cost=5.0)), results=0)
    line.run(asked(rate(5.0)), 120)
    assert [to for _, to, _ in line.swaps] == ["small"]


def restless(_self: Chooser, _place: object, scene: Scene, _coming: object, active: Active | None) -> Chosen:
    """A rule that always wants another net."""
    return Chosen(1 if active is None or active.rung != 1 or not scene.fits[2] else 2)


def test_the_guard_holds_the_best_fixed_net_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that swaps all the time falls behind the net that it keeps leaving."""
    monkeypatch.setattr(Chooser, "choose", restless)
    line = lived((30.0, 50.0), 6.0, 20, commissioned(given=replace(PLAIN, min_dwell_s=0.0)))
    line.active = "middle"
    line.run(asked(rate(30.0), "b-1"), 6)
    guarded = line.policy.decide(line.view(asked(rate(50.0), "b-2")))
    assert outcome(guarded) == (Action.KEEP, Reason.GUARDED, "middle", True)
    assert guarded.text.endswith("held all the time, it would have earned more lately than the swaps that were made")
    assert told(line.policy.explain(line.view(asked(rate(50.0), "b-2")))) == told(guarded)
    line.active = "small"
    found = line.policy.explain(line.view(asked(rate(50.0), "b-2")))
    assert (found.action, found.target) == (Action.SWAP, "middle")


def test_the_guard_does_not_hold_a_policy_to_what_ran_before_its_time() -> None:
    policy = commissioned()
    policy.decide(View(1000.0, asked(rate(30.0)), "middle", 0.0))
    found = policy.decide(View(1001.0, asked(rate(15.0)), "middle", 0.0))
    assert outcome(found) == (Action.SWAP, Reason.MEASURED, "small", True)  # not GUARDED


def test_longer_swaps_are_made_less_readily() -> None:
    for swap_s, active in ((SWAP_S, "large"), (90.0, "middle")):
        line = steady()
        for _ in range(20):  # a running mean
            line.policy.note_swap("large", swap_s)
        line.run(asked(rate(15.0)), 60)
        assert line.active == "small"
        line.run(asked(rate(100.0), "b-2"), 20)
        assert line.active == active


def test_a_decision_while_a_swap_is_under_way_promises_nothing() -> None:
    policy = commissioned()
    policy.decide(View(100.0, asked(rate(30.0)), "middle", 99.0, swapping=True))
    assert policy.decide(View(101.0, asked(rate(15.0)), "middle", 99.0)).reason is Reason.BUDGET
