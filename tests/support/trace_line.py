"""A replay's trace played by the real agent on the simulated camera in virtual time.

The line runs at each row's rate from the row's time on, so parts come when the replay says; its controller claims each
row's budget at that time and says when the line stands; the VPU is slowed down as the row says. The trace begins the
moment the first network is active: in a replay that network is free.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.app import JOURNAL_NAME, Agent
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import MAX_LATENCY_MS, MAX_PARTS_PER_MINUTE, Budget
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.profile import NetProfile
from agent.domain.result import InferenceResult
from agent.domain.states import CameraState
from agent.library import open_library
from agent.replay.line import TIE, Line
from agent.replay.trace import LineState
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.sim.spec import SimulationSpec
from agent.supervisor import Supervisor
from agent.supervisor.line import MAX_REPORT_S
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.tiny_libraries import FORMAT
from tests.support.virtual_line import CAMERA, FEED

CLIENT = "plc"
AFTER_THE_LINE_S = 1e-6
IN_FORCE_S = 0.01  # after its time an announced budget is in force
READ_EVERY_S = 5.0
DISTINCT = 8  # looks of parts: what is seen does not matter here
DRAIN_S = 2.0  # after the end of the trace, for the last results
START_WITHIN_S = 60.0
NO_NET = -1


@dataclass(frozen=True)
class Swapped:
    """One swap of the agent; `at_s` is when it was decided, `ready_s` when the new network was active, trace time."""

    at_s: float
    ready_s: float
    from_net: int
    to_net: int
    reason: str


@dataclass
class Played:
    """What the agent did with a trace.

    `net[k]` answered part k, NO_NET where none did, and took `service_ms[k]` for it.
    """

    first: int
    swaps: list[Swapped]
    net: NDArray[np.intp]
    service_ms: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    failed: list[SwapRecord] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    def value(self, line: Line) -> float:
        """U: the accuracies of the parts answered in time, summed."""
        in_time = (self.net != NO_NET) & (self.service_ms <= line.part_limits_ms * (1.0 + TIE))
        return float(np.sum(line.ladder.top1[self.net[in_time]]))


def trace_config(
    folder: Path, library: Path, spec: SimulationSpec, results_from: cfg.ResultsFrom = "chunks"
) -> AgentConfig:
    """A triggered camera of `spec` in this process, without parts until the trace begins."""
    spec = replace(spec, scene=replace(spec.scene, parts_per_minute=0.0, distinct=DISTINCT))
    camera = cfg.Camera(
        name=CAMERA,
        sdk="simulated",
        serial=spec.serial,
        accepted_formats=(FORMAT,),
        results_from=results_from,
        acquisition=cfg.Acquisition(roi=(184, 4, 1072, 1072), trigger=cfg.Trigger("Line0", "rising")),
        simulation=cfg.Simulation(seed=spec.seed, spec=spec.to_mapping()),
    )
    return AgentConfig(
        source=folder / "agent.yaml",
        cameras=(camera,),
        state_dir=folder / "state",
        library=cfg.LibrarySource(library),
    )


def play_trace(
    config: AgentConfig, line: Line, profiles: Sequence[NetProfile] = (), notice_s: float = 0.0, seed: int = 1
) -> Played:
    """The agent on this line; the noise of each part is the line's, whichever network sees it.

    `profiles` are what commissioning has measured of this camera, just now. With `notice_s` budgets are announced so
    early, or as early as the one before is in force: a client has one announced change.
    """
    clock = VirtualClock()
    config = replace(config, policy=replace(config.policy, notice_s=notice_s))
    config.state_dir.mkdir(parents=True, exist_ok=True)
    return run_virtual(clock, _Run(config, clock, line, notice_s, seed).play(profiles))


class _Run:
    """One run; see `play_trace`."""

    def __init__(self, config: AgentConfig, clock: VirtualClock, line: Line, notice_s: float, seed: int) -> None:
        self._clock, self._line, self._notice_s = clock, line, notice_s
        self._agent = Agent(config, clock, SeededIds(seed))
        self._places = {net.id: place for place, net in enumerate(line.ladder.nets)}
        (camera,) = config.cameras
        assert camera.simulation is not None
        self._firmware = SimulationSpec.from_mapping(camera.simulation.spec).firmware
        self._start_s = 0.0
        self._wall_ns = clock.wall_ns() - clock.now_ns()
        self._results: list[InferenceResult] = []
        self._ended = False

    async def play(self, profiles: Sequence[NetProfile]) -> Played:
        await self._commission(profiles)
        async with self._agent.running():
            (place,) = bus.places()
            assert isinstance(place, LocalBusDevice)
            supervisor = self._agent.supervisors[CAMERA]
            reader = asyncio.create_task(self._read(supervisor))
            first = await self._begin(place.device, supervisor)
            await asyncio.gather(self._follow(place.device, supervisor), self._claim(supervisor))
            await self._until(self._line.trace.end_s)
            place.device.set_line(0.0)
            await asyncio.sleep(DRAIN_S)
            self._ended = True
            await reader
            records = await self._agent.journal.swaps(CAMERA, 100_000)
        return self._played(first, place.device, list(records)[::-1])

    async def _commission(self, profiles: Sequence[NetProfile]) -> None:
        """Put into the journal what an earlier run of the agent has measured of this library on this camera."""
        config = self._agent.config
        (camera,), source = config.cameras, config.library
        assert source is not None
        library = open_library(source.path, camera.accepted_formats)
        journal = SqliteJournal(config.state_dir / JOURNAL_NAME, self._clock, SeededIds(0))
        await journal.open()
        try:
            for measured in profiles:
                profile = replace(measured, firmware=self._firmware, wall_ns=self._clock.wall_ns())
                await journal.put_profile(camera.serial or "", library.artifact(profile.subnet_id).sha256, profile)
        finally:
            await journal.close()

    async def _begin(self, device: Firefly, supervisor: Supervisor) -> int:
        """The first network for the first row; the trace's time is 0 as soon as it is active."""
        trace = self._line.trace
        device.set_part_factors(self._line.noise.factors(len(self._line.part_times)).tolist())
        device.set_slowdown(float(trace.slowdown[0]))
        await supervisor.set_budget(CLIENT, budget_of(trace.states[0]), None, True)
        feed = supervisor.status_feed()
        try:
            with anyio.fail_after(START_WITHIN_S):
                while (snapshot := await feed.next(START_WITHIN_S)) is None or snapshot.state is not CameraState.ACTIVE:
                    pass
        finally:
            feed.close()
        self._start_s = self._now_s()
        assert snapshot.active_subnet is not None
        return self._places[snapshot.active_subnet]

    async def _follow(self, device: Firefly, supervisor: Supervisor) -> None:
        """The line itself, and whether it stands, at the rows' times."""
        trace, before = self._line.trace, replace(self._line.trace.states[0], stopped=False)
        for at_s, state, slowdown in zip(trace.t_s.tolist(), trace.states, trace.slowdown.tolist(), strict=True):
            await self._until(at_s)
            device.set_slowdown(slowdown)
            device.set_line(state.parts_per_s * 60.0)
            if state.stopped != before.stopped and budget_of(state) == budget_of(before):
                await supervisor.report_line(CLIENT, state.stopped, None, MAX_REPORT_S)
            elif state.stopped != before.stopped:  # told with the budget that comes now: one change, not two
                supervisor._line.report(CLIENT, state.stopped, None, MAX_REPORT_S)
            before = state

    async def _claim(self, supervisor: Supervisor) -> None:
        """The budgets of the rows: claimed at their times, or announced."""
        trace, before, since_s = self._line.trace, budget_of(self._line.trace.states[0]), 0.0
        for at_s, state in zip(trace.t_s.tolist(), trace.states, strict=True):
            budget = budget_of(state)
            if budget == before:
                continue
            if self._notice_s > 0:
                await self._until(max(at_s - self._notice_s, since_s + IN_FORCE_S))
                due_s, name = max(0.0, self._start_s + at_s - self._now_s()), f"row-{at_s}"
                await supervisor.prepare_budget(CLIENT, name, budget, None, due_s)
                await supervisor.commit_budget(CLIENT, name, False)
            else:
                await self._until(at_s + AFTER_THE_LINE_S)
                await supervisor.set_budget(CLIENT, budget, None, True)
            before, since_s = budget, at_s

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(self._start_s + at_s - self._now_s())

    def _now_s(self) -> float:
        return self._clock.now_ns() / 1e9

    async def _read(self, supervisor: Supervisor) -> None:
        """Every published result until the run has ended."""
        feed = supervisor.result_feed(FEED)
        try:
            while not self._ended:
                await asyncio.sleep(READ_EVERY_S)
                while (result := await feed.next(0.0)) is not None:
                    self._results.append(result)
            assert feed.dropped == 0
        finally:
            feed.close()

    def _played(self, first: int, device: Firefly, records: Sequence[SwapRecord]) -> Played:
        truth = device.truth()
        parts = len(self._line.part_times)
        net, service_ms, latency_ms = np.full(parts, NO_NET), np.full(parts, np.nan), np.full(parts, np.nan)
        part_of = {row["timestamp_ns"]: row["part"] for row in truth["exposures"]}
        took_ms = {row["timestamp_ns"]: row["service_ms"] for row in truth["inferences"]}
        for result in self._results:
            captured_ns = result.inference.captured_ns
            part = part_of[captured_ns]
            net[part], service_ms[part] = self._places[result.subnet_id], took_ms[captured_ns]
            latency_ms[part] = result.inference.latency_ms
        verified = [record for record in records[1:] if record.outcome is SwapOutcome.VERIFIED]
        return Played(
            first=first,
            swaps=[self._swapped(record) for record in verified],
            net=net,
            service_ms=service_ms,
            latency_ms=latency_ms,
            failed=[record for record in records if record.outcome is not SwapOutcome.VERIFIED],
            lost=Counter(row["why"] for row in truth["lost"]),
        )

    def _swapped(self, record: SwapRecord) -> Swapped:
        assert record.from_subnet is not None
        assert record.duration_s is not None
        at_s = (record.started_wall_ns - self._wall_ns) / 1e9 - self._start_s
        ends = (self._places[record.from_subnet], self._places[record.to_subnet])
        return Swapped(at_s, at_s + record.duration_s, *ends, record.reason)


def budget_of(state: LineState) -> Budget:
    """What the line's controller asks for; as in a replay, a line without a limit asks for the longest."""
    rate = state.parts_per_minute if 0 < state.parts_per_minute <= MAX_PARTS_PER_MINUTE else None
    limit_ms = state.max_latency_ms if state.max_latency_ms <= MAX_LATENCY_MS else None
    if rate is None and limit_ms is None:
        limit_ms = MAX_LATENCY_MS
    return Budget(limit_ms, rate)
