"""When the line is in another regime, and when it is only the camera that is slower, or the line on its way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agent.policy.regimes import Regimes
from agent.policy.tracker import PATIENCE_S, RAMP_OVER_S, Scene, Tracker

EDGES_MS = (10.0, 20.0, 40.0)
RUNGS = len(EDGES_MS)


def scene(limit_ms: float, slow: float = 1.0, stopped: bool = False) -> Scene:
    """A line with this limit, whose camera is so many times slower."""
    edges = np.log(np.array(EDGES_MS) * slow)
    gains = np.where(edges <= math.log(limit_ms), [0.7, 0.75, 0.8], 0.0)
    return Scene(math.log(limit_ms), edges, gains, gains > 0.0, 1.0, stopped)


class Watched:
    """A tracker that is asked twice a second."""

    def __init__(self) -> None:
        self.regimes = Regimes(RUNGS)
        self.tracker = Tracker(self.regimes)
        self.now_s = 0.0

    def see(self, seconds: float, limit_ms: float, slow: float = 1.0, stopped: bool = False) -> int:
        """The same for so long; the level after it."""
        for _ in range(round(seconds / 0.5)):
            self.tracker.update(self.now_s, scene(limit_ms, slow, stopped))
            self.now_s += 0.5
        return self.regimes.level(self.tracker.regime)

    def stands(self) -> bool:
        return self.tracker.stopped

    @property
    def spells(self) -> int:
        """Regimes that have ended."""
        return round(float(self.regimes.moves[: self.regimes.count].sum()))


def test_a_level_is_how_many_rungs_are_fast_enough() -> None:
    assert [scene(limit_ms).level for limit_ms in (5.0, 10.0, 19.9, 20.0, 100.0)] == [0, 1, 1, 2, 3]


def test_a_step_of_the_line_is_another_regime_at_once() -> None:
    line = Watched()
    assert line.see(20.0, 30.0) == 2
    assert line.see(0.5, 15.0) == 1
    assert line.tracker.since_s == 20.0
    assert line.spells == 1
    assert not line.tracker.ramping


def test_steps_within_a_level_are_the_same_regime() -> None:
    line = Watched()
    line.see(20.0, 30.0)
    line.see(20.0, 35.0)
    assert line.tracker.since_s == 0.0
    assert line.spells == 0


def test_a_camera_that_slows_down_across_a_rung_counts_after_a_while() -> None:
    line = Watched()
    line.see(20.0, 21.0)
    assert line.see(0.5, 21.0, slow=1.1) == 2
    assert line.see(PATIENCE_S + 0.5, 21.0, slow=1.1) == 1
    assert line.spells == 1


def test_a_camera_that_hovers_about_a_rung_makes_no_regimes() -> None:
    line = Watched()
    line.see(20.0, 20.1)
    for turn in range(40):
        line.see(1.0, 20.1, slow=1.01 if turn % 2 else 1.0)
    assert line.spells == 0


def test_a_line_on_a_ramp_is_told_from_one_that_steps() -> None:
    line = Watched()
    line.see(30.0, 60.0)
    seen = []
    for step in range(40):
        line.see(0.5, 60.0 * math.exp(-0.03 * (step + 1)))
        seen.append(line.tracker.ramping)
    assert not any(seen[:2])
    assert all(seen[6:])
    ramp = line.tracker.ramp(line.now_s)
    assert ramp is not None
    assert ramp.slope_per_s > 0.0  # faster
    assert ramp.left_s > 0.0
    line.see(RAMP_OVER_S + 1.0, 60.0 * math.exp(-1.2))
    assert not line.tracker.ramping
    assert line.spells == 1  # from the first level to the last, without those on the way
    assert line.tracker.ramp(line.now_s) is None


@pytest.mark.parametrize("stay_s", [3.0, 10.0])
def test_a_line_that_goes_up_and_down_in_steps_is_on_no_ramp(stay_s: float) -> None:
    line = Watched()
    ramping = []
    for turn in range(12):
        line.see(stay_s, 15.0 if turn % 2 else 30.0)
        ramping.append(line.tracker.ramping)
    assert not any(ramping)
    assert line.spells == 11


def test_a_stop_ends_a_regime_once_and_what_follows_is_learned() -> None:
    line = Watched()
    line.see(20.0, 30.0)
    line.see(40.0, 30.0, stopped=True)
    assert line.stands()
    assert line.see(5.0, 15.0) == 1
    assert not line.stands()
    assert line.tracker.since_s == 60.0
    assert line.regimes.resumed.tolist() == [1.0, 0.0]  # as another
    line.see(5.0, 15.0, stopped=True)
    line.see(5.0, 15.0)
    assert line.regimes.resumed.tolist() == [1.0, 1.0]


def test_a_line_that_stands_from_the_start_has_no_regime_before() -> None:
    line = Watched()
    line.see(10.0, 30.0, stopped=True)
    assert line.see(5.0, 30.0) == 2
    assert line.regimes.resumed.sum() == 1.0
