"""Announced changes of a line with one camera, in virtual time: how many parts pass without a result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.domain.notice import ChangeState
from agent.domain.snapshot import CameraSnapshot, ComingCause
from agent.domain.states import CameraState
from tests.support.virtual_group import Floor, Station, group_config, play_group

SLOW, FAST = 600.0, 1350.0
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
    """A slow line whose camera has settled, and one change to a speed that its network does not keep."""
    floor.speed(SLOW)
    await floor.ask(_asked(SLOW))
    await floor.until(lambda: _now(floor).state is CameraState.ACTIVE, 60.0)
    await asyncio.sleep(10.0)
    await change(floor, FAST, "p-1")
    await asyncio.sleep(10.0)
    assert _now(floor).budget.budget == _asked(FAST)
    assert _now(floor).state is CameraState.ACTIVE


async def _line_stands(floor: Floor, speed: float, name: str) -> None:
    """Stop, commit, wait for READY, go on at the new speed."""
    supervisor = _the(floor).supervisor
    await supervisor.prepare_budget("plc", name, _asked(speed), 600.0, NOTICE_S)
    floor.speed(0.0)
    await asyncio.sleep(0.3)
    await supervisor.commit_budget("plc", name, waits=True)
    await floor.until(lambda: _ready(_the(floor)), 30.0)
    assert _now(floor).state is CameraState.ACTIVE
    floor.speed(speed)


async def _line_runs(floor: Floor, speed: float, name: str) -> None:
    """Announce and commit, and change the speed when it was told."""
    supervisor = _the(floor).supervisor
    await supervisor.prepare_budget("plc", name, _asked(speed), 600.0, NOTICE_S)
    await supervisor.commit_budget("plc", name, waits=False)
    await asyncio.sleep(NOTICE_S)
    floor.speed(speed)


def _ready(station: Station) -> bool:
    return [one.state for one in station.supervisor.snapshot().changes] == [ChangeState.READY]


def _without_result(floor: Floor) -> list[int]:
    """Parts between the first and the last one with a result that have none."""
    station = _the(floor)
    answered = {result.inference.captured_ns for result in station.results}
    exposures = station.device.truth()["exposures"]
    seen = {row["part"] for row in exposures if row["timestamp_ns"] in answered}
    return sorted(set(range(min(seen), max(seen))) - seen)


def _gap_s(floor: Floor) -> float:
    """Of the one swap that the change led to."""
    assert floor.outcome.wrong == []
    first, second = _the(floor).swaps
    assert first.to_subnet != second.to_subnet
    assert second.gap_s is not None
    return second.gap_s


def test_no_part_is_lost_where_the_line_waits_for_ready(tmp_path: Path, ladder: Path) -> None:
    floor = play_group(_config(tmp_path, ladder, "events"), lambda floor: _play(floor, _line_stands))
    assert _gap_s(floor) > 1.0
    assert _without_result(floor) == []


def test_a_result_that_waits_for_the_next_frame_is_the_one_thing_that_a_swap_on_a_standing_line_costs(
    tmp_path: Path, ladder: Path
) -> None:
    """With chunks the last part before the stop has its result in the camera when the swap begins."""
    floor = play_group(_config(tmp_path, ladder, "chunks"), lambda floor: _play(floor, _line_stands))
    assert _gap_s(floor) > 1.0
    assert len(_without_result(floor)) == 1


def test_a_line_that_does_not_wait_loses_the_parts_of_one_gap_in_the_slow_phase(tmp_path: Path, ladder: Path) -> None:
    floor = play_group(_config(tmp_path, ladder, "events"), lambda floor: _play(floor, _line_runs))
    assert len(_without_result(floor)) == pytest.approx(_gap_s(floor) * SLOW / 60.0, abs=2)
    snapshots = _the(floor).snapshots
    coming = [one.coming for one in snapshots if one.coming is not None and one.changes]
    assert {one.cause for one in coming} == {ComingCause.ANNOUNCED_CHANGE}
    assert all(one.coming is None for one in snapshots if one.swap is not None)


def test_cameras_of_a_group_swap_at_once_for_a_line_that_waits(tmp_path: Path, ladder: Path) -> None:
    waited_s: list[float] = []

    async def script(floor: Floor) -> None:
        stations = list(floor.stations.values())
        floor.speed(SLOW)
        await floor.ask(_asked(SLOW))
        await floor.until(lambda: all(one.supervisor.snapshot().verified for one in stations), 60.0)
        await asyncio.sleep(3.0)
        floor.speed(0.0)
        begun_s = floor.now_s()
        told = [await one.supervisor.prepare_budget("plc", "p", _asked(FAST), 600.0, 0.0) for one in stations]
        for one in stations:
            await one.supervisor.commit_budget("plc", "p", waits=True)
        await floor.until(lambda: all(_ready(one) for one in stations), 30.0)
        waited_s.extend([floor.now_s() - begun_s, max(one.wait_s for one in told)])

    floor = play_group(group_config(tmp_path, ladder, 2), script)
    first, second = ([swap for swap in one.swaps if swap.reason != "initial"] for one in floor.stations.values())
    assert len(first) == len(second) == 1
    assert abs(first[0].started_wall_ns - second[0].started_wall_ns) < 5e8
    assert waited_s[0] < 1.5 * waited_s[1]
