"""Three cameras on one line under budget changes and faults, checked against the ground truth of each device."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.camera import selftest
from agent.config import Group
from agent.domain.budget import Budget
from agent.domain.journal import SwapOutcome
from agent.domain.snapshot import Proof
from agent.domain.states import CameraState, Degraded, SwapStage
from agent.sim.spec import FaultSpec
from tests.support.virtual_group import Floor, group_config, play_group

SLOW, FAST = 600.0, 1500.0
DARK_S = 0.5  # five parts of the slow line: longer without a result is a gap


def _asked(parts_per_minute: float) -> Budget:
    return Budget(parts_per_minute=parts_per_minute, max_latency_ms=4 * 60_000.0 / parts_per_minute)


async def _started(floor: Floor) -> None:
    floor.speed(SLOW)
    await floor.ask(_asked(SLOW))
    await floor.until(lambda: _all_active(floor), 60.0)
    await asyncio.sleep(2.0)


def _all_active(floor: Floor) -> bool:
    return all(one.supervisor.snapshot().state is CameraState.ACTIVE for one in floor.stations.values())


async def _changed(floor: Floor, parts_per_minute: float, within_s: float = 40.0) -> None:
    """A new speed for line and budget; until every camera that is there has settled."""
    floor.speed(parts_per_minute)
    await floor.ask(_asked(parts_per_minute))
    await asyncio.sleep(1.0)
    await floor.until(lambda: _settled(floor), within_s)
    await asyncio.sleep(2.0)


def _settled(floor: Floor) -> bool:
    snapshots = [one.supervisor.snapshot() for one in floor.stations.values()]
    there = [one for one in snapshots if one.state is not CameraState.DISCONNECTED]
    return all(one.state is CameraState.ACTIVE and one.swap is None for one in there)


def _sound(floor: Floor) -> None:
    assert floor.outcome.wrong == []
    assert floor.all_dark(DARK_S) == []
    assert all(
        one.verified for station in floor.stations.values() for one in station.snapshots
        if one.state is CameraState.ACTIVE
    )  # fmt: skip


def test_a_budget_for_the_whole_line_rolls_and_no_two_gaps_share_a_moment(tmp_path: Path, ladder: Path) -> None:
    async def script(floor: Floor) -> None:
        await _started(floor)
        await _changed(floor, FAST)
        await _changed(floor, SLOW)

    floor = play_group(group_config(tmp_path, ladder, 3), script)
    _sound(floor)
    gaps = sorted(gap for station in floor.stations.values() for gap in station.dark(DARK_S))
    assert len(gaps) == 6
    assert all(before[1] <= after[0] for before, after in pairwise(gaps))
    for station in floor.stations.values():
        assert [swap.outcome for swap in station.swaps] == [SwapOutcome.VERIFIED] * 3
    waited = {s.swap.waits_for for s in floor.stations["station-3"].snapshots if s.swap}
    assert any(text.startswith("waits for station-") for text in waited)


def test_unplugged_and_failing_cameras_never_leave_the_line_blind(tmp_path: Path, ladder: Path) -> None:
    async def script(floor: Floor) -> None:
        await _started(floor)
        first, second = floor.stations["station-1"], floor.stations["station-2"]
        second.device.unplug()
        await asyncio.sleep(1.0)
        await _changed(floor, FAST)  # two are left: they roll
        second.device.replug()
        await floor.until(lambda: _all_active(floor), 60.0)
        await asyncio.sleep(2.0)
        first.device.inject_fault(FaultSpec("file.write", "io_error"))
        await _changed(floor, SLOW)  # the first one's swap fails and goes back, the others go on

    floor = play_group(group_config(tmp_path, ladder, 3), script)
    _sound(floor)
    outcomes = {name: [swap.outcome for swap in station.swaps] for name, station in floor.stations.items()}
    assert SwapOutcome.ROLLED_BACK in outcomes["station-1"]
    assert SwapOutcome.VERIFIED in outcomes["station-3"][1:]
    assert SwapOutcome.FAULTED not in [one for each in outcomes.values() for one in each]


def test_what_the_config_says_of_the_simulation_reaches_the_device(tmp_path: Path, ladder: Path) -> None:
    async def script(floor: Floor) -> None:
        await _started(floor)

    config = group_config(tmp_path, ladder, 2)
    first, second = config.cameras
    assert first.simulation is not None
    assert second.simulation is not None
    old = replace(second.simulation, spec={**second.simulation.spec, "firmware": "1905.4.83"})
    struck = replace(first.simulation, faults=({"operation": "file.write", "effect": "io_error"},))
    cameras = (replace(first, simulation=struck), replace(second, simulation=old))
    stations = play_group(replace(config, cameras=cameras), script).stations
    assert stations["station-1"].device.counters()["fault.file.write"] == 1
    assert [swap.failed_step for swap in stations["station-1"].swaps] == ["upload", None]
    seen = {name: {s.info.firmware for s in one.snapshots if s.info} for name, one in stations.items()}
    assert seen == {"station-1": {"1905.4.103"}, "station-2": {"1905.4.83"}}


@pytest.mark.parametrize("injects", [True, False])
def test_the_status_says_by_what_a_network_was_proved(
    tmp_path: Path, ladder: Path, monkeypatch: pytest.MonkeyPatch, injects: bool
) -> None:
    if not injects:
        monkeypatch.setattr(selftest, "supported", lambda _nodes: False)

    async def script(floor: Floor) -> None:
        await _started(floor)

    (station,) = play_group(group_config(tmp_path, ladder, 1), script).stations.values()
    last = station.snapshots[-1]
    assert last.info is not None
    assert (last.verified, last.info.supports_injection) == (True, injects)
    assert last.verified_by is (Proof.GOLDEN_IMAGES if injects else Proof.PROPERTIES)
    assert last.degraded == (() if injects else (Degraded.UNVERIFIED_IMAGE,))


def test_the_last_seeing_camera_holds_an_urgent_swap_for_its_wait_only(tmp_path: Path, ladder: Path) -> None:
    async def script(floor: Floor) -> None:
        await _started(floor)
        floor.stations["station-2"].device.unplug()
        await asyncio.sleep(1.0)
        await _changed(floor, FAST)

    config = group_config(tmp_path, ladder, 2)
    config = replace(config, groups=(Group("line-1", ("station-1", "station-2"), 1, 8.0),))
    floor = play_group(config, script)
    assert floor.outcome.wrong == []
    seen = floor.stations["station-1"].snapshots
    waits = [s for s in seen if s.active_subnet and s.swap and s.swap.stage is SwapStage.WAITING_PERMIT]
    told = {s.swap.waits_for for s in waits if s.swap}
    assert "waits for station-2: no other camera of line-1 gives results" in told
    assert all(s.verified for s in waits)  # its old network inspects meanwhile
    swap = floor.stations["station-1"].swaps[-1]
    assert (swap.outcome, swap.gap_s is not None) == (SwapOutcome.VERIFIED, True)
