"""Several simulated cameras on one line in virtual time, with the real agent: who saw which part, when nobody did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from agent.app import Agent
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig, Group
from agent.domain.budget import Budget
from agent.domain.journal import SwapRecord
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.sim.pyspin import System
from agent.supervisor import Supervisor
from agent.telemetry.ids import SeededIds
from tests.support.virtual_line import FEED, Outcome, check, line_config

Span = tuple[float, float]  # seconds of the host's clock


def group_config(folder: Path, library: Path, cameras: int, quirks: str = "default") -> AgentConfig:
    """The triggered camera of `line_config`, several times, one serial and seed each, in one group."""
    base = line_config(folder, library, quirks)
    (one,) = base.cameras
    assert one.simulation is not None
    made = tuple(
        replace(
            one,
            name=f"station-{n}",
            serial=f"2000000{n}",
            simulation=replace(one.simulation, seed=7 + n),
        )
        for n in range(1, cameras + 1)
    )
    return replace(base, cameras=made, groups=(Group("line-1", tuple(camera.name for camera in made)),))


@dataclass
class Station:
    """One camera: its device, its supervisor and everything that was published."""

    name: str
    device: Firefly
    supervisor: Supervisor
    results: list[InferenceResult] = field(default_factory=list)
    exposed: list[float] = field(default_factory=list)
    ended_s: float = 0.0
    snapshots: list[CameraSnapshot] = field(default_factory=list)
    swaps: Sequence[SwapRecord] = ()

    def dark(self, longer_than_s: float) -> list[Span]:
        """Where it gave no results, from one end of exposure to the next, or to the end of the run."""
        return [(a, b) for a, b in pairwise([*self.exposed, self.ended_s]) if b - a > longer_than_s]


@dataclass
class Floor:
    """The whole line as a script sees it."""

    clock: VirtualClock
    agent: Agent
    stations: dict[str, Station]
    outcome: Outcome = field(default_factory=Outcome)

    def now_s(self) -> float:
        return self.clock.now_ns() / 1e9

    def speed(self, parts_per_minute: float) -> None:
        for station in self.stations.values():
            station.device.set_line(parts_per_minute)

    async def ask(self, budget: Budget) -> None:
        """One client asks the same of every camera."""
        for station in self.stations.values():
            await station.supervisor.set_budget("plc", budget, None, True)

    async def until(self, met: Callable[[], bool], within_s: float) -> None:
        end_s = self.now_s() + within_s
        while not met():
            assert self.now_s() < end_s, [s.supervisor.snapshot() for s in self.stations.values()]
            await asyncio.sleep(0.05)

    def all_dark(self, longer_than_s: float) -> list[Span]:
        """Moments at which no camera gave results."""
        spans: list[Span] | None = None
        for station in self.stations.values():
            dark = station.dark(longer_than_s)
            spans = dark if spans is None else _common(spans, dark)
        return spans or []


def _common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    both = [(max(a[0], b[0]), min(a[1], b[1])) for a in some for b in others]
    return [(start, end) for start, end in both if start < end]


def play_group(config: AgentConfig, script: Callable[[Floor], Awaitable[None]], seed: int = 1) -> Floor:
    """Run the agent while `script` plays line and client; every result is checked against its device's truth."""
    clock = VirtualClock()
    config.state_dir.mkdir(parents=True, exist_ok=True)
    floor = run_virtual(clock, _run(config, clock, script, seed))
    assert System._instance is None, "the one System was not released: something still holds a camera"
    return floor


async def _run(
    config: AgentConfig, clock: VirtualClock, script: Callable[[Floor], Awaitable[None]], seed: int
) -> Floor:
    agent = Agent(config, clock, SeededIds(seed))
    async with agent.running():
        floor = Floor(clock, agent, _stations(agent))
        watchers = [asyncio.create_task(_results(floor, one)) for one in floor.stations.values()]
        watchers += [asyncio.create_task(_states(one)) for one in floor.stations.values()]
        try:
            await script(floor)
        finally:
            for task in watchers:
                task.cancel()
            await asyncio.wait(watchers)
        for station in floor.stations.values():
            station.ended_s = floor.now_s()
            station.swaps = (await agent.journal.swaps(station.name, 1000))[::-1]
            _check(station, floor.outcome)
    return floor


def _stations(agent: Agent) -> dict[str, Station]:
    places = [place for place in bus.places() if isinstance(place, LocalBusDevice)]
    devices = {place.device.spec.serial: place.device for place in places}
    made = {}
    for camera in agent.config.cameras:
        assert camera.serial is not None
        made[camera.name] = Station(camera.name, devices[camera.serial], agent.supervisors[camera.name])
    return made


async def _results(floor: Floor, station: Station) -> None:
    feed = station.supervisor.result_feed(FEED)
    try:
        while True:
            result = await feed.next(60.0)
            if result is not None:
                station.results.append(result)
                # To the nanosecond, as clocks count: the difference of two floats is a little off the exposure's time.
                station.exposed.append(round(floor.now_s() - result.inference.latency_ms / 1e3, 9))
    finally:
        feed.close()


async def _states(station: Station) -> None:
    feed = station.supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(60.0)
            if snapshot is not None:
                station.snapshots.append(snapshot)
    finally:
        feed.close()


def _check(station: Station, outcome: Outcome) -> None:
    catalogue = station.supervisor.catalogue()
    assert catalogue is not None
    digests = {subnet.id: subnet.artifacts[0].sha256 for subnet in catalogue.subnets}
    check(station.results, station.device.truth(), digests, outcome)
