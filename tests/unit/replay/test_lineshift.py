"""LineShift: the same hour for the same seed, frozen, and each scenario as it is described."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from agent.errors import BadInput
from agent.replay.laws import INFEASIBLE_LEVELS_MS, LEVELS_MS
from agent.replay.line import Line
from agent.replay.lineshift import HOUR_S, RUNGS, SCENARIOS, ladder, lineshift
from agent.replay.trace import Trace

ALL = sorted(SCENARIOS)
# Of the rows of seed 0, to the millisecond: a change of these is another benchmark and needs another VERSION.
DIGESTS = {
    "bursts": "5a58e6bc1bd9",
    "contention": "155fd8bf76e9",
    "flap": "ec9cd0a0845e",
    "infeasible": "70522f12bedd",
    "ramps": "e70db4465c10",
    "shift": "3f8527a8bf6c",
    "steps30s": "0875b6f3abcc",
    "steps5min": "441518510004",
    "thermal": "c066c7a0d353",
}
# Of its nets' sensitivities and the seed of its noise
CAMERAS = {
    "bursts": "65d7800c439f",
    "contention": "72f57590291d",
    "flap": "adf133ebc02f",
    "infeasible": "9f5b26f4afd1",
    "ramps": "2f38a2390106",
    "shift": "8e23b7ab1411",
    "steps30s": "1b0bbea536db",
    "steps5min": "9b99a46bd65c",
    "thermal": "d3642247eebe",
}


def digest(trace: Trace) -> str:
    columns = (trace.t_s, trace.parts_per_minute, trace.slowdown, trace.stopped)
    return hashlib.sha256(np.round(np.array(columns, dtype=np.float64), 3).tobytes()).hexdigest()[:12]


def camera(line: Line) -> str:
    told = ",".join([*(f"{one:.6f}" for one in line.sensitivity), str(line.noise.seed)])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def intervals_ms(line: Line) -> list[float]:
    return [round(60_000.0 / rate, 6) for rate in line.trace.parts_per_minute]


@pytest.mark.parametrize("scenario", ALL)
def test_a_seed_is_an_hour_and_always_the_same_one(scenario: str) -> None:
    line, again, other = lineshift(scenario, 0), lineshift(scenario, 0), lineshift(scenario, 1)
    assert line.trace.end_s == HOUR_S
    assert digest(line.trace) == digest(again.trace) != digest(other.trace)
    assert (line.noise, line.sensitivity) == (again.noise, again.sensitivity)
    assert line.sensitivity != other.sensitivity
    assert all(0.8 <= one <= 1.2 for one in line.sensitivity)
    assert len(line.part_times) > 10_000


def test_the_reported_seeds_are_frozen() -> None:
    lines = {scenario: lineshift(scenario, 0) for scenario in ALL}
    assert {scenario: digest(line.trace) for scenario, line in lines.items()} == DIGESTS
    assert {scenario: camera(line) for scenario, line in lines.items()} == CAMERAS


@pytest.mark.parametrize("scenario", ALL)
def test_the_hour_before_is_another_one_of_the_same_camera(scenario: str) -> None:
    scored, before, again = lineshift(scenario, 0), lineshift(scenario, 0, hour=-1), lineshift(scenario, 0, hour=-1)
    assert before.sensitivity == scored.sensitivity
    assert digest(before.trace) == digest(again.trace)
    assert before.noise == again.noise
    hours = [lineshift(scenario, 0, hour) for hour in (-2, -1, 0, 1, 2)] + [lineshift(scenario, 1, -1)]
    assert len({digest(line.trace) for line in hours}) == len({line.noise.seed for line in hours}) == len(hours)


def test_the_ladder_is_the_published_one() -> None:
    nets = ladder().nets
    assert [net.service_ms for net in nets] == [20, 28, 40, 58, 79, 132, 143]
    assert [net.top1 for net in nets] == [0.714, 0.733, 0.749, 0.769, 0.787, 0.798, 0.801]
    assert (nets[0].swap_s, nets[-1].swap_s) == pytest.approx((1.99, 3.552))
    assert len(RUNGS) == len(nets)


@pytest.mark.parametrize("scenario", sorted(set(ALL) - {"ramps", "infeasible"}))
def test_the_speeds_are_those_of_the_levels(scenario: str) -> None:
    assert set(intervals_ms(lineshift(scenario, 0))) <= set(LEVELS_MS)


def test_a_ramp_takes_a_minute_from_level_to_level() -> None:
    line = lineshift("ramps", 0)
    between = [at for at, ms in zip(line.trace.t_s, intervals_ms(line), strict=True) if ms not in LEVELS_MS]
    gaps = [later - earlier for earlier, later in pairwise(between)]
    assert sorted({round(gap, 6) for gap in gaps if gap < 1.0}) == [0.5]
    assert len(between) > 500


def test_stops_last_from_15_to_120_seconds() -> None:
    trace = lineshift("shift", 0).trace
    edges = np.append(trace.t_s, trace.end_s)
    stops = [edges[row + 1] - edges[row] for row in np.flatnonzero(trace.stopped) if edges[row + 1] < trace.end_s]
    assert len(stops) >= 3
    assert all(15.0 <= stop <= 120.0 for stop in stops)


def test_flapping_is_across_one_rung() -> None:
    line = lineshift("flap", 0)
    spans = np.diff(np.append(line.trace.t_s, HOUR_S))
    flaps = [(a, b) for (a, b), span in zip(pairwise(intervals_ms(line)), spans, strict=False) if span < 20.0]
    neighbours = {frozenset(pair) for pair in pairwise(LEVELS_MS)}
    assert len(flaps) > 50
    assert sum(frozenset(pair) in neighbours for pair in flaps) > 0.9 * len(flaps)  # a calm phase may be any level


def test_rushes_are_short() -> None:
    line = lineshift("bursts", 0)
    spans = np.diff(np.append(line.trace.t_s, HOUR_S))
    rushes = [span for span, ms in zip(spans, intervals_ms(line), strict=True) if ms in LEVELS_MS[:2]]
    assert len(rushes) > 10
    assert max(rushes) <= 30.0


def test_contention_and_heat_slow_the_camera_within_their_bounds() -> None:
    contention, thermal = lineshift("contention", 0).trace.slowdown, lineshift("thermal", 0).trace.slowdown
    busy = contention[contention > 1.0]
    assert len(busy) > 5
    assert 1.15 <= busy.min() <= busy.max() <= 1.5
    assert float(thermal.max()) == pytest.approx(1.25)
    assert float(np.abs(np.diff(thermal)).max()) < 0.01  # it warms, it does not jump


def test_infeasible_has_spells_that_no_net_meets() -> None:
    line = lineshift("infeasible", 0)
    assert set(intervals_ms(line)) == set(INFEASIBLE_LEVELS_MS)
    met = np.logical_or.reduce(line.in_time)
    assert 0.1 < 1.0 - float(met.mean()) < 0.9


def test_an_unknown_scenario_is_told() -> None:
    with pytest.raises(BadInput, match="'storm' is unknown; known: steps5min"):
        lineshift("storm", 0)
