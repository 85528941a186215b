"""The real thing: server, journal and supervisors around scripted cameras, stopped and crashed at will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.api import ApiLimits, ApiServer, Services
from agent.domain.budget import Budget
from agent.domain.orders import Window
from agent.domain.schedule import ScheduleEntry
from agent.policy.tickets import TicketRules
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.supervisor.group import SwapGroup
from agent.telemetry.ids import RandomIds
from agent.telemetry.journal import SqliteJournal
from tests.stateful.config_file import ConfigFile, reload_desk, settings_under
from tests.stateful.device import Plate, StationCamera
from tests.stateful.power import LeapClock, Power
from tests.support.ladders import LadderSource

DEFAULT = Budget(max_latency_ms=400.0)
FAIL_SAFE = Budget(max_latency_ms=60.0)
SCHEDULED = (Budget(max_latency_ms=80.0), Budget(max_latency_ms=150.0))  # in even and in odd minutes
SCHEDULE = tuple(
    ScheduleEntry(cron, "UTC", budget)
    for cron, budget in zip(("*/2 * * * *", "1-59/2 * * * *"), SCHEDULED, strict=True)
)
LIMITS = ApiLimits(heartbeat_s=0.2, drain_s=5.0, health_poll_s=0.02)
GROUP = "line-1"
PATIENCE_S = 20.0  # for what takes milliseconds on a quiet machine
PARTS_EVERY_S = 0.004  # also the beat by which it is told how long something took a machine that had time for it

MakeSupervisor = Callable[[Parts], Supervisor]
MakeServer = Callable[[Services, Path], ApiServer]


@dataclass(frozen=True, slots=True)
class Setting:
    """What differs from world to world. `faults`: by (run, camera) what its camera fails with, see FakeCamera.fail;
    `hangs`: the same for calls that hang, see StationCamera."""

    cameras: tuple[str, ...] = ("station-1",)
    min_dwell_s: float = 0.0
    upload_s: float = 0.0
    grouped: bool = False
    window: Window = Window.ANY
    scheduled: bool = False
    faults: Mapping[tuple[int, str], Mapping[tuple[str, int], Exception]] = field(default_factory=dict)
    hangs: Mapping[tuple[int, str], frozenset[str]] = field(default_factory=dict)
    silent: bool = False
    swap_deadline_s: float = 60.0

    def supervisor(self) -> SupervisorSettings:
        return SupervisorSettings(
            default_budget=DEFAULT,
            fail_safe_budget=FAIL_SAFE,
            accepted_formats=("openvino-ir-10",),
            min_dwell_s=self.min_dwell_s,
            swap_deadline_s=self.swap_deadline_s,
            tick_s=0.01,
            backoff_s=0.005,
            backoff_max_s=0.02,
            quarantine_s=0.5,
            window=self.window,
            schedule=SCHEDULE if self.scheduled else (),
        )


@dataclass
class Makers:
    """How the real parts are made; a test of the harness puts in broken ones."""

    supervisor: MakeSupervisor = Supervisor
    server: MakeServer = lambda services, path: ApiServer(services, path, LIMITS)
    journal: type[SqliteJournal] = SqliteJournal


@dataclass
class Run:
    """One life of the agent, from its start to its stop or crash."""

    number: int
    boot_id: str
    power: Power
    journal: SqliteJournal
    supervisors: dict[str, Supervisor]
    server: ApiServer
    tasks: list[asyncio.Task[None]]


class World:
    """Owner of the cameras, the clock, the journal's file and of the agent's run, if one is alive. One event loop."""

    def __init__(self, folder: Path, setting: Setting, makers: Makers | None = None) -> None:
        self.clock = LeapClock()
        self.setting = setting
        self.plates = {name: Plate(name) for name in setting.cameras}
        self.up = asyncio.Event()
        self.run: Run | None = None
        self.runs = 0
        self.crashed_runs: set[int] = set()
        self.file = ConfigFile(folder, setting.cameras, DEFAULT.max_latency_ms or 0.0)
        self.loads: list[tuple[int, int, float]] = []  # began, ended, and the default that was read
        self.at_work = True  # parts pass the cameras
        self.beats: list[int] = []  # the clock, each PARTS_EVERY_S that the event loop had turns for
        self._folder = folder
        self._makers = makers or Makers()
        self._boot = 1
        self._changing = asyncio.Lock()
        self._cameras: dict[str, StationCamera] = {}
        self._parts: asyncio.Task[None] | None = None
        self._crash: asyncio.Task[None] | None = None

    @property
    def socket(self) -> Path:
        return self._folder / "api.sock"

    @property
    def living(self) -> Run:
        """The agent's run that is alive; raises where none is."""
        if self.run is None:
            raise AssertionError("the agent is down")
        return self.run

    async def start(self) -> None:
        async with self._changing:
            await self._begin()
        self._parts = asyncio.create_task(self._pass_parts(), name="world-parts")

    async def close(self) -> None:
        """Stop all in order; idempotent."""
        await self.crashed()
        async with self._changing:
            await self._end()
        if self._parts is not None:
            self._parts.cancel()
            await asyncio.wait({self._parts})
            self._parts = None

    def heal(self) -> None:
        """The cameras hang no more."""
        for camera in self._cameras.values():
            camera.hangs = frozenset()

    async def restart(self, reboot: bool = False) -> None:
        """Stop in order and start anew; `reboot`: so did the host."""
        async with self._changing:
            await self._end()
            self._boot += reboot
            await self._begin()

    async def crash(self, reboot: bool = False) -> None:
        """Drop what is not committed, leave everything as it stands, and start anew on what the disk has."""
        async with self._changing:
            if self.run is not None:
                await self._drop(self.run)
            self._boot += reboot
            await self._begin()

    async def crashed(self) -> None:
        """Wait for a crash that was set up and has happened."""
        crash, self._crash = self._crash, None
        if crash is not None:
            await crash

    def _power_failed(self) -> None:
        self._crash = asyncio.create_task(self.crash(), name="world-crash")

    async def _begin(self) -> None:
        self.runs += 1
        power = Power(self._power_failed)
        journal = self._makers.journal(self._folder / "journal.sqlite3", self.clock, RandomIds(), connect=power.connect)
        await journal.open()
        began_ns, loaded, boot_id = self.clock.boottime_ns(), self.file.load(), f"boot-{self._boot}"
        settings = settings_under(self.setting.supervisor(), loaded.config)
        rules = TicketRules(GROUP, self.setting.cameras, 1, 5.0, 10.0)
        group = SwapGroup(rules, self.clock) if self.setting.grouped else None
        supervisors, sources = {}, {name: LadderSource() for name in self.setting.cameras}
        for name, source in sources.items():
            camera = self._cameras[name] = self._camera(name)
            supervisors[name] = self._makers.supervisor(
                Parts(camera, journal, self.clock, settings, source, RandomIds().uuid, boot_id, group)
            )
        desk = await reload_desk(loaded, settings, supervisors, sources, self.clock, journal)
        for one in supervisors.values():
            await one.load()
        tasks = [asyncio.create_task(one.run(), name=f"supervise-{name}") for name, one in supervisors.items()]
        groups = {GROUP: self.setting.cameras}
        server = self._makers.server(Services(supervisors, journal, self.clock, groups, None, desk), self.socket)
        await server.start()
        self.loads.append((began_ns, self.clock.boottime_ns(), loaded.config.policy.default_budget.max_latency_ms or 0))
        self.run = Run(self.runs, boot_id, power, journal, supervisors, server, tasks)
        self.up.set()

    def _camera(self, name: str) -> StationCamera:
        faults = self.setting.faults.get((self.runs, name), {})
        before = self._cameras.get(name)
        hangs = self.setting.hangs.get((self.runs, name), frozenset())
        if before is not None:
            return before.successor(faults, hangs)
        setting, plate = self.setting, self.plates[name]
        return StationCamera(
            name=name, fail=faults, plate=plate, upload_s=setting.upload_s,
            clock=self.clock, hangs=hangs, silent=setting.silent,
        )  # fmt: skip

    async def _end(self) -> None:
        """As the daemon ends: the server, the supervisors, the journal."""
        run, self.run = self.run, None
        self.up.clear()
        if run is None:
            return
        run.power.hold()
        if run.power.is_cut:
            await self._drop(run)
            return
        await run.server.stop()
        for supervisor in run.supervisors.values():
            supervisor.stop()
        _, late = await asyncio.wait(run.tasks, timeout=PATIENCE_S)
        assert not late, f"still running {PATIENCE_S:g} s after stop: {[task.get_name() for task in late]}"
        for task in run.tasks:
            task.result()
        await run.journal.close()

    async def _drop(self, run: Run) -> None:
        """The process ends here: first what it could still do to disk and cameras, then its tasks."""
        self.run = None
        self.crashed_runs.add(run.number)
        self.up.clear()
        run.power.cut()
        for camera in self._cameras.values():
            camera.dead = True
        await run.server.stop(0)  # first, so that nobody is told of what the journal says when it is gone
        await run.journal.close()
        for task in run.tasks:
            task.cancel()
        await asyncio.wait(run.tasks)

    async def _pass_parts(self) -> None:
        while True:
            await asyncio.sleep(PARTS_EVERY_S)
            self.beats.append(self.clock.now_ns())
            if self.at_work:
                for camera in self._cameras.values():
                    camera.work(self.clock, 4)
                    camera.look(self.clock)
