"""The laws as values are those that LineShift draws from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from agent.replay.laws import (
    LAWS,
    Bursts,
    Contention,
    Duration,
    Exponential,
    Flaps,
    Heat,
    Levels,
    LogNormal,
    Ramps,
    Uniform,
)
from agent.replay.lineshift import HOUR_S, SCENARIOS

HOURS = 120
Rows = list[tuple[float, float]]
Lasted = list[tuple[float, bool]]  # seconds, and whether it was seen to end
_FLAPS_END_S = 18.0  # hardly a side lasts so long, hardly a calm is shorter: 1 of 10 000


def drawn(scenario: str) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Part intervals, slow-downs and stops of many hours."""
    for hour in range(HOURS):
        yield SCENARIOS[scenario](np.random.default_rng([5, hour]))


def lasting(rows: Sequence[tuple[float, float]]) -> Lasted:
    """How long each row held; the last one until the end of the hour."""
    ended = [(after[0] - before[0], True) for before, after in pairwise(rows) if after[0] < HOUR_S]
    return [*ended, (HOUR_S - rows[len(ended)][0], False)]


def assert_drawn_from(law: Duration, lasted: Lasted) -> None:
    """Ends below and above the median are as many as the hazard that was lived through, within four deviations."""

    def hazard(age_s: float) -> float:
        return -math.log(law.survival(age_s))

    edges = (0.0, law.median_s, math.inf)
    for low_s, high_s in pairwise(edges):
        expected = sum(hazard(min(age_s, high_s)) - hazard(min(age_s, low_s)) for age_s, _ in lasted)
        seen = sum(1 for age_s, ended in lasted if ended and low_s <= age_s < high_s)
        assert expected > 50.0
        assert abs(seen - expected) < 4.0 * math.sqrt(expected), (low_s, seen, expected)


@pytest.mark.parametrize("scenario", ["steps5min", "steps30s", "infeasible"])
def test_levels_last_as_long_as_their_law_says(scenario: str) -> None:
    law = LAWS[scenario]
    assert isinstance(law, Levels)
    hours = [levels for levels, _, _ in drawn(scenario)]
    assert {level for levels in hours for _, level in levels} == set(law.levels_ms)
    assert_drawn_from(law.dwell, [one for levels in hours for one in lasting(levels)])


def test_a_share_of_runs_ends_in_a_stop() -> None:
    law = LAWS["shift"]
    assert isinstance(law, Levels)
    runs, stops = 0, 0
    for levels, _, standing in drawn("shift"):
        runs += len(levels)
        stops += sum(1 for _, value in standing if value)
    assert stops / runs == pytest.approx(law.stop_share, abs=4 * math.sqrt(0.1875 / runs))


def test_ramps_are_of_equal_steps_between_levels_that_last_by_their_law() -> None:
    law = LAWS["ramps"]
    assert isinstance(law, Ramps)
    lasted: Lasted = []
    for rows, _, _ in drawn("ramps"):
        starts = range(0, len(rows), law.steps + 1)
        for start, after in pairwise(starts):
            speeds = np.array([1.0 / value for _, value in rows[start : after + 1]])
            assert np.diff(speeds)[:-1] == pytest.approx(np.full(law.steps, speeds[1] - speeds[0]))
            assert rows[after][0] - rows[start + 1][0] == pytest.approx(law.ramp_s)
            lasted.append((rows[start + 1][0] - rows[start][0], True))
        lasted.append((HOUR_S - rows[starts[-1]][0], False))
    assert_drawn_from(law.levels.dwell, [one for one in lasted if one[0] > 0.0])


def test_flapping_is_of_sides_and_calms() -> None:
    law = LAWS["flap"]
    assert isinstance(law, Flaps)
    sides: Lasted = []
    calms: Lasted = []
    spells: list[float] = []
    for rows, _, _ in drawn("flap"):
        calm_ends: list[float] = []
        for age_s, ended in lasting(rows):
            (calms if age_s > _FLAPS_END_S or (not ended and age_s > 10.0) else sides).append((age_s, ended))
        for (at_s, _), (after_s, _) in pairwise(rows):
            if after_s - at_s > _FLAPS_END_S:
                spells += [at_s - end_s for end_s in calm_ends[-1:]]
                calm_ends.append(after_s)
    assert_drawn_from(law.side, sides)
    assert_drawn_from(law.calm, calms)
    assert min(spells) >= law.flapping.low_s
    assert max(spells) <= law.flapping.high_s + _FLAPS_END_S
    assert np.mean(spells) == pytest.approx(law.flapping.median_s + law.side.mean_s / 2.0, abs=10.0)


def test_rushes_come_and_last_by_their_laws() -> None:
    law = LAWS["bursts"]
    assert isinstance(law, Bursts)
    rushes: Lasted = []
    between: Lasted = []
    for rows, _, _ in drawn("bursts"):
        free_s = 0.0
        for (at_s, value), (after_s, _) in pairwise(rows):
            if value in law.rush_ms:
                rushes.append((after_s - at_s, True))
                between.append((at_s - free_s, True))
                free_s = after_s + 1.0  # two rushes never touch
        between.append((max(0.0, HOUR_S - free_s), False))
    assert_drawn_from(law.rush, rushes)
    assert_drawn_from(law.every, between)


def test_slow_downs_come_last_and_are_as_large_as_their_laws_say() -> None:
    law = LAWS["contention"]
    assert isinstance(law, Contention)
    slow: Lasted = []
    calm: Lasted = []
    factors = []
    for _, rows, _ in drawn("contention"):
        for (_, value), one in zip(rows, lasting(rows), strict=False):
            (slow if value > 1.0 else calm).append(one)
            factors += [value] if value > 1.0 else []
    assert_drawn_from(law.lasts, slow)
    assert_drawn_from(law.every, calm)
    assert law.factor[0] <= min(factors) < law.factor[0] + 0.01
    assert law.factor[1] - 0.01 < max(factors) <= law.factor[1]


def test_heat_comes_in_blocks_with_ramps_up_and_down() -> None:
    law = LAWS["thermal"]
    assert isinstance(law, Heat)
    blocks: Lasted = []
    cool: Lasted = []
    for _, rows, _ in drawn("thermal"):
        free_s = 0.0
        for start in range(1, len(rows), 2 * law.steps):
            (first_s, first), (down_s, down) = rows[start], rows[start + law.steps]
            assert rows[start + law.steps - 1][1] == pytest.approx(law.factor)
            assert first - 1.0 == pytest.approx((law.factor - 1.0) / law.steps)
            assert down == pytest.approx(law.factor - (first - 1.0))
            blocks.append((down_s - first_s, True))
            cool.append((first_s - free_s, True))
            free_s = down_s + law.ramp_s
        cool.append((max(0.0, HOUR_S - free_s), False))
    assert_drawn_from(law.block, blocks)
    assert_drawn_from(law.every, cool)


def test_durations_have_their_medians() -> None:
    for law in (LogNormal(30.0), LogNormal(6.0, 0.25), Exponential(120.0), Uniform(8.0, 30.0)):
        assert law.survival(law.median_s) == pytest.approx(0.5)
        assert law.survival(0.0) == 1.0
    assert Uniform(8.0, 30.0).survival(31.0) == 0.0
    assert LogNormal(30.0).survival(30.0 * math.exp(0.7)) == pytest.approx(0.1587, abs=1e-4)
