"""Streams of a real supervisor: many who watch, some who do not read, and one who sets budgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from agent.api import ApiServer, Services
from agent.client import AgentClient
from agent.clock import SystemClock
from agent.domain.states import CameraState
from agent.pb.ofa_agent.v1 import status_pb2
from agent.supervisor import Parts, Supervisor
from agent.telemetry.ids import SeededIds
from tests.api.harness import CALM, run, until
from tests.support.fake_camera import FakeCamera
from tests.support.http2 import HalfClient, call_frames
from tests.support.ladders import LadderSource
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import NO_DWELL

WATCHERS, SILENT = 60, 20
WATCH_STATUS = "/ofa_agent.v1.StatusService/WatchStatus"


@asynccontextmanager
async def supervised(folder: Path) -> AsyncIterator[tuple[Supervisor, FakeCamera, Path]]:
    """One supervised camera with a network on it, served."""
    camera, clock, journal = FakeCamera(), SystemClock(), MemoryJournal()
    settings = replace(NO_DWELL, tick_s=0.02)
    supervisor = Supervisor(Parts(camera, journal, clock, settings, LadderSource(), SeededIds(1).uuid, "boot-1"))
    await supervisor.load()
    running = asyncio.create_task(supervisor.run())
    try:
        services = Services({camera.name: supervisor}, journal, clock)
        async with ApiServer(services, folder / "api.sock", CALM):
            await until(lambda: supervisor.snapshot().state is CameraState.ACTIVE)
            yield supervisor, camera, folder / "api.sock"
    finally:
        supervisor.stop()
        await running


def watch(channel: Any) -> Any:
    return channel.unary_stream(WATCH_STATUS, None, status_pb2.WatchStatusResponse.FromString)(b"")


async def read_until(call: Any, revision: int) -> list[int]:
    """Revisions, up to that one at least."""
    seen = [0]
    while seen[-1] < revision:
        seen.append((await call.read()).revision)
    return seen[1:]


def test_every_watcher_ends_with_the_newest_state_of_a_camera_that_swaps_beside_readers_that_do_not_read(
    tmp_path: Path,
) -> None:
    async def scenario() -> tuple[list[list[int]], int]:
        async with (
            supervised(tmp_path) as (supervisor, camera, path),
            AgentClient(path) as client,
        ):
            silent = await HalfClient.connect(path)
            silent.say(b"".join(call_frames(WATCH_STATUS, 1 + 2 * number) for number in range(SILENT)))
            async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
                calls = [watch(channel) for _ in range(WATCHERS)]
                for number, limit_ms in enumerate((60.0, 400.0) * 3):
                    await client.set_budget(max_latency_ms=limit_ms, ttl_s=600)
                    camera.deliver(1_000_000 * (number + 1), 20.0 + number, 30.0)
                await until(lambda: supervisor.snapshot().state is CameraState.ACTIVE)
                newest = supervisor.snapshot().revision
                seen = await asyncio.gather(*(read_until(call, newest) for call in calls))
                for call in calls:
                    call.cancel()
                assert {await call.code() for call in calls} == {grpc.StatusCode.CANCELLED}
            await silent.close()
        return seen, newest

    seen, newest = run(scenario())
    assert all(revisions == sorted(set(revisions)) for revisions in seen)
    assert min(revisions[-1] for revisions in seen) >= newest
