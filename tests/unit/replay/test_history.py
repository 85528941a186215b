"""From a site's records to a trace, a ladder and a run: holes are cut, what was measured counts, nothing is made up."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.domain.history import LineRow, SlowdownRow
from agent.domain.profile import NetProfile
from agent.errors import BadInput
from agent.replay.history import PastSwap, actual_run, history, measured_ladder, with_others
from agent.replay.ladder import ladder_of
from agent.replay.line import Line
from agent.replay.score import outcome

S = 1_000_000_000
T0 = 1_700_000_000 * S
LADDER = ladder_of([("fast", 0.7, 20.0, 2.0), ("slow", 0.8, 80.0, 3.0)])
SERVICE = {net.id: net.service_ms for net in LADDER.nets}


def row(from_s: float, until_s: float, parts_per_minute: float | None = 600.0, **changes: object) -> LineRow:
    base = LineRow("cam", T0 + round(from_s * S), T0 + round(until_s * S), parts_per_minute, None, None, 0.99, False)
    return replace(base, **changes)  # type: ignore[arg-type]


def slow(at_s: float, measured_ms: float, subnet_id: str = "fast") -> SlowdownRow:
    return SlowdownRow("cam", T0 + round(at_s * S), subnet_id, measured_ms, 19.0)


def swap(dark_s: float, ready_s: float | None, old: str | None, new: str, active: str | None = "") -> PastSwap:
    ready_ns = None if ready_s is None else T0 + round(ready_s * S)
    return PastSwap(T0 + round(dark_s * S), ready_ns, old, new, new if active == "" else active)


def rows_of(found: object) -> list[tuple[float, ...]]:
    trace = found.trace  # type: ignore[attr-defined]
    columns = (trace.t_s, trace.parts_per_minute, trace.max_latency_ms, trace.slowdown, trace.stopped)
    return [tuple(float(value) for value in cells) for cells in zip(*columns, strict=True)]


def test_rows_become_a_trace_and_a_hole_is_cut_out() -> None:
    line = [row(0, 10), row(10, 20, 900.0, stopped=True), row(50, 60, 900.0), row(60, 70, 900.0, quantile=0.9)]
    found = history(line, [], SERVICE)
    assert rows_of(found) == [
        (0.0, 600.0, 100.0, 1.0, 0.0),
        (10.0, 900.0, 60_000 / 900, 1.0, 1.0),
        (20.0, 900.0, 60_000 / 900, 1.0, 0.0),
    ]
    assert found.trace.end_s == 40.0
    assert (found.holes, found.cut_s) == (1, 30.0)
    assert [found.at_s(T0 + at * S) for at in (-5, 0, 15, 20, 35, 50, 55, 99)] == [0, 0, 15, 20, 20, 20, 25, 40]


def test_a_history_is_cut_to_the_time_that_is_asked_for() -> None:
    found = history([row(0, 10), row(10, 20, 900.0)], [], SERVICE, T0 + 5 * S, T0 + 12 * S)
    assert [cells[:2] for cells in rows_of(found)] == [(0.0, 600.0), (5.0, 900.0)]
    assert found.trace.end_s == 7.0
    with pytest.raises(BadInput, match="--since, --until and --hours"):
        history([row(0, 10)], [], SERVICE, T0 + 10 * S)


def test_a_wall_clock_that_was_set_back_does_not_turn_time_round() -> None:
    found = history([row(0, 100), row(40, 130, 900.0), row(50, 90, 700.0)], [], SERVICE)
    assert [cells[:2] for cells in rows_of(found)] == [(0.0, 600.0), (100.0, 900.0)]
    assert found.trace.end_s == 130.0


def test_a_slow_down_is_what_was_measured_over_what_the_replay_takes_for_normal() -> None:
    measured = [slow(-30, 22.0), slow(5, 30.0), slow(12, 88.0, "slow"), slow(16, 38.0, "gone"), slow(25, 20.0)]
    found = history([row(0, 20), row(40, 60)], measured, SERVICE)
    assert [(cells[0], round(cells[3], 6)) for cells in rows_of(found)] == [
        (0.0, 1.1),
        (5.0, 1.5),
        (12.0, 1.1),
        (16.0, 2.0),
        (20.0, 1.0),
    ]


@pytest.mark.parametrize(
    ("asked", "rate", "limit_ms"),
    [
        ({"max_latency_ms": 90.0}, 600.0, 80.0),
        ({"max_latency_ms": 200.0}, 600.0, 100.0),
        ({"max_latency_ms": 5.0}, 600.0, 1e-3),
        ({"parts_per_s": 5.0}, 300.0, 100.0),  # slower than the budget was set for: its bound stays
        ({"parts_per_s": 50.0}, 600.0, 100.0),
        ({"parts_per_minute": None, "parts_per_s": 60.0, "max_latency_ms": 60.0}, 1200.0, 50.0),
        ({"parts_per_minute": None, "parts_per_s": 2.0, "max_latency_ms": 60.0}, 120.0, 50.0),
        ({"parts_per_minute": None}, 60.0, math.inf),
    ],
)
def test_rates_and_limits_bound_what_they_bounded(asked: dict[str, object], rate: float, limit_ms: float) -> None:
    found = history([row(0, 10, **asked)], [], SERVICE, overhead_ms=10.0)  # type: ignore[arg-type]
    ((_, found_rate, found_limit, _, _),) = rows_of(found)
    assert found_rate == pytest.approx(rate)
    assert found_limit == pytest.approx(limit_ms)


def test_what_the_camera_did_is_scored_like_a_policy() -> None:
    past = history([row(0, 100, 600.0)], [], SERVICE)
    made = [swap(-50, -47, None, "fast"), swap(20, 23, "fast", "slow"), swap(60, 62, "slow", "fast")]
    run = actual_run(past, made, LADDER)
    assert (run.first, [(s.at_s, s.ready_s, s.to_net) for s in run.swaps]) == (0, [(20, 23, 1), (60, 62, 0)])
    found = outcome(Line(past.trace, LADDER), run)
    assert (found.parts, found.in_gap, found.in_time, found.swaps) == (1000, 50, 950, 2)
    assert found.value == pytest.approx(0.7 * 580 + 0.8 * 370)


def test_a_start_without_a_network_a_failed_swap_and_one_that_never_ended_are_dark() -> None:
    past = history([row(0, 100, 600.0)], [], SERVICE)
    made = [
        swap(0, 4, None, "fast"),
        swap(20, 25, "fast", "slow", "fast"),  # rolled back
        swap(40, 44, "fast", "slow", None),  # nothing left
        swap(50, 53, None, "slow"),
        swap(90, None, "slow", "fast", None),
    ]
    run = actual_run(past, made, LADDER)
    assert [(s.at_s, s.ready_s, s.to_net) for s in run.swaps] == [
        (0, 4, 0),
        (20, 25, 0),
        (40, 53, 1),
        (90, math.inf, 1),
    ]
    assert outcome(Line(past.trace, LADDER), run).in_gap == 10 * (4 + 5 + 13 + 10)
    with pytest.raises(BadInput, match="no network"):
        actual_run(past, [], LADDER)


def test_a_swap_in_a_hole_costs_nothing_and_changes_the_network() -> None:
    past = history([row(0, 50), row(80, 100)], [], SERVICE)
    run = actual_run(past, [swap(-9, -7, None, "fast"), swap(60, 63, "fast", "slow")], LADDER)
    assert [(s.at_s, s.ready_s, s.to_net) for s in run.swaps] == [(50, 50, 1)]


def test_measured_profiles_and_swaps_take_the_place_of_predictions() -> None:
    profile = NetProfile.of("any name", [25.0] * 30, "f", 0, swap_s=1.5)
    made = [swap(0, 2, None, "slow"), swap(10, 14, "fast", "slow"), swap(20, 26, "fast", "slow", "fast")]
    found = measured_ladder(LADDER, {"fast": ("aa", "bb"), "slow": ("cc",)}, {"bb": profile}, made)
    assert [(net.service_ms, net.swap_s) for net in found.nets] == [(25.0, 1.5), (80.0, 3.0)]  # the median of 2 and 4 s
    assert measured_ladder(LADDER, {}, {"bb": profile}, []) == LADDER


def test_nets_that_ran_without_being_in_the_library_are_told_apart() -> None:
    made = [swap(0, 2, None, "gone"), swap(5, 7, "gone", "fast"), swap(9, 11, "fast", "unknown")]
    found = with_others(LADDER, made, {"gone": 0.75, "unknown": 0.9}, {"gone": 40.0})
    assert [(net.id, net.top1, net.service_ms) for net in found.nets[2:]] == [
        ("gone", 0.75, 40.0),
        ("unknown", 0.0, math.inf),
    ]
