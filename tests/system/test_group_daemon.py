"""Two simulated cameras on one line, a real daemon and a client that sets both budgets, as processes of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.client import AgentClient
from agent.pb.ofa_agent.v1 import types_pb2
from tests.support.forks import Forks
from tests.system.station import FAST_PPM, Station

pytestmark = pytest.mark.timeout(300)
NAMES = ("station-1", "station-2")
WITHIN_S = 60.0
FAULT = "[{operation: file.write, effect: io_error}]"


@pytest.fixture(scope="module")
def station(ladder: Path, forks: Forks) -> Iterator[Station]:
    with Station(ladder, NAMES, forks=forks) as running:
        yield running


async def _watch(client: AgentClient, camera: str, states: list[types_pb2.CameraStatus]) -> None:
    """Changes of one camera, until its swap has ended."""
    async with client.watch_status(camera) as messages:
        async for message in messages:
            states.append(message.status)
            swapped = any(one.state == types_pb2.CAMERA_STATE_SWAPPING for one in states)
            if swapped and message.status.state == types_pb2.CAMERA_STATE_ACTIVE:
                return


async def _both_budgets(path: Path) -> dict[str, list[types_pb2.CameraStatus]]:
    """One client asks the same of both cameras and watches what comes of it."""
    states: dict[str, list[types_pb2.CameraStatus]] = {name: [] for name in NAMES}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AgentClient(path, name="plc"))
        watchers = [asyncio.create_task(_watch(client, name, states[name])) for name in NAMES]
        for name in NAMES:
            await client.set_budget(name, parts_per_minute=FAST_PPM, ttl_s=300.0)
        await asyncio.wait_for(asyncio.gather(*watchers), WITHIN_S)
    while rest := asyncio.all_tasks() - {asyncio.current_task()}:  # grpc ends cancelled calls a moment later
        await asyncio.wait(rest)
    return states


def _span(swap: dict[str, Any]) -> tuple[float, float]:
    begun = datetime.fromisoformat(swap["started_at"].replace("Z", "+00:00")).timestamp()
    return begun, begun + swap["duration_s"]


def test_one_client_sets_both_budgets_and_the_cameras_swap_one_after_the_other(station: Station) -> None:
    before = {camera["camera"]: camera["active_subnet_id"] for camera in station.json("status")["cameras"]}
    states = asyncio.run(_both_budgets(station.api_socket))
    station.wait(
        lambda: all(one["gap_s"] for name in NAMES for one in station.json("swaps", "--camera", name)[:1]), "the gaps"
    )
    swaps = [station.json("swaps", "--camera", name)[0] for name in NAMES]
    assert [swap["outcome"] for swap in swaps] == ["VERIFIED", "VERIFIED"]
    assert all(swap["to_subnet_id"] != before[swap["camera"]] for swap in swaps)
    first, second = sorted(swaps, key=_span)
    assert _span(first)[1] <= _span(second)[0]
    waits = [one for name in NAMES for one in states[name] if one.swap.waits_for]
    assert all(one.swap.stage == types_pb2.SWAP_STAGE_WAITING_PERMIT for one in waits)
    assert all(one.verified and one.active_subnet_id == before[one.camera] for one in waits)
    # On a machine that is busy the first one may have had to wait too, until the other one saw parts again.
    ahead, waiting = first["camera"], second["camera"]
    told = {(one.camera, one.swap.waits_for) for one in waits}
    assert (waiting, f"waits for {ahead}: at most 1 of line-1 at once") in told
    assert (ahead, f"waits for {waiting}: at most 1 of line-1 at once") not in told


def test_the_daemon_owns_both_cameras_and_the_command_tells_each(station: Station) -> None:
    told = station.json("status")["cameras"]
    assert [(one["camera"], one["info"]["serial"]) for one in told] == [(NAMES[0], "20000001"), (NAMES[1], "20000002")]
    assert {one["verified_by"] for one in told} == {"GOLDEN_IMAGES"}
    for name in NAMES:
        done = station.agent("results", "--camera", name, "--count", "3", "--json")
        assert {json.loads(line)["camera"] for line in done.stdout.splitlines()} == {name}


def test_a_fault_of_the_config_strikes_in_the_device_process(ladder: Path, forks: Forks) -> None:
    with Station(ladder, faults=FAULT, forks=forks) as station:
        newest, first = station.json("swaps")  # the first upload was struck, another sub-net was tried
        assert (first["outcome"], first["failed_step"], first["active_subnet_id"]) == ("ROLLED_BACK", "upload", None)
        assert newest["outcome"] == "VERIFIED"
        with station.plant() as plant:
            assert plant.counters()["fault.file.write"] == 1


def test_faults_need_the_device_process_to_be_there(ladder: Path, forks: Forks) -> None:
    station = Station(ladder, faults=FAULT, forks=forks)
    try:
        done = station.agent("run", "--config", str(station.config))
    finally:
        station.close()
    assert done.returncode == 1, done.stderr
    assert "start `ofa-agent sim serve` first" in done.stderr
