"""Which nets of a library a decision is made between, and what swaps to them take."""

from __future__ import annotations

import numpy as np
import pytest

from agent.policy.rungs import MOST_RUNGS, SWAP_BASE_S, SWAP_S_PER_MB, Floats, SwapTimes, efficient, unseen_gains


def rungs(top1: list[float], time_ms: list[float], names: str) -> str:
    """Names of the rungs, fastest first."""
    return "".join(names[place] for place in efficient(np.array(top1), np.array(time_ms), list(names)).tolist())


def test_a_net_that_another_beats_in_both_is_no_rung() -> None:
    assert rungs([0.7, 0.75, 0.74, 0.8, 0.69], [10.0, 20.0, 25.0, 40.0, 5.0], "abcde") == "eabd"


def test_of_equal_nets_the_first_by_name_is_the_rung_wherever_it_stands() -> None:
    assert rungs([0.8, 0.8, 0.8], [20.0, 20.0, 30.0], "cab") == "a"
    assert rungs([0.8, 0.8, 0.8], [30.0, 20.0, 20.0], "bac") == "a"


@pytest.mark.parametrize("count", [MOST_RUNGS - 1, MOST_RUNGS, MOST_RUNGS + 1, 1000])
def test_of_a_large_library_some_rungs_are_taken_and_the_first_and_last_among_them(count: int) -> None:
    time_ms = np.geomspace(5.0, 200.0, count)
    top1 = 0.9 - 1.0 / time_ms
    found = efficient(top1, time_ms, [f"n{place:04}" for place in range(count)])
    assert len(found) <= MOST_RUNGS
    assert (found[0], found[-1]) == (0, count - 1)
    assert (np.diff(found) > 0).all()
    assert len(found) >= min(count, MOST_RUNGS // 2)


def test_thinning_leaves_no_wide_gap_where_there_were_nets() -> None:
    time_ms = np.geomspace(5.0, 200.0, 1000)
    found = efficient(np.linspace(0.6, 0.8, 1000), time_ms, [f"n{place:04}" for place in range(1000)])
    steps = np.diff(np.log(time_ms[found]))
    assert steps.max() <= 2.0 * np.log(40.0) / (MOST_RUNGS - 1)


def taken(times: SwapTimes) -> Floats:
    return times.of(["a", "b"])


def test_a_swap_that_was_never_measured_takes_what_its_size_says() -> None:
    times = SwapTimes()
    times.use({"a": 0, "b": 10_000_000})
    assert taken(times) == pytest.approx([SWAP_BASE_S, SWAP_BASE_S + 10 * SWAP_S_PER_MB])


def test_a_measured_swap_tells_of_the_others_in_proportion() -> None:
    times = SwapTimes()
    times.use({"a": 0, "b": 10_000_000})
    before = times.version
    times.note("a", 2.0 * SWAP_BASE_S)
    assert times.version > before
    assert taken(times) == pytest.approx([2.0 * SWAP_BASE_S, 2.0 * (SWAP_BASE_S + 10 * SWAP_S_PER_MB)])


def test_several_swaps_of_a_net_lean_to_the_longer_ones() -> None:
    times = SwapTimes()
    times.use({"a": 0, "b": 0})
    times.note("a", 2.0)
    times.note("a", 4.0)
    assert taken(times)[0] == pytest.approx(3.0)
    times.note("a", 2.0)
    assert taken(times)[0] == pytest.approx(2.9)


def test_what_was_measured_of_a_net_that_is_gone_tells_nothing() -> None:
    times = SwapTimes()
    times.use({"a": 0, "b": 0})
    times.note("gone", 50.0)
    assert taken(times) == pytest.approx([SWAP_BASE_S, SWAP_BASE_S])


def test_before_a_speed_was_seen_only_rungs_that_keep_up_are_taken_to_earn() -> None:
    found = unseen_gains(np.array([0.7, 0.8]), np.array([10.0, 20.0]))
    assert found.shape == (3, 2)
    assert (found[0] == 0.0).all()
    assert found[1].tolist() == pytest.approx([0.7 * 1000.0 / 22.0, 0.0])
    assert found[2].tolist() == pytest.approx([0.7 * 1000.0 / 22.0, 0.8 * 1000.0 / 22.0])
