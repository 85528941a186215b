"""The line in virtual time: an hour in the suite, a 24-hour shift in `make soak`; both give the same journal twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import schema as cfg
from agent.domain.budget import Budget
from tests.support.virtual_line import CAMERA, Act, Outcome, line_config, play

HOUR_S = 3600.0
SHIFT_S = 24 * HOUR_S
SPEEDS = (800.0, 1500.0, 2400.0, 1100.0, 1900.0, 900.0)


def _asked(parts_per_minute: float) -> Budget:
    return Budget(parts_per_minute=parts_per_minute, max_latency_ms=4 * 60_000.0 / parts_per_minute)


def _acts(duration_s: float, every_s: float) -> list[Act]:
    starts = [number * every_s for number in range(int(duration_s / every_s))]
    return [Act(at_s, speed, _asked(speed)) for at_s, speed in zip(starts, SPEEDS * len(starts), strict=False)]


def _sound(outcome: Outcome, least_results: int, least_swaps: int) -> None:
    assert outcome.wrong == []
    assert outcome.unverified == 0
    assert outcome.dropped == 0
    assert sum(outcome.results.values()) >= least_results
    assert len(outcome.verified()) >= least_swaps
    assert len(outcome.verified()) == len(outcome.swaps)
    assert outcome.last is not None
    assert outcome.last.verified


def test_an_hour_of_the_line_attributes_every_result_rightly(tmp_path: Path, ladder: Path) -> None:
    outcome = play(line_config(tmp_path, ladder, "pessimistic"), _acts(HOUR_S, 300.0), HOUR_S)
    _sound(outcome, least_results=60_000, least_swaps=8)
    gaps = [swap.gap_s for swap in outcome.verified() if swap.gap_s is not None]
    assert len(gaps) >= 7
    assert all(0.5 < gap < 10.0 for gap in gaps)


def test_equal_seeds_give_equal_journals_and_other_seeds_do_not(tmp_path: Path, ladder: Path) -> None:
    acts = _acts(300.0, 30.0)
    first, again = (play(line_config(tmp_path / n, ladder), acts, 300.0, seed=5) for n in ("first", "again"))
    other = play(line_config(tmp_path / "other", ladder), acts, 300.0, seed=6)
    assert first.results == again.results
    assert first.digest == again.digest != other.digest


@pytest.mark.soak
def test_a_shift_of_24_hours_at_the_slowest_frame_rate(tmp_path: Path, ladder: Path) -> None:
    config = line_config(tmp_path, ladder, "pessimistic")
    (camera,) = config.cameras
    slow = replace(camera, acquisition=cfg.Acquisition(roi=(184, 4, 1072, 1072), frame_rate=1.0))
    free = replace(config, cameras=(slow,))
    budgets = [Budget(max_latency_ms=1200.0), Budget(max_latency_ms=1200.0, min_accuracy=0.9)]
    acts = [Act(n * HOUR_S, 30.0, budgets[n % 2]) for n in range(24)]
    outcome = play(free, acts, SHIFT_S)
    assert outcome.last is not None
    assert outcome.last.camera == CAMERA
    _sound(outcome, least_results=80_000, least_swaps=1)
