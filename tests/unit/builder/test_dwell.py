"""A rung is worth having only if some line stays long enough for its swap to pay."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from agent.builder.dwell import break_even_dwell_s, swap_s, worth_going_to

# OFA's published ladder (policy.md, LineShift): top-1 and megabytes.
OFA = [(0.714, 4.5), (0.733, 5.2), (0.749, 6.0), (0.769, 7.2), (0.787, 8.6), (0.798, 10.8), (0.801, 11.6)]


def test_after_the_break_even_dwell_both_rungs_have_answered_equally_many_parts_right() -> None:
    slow, fast, gap_s = 0.9, 0.8, 2.5
    dwell = break_even_dwell_s(fast, slow, gap_s)
    assert (dwell - gap_s) * slow == pytest.approx(dwell * fast)
    assert break_even_dwell_s(0.8, 0.8, gap_s) == math.inf


def test_one_rung_of_the_published_ladder_needs_minutes_and_the_whole_of_it_half_of_one() -> None:
    """policy.md, Rule: one rung up 80-250 s, the whole ladder in one jump 33 s."""
    steps = [break_even_dwell_s(low, high, swap_s(int(mb * 1e6))) for (low, _), (high, mb) in pairwise(OFA)]
    assert all(75 < step < 260 for step in steps[:-1])
    assert steps[-1] > 900
    assert break_even_dwell_s(OFA[0][0], OFA[-1][0], swap_s(11_600_000)) == pytest.approx(33, abs=1)


def test_rungs_that_no_line_would_go_to_are_dropped_and_the_next_is_judged_without_them() -> None:
    rungs = [(0.70, 0), (0.7001, 0), (0.71, 0), (0.70, 0)]
    kept, dropped = worth_going_to(rungs, lambda one: one[0], lambda one: one[1], max_dwell_s=600)
    assert kept == [(0.70, 0), (0.71, 0)]
    assert [rung for rung, _ in dropped] == [(0.7001, 0), (0.70, 0)]
    assert dropped[0][1] == pytest.approx(7001)
    assert dropped[1][1] == math.inf
