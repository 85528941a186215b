"""A real daemon that is reloaded again and again while clients use it: they notice nothing of it, good files or bad."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent.app import Agent, serving, supervisor_settings
from agent.client import AgentClient, RpcFailed
from agent.clock import SystemClock
from agent.config import load_config
from agent.config.last_good import NAME, load
from agent.config.reload import ReloadDesk
from agent.domain.reload import ReloadOrigin, ReloadOutcome
from agent.domain.states import CameraState
from agent.pb.ofa_agent.v1 import types_pb2
from agent.telemetry.ids import RandomIds
from tests.reliability.recorder import Reliability
from tests.support.reload_story import APPLIED, NEEDS_RESTART, REFUSED, UNCHANGED, Attempt, Story
from tests.support.tiny_libraries import edit_manifest

CAMERA = """\
  - name: {name}
    sdk: simulated
    serial: "{serial}"
    acquisition: {{roi: {{x: 184, y: 4, width: 1072, height: 1072}}, trigger: {{source: Line0}}}}
    simulation: {{seed: 3, time_scale: 9, parts_per_minute: 60, spec: {{scene: {{distinct: 8}}}}}}
    policy: {policy}
"""
HEAD = "version: 1\nstate_dir: state\napi: {unix_socket: api.sock}\ncameras:\n" + "".join(
    CAMERA.format(name=name, serial=serial, policy=policy)
    for name, serial, policy in (("a", "20000001", "{}"), ("b", "20000002", "OWN"))
)
WITHIN_S = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the daemon's socket lies in it."""
    path = Path(tempfile.mkdtemp(prefix="ofa-test-"))
    yield path
    shutil.rmtree(path)


@dataclass
class Traffic:
    """What clients that have nothing to do with reloads came upon."""

    calls: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    async def asks(self, client: AgentClient) -> None:
        """Reads and a lease that is kept, one after the other, until cancelled."""
        await client.set_budget("a", max_latency_ms=500.0, ttl_s=60.0)
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "status": client.get_status,
            "subnets": lambda: client.list_subnets("a"),
            "explain": lambda: client.explain("b"),
            "renew": lambda: client.renew_budget("a"),
            "swaps": lambda: client.list_swaps("b"),
            "line": lambda: client.report_line("b", stopped=False, ttl_s=60.0),
        }
        while True:
            for name, ask in asked.items():
                try:
                    await ask()
                except RpcFailed as error:
                    self.failed.append(f"{name}: {error}")
                self.calls[name] += 1

    async def watches(self, client: AgentClient) -> None:
        """The states of a camera; the stream never breaks."""
        async with client.watch_status("a") as messages:
            async for _ in messages:
                self.calls["watched"] += 1
        self.failed.append("watch: ended")


class Run:
    """A daemon on a story's file; `check` holds it to the model after each reload."""

    def __init__(self, story: Story, agent: Agent, desk: ReloadDesk) -> None:
        self.story, self.agent, self.desk = story, agent, desk
        self.good = desk.running
        self.met: Counter[ReloadOutcome] = Counter()

    async def reload(self, client: AgentClient, number: int) -> None:
        attempt = self.story.next()
        if number % 3 == 2:
            await self._by_signal(attempt)
        else:
            await self._by_call(client, attempt)
        self.met[self.desk.report.outcome] += 1
        assert self.desk.report.outcome is attempt.wanted, attempt
        if attempt.wanted in (APPLIED, UNCHANGED):
            self.good = load_config(self.story.file)
        self.story.settled(attempt)
        self.check()

    async def _by_call(self, client: AgentClient, attempt: Attempt) -> None:
        if attempt.wanted in (APPLIED, UNCHANGED):
            assert (await client.reload_config()).applied == (attempt.wanted is APPLIED)
            return
        with pytest.raises(RpcFailed) as caught:
            await client.reload_config()
        told = caught.value
        assert told.reason == ("RESTART_NEEDED" if attempt.wanted is NEEDS_RESTART else "CONFIG_INVALID")
        assert told.code == "FAILED_PRECONDITION"
        assert told.message.startswith(f"{self.story.file}:")
        assert attempt.error in told.message.removeprefix(str(self.story.file))

    async def _by_signal(self, attempt: Attempt) -> None:
        before = self.desk.report
        self.desk.signalled()
        with anyio.fail_after(WITHIN_S):
            while self.desk.report is before:  # noqa: ASYNC110  what is waited for is another task's state
                await asyncio.sleep(0.002)
        assert self.desk.report.origin is ReloadOrigin.SIGNAL
        assert attempt.error in self.desk.report.error

    def check(self) -> None:
        """Every supervisor holds to the one config, and to the library that it meant."""
        assert self.desk.running == self.good
        for camera in self.good.cameras:
            supervisor: Any = self.agent.supervisors[camera.name]
            assert supervisor._settings == supervisor_settings(self.good, camera)
            assert supervisor.catalogue().version == self.story.values.version


async def _reloaded(folder: Path, story: Story, times: int) -> tuple[Traffic, Counter[ReloadOutcome]]:
    traffic = Traffic()
    async with serving(load(story.file), SystemClock(), RandomIds()) as (agent, desk):
        run = Run(story, agent, desk)
        async with (
            AgentClient(folder / "api.sock", name="plc") as plc,
            AgentClient(folder / "api.sock", name="engineer") as engineer,
            AgentClient(folder / "api.sock", name="reader") as reader,
        ):
            await _both_active(reader)
            others = [asyncio.create_task(traffic.asks(plc)), asyncio.create_task(traffic.watches(reader))]
            for number in range(times):
                await run.reload(engineer, number)
            assert not any(task.done() for task in others)
            for task in others:
                task.cancel()
            await asyncio.wait(others)
        states = {supervisor.snapshot().state for supervisor in agent.supervisors.values()}
        assert states <= {CameraState.ACTIVE, CameraState.SWAPPING}
    await _ended()
    return traffic, run.met


async def _both_active(client: AgentClient) -> None:
    with anyio.fail_after(WITHIN_S):
        while True:
            cameras = (await client.get_status()).cameras
            if all(camera.state == types_pb2.CAMERA_STATE_ACTIVE for camera in cameras):
                return
            await asyncio.sleep(0.05)


async def _ended() -> None:
    while rest := asyncio.all_tasks() - {asyncio.current_task()}:  # grpc ends cancelled calls a moment later
        await asyncio.wait(rest)


def _story(folder: Path, ladder: Path, seed: int) -> Story:
    """The versions of the library have the same sub-nets, but for the second, which lacks the slowest."""

    def publish(path: Path, version: int) -> None:
        shutil.copytree(ladder, path)
        edit_manifest(path, lambda values: values.update(version=version))
        if version == 2:
            edit_manifest(path, lambda values: values["subnets"].pop())
        json.loads((path / "manifest.json").read_text())

    return Story(folder, HEAD, seed, publish)


def _holds(folder: Path, ladder: Path, seed: int, times: int, reliability: Reliability) -> None:
    story = _story(folder, ladder, seed)
    traffic, met = asyncio.run(_reloaded(folder, story, times))
    reliability.count(14, "reloads", met.total(), seed)
    reliability.count(14, "invalid reloads", met[REFUSED] + met[NEEDS_RESTART], seed)
    reliability.count(14, "unrelated calls", traffic.calls.total() - traffic.calls["watched"], seed)
    assert traffic.failed == []
    assert min(traffic.calls[name] for name in ("status", "subnets", "explain", "renew", "swaps", "watched")) > 0
    assert met.total() == times
    assert met[REFUSED] + met[NEEDS_RESTART] > 0.2 * times
    assert met[APPLIED] > 0.2 * times
    assert load_config(folder / "state" / NAME).policy == load_config_of(story).policy


def load_config_of(story: Story) -> Any:
    """What the story says is in force."""
    story.file.unlink()
    story.file.write_text(story.values.text(HEAD))
    return load_config(story.file)


def test_a_daemon_that_is_reloaded_serves_its_clients_all_the_same(
    folder: Path, ladder: Path, reliability: Reliability
) -> None:
    _holds(folder, ladder, 5, 20, reliability)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_thousand_reloads_disturb_no_other_call(folder: Path, ladder: Path, reliability: Reliability) -> None:
    _holds(folder, ladder, 6, reliability.scaled(1000, least=20), reliability)
