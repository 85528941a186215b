"""The line in virtual time: minutes in the suite; in `make soak` an hour and a 24-hour shift, each played twice, and a
million frames."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.sim.device import Firefly
from tests.reliability.recorder import Reliability
from tests.support.leaks import open_descriptors
from tests.support.virtual_line import Act, Outcome, line_config, play

HOUR_S = 3600.0
HOURS = 15  # of a million frames
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


def test_twenty_minutes_of_the_line_attribute_every_result_rightly(tmp_path: Path, ladder: Path) -> None:
    acts = _acts(HOUR_S / 3, 100.0)
    outcome = play(line_config(tmp_path / "first", ladder, "pessimistic"), acts, HOUR_S / 3)
    _sound(outcome, least_results=20_000, least_swaps=8)
    gaps = [swap.gap_s for swap in outcome.verified() if swap.gap_s is not None]
    assert len(gaps) >= 7
    assert all(0.5 < gap < 10.0 for gap in gaps)


def test_equal_seeds_give_equal_journals_and_other_seeds_do_not(tmp_path: Path, ladder: Path) -> None:
    """Over each of the speeds once."""
    acts = _acts(180.0, 30.0)
    first, again, other = (
        play(line_config(tmp_path / n, ladder, "pessimistic"), acts, 180.0, seed=seed)
        for n, seed in (("first", 5), ("again", 5), ("other", 6))
    )
    assert first.results == again.results
    assert first.digest == again.digest != other.digest


@pytest.mark.soak
def test_an_hour_played_again_is_the_same_hour(tmp_path: Path, ladder: Path, reliability: Reliability) -> None:
    changes = reliability.scaled(12, least=2)
    acts = _acts(changes * 300.0, 300.0)
    outcome, again = (play(line_config(tmp_path / n, ladder, "pessimistic"), acts, changes * 300.0) for n in "ab")
    reliability.count(12, "minutes played again", changes * 5, seed=1)
    _sound(outcome, least_results=changes * 5_000, least_swaps=2 * changes // 3)
    assert (again.results, again.digest) == (outcome.results, outcome.digest)


@pytest.mark.soak
def test_a_shift_of_24_hours_at_the_slowest_frame_rate(tmp_path: Path, ladder: Path, reliability: Reliability) -> None:
    """A frame a second makes every sub-net equally fast, so only a power cut every three hours makes it swap."""
    cuts = reliability.scaled(8)
    shift_s = cuts * 3 * HOUR_S
    acts = [Act(n * 3 * HOUR_S + 60.0, 30.0, plant=Firefly.power_cycle) for n in range(cuts)]
    threads, descriptors = threading.active_count(), open_descriptors()
    outcome, again = (play(_slowest(line_config(tmp_path / n, ladder, "pessimistic")), acts, shift_s) for n in "ab")
    reliability.count(12, "simulated hours", round(shift_s / HOUR_S), seed=1)
    _sound(outcome, least_results=cuts * 10_000, least_swaps=cuts + 1)
    assert (again.results, again.digest) == (outcome.results, outcome.digest)
    assert threading.active_count() == threads
    assert descriptors.leaked(open_descriptors()) == []


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_a_million_frames_are_attributed_rightly(tmp_path: Path, ladder: Path, reliability: Reliability) -> None:
    """Hours with a swap every five minutes, some 80 000 frames each; every one is held against what the camera did."""
    wrong = []
    for seed in reliability.seeds(range(HOURS)):
        outcome = play(line_config(tmp_path / f"{seed}", ladder, "pessimistic"), _acts(HOUR_S, 300.0), HOUR_S, seed)
        reliability.count(4, "frames", sum(outcome.results.values()), seed=f"0..{HOURS - 1}")
        reliability.count(4, "swaps", len(outcome.swaps))
        if outcome.wrong or outcome.unverified:
            wrong.append(f"seed {seed}: {outcome.unverified} unverified, {outcome.wrong[:5]}")
            reliability.failed(4, wrong[-1], seed)
        shutil.rmtree(tmp_path / f"{seed}")
    assert wrong == []


def _slowest(config: AgentConfig) -> AgentConfig:
    """The camera free-running at its least frame rate."""
    (camera,) = config.cameras
    slow = cfg.Acquisition(roi=(184, 4, 1072, 1072), frame_rate=1.0)
    return replace(config, cameras=(replace(camera, acquisition=slow),))
