"""The line-stopped input, from the contact on the camera to the swap that waits for it; in virtual time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.domain.journal import SwapRecord
from agent.sim.device import Firefly
from tests.support.virtual_line import Act, Outcome, line_config, play

WALL_NS = 1_700_000_000 * 1_000_000_000  # where the wall clock of virtual time begins
SLOW, FAST = 600.0, 1800.0
STOPS_S, GOES_S = 40.0, 50.0
LINE_2 = cfg.LineInput("Line2")


def config(folder: Path, library: Path, wanted: cfg.LineInput | None = LINE_2) -> AgentConfig:
    """Swaps wait until the line stands, which the camera's input tells and nobody else."""
    made = line_config(folder, library, "pessimistic")
    (camera,) = made.cameras
    swap = replace(made.policy.swap, window="line_stopped", min_dwell_s=0.0)
    return replace(
        made,
        cameras=(replace(camera, line_stopped_input=wanted),),
        policy=replace(made.policy, swap=swap, default_budget=_asks(SLOW)),
    )


def _asks(parts_per_minute: float) -> Budget:
    return Budget(parts_per_minute=parts_per_minute, max_latency_ms=4 * 60_000.0 / parts_per_minute)


def begun_s(swap: SwapRecord) -> float:
    """When it began, in seconds of the run."""
    return (swap.started_wall_ns - WALL_NS) / 1e9


def later(outcome: Outcome) -> list[SwapRecord]:
    """Swaps beside the first, which a camera without a network makes at once, in the order of time."""
    first, *others = sorted(outcome.swaps, key=begun_s)
    assert begun_s(first) < 10.0
    return others


def test_a_swap_waits_for_the_stop_that_the_input_tells_and_costs_no_part(tmp_path: Path, ladder: Path) -> None:
    asked = _asks(FAST)
    acts = [Act(0.0, SLOW), Act(15.0, SLOW, asked), Act(STOPS_S, 0.0), Act(GOES_S, FAST)]
    outcome = play(config(tmp_path, ladder), acts, 65.0)
    (swap,) = later(outcome)
    assert STOPS_S + 0.2 <= begun_s(swap) <= STOPS_S + 1.0, "two equal readings, four a second"
    assert swap.duration_s is not None
    assert begun_s(swap) + swap.duration_s < GOES_S
    assert outcome.wrong == []
    assert outcome.last is not None
    assert [(one.client, one.stopped) for one in outcome.last.line.reports] == [("input:Line2", False)]
    seen = (outcome.results[swap.from_subnet or ""], outcome.results[swap.to_subnet])
    # Every part since the first network, but for the one that no later frame carries (none came in the stop).
    assert seen[1] >= (65.0 - GOES_S) * FAST / 60.0 - 3
    assert seen[0] >= (STOPS_S - 10.0) * SLOW / 60.0


def test_without_an_input_nobody_tells_of_the_stop_and_nothing_swaps(tmp_path: Path, ladder: Path) -> None:
    acts = [Act(0.0, SLOW), Act(15.0, SLOW, _asks(FAST)), Act(STOPS_S, 0.0), Act(GOES_S, SLOW)]
    outcome = play(config(tmp_path, ladder, None), acts, 65.0)
    assert later(outcome) == []
    assert outcome.last is not None
    assert outcome.last.decision is not None
    assert outcome.last.decision.reason.value == "swap_window"


def _stuck_low(device: Firefly) -> None:
    device.set_input("Line2", False)


def _repaired(device: Firefly) -> None:
    device.set_input("Line2", None)


@pytest.mark.parametrize("stopped_when", ["high", "low"])
def test_the_level_that_means_a_stop_is_the_one_of_the_config(tmp_path: Path, ladder: Path, stopped_when: str) -> None:
    """A contact that is stuck low never tells of a stop, or always, by what low means."""
    wanted = cfg.LineInput("Line2", "high" if stopped_when == "high" else "low")
    acts = [
        Act(0.0, SLOW, plant=_stuck_low),
        Act(15.0, SLOW, _asks(FAST)),
        Act(STOPS_S, 0.0),
        Act(GOES_S, SLOW, plant=_repaired),
    ]
    outcome = play(config(tmp_path, ladder, wanted), acts, 55.0)
    began = [begun_s(swap) for swap in later(outcome)]
    assert began == [] if stopped_when == "high" else began[0] < STOPS_S


def test_a_camera_that_comes_back_is_asked_again(tmp_path: Path, ladder: Path) -> None:
    """While it was away nothing was said; the swap that it needs without a network waits for no stop."""
    acts = [
        Act(0.0, SLOW),
        Act(20.0, 0.0, plant=Firefly.power_cycle),
        Act(STOPS_S, SLOW),
    ]
    outcome = play(config(tmp_path, ladder), acts, 55.0)
    assert outcome.last is not None
    assert [(one.client, one.stopped) for one in outcome.last.line.reports] == [("input:Line2", False)]
    assert outcome.wrong == []
    assert len(outcome.verified()) == 2
    assert {alarm.key for alarm in outcome.alarms} <= {"camera_lost"}
