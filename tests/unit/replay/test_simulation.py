"""The event simulation and its score, held against what is computed by hand."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.replay.ladder import ladder_of
from agent.replay.line import Line, Noise
from agent.replay.score import best_fixed, outcome, ratio, skill
from agent.replay.simulation import Announced, Judgement, Judgements, Moment, Run, Swap, simulate
from agent.replay.trace import LineState
from tests.unit.replay.lines import PROPERTY, TWO, Told, a_line, a_trace, random_lines

MIN = 60_000.0
FREE = math.inf


def test_the_first_network_is_free_and_each_part_in_time_counts_its_accuracy() -> None:
    line = a_line((0, 600, FREE, 1, 0), end_s=10)  # 100 parts, an interval of 100 ms: both are in time
    for net, top1 in enumerate((0.5, 0.75)):
        found = outcome(line, simulate(line, Told(net)))
        assert (found.value, found.parts, found.in_time, found.in_gap) == (100 * top1, 100, 100, 0)
        assert (found.attainment, found.swaps, found.longest_miss_run) == (1.0, 0, 0)


def test_a_swap_costs_the_parts_from_the_decision_until_it_is_ready() -> None:
    line = a_line((0, 600, FREE, 1, 0), end_s=10)
    run = simulate(line, Told(0, {3.0: 1}))
    assert run.swaps == (Swap(3.0, 5.0, 0, 1),)
    found = outcome(line, run)
    assert found.value == 30 * 0.5 + 50 * 0.75  # parts at .05, .15 ...: 30 before 3 s, 20 in the gap, 50 after it
    assert (found.in_gap, found.gap_share, found.longest_miss_run, found.attainment) == (20, 0.2, 20, 1.0)


def test_a_part_that_takes_longer_than_its_interval_or_its_limit_counts_nothing() -> None:
    slow = a_line((0, 600, FREE, 1, 0), (5, 600, FREE, 1.25, 0), (8, 600, 60, 1, 0), end_s=10)
    found = outcome(slow, simulate(slow, Told(1)))
    assert (found.value, found.in_time, found.longest_miss_run) == (50 * 0.75, 50, 50)
    # The small net would have met all of them but none is outside its reach: attainment counts the misses.
    assert found.attainment == 0.5


def test_the_first_twenty_results_after_a_slowdown_are_left_out_of_the_kept_attainment_and_counted() -> None:
    line = a_line((0, 600, FREE, 1, 0), (5, 600, FREE, 1.25, 0), (8, 600, FREE, 1, 0), end_s=10)
    found = outcome(line, simulate(line, Told(1)))
    assert found.attainment == 70 / 100  # the 30 parts of the slow-down are late, and the fast net would have met them
    assert (found.kept_attainment, found.settling) == (70 / 80, 20)
    swapped = outcome(line, simulate(line, Told(1, {5.25: 0})))
    # 2 late, 10 in the gap, 18 and 2 of the rest within the first 20 results
    assert (swapped.attainment, swapped.kept_attainment, swapped.settling) == (88 / 90, 1.0, 20)


def test_what_no_net_could_have_met_is_not_in_the_attainment() -> None:
    line = a_line((0, 600, 10, 1, 0), (5, 600, FREE, 1, 0), end_s=10)
    found = outcome(line, simulate(line, Told(1)))
    assert (found.in_time, found.attainment, found.longest_miss_run) == (50, 1.0, 50)
    nothing = a_line((0, 600, 10, 1, 0), end_s=10)
    assert outcome(nothing, simulate(nothing, Told(1))).attainment is None


def test_a_service_time_equal_to_its_limit_on_paper_is_in_time() -> None:
    line = a_line((0, 60, 12.1, 1.1, 0), end_s=10, ladder=ladder_of([("a", 0.5, 11.0, 1.0)]))
    assert line.service_ms(0)[0] > 12.1  # by the rounding of floats
    assert outcome(line, simulate(line, Told(0))).in_time == 10


def test_a_swap_is_free_while_the_line_stands_and_one_that_began_before_is_finished() -> None:
    rows = ((0.0, 600.0, FREE, 1.0, 0), (2.0, 600.0, FREE, 1.0, 1), (6.0, 600.0, FREE, 1.0, 0))
    line = a_line(*rows, end_s=10)
    free = simulate(line, Told(0, {3.0: 1, 3.25: 0, 3.5: 1}))
    assert [swap.ready_s for swap in free.swaps] == [3.0, 3.25, 3.5]
    assert outcome(line, free).value == 20 * 0.5 + 40 * 0.75
    begun = simulate(line, Told(0, {1.0: 1, 2.0: 0, 5.0: 0}))
    assert begun.swaps == (Swap(1.0, 3.0, 0, 1), Swap(5.0, 5.0, 1, 0))


def test_a_policy_looks_every_quarter_of_a_second_and_at_each_change_but_not_while_it_swaps() -> None:
    line = a_line((0, 600, FREE, 1, 0), (0.6, 300, FREE, 1, 0), end_s=4)
    told = Told(0, {0.75: 1})
    simulate(line, told)
    assert [moment.now_s for moment in told.moments] == [0.25, 0.5, 0.6, 0.75, 2.75, 3.0, 3.25, 3.5, 3.75]
    assert [moment.active for moment in told.moments][3:5] == [0, 1]
    assert told.moments[4].since_s == 2.75


class _Watcher(Told):
    """Told what to choose; notes what it sees while it swaps."""

    def __init__(self, first: int, swaps: dict[float, int]) -> None:
        super().__init__(first, swaps)
        self.watched: list[Moment] = []

    def watch(self, moment: Moment) -> None:
        self.watched.append(moment)


def test_a_policy_that_wants_to_sees_the_line_change_while_it_has_no_network() -> None:
    line = a_line((0, 600, FREE, 1, 0), (3.6, 300, FREE, 1, 0), (3.7, 600, FREE, 1, 0), end_s=10)
    policy = _Watcher(0, {3.25: 1})
    assert simulate(line, policy).swaps == (Swap(3.25, 5.25, 0, 1),)
    assert [moment.now_s for moment in policy.watched] == [3.5, 3.6, 3.7, 3.75, 4.0, 4.25, 4.5, 4.75, 5.0]
    assert [moment.state.parts_per_minute for moment in policy.watched][1:3] == [300.0, 600.0]
    assert {(moment.active, moment.since_s) for moment in policy.watched} == {(0, 0.0)}


def test_a_policy_observes_the_service_times_of_the_active_net_and_nothing_of_a_gap() -> None:
    line = a_line((0, 600, FREE, 2, 0), end_s=4)
    told = Told(0, {0.5: 1})
    simulate(line, told)
    assert [time for net, times in told.observed if net == 0 for time in times] == [100.0] * 5
    assert [time for net, times in told.observed if net == 1 for time in times] == [200.0] * 12  # 2.55 .. 3.65


def test_notice_tells_rate_limit_and_stop_but_never_the_slowdown() -> None:
    rows = [(0, 600, FREE, 1, 0), (10, 600, FREE, 1.5, 0), (12, 300, 80, 1.5, 0), (13, 300, 80, 1, 1)]
    line = a_line(*rows, end_s=20)
    told = Told(0)
    simulate(line, told, notice_s=3.0)
    seen = {moment.now_s: moment.announced for moment in told.moments}
    slower, stopped = Announced(12.0, LineState(300, 80, False)), Announced(13.0, LineState(300, 80, True))
    assert seen[8.75] == ()
    assert seen[9.0] == (slower,)
    assert seen[10.0] == (slower, stopped)
    assert seen[12.0] == (stopped,)
    assert seen[13.0] == ()
    unannounced = Told(0)
    simulate(line, unannounced)
    assert not any(moment.announced for moment in unannounced.moments)


class Judge(Told):
    """Says at given times what it makes of its choice, and the same until the next one."""

    def __init__(self, first: int, said: dict[float, Judgement], swaps: dict[float, int] | None = None) -> None:
        super().__init__(first, swaps)
        self.said = said
        self.now = said[0.0]

    def decide(self, moment: Moment) -> int:
        self.now = self.said.get(moment.now_s, self.now)
        return super().decide(moment)

    def judgement(self) -> Judgement:
        return self.now


def test_what_a_policy_makes_of_its_choices_is_noted_where_it_changes() -> None:
    line = a_line((0, 600, FREE, 1, 0), end_s=10)
    fits, held, lost = Judgement(True, 105.0), Judgement(False, 130.0), Judgement(False, None, feasible=False)
    said = {0.0: fits, 2.0: Judgement(True, 105.0), 3.5: held, 4.25: lost, 6.0: fits}
    found = simulate(line, Judge(1, said)).judgements
    assert found.at_s.tolist() == [0.0, 3.5, 4.25, 6.0]
    assert list(found.held) == [0, 1, 0, 0]  # where nothing fits, to keep a net is no choice
    assert found.bound_ms.tolist() == [105.0, 130.0, FREE, 105.0]
    assert simulate(line, Told(1)).judgements == Judgements()


def test_noise_is_the_same_for_the_same_seed_and_has_its_share_of_spikes() -> None:
    factors = Noise(0.02, 0.1, (1.15, 1.5), seed=3).factors(20_000)
    assert factors.tolist() == Noise(0.02, 0.1, (1.15, 1.5), seed=3).factors(20_000).tolist()
    assert factors.tolist() != Noise(0.02, 0.1, (1.15, 1.5), seed=4).factors(20_000).tolist()
    assert float((factors > 1.1).mean()) == pytest.approx(0.1, abs=0.01)
    assert sorted(factors)[10_000] == pytest.approx(1.0, abs=0.01)


def test_sensitivity_is_an_exponent_of_the_slowdown_for_each_net() -> None:
    line = Line(a_trace((0, 600, FREE, 2, 0), end_s=1), TWO, sensitivity=(1.0, 0.5))
    assert line.service_ms(0)[0] == 100.0
    assert line.service_ms(1)[0] == pytest.approx(100.0 * math.sqrt(2))


def test_the_best_fixed_net_is_the_one_worth_most_over_the_whole_line() -> None:
    tight = a_line((0, 1200, FREE, 1, 0), (8, 600, FREE, 1, 0), end_s=10)
    assert best_fixed(tight) == 0
    wide = a_line((0, 1200, FREE, 1, 0), (1, 600, FREE, 1, 0), end_s=10)
    assert best_fixed(wide) == 1
    assert outcome(wide, Run(1, ())).value == 90 * 0.75


def test_skill_is_not_told_where_hardly_anything_is_left_to_win() -> None:
    assert skill(90.0, 80.0, 100.0) == 0.5
    assert skill(70.0, 80.0, 100.0) == -0.5
    assert skill(99.9, 99.6, 100.0) is None
    assert skill(99.9, 99.5, 100.0) == pytest.approx(0.8)
    assert skill(0.0, 0.0, 0.0) is None
    assert (ratio(1.0, 2.0), ratio(0.0, 0.0)) == (0.5, None)


@PROPERTY
@given(line=random_lines(), seed=st.integers(0, 2**20))
def test_the_score_is_that_of_an_account_kept_part_by_part(line: Line, seed: int) -> None:
    source = random.Random(seed)
    nets = range(len(line.ladder.nets))
    instants = line.instants.tolist()[1:-1]
    plan = {at: source.choice(nets) for at in source.sample(instants, min(len(instants), 8))}
    run = simulate(line, Told(source.choice(nets), plan))
    trace, total, longest, row_of_misses, gaps, number, due = line.trace, 0.0, 0, 0, 0, 0, 0.0
    noise = line.noise.factors(len(line.part_times))
    ends = [*trace.t_s.tolist()[1:], trace.end_s]
    for start, end, state, slowdown in zip(trace.t_s.tolist(), ends, trace.states, trace.slowdown, strict=True):
        before, due = due, due + state.parts_per_s * (end - start)
        while number + 0.5 < due:
            at = start + (number + 0.5 - before) / state.parts_per_s
            active = [net for since, until, net in run.stints if since <= at < until]
            net = line.ladder.nets[active[0]] if active else None
            late = net is None or net.service_ms * slowdown * noise[number] > state.limit_ms * (1 + 1e-9)
            total += 0.0 if net is None or late else net.top1
            row_of_misses = row_of_misses + 1 if late else 0
            longest, gaps, number = max(longest, row_of_misses), gaps + (not active), number + 1
    found = outcome(line, run)
    assert found.value == pytest.approx(total)
    assert (found.parts, found.longest_miss_run, found.in_gap) == (number, longest, gaps)


def test_a_trace_without_parts_is_scored_all_the_same() -> None:
    line = a_line((0, 600, FREE, 1, 1), end_s=10)
    found = outcome(line, simulate(line, Told(0, {1.0: 1})))
    assert (found.value, found.parts, found.swaps, found.gap_share, found.longest_miss_run) == (0.0, 0, 1, 0.0, 0)


def test_results_before_a_slowdown_is_seen_and_nets_held_on_purpose_are_left_out_of_what_was_kept() -> None:
    # 10 parts/s, 100 ms for each. `good` takes 95 ms, from 4 s on 114: late; `fast` takes 48 and 57.
    ladder = ladder_of([("fast", 0.5, 47.5, 1.0), ("good", 0.75, 95.0, 2.0)])
    line = a_line((0, 600, FREE, 1, 0), (4, 600, FREE, 1.2, 0), end_s=10, ladder=ladder)
    said = {0.0: Judgement(True, 96.0), 7.0: Judgement(False, 115.0)}
    found = outcome(line, simulate(line, Judge(1, said, {9.0: 0})))
    assert (found.judged, found.settling, found.held) == (90, 20, 20)
    assert found.attainment == 40 / 90
    assert found.settled_attainment == 40 / 70
    assert found.kept_attainment == 40 / 50  # 40 before, 10 late ones between the 20 results and the hold
    # The bound was passed by the 30 parts from 4 to 7 s, 20 of which nobody could know.
    assert (found.coverage.beyond, found.coverage.parts) == (30, 90)
    assert (found.settled_coverage.beyond, found.settled_coverage.parts) == (10, 70)
    assert found.settled_coverage.miscovered == 10 / 70


def test_parts_that_no_net_meets_do_not_count_among_the_avoidable_misses() -> None:
    # 20 parts/s, 50 ms for each: `good` is late. From 2 to 4 s 50 parts/s, which no net meets.
    line = a_line((0, 1200, FREE, 1, 0), (2, 3000, FREE, 1, 0), (4, 1200, FREE, 1, 0), end_s=5)
    late = outcome(line, simulate(line, Told(1)))
    assert (late.longest_miss_run, late.longest_avoidable_run) == (40 + 100 + 20, 60)
    swapped = outcome(line, simulate(line, Told(1, {3.0: 0})))
    assert (swapped.longest_miss_run, swapped.longest_avoidable_run) == (40 + 100, 40)


def test_a_net_that_is_kept_where_none_fits_is_not_held_on_purpose() -> None:
    line = a_line((0, 600, FREE, 1, 0), end_s=10)
    said = {0.0: Judgement(False, 130.0, feasible=False), 5.0: Judgement(False, 130.0)}
    found = outcome(line, simulate(line, Judge(1, said)))
    assert (found.judged, found.held) == (100, 50)


def test_a_bound_holds_for_the_parts_after_the_decision_that_published_it() -> None:
    line = a_line((0, 600, FREE, 1, 0), end_s=10)  # parts at .05, .15 ... in 100 ms on `good`
    said = {0.0: Judgement(True, 90.0), 4.0: Judgement(True, None), 6.0: Judgement(True, 100.0)}
    found = outcome(line, simulate(line, Judge(1, said)))
    assert (found.coverage.beyond, found.coverage.parts) == (40, 80)  # no bound from 4 to 6 s; 100 ms is within 100
    silent = outcome(line, simulate(line, Told(1)))
    assert (silent.coverage.parts, silent.coverage.miscovered, silent.held) == (0, None, 0)


def test_the_bound_of_a_swaps_target_is_published_with_the_swap() -> None:
    line = a_line((0, 600, FREE, 1, 0), end_s=10)
    said = {0.0: Judgement(True, 60.0), 3.0: Judgement(True, 99.0), 6.0: Judgement(True, 101.0)}
    found = outcome(line, simulate(line, Judge(0, said, {3.0: 1})))
    assert (found.coverage.beyond, found.coverage.parts) == (10, 80)  # from 5 to 6 s, `good` against 99 ms
