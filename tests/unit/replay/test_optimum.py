"""The clairvoyant optimum: exact on small cases, and never beaten."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.replay.compare import compare
from agent.replay.line import Line
from agent.replay.optimum import optimum
from agent.replay.policies import BEST_FIXED, POLICIES
from agent.replay.score import outcome
from agent.replay.simulation import Swap, simulate
from tests.unit.replay.lines import PROPERTY, Told, a_line, random_lines

FREE = math.inf


def test_a_swap_that_pays_is_timed_so_that_the_gap_falls_into_the_slow_phase() -> None:
    # 10 parts/s where both fit, then 20/s where only the fast one does, for long: swap 1 s before the change.
    line = a_line((0, 600, FREE, 1, 0), (40, 1200, FREE, 1, 0), end_s=80)
    run = optimum(line)
    assert (run.first, run.swaps) == (1, (Swap(39.0, 40.0, 1, 0),))
    assert outcome(line, run).value == 390 * 0.75 + 800 * 0.5


def test_a_swap_that_does_not_pay_is_left() -> None:
    # 20 parts/s for 60 s; 10/s for 7 s: the good net would gain 7 s x 10/s x .25 = 17.5 and lose 2 s x 10/s x .75.
    # and the way back. Staying is best.
    line = a_line((0, 1200, FREE, 1, 0), (60, 600, FREE, 1, 0), (67, 1200, FREE, 1, 0), end_s=120)
    assert optimum(line).swaps == ()
    assert optimum(line).first == 0


def test_a_stop_is_used_for_a_swap_even_where_it_is_shorter_than_the_grid() -> None:
    line = a_line((0, 1200, FREE, 1, 0), (5.1, 1200, FREE, 1, 1), (5.2, 600, FREE, 1, 0), end_s=12)
    run = optimum(line)
    assert run.swaps == (Swap(5.1, 5.1, 0, 1),)


@pytest.mark.parametrize("service_ms", [10.0, 60.0, 99.0, 500.0])
def test_a_constant_line_needs_no_swap(service_ms: float) -> None:
    line = a_line((0, 600, service_ms, 1.0, 0), end_s=60)
    assert optimum(line).swaps == ()
    (row,) = compare(line, [BEST_FIXED])
    assert row.outcome.value == row.value_star
    assert row.skill is None


@PROPERTY
@given(line=random_lines(), notice_s=st.sampled_from([0.0, 0.6, 5.0]))
def test_no_policy_beats_the_optimum(line: Line, notice_s: float) -> None:
    star = outcome(line, optimum(line)).value
    for name, make in POLICIES.items():
        value = outcome(line, simulate(line, make(line), notice_s)).value
        assert 0.0 <= value <= star + 1e-6 * max(1.0, star), name


def test_it_is_the_best_of_all_plans_with_two_swaps_on_a_short_line() -> None:
    line = a_line((0, 1200, FREE, 1, 0), (1.5, 300, FREE, 1, 0), (7.25, 1200, FREE, 1, 0), end_s=9.0)
    instants = [float(at) for at in line.instants[1:-1]]
    plans = ({first: 1, second: 0} for first, second in product(instants, instants) if first < second)
    best = max(outcome(line, simulate(line, Told(0, plan))).value for plan in [{}, *plans])
    best = max(best, *(outcome(line, simulate(line, Told(1, {at: 0}))).value for at in instants))
    best = max(best, outcome(line, simulate(line, Told(1))).value)
    assert outcome(line, optimum(line)).value == pytest.approx(best)


@PROPERTY
@given(line=random_lines())
def test_the_optimum_is_at_least_the_best_fixed_net_and_deterministic(line: Line) -> None:
    run = optimum(line)
    assert run == optimum(line)
    assert outcome(line, run).value >= max(float(values[-1]) for values in line.values) - 1e-6
