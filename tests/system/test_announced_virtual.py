"""Announced changes of a line with one camera, in virtual time: how many parts pass without a result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.domain.notice import ChangeState
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState
from tests.support.virtual_group import Floor, Station, group_config, play_group

SLOW, FAST = 600.0, 1500.0
SPEEDS = (FAST, SLOW)
NOTICE_S = 5.0
Change = Callable[[Floor, float, str], Awaitable[None]]


def _asked(parts_per_minute: float) -> Budget:
    return Budget(parts_per_minute=parts_per_minute, max_latency_ms=4 * 60_000.0 / parts_per_minute)


def _config(folder: Path, library: Path, results_from: cfg.ResultsFrom) -> AgentConfig:
    config = group_config(folder, library, 1)
    (camera,) = config.cameras
    return replace(config, cameras=(replace(camera, results_from=results_from),), groups=())


def _the(floor: Floor) -> Station:
    (station,) = floor.stations.values()
    return station


def _now(floor: Floor) -> CameraSnapshot:
    return _the(floor).supervisor.snapshot()


async def _play(floor: Floor, change: Change) -> None:
    """A slow line whose camera has settled, its changes, and a last second of which nothing is asked."""
    floor.speed(SLOW)
    await floor.ask(_asked(SLOW))
    await floor.until(lambda: _now(floor).state is CameraState.ACTIVE, 60.0)
    await asyncio.sleep(10.0)
    for number, speed in enumerate(SPEEDS):
        await change(floor, speed, f"p-{number}")
        await asyncio.sleep(10.0)
        assert _now(floor).budget.budget == _asked(speed)
        assert _now(floor).state is CameraState.ACTIVE
    _the(floor).device.set_line(SLOW)


async def _line_stands(floor: Floor, speed: float, name: str) -> None:
    """Stop, commit, wait for READY, go on at the new speed."""
    supervisor = _the(floor).supervisor
    await supervisor.prepare_budget("plc", name, _asked(speed), 600.0, NOTICE_S)
    floor.speed(0.0)
    await asyncio.sleep(0.3)
    await supervisor.commit_budget("plc", name, waits=True)
    await floor.until(lambda: [one.state for one in _now(floor).changes] == [ChangeState.READY], 30.0)
    assert _now(floor).state is CameraState.ACTIVE
    floor.speed(speed)


def _without_result(floor: Floor) -> list[int]:
    """Parts between the first and the last one with a result that have none."""
    station = _the(floor)
    truth = station.device.truth()
    answered = {result.inference.captured_ns for result in station.results}
    seen = {row["part"] for row in truth["exposures"] if row["timestamp_ns"] in answered}
    passed = {row["part"] for row in (*truth["exposures"], *truth["lost"])}
    return sorted(part for part in passed - seen if min(seen) < part < max(seen))


def _swapped(floor: Floor) -> list[float]:
    """Each change swapped, there and back; the gaps that they cost in seconds."""
    swaps = _the(floor).swaps
    assert floor.outcome.wrong == []
    assert len(swaps) == 1 + len(SPEEDS)
    assert swaps[0].to_subnet == swaps[2].to_subnet != swaps[1].to_subnet
    gaps = [swap.gap_s for swap in swaps[1:] if swap.gap_s is not None]
    assert len(gaps) == len(SPEEDS)
    return gaps


def test_no_part_is_lost_where_the_line_waits_for_ready(tmp_path: Path, ladder: Path) -> None:
    floor = play_group(_config(tmp_path, ladder, "events"), lambda floor: _play(floor, _line_stands))
    assert min(_swapped(floor)) > 1.0
    assert _without_result(floor) == []


def test_a_result_that_waits_for_the_next_frame_is_the_one_thing_that_a_swap_on_a_standing_line_costs(
    tmp_path: Path, ladder: Path
) -> None:
    """With chunks the last part before the stop has its result in the camera when the swap begins."""
    floor = play_group(_config(tmp_path, ladder, "chunks"), lambda floor: _play(floor, _line_stands))
    _swapped(floor)
    lost = _without_result(floor)
    assert len(lost) == len(SPEEDS)
    assert all(after - before > 100 for before, after in pairwise(lost))
