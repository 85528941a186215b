"""Every step of a swap goes wrong once on the simulated camera: the line ends on a verified network or FAULTED.

The agent is whole (journal, library, adapter, supervisor), the camera refuses as the real one does, time is virtual.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.domain.budget import Budget
from agent.domain.journal import SwapOutcome
from agent.domain.states import CameraState
from agent.sim.device import Firefly
from agent.sim.spec import Effect, FaultSpec
from tests.support.virtual_line import Act, Outcome, line_config, play

SLOW = Budget(parts_per_minute=800.0, max_latency_ms=300.0)
FAST = Budget(parts_per_minute=2400.0, max_latency_ms=120.0)
FAST_NET = "r40-d111"
LINE = 200.0  # parts a minute that pass; the budgets ask for more, so that few parts make a short test

STEPS: list[tuple[str, Effect]] = [
    ("acquisition.stop", "io_error"),
    ("inference.enable", "io_error"),
    ("file.delete", "wrong_status"),
    ("file.delete", "io_error"),
    ("file.open", "wrong_status"),
    ("file.open", "io_error"),
    ("file.write", "io_error"),
    ("file.write", "wrong_status"),
    ("file.write", "short_write"),
    ("file.close", "wrong_status"),
    ("file.close", "io_error"),
    ("network.load", "corrupt"),
    ("inference", "wrong_output"),
    ("acquisition.start", "io_error"),
    ("register", "io_error"),
]


def _play(folder: Path, library: Path, acts: list[Act], quirks: str = "default", duration_s: float = 25.0) -> Outcome:
    return play(line_config(folder, library, quirks), acts, duration_s)


def _sound(outcome: Outcome) -> None:
    """What must hold whatever went wrong."""
    assert outcome.wrong == []
    assert outcome.unverified == 0
    assert outcome.last is not None
    assert outcome.last.state in (CameraState.ACTIVE, CameraState.FAULTED)
    if outcome.last.state is CameraState.FAULTED:
        assert any(alarm.cleared_wall_ns is None for alarm in outcome.alarms)


@pytest.mark.parametrize(("operation", "effect"), STEPS)
@pytest.mark.parametrize("quirks", ["default", "pessimistic"])
def test_a_step_that_fails_once_ends_on_a_verified_network(
    tmp_path: Path, ladder: Path, operation: str, effect: Effect, quirks: str
) -> None:
    strike = (FaultSpec(operation, effect),)
    outcome = _play(tmp_path, ladder, [Act(0, LINE, SLOW), Act(10, LINE, FAST, strike)], quirks)
    _sound(outcome)
    assert outcome.counters.get(f"fault.{operation}", 0) >= 1, "the fault never struck: the test proves nothing"
    assert outcome.last is not None
    assert outcome.last.state is CameraState.ACTIVE
    assert outcome.last.verified


@pytest.mark.parametrize(("operation", "effect"), STEPS)
def test_a_step_that_keeps_failing_never_leaves_an_unverified_network_active(
    tmp_path: Path, ladder: Path, operation: str, effect: Effect
) -> None:
    strike = (FaultSpec(operation, effect, count=400),)
    outcome = _play(tmp_path, ladder, [Act(0, LINE, SLOW), Act(10, LINE, FAST, strike)], duration_s=30.0)
    assert outcome.wrong == []
    assert outcome.unverified == 0
    assert outcome.counters.get(f"fault.{operation}", 0) >= 1


@pytest.mark.parametrize("nth", [1, 8, 20, 40, 60, 90])
def test_a_camera_unplugged_in_the_middle_of_a_swap_comes_back_verified(tmp_path: Path, ladder: Path, nth: int) -> None:
    strike = (FaultSpec("register", "unplug", nth),)
    acts = [Act(0, LINE, SLOW), Act(10, LINE, FAST, strike), Act(20, LINE, None, (), Firefly.replug)]
    outcome = _play(tmp_path, ladder, acts, duration_s=50.0)
    _sound(outcome)
    assert CameraState.DISCONNECTED in outcome.states
    assert outcome.last is not None
    assert (outcome.last.active_subnet or "").startswith(FAST_NET)
    assert "camera_lost" in {alarm.key for alarm in outcome.alarms}


def test_a_power_cycle_loses_the_network_and_the_agent_uploads_again(tmp_path: Path, ladder: Path) -> None:
    acts = [Act(0, LINE, SLOW), Act(15, LINE, None, (), Firefly.power_cycle)]
    outcome = _play(tmp_path, ladder, acts, "pessimistic", 60.0)
    _sound(outcome)
    assert len(outcome.verified()) == 2
    assert outcome.last is not None
    assert outcome.last.verified


def test_a_network_that_computes_wrongly_is_found_by_its_golden_image(tmp_path: Path, ladder: Path) -> None:
    strike = (FaultSpec("inference", "wrong_output", nth=1, count=3),)
    outcome = _play(tmp_path, ladder, [Act(0, LINE, SLOW), Act(10, LINE, FAST, strike)], duration_s=30.0)
    _sound(outcome)
    failed = [swap for swap in outcome.swaps if swap.outcome is SwapOutcome.ROLLED_BACK]
    assert failed
    assert all(swap.failed_step == "verify" for swap in failed)
    assert "golden image" in str(failed[0].error)
