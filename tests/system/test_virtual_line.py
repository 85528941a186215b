"""The line in virtual time: an hour in the suite; in `make soak` that hour and a 24-hour shift, each played twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.sim.device import Firefly
from tests.support.virtual_line import Act, Outcome, line_config, play

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
    acts = _acts(HOUR_S, 300.0)
    outcome = play(line_config(tmp_path / "first", ladder, "pessimistic"), acts, HOUR_S)
    _sound(outcome, least_results=60_000, least_swaps=8)
    gaps = [swap.gap_s for swap in outcome.verified() if swap.gap_s is not None]
    assert len(gaps) >= 7
    assert all(0.5 < gap < 10.0 for gap in gaps)


def test_equal_seeds_give_equal_journals_and_other_seeds_do_not(tmp_path: Path, ladder: Path) -> None:
    acts = _acts(300.0, 30.0)
    first, again, other = (
        play(line_config(tmp_path / n, ladder, "pessimistic"), acts, 300.0, seed=seed)
        for n, seed in (("first", 5), ("again", 5), ("other", 6))
    )
    assert first.results == again.results
    assert first.digest == again.digest != other.digest


@pytest.mark.soak
def test_an_hour_played_again_is_the_same_hour(tmp_path: Path, ladder: Path) -> None:
    acts = _acts(HOUR_S, 300.0)
    outcome, again = (play(line_config(tmp_path / n, ladder, "pessimistic"), acts, HOUR_S) for n in "ab")
    assert (again.results, again.digest) == (outcome.results, outcome.digest)


@pytest.mark.soak
def test_a_shift_of_24_hours_at_the_slowest_frame_rate(tmp_path: Path, ladder: Path) -> None:
    """A frame a second makes every sub-net equally fast, so only a power cut every three hours makes it swap."""
    acts = [Act(n * 3 * HOUR_S + 60.0, 30.0, plant=Firefly.power_cycle) for n in range(8)]
    outcome, again = (play(_slowest(line_config(tmp_path / n, ladder, "pessimistic")), acts, SHIFT_S) for n in "ab")
    _sound(outcome, least_results=80_000, least_swaps=9)
    assert (again.results, again.digest) == (outcome.results, outcome.digest)


def _slowest(config: AgentConfig) -> AgentConfig:
    """The camera free-running at its least frame rate."""
    (camera,) = config.cameras
    slow = cfg.Acquisition(roi=(184, 4, 1072, 1072), frame_rate=1.0)
    return replace(config, cameras=(replace(camera, acquisition=slow),))
