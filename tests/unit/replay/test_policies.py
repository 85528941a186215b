"""The policies by name: deterministic, short, and each with the trait that its source gives it."""

from __future__ import annotations

import inspect
import math
import random
from pathlib import Path

import pytest
from hypothesis import given

from agent.domain.decision import Decision
from agent.domain.line import View
from agent.errors import BadInput
from agent.policy.engine import SwapPolicy
from agent.replay.ladder import Ladder
from agent.replay.line import GRID_S, Line, Noise
from agent.replay.lineshift import SCENARIOS
from agent.replay.policies import BEST_FIXED, POLICIES, SHIPPED, Terms, foresight, known, online, published
from agent.replay.policies.shipped import LOOK_S
from agent.replay.score import best_fixed, outcome
from agent.replay.simulation import Run, simulate
from agent.replay.warm import play
from agent.supervisor.settings import SupervisorSettings
from tests.unit.replay.lines import PROPERTY, THREE, a_line, a_trace, random_lines

FREE = math.inf
ADAPTIVE = [name for name in POLICIES if name not in (BEST_FIXED, "always_fastest")]


def run_of(name: str, *rows: tuple[float, float, float, float, int], end_s: float, notice_s: float = 0.0) -> Run:
    line = a_line(*rows, end_s=end_s, ladder=THREE)
    return simulate(line, POLICIES[name](line, Terms(notice_s=notice_s)), notice_s)


def steps(levels_ms: list[float], dwell_s: float) -> list[tuple[float, float, float, float, int]]:
    return [(place * dwell_s, 60_000.0 / level, FREE, 1.0, 0) for place, level in enumerate(levels_ms)]


@PROPERTY
@given(line=random_lines())
def test_every_policy_decides_the_same_again(line: Line) -> None:
    for name, make in POLICIES.items():
        assert simulate(line, make(line), 5.0) == simulate(line, make(line), 5.0), name


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {SHIPPED, "dynamic_ofa"}))
def test_a_constant_line_needs_no_swap(name: str) -> None:
    assert run_of(name, (0, 60_000 / 50, FREE, 1.0, 0), end_s=120).swaps == ()


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {BEST_FIXED, "lookahead_1s", SHIPPED}))
def test_a_lasting_drop_of_the_limit_is_answered_by_a_net_that_fits(name: str) -> None:
    """`lookahead_1s` cannot see a swap pay that takes longer than its window; it is judged by its horizon instead."""
    run = run_of(name, *steps([100.0, 30.0], 600.0), end_s=1200)
    last = run.stints[-1][2]
    assert last == 0, run


def test_dwell_is_the_policy_of_the_daemon_and_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    views: list[View] = []
    real = SwapPolicy.decide

    def spy(policy: SwapPolicy, view: View) -> Decision:
        views.append(view)
        return real(policy, view)

    monkeypatch.setattr(SwapPolicy, "decide", spy)
    run = run_of(SHIPPED, *steps([100.0, 30.0, 100.0], 200.0), end_s=600, notice_s=5.0)
    assert views[0].active_id is None
    assert {view.active_id for view in views} == {None, *(THREE.nets[net].id for _, _, net in run.stints)}
    assert {view.notice_s for view in views} == {5.0}
    assert any(view.announced for view in views)
    assert any(view.swapping for view in views) == any(swap.ready_s > swap.at_s + GRID_S for swap in run.swaps)
    # One budget for each speed of the line, as a client would claim it.
    assert len({view.demand.effective.id for view in views}) == 3
    assert {round(view.demand.parts_per_s or 0.0, 3) for view in views} == {10.0, 33.333}


def test_dwell_looks_when_the_daemon_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every LOOK_S though the line has instants more often, and at once when the line's speed changes."""
    looks_s: list[float] = []
    real = SwapPolicy.decide

    def spy(policy: SwapPolicy, view: View) -> Decision:
        looks_s.append(view.now_s)
        return real(policy, view)

    monkeypatch.setattr(SwapPolicy, "decide", spy)
    line = a_line(*steps([100.0, 90.0], 7.3), end_s=10.0, ladder=THREE)
    run = simulate(line, POLICIES[SHIPPED](line, Terms()))
    assert run.swaps == ()
    assert SupervisorSettings.__dataclass_fields__["tick_s"].default == LOOK_S
    before = [look_s for look_s in looks_s[1:] if look_s < 7.3]  # the first is the choice as the trace begins
    assert before == pytest.approx([GRID_S + LOOK_S * number for number in range(len(before))])
    after = [look_s for look_s in looks_s if look_s >= 7.3]
    assert after[:3] == [7.3, 8.0, 8.5]


def test_dwell_begins_a_swap_that_waits_at_the_first_instant_after_its_time() -> None:
    """A faster line is told at 56.5 s, from where it is looked at every half second: that would be at 58.5 and 59 s."""
    (swap,) = run_of(SHIPPED, *steps([100.0, 30.0], 61.3), end_s=120.0, notice_s=5.0).swaps
    assert (swap.to_net, swap.at_s) == (0, 58.75)


def test_dwell_starts_commissioned_and_says_what_it_makes_of_its_choice() -> None:
    """A rung of 40 ms is used at 45 ms from the start, by its profile; a prediction alone would not do."""
    run = run_of(SHIPPED, (0, 60_000 / 45, FREE, 1.0, 0), end_s=60)
    assert (run.first, run.swaps) == (1, ())
    bounds = run.judgements.bound_ms.tolist()
    assert bounds
    assert all(40.0 <= bound <= 45.0 for bound in bounds)
    assert not any(run.judgements.held)


@pytest.mark.parametrize("quantile", [0.9, 0.999])
def test_the_bounds_of_dwell_are_at_the_quantile_that_was_promised(quantile: float) -> None:
    noise = Noise(0.02, 0.001)
    line = Line(a_trace((0, 60_000 / 66, FREE, 1.0, 0), end_s=1200), THREE, noise)
    found = outcome(line, simulate(line, POLICIES[SHIPPED](line, Terms(quantile))))
    assert found.coverage.parts == found.parts
    assert found.coverage.miscovered == pytest.approx(1.0 - quantile, rel=0.6)


def test_what_dwell_learned_is_json_and_changes_what_it_decides() -> None:
    rows = steps([100.0, 30.0] * 30, 12.0)
    line = a_line(*rows, end_s=720, ladder=THREE)
    terms = Terms(0.99)
    cold, warm = play(POLICIES[SHIPPED], line, terms), play(POLICIES[SHIPPED], line, terms, before=line)
    assert outcome(line, warm).value >= outcome(line, cold).value
    assert warm != cold


def test_best_fixed_and_always_fastest_never_swap() -> None:
    line = a_line(*steps([100.0, 30.0, 100.0, 100.0], 60.0), end_s=240, ladder=THREE)
    fixed = simulate(line, POLICIES[BEST_FIXED](line))
    assert (fixed.first, fixed.swaps) == (best_fixed(line), ())
    assert simulate(line, POLICIES["always_fastest"](line)) == Run(0, ())


def test_greedy_swaps_at_once_adamls_a_quarter_later_and_the_cooldown_waits() -> None:
    rows = steps([100.0, 50.0, 100.0], 10.0)
    at = {
        name: [swap.at_s for swap in run_of(name, *rows, end_s=60).swaps]
        for name in ("greedy_p99", "adamls", "greedy_cooldown")
    }
    assert at["greedy_p99"] == [10.0, 20.0]
    assert at["adamls"] == [10.25, 20.25]
    assert at["greedy_cooldown"] == []  # 30 s after the start the first net fits again


def test_dynamic_ofa_moves_one_level_at_a_time_and_remembers_what_failed() -> None:
    run = run_of("dynamic_ofa", *steps([100.0, 30.0], 60.0), end_s=180)
    assert [swap.to_net for swap in run.swaps][:2] == [1, 0]
    assert run.stints[-1][2] == 0
    assert len(run.swaps) == 2


def test_alert_sees_a_slowdown_of_the_whole_camera() -> None:
    line = Line(a_trace((0, 60_000 / 50, FREE, 1, 0), (60, 60_000 / 50, FREE, 1.5, 0), end_s=120), THREE, Noise(0.01))
    run = simulate(line, POLICIES["alert"](line))
    assert (run.first, run.stints[-1][2]) == (1, 0)
    assert all(60.0 <= swap.at_s < 62.0 for swap in run.swaps)


def test_infadapter_with_a_high_price_stays_where_greedy_swaps() -> None:
    rows = steps([50.0, 100.0], 30.0)
    assert [swap.to_net for swap in run_of("infadapter", *rows, end_s=60).swaps] == [2]
    assert run_of("infadapter_b20", *rows, end_s=60).swaps == ()


def test_ski_rental_swaps_when_the_loss_has_paid_for_the_swap() -> None:
    run = run_of("ski_rental", *steps([50.0, 100.0], 30.0), end_s=300)
    (swap,) = run.swaps
    # At 10 parts/s the large net wins .5 a second; its swap costs 3.1 s x 10 x .8 = 24.8: 49.6 s.
    assert swap.to_net == 2
    assert swap.at_s - 30.0 == pytest.approx(49.6, abs=0.5)


def test_work_function_stays_where_both_ways_are_lost_too_often() -> None:
    flips = steps([100.0, 30.0] * 20, 3.0)
    assert len(run_of("work_function", *flips, end_s=120).swaps) < len(run_of("greedy_p99", *flips, end_s=120).swaps)


def test_a_longer_look_ahead_leaves_an_infeasible_phase_out_of_the_gap() -> None:
    rows = steps([100.0, 30.0], 60.0)
    late = run_of("lookahead_1s", *rows, end_s=120).swaps
    early = run_of("lookahead_5s", *rows, end_s=120).swaps
    assert [swap.ready_s <= 60.0 for swap in early] == [True]
    assert [swap.ready_s <= 60.0 for swap in late] == [False]


def test_names_are_checked_and_all_means_all() -> None:
    assert known(["all"]) == tuple(POLICIES)
    assert known(["dwell", "optimum", "dwell"]) == ("dwell", "optimum")
    with pytest.raises(BadInput, match="did you mean 'ski_rental'"):
        known(["ski_rent"])


def test_every_baseline_is_under_forty_lines_and_names_its_source() -> None:
    classes = [
        found
        for room in (published, online, foresight)
        for found in vars(room).values()
        if inspect.isclass(found) and found.__module__ == room.__name__
    ]
    assert len(classes) == 10
    for found in classes:
        limit = 62 if found.__name__ == "LookAhead" else 40  # an oracle is no baseline
        assert len(inspect.getsource(found).splitlines()) < limit, found.__name__
        assert found.__doc__, found.__name__


def test_a_ladder_of_one_net_is_never_left() -> None:
    source = random.Random(1)
    one = Ladder(THREE.nets[:1])
    rows = steps([source.uniform(10.0, 60.0) for _ in range(20)], 5.0)
    line = a_line(*rows, end_s=100, ladder=one)
    for name in ADAPTIVE:
        run = simulate(line, POLICIES[name](line))
        assert (run.first, run.swaps) == (0, ()), name


def test_the_pages_name_every_policy_and_every_scenario() -> None:
    docs = Path(__file__).parents[3] / "docs"
    how_to, reference = docs / "how-to" / "replay-a-trace.md", docs / "reference" / "lineshift.md"
    for names, page in ((POLICIES, how_to), (SCENARIOS, reference)):
        text = page.read_text(encoding="utf-8")
        assert [name for name in names if f"`{name}`" not in text] == []
