"""The composition root: from a config to a running agent, and back to nothing.

    config ─► journal ─► library ─► SDK ─► cameras ─► supervisors ─► API

`Agent` owns all of it and every task; things are closed in the reverse order on every way out. `run_daemon` adds what
only a process has: signals, a lock on the state directory, an exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import faulthandler
import fcntl
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from agent import heap
from agent.api.limits import ApiLimits
from agent.api.server import ApiServer
from agent.api.services import Services
from agent.camera.sdk import Sdk, load_spinnaker
from agent.camera.session import SystemOwner
from agent.camera.settings import CameraSettings, Roi, Trigger
from agent.camera.worker import WorkerCamera
from agent.clock import Clock, SystemClock
from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.config.last_good import Loaded
from agent.config.places import problem_at
from agent.config.reload import ReloadDesk
from agent.domain.device import CameraInfo
from agent.domain.line import LineInput
from agent.domain.orders import Window
from agent.domain.reload import Reloading, ReloadReport
from agent.doors import Doors
from agent.errors import AgentError, BadInput, CameraGone, Refused, SdkMissing
from agent.library.files import make_folder
from agent.logs import configure, event, logger
from agent.page import Shown, StatusPage
from agent.policy.tickets import TicketRules
from agent.service import Service
from agent.staging import Ahead, Staging, Told
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.group import SwapGroup
from agent.supervisor.library_age import LibraryAge
from agent.supervisor.resources import ResourceWatch
from agent.systemd import Notifier, notifier
from agent.telemetry.agent_trail import AgentTrail
from agent.telemetry.boot import boot_id_reader
from agent.telemetry.ids import IdSource, RandomIds
from agent.telemetry.journal import SqliteJournal
from agent.telemetry.metrics import Metrics, Watched
from agent.threads import take_short_turns

if TYPE_CHECKING:  # the simulation is loaded only where a config names it
    from agent.sim.spec import SimulationSpec

_log = logger("app")
JOURNAL_NAME = "journal.sqlite3"
LOCK_NAME = "agent.lock"
_NO_WRITING = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})
DRAIN_S = 10.0
IDLE_PROFILING_AFTER_S = 120.0  # a stop that has lasted so long is likely to last a swap more, and the way back
LEASE_MARGIN_S = 10.0  # calls that outlive their deadline, and the first result after a swap


class Agent:
    """Everything of one daemon except its process; use `async with agent.running():`."""

    def __init__(self, config: AgentConfig, clock: Clock, ids: IdSource) -> None:
        self.config = config
        self.clock = clock
        self._ids = ids
        self._boot_id = boot_id_reader(ids)()
        self.journal = SqliteJournal(
            config.state_dir / JOURNAL_NAME, clock, ids, journal_days=config.telemetry.journal_days
        )
        self.trail = AgentTrail(self.journal)
        self.config_data = b""  # the bytes that the config was read from
        self.ahead: Ahead | None = None  # its library, where that is open
        self.alarms = StandingAlarms(self.journal, clock)
        self.library_age = LibraryAge(self.alarms.desk(""), clock)
        self._owners: dict[int, SystemOwner] = {}
        self._groups = swap_groups(config, clock)
        self.supervisors: dict[str, Supervisor] = {}
        self._cameras: dict[str, WorkerCamera] = {}
        self.staging: Staging | None = None
        self.page = StatusPage()
        self.metrics = Metrics(clock, Watched(self.supervisors, self.alarms.standing))

    def services(self, config: Reloading | None = None) -> Services:
        groups = {group.name: group.cameras for group in self.config.groups}
        return Services(self.supervisors, self.journal, self.clock, groups, self.alarms, config)

    def service(self, told: Notifier) -> Service:
        return Service(told, self.clock, self.supervisors, self._cameras, lambda: self.journal.lives)

    def shown(self, config: Reloading) -> Shown:
        """What the status page shows."""
        clock, boot_id, metrics = self.clock, self._boot_id, self.metrics
        pictures = {name: supervisor.pictures for name, supervisor in self.supervisors.items()}
        return Shown(
            self.supervisors, pictures, self.journal, self.alarms, clock, boot_id, lambda: config.report, metrics
        )

    def reload_desk(self, loaded: Loaded, doors: Doors) -> ReloadDesk:
        """The desk of an agent that runs on what was loaded."""
        assert self.staging is not None, "the agent does not run"
        return ReloadDesk(loaded, doors.staging(self.staging.stage), self.alarms.desk(""), self.clock)

    def on_reload(self, report: ReloadReport, config: bytes) -> None:
        """How a reload ended, into the audit and the metrics; `config` is the one that runs since."""
        self.trail.reloaded(report, config)
        self.metrics.reloaded(report)

    @asynccontextmanager
    async def running(self, after: asyncio.Event | None = None) -> AsyncIterator[None]:
        """Open the journal, supervise the cameras; on the way out finish what runs, then close everything.

        Nothing is asked of a camera before `after` is set.
        """
        after = after or _set()
        async with AsyncExitStack() as stack:
            await self.journal.open()
            stack.push_async_callback(self.journal.close)
            await self.trail.started(self.config_data, self.journal.last_run)
            stack.push_async_callback(self.trail.stopped)
            self.journal.on_state(self.alarms.on_journal)
            stack.push_async_callback(self.alarms.close)
            await self.alarms.restore(camera.name for camera in self.config.cameras)
            self.staging = Staging(self.clock, self.journal, supervisor_settings, self._relet, self._info_of)
            await self.staging.open(self.config, self.ahead)
            self.library_age.use(self.staging.aged)
            for camera in self.config.cameras:
                sdk, serial = stack.enter_context(sdk_for(camera, self.clock))
                worker = WorkerCamera(camera_settings(camera, serial), self._owner(sdk), self.clock)
                stack.push_async_callback(worker.close)
                self._cameras[camera.name] = worker
                self.supervisors[camera.name] = self._supervisor(camera, worker, self.staging.told[camera.name])
            self.staging.attach(self.supervisors)
            for supervisor in self.supervisors.values():
                await supervisor.load()  # before anybody can ask
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.alarms.run, name="alarms")
                tasks.start_soon(self.library_age.run, name="library-age")
                tasks.start_soon(ResourceWatch(self.alarms.desk("")).run, name="resources")
                for name, supervisor in self.supervisors.items():
                    tasks.start_soon(_run_after, after, supervisor, name=f"supervise-{name}")
                try:
                    yield
                finally:
                    await self._stop(tasks, after)

    async def _stop(self, tasks: TaskGroup, begun: asyncio.Event) -> None:
        """Let running swaps end; what does not within DRAIN_S is cancelled and recovered at the next start."""
        for supervisor in self.supervisors.values():
            supervisor.stop()
        begun.set()  # one that never began is stopped by running to its end
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(DRAIN_S):
                await self._all_stopped()
        tasks.cancel_scope.cancel()

    async def _all_stopped(self) -> None:
        for supervisor in self.supervisors.values():
            await supervisor.stopped.wait()

    def _supervisor(self, camera: cfg.Camera, worker: WorkerCamera, told: Told) -> Supervisor:
        group = self._groups.get(camera.name)
        return Supervisor(
            Parts(
                worker,
                self.journal,
                self.clock,
                told.settings,
                told.source,
                self._ids.uuid,
                self._boot_id,
                group,
                self.alarms,
                self.metrics.camera(camera.name),
            )
        )

    def _info_of(self, camera: str) -> CameraInfo | None:
        """The camera that is connected under that name."""
        return self.supervisors[camera].snapshot().info

    def _relet(self, config: AgentConfig) -> None:
        """Swaps that may take longer hold their tickets for longer; another library may be of another age, and the page
        show other things."""
        assert self.staging is not None, "the agent does not run"
        self.library_age.use(self.staging.aged)
        self.page.use(config)
        for group in config.groups:
            for member in group.cameras:
                self._groups[member].relet(lease_s(config, group))

    def _owner(self, sdk: Sdk) -> SystemOwner:
        """One System for all cameras of an SDK: the vendor's is a singleton (facts/firefly-dl.md section 6)."""
        return self._owners.setdefault(id(sdk), SystemOwner(sdk, self.clock))


@contextmanager
def sdk_for(camera: cfg.Camera, clock: Clock) -> Iterator[tuple[Sdk, str]]:
    """The SDK that the config names, and the camera's serial. Never one in place of the other."""
    if camera.sdk == "spinnaker":
        yield load_spinnaker(), camera.serial or ""
        return
    try:
        from agent.sim import bus, pyspin
        from agent.sim.remote import RemoteBusDevice
    except ModuleNotFoundError as exc:
        raise SdkMissing(
            f"the simulated camera needs {exc.name}: install ofa-agent-simulation or ofa-agent[sim]"
        ) from exc

    simulation = camera.simulation or cfg.Simulation()
    if simulation.socket is not None:
        _arm(camera.name, simulation.socket, simulation.faults)
        place = RemoteBusDevice(simulation.socket)
        bus.attach(place)
        try:
            yield pyspin, camera.serial or ""
        finally:
            bus.detach(place)
        return
    with bus.local_camera(simulation_spec(camera, simulation), clock) as device:
        yield pyspin, device.spec.serial


def _arm(name: str, socket: Path, faults: Sequence[Mapping[str, cfg.Plain]]) -> None:
    """Arm the faults of the config in the device process. Blocks shortly; raises CameraGone, BadInput."""
    if not faults:
        return
    from agent.sim.plant import PlantClient
    from agent.sim.server import plant_path

    try:
        with PlantClient(plant_path(socket)) as plant:
            for fault in faults:
                plant.fault(fault)
    except OSError as exc:
        raise CameraGone(
            f"camera {name}: nothing answers at {socket}: {exc}; `simulation.faults` are armed when the agent starts, "
            "so start `ofa-agent sim serve` first"
        ) from exc


def simulation_spec(camera: cfg.Camera, simulation: cfg.Simulation) -> SimulationSpec:
    """The `simulation:` section to the simulated camera's own terms; raises BadInput naming the key."""
    from agent.sim.spec import SimulationSpec

    def section(name: str, **defaults: object) -> object:
        given = simulation.spec.get(name, {})
        return {**defaults, **given} if isinstance(given, dict) else given  # the specification refuses it by its key

    def listed(given: object) -> list[object]:
        if not isinstance(given, list):
            raise BadInput("faults", f"is {given!r}, wanted a list")
        return given

    line = {} if simulation.parts_per_minute is None else {"parts_per_minute": simulation.parts_per_minute}
    merged: dict[str, object] = {
        **simulation.spec,
        "seed": simulation.seed,
        "vpu": section("vpu", time_scale=simulation.time_scale),
        "scene": section("scene", **line),
    }
    if simulation.faults:
        merged["faults"] = [*listed(simulation.spec.get("faults", [])), *simulation.faults]
    if camera.serial:
        merged["serial"] = camera.serial
    return SimulationSpec.from_mapping(merged)


def supervisor_settings(config: AgentConfig, camera: cfg.Camera) -> SupervisorSettings:
    """What the supervisor of one camera needs of a config."""
    acquisition, policy = camera.acquisition, config.policy_of(camera)
    wanted = camera.line_stopped_input
    return SupervisorSettings(
        default_budget=policy.default_budget,
        fail_safe_budget=policy.fail_safe_budget,
        accepted_formats=camera.accepted_formats,
        free_running=acquisition.trigger.source == "free",
        frame_rate=acquisition.frame_rate or 60.0,
        results_wait=camera.results_from == "chunks" and camera.inference_sync == "free_running",
        min_dwell_s=policy.swap.min_dwell_s,
        miss_cost=policy.miss_cost,
        notice_s=policy.notice_s,
        swap_deadline_s=policy.swap.deadline_s,
        infeasible=policy.infeasible,
        line_stopped_input=None if wanted is None else LineInput(wanted.line, wanted.stopped_when == "high"),
        idle_profiling_after_s=IDLE_PROFILING_AFTER_S if policy.idle_profiling else None,
        schedule=policy.schedule,
        window=Window(policy.swap.window),
    )


def swap_groups(config: AgentConfig, clock: Clock) -> dict[str, SwapGroup]:
    """The group of each camera that is in one."""
    found: dict[str, SwapGroup] = {}
    for group in config.groups:
        rules = TicketRules(group.name, group.cameras, group.max_concurrent_swaps, group.wait_s, lease_s(config, group))
        found |= dict.fromkeys(group.cameras, SwapGroup(rules, clock))
    return found


def lease_s(config: AgentConfig, group: cfg.Group) -> float:
    """A lease of a ticket outlives the longest swap of the group: its deadline, also back."""
    members = [camera for camera in config.cameras if camera.name in group.cameras]
    return 2 * max(config.policy_of(camera).swap.deadline_s for camera in members) + LEASE_MARGIN_S


def camera_settings(camera: cfg.Camera, serial: str) -> CameraSettings:
    """Camera section to what the adapter needs."""
    acquisition = camera.acquisition
    roi = None if acquisition.roi == "full" else Roi(*acquisition.roi)
    return CameraSettings(
        name=camera.name,
        serial=serial,
        user_set=acquisition.user_set,
        pixel_format=acquisition.pixel_format,
        roi=roi,
        exposure_us=acquisition.exposure_us,
        gain_db=acquisition.gain_db,
        frame_rate=acquisition.frame_rate,
        trigger=Trigger(acquisition.trigger.source, acquisition.trigger.activation),
        inference_sync=camera.inference_sync,
        network_storage=camera.network_storage,
        results_from=camera.results_from,
        timestamps=camera.timestamps,
        box_threshold=camera.box_threshold,
        box_format=camera.box_format,
        input_lines=() if camera.line_stopped_input is None else (camera.line_stopped_input.line,),
    )


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Two daemons must not share a journal. Raises Refused where another one holds the directory."""
    make_folder(state_dir)
    descriptor = _lockable(state_dir)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Refused(f"state directory {state_dir}: another ofa-agent uses it; stop that one first") from error
    try:
        yield
    finally:
        os.close(descriptor)


def _lockable(state_dir: Path) -> int:
    """The lock file, which may be on a disk that is full or read-only: a daemon that can be read is better than none.

    Where it cannot even be made, the folder takes its place.
    """
    path = state_dir / LOCK_NAME
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_WRITING:
            raise
        return os.open(path if path.exists() else state_dir, os.O_RDONLY | os.O_CLOEXEC)


def run_daemon(loaded: Loaded, ahead: Ahead | None = None) -> int:
    """The daemon in the foreground until SIGTERM or SIGINT; returns its exit code. Raises AgentError at start.

    `ahead`: the library of the config, where it is open.
    """
    configure()
    take_short_turns()
    told = notifier()
    if told.watchdog_s is not None:
        faulthandler.enable()  # the watchdog kills by SIGABRT: where every thread was is in the log then
    with state_lock(loaded.config.state_dir):
        try:
            asyncio.run(_run(loaded, told, ahead))
        except Exception as error:
            only = _only(error)
            if isinstance(only, AgentError):
                raise only from error
            raise
    return 0


def _only(error: BaseException) -> BaseException:
    """What is in the groups that task groups make of one error."""
    inner: Sequence[BaseException] = getattr(error, "exceptions", ())
    return _only(inner[0]) if len(inner) == 1 else error


async def _run(loaded: Loaded, told: Notifier, ahead: Ahead | None) -> None:
    stop, hangup = asyncio.Event(), _Hangup()
    told.status("starting: the journal, the library, the cameras")
    with _signals(stop, hangup):
        daemon = serving(loaded, SystemClock(), RandomIds(), ahead)
        async with daemon as (agent, desk), agent.service(told).told(desk):
            hangup.heard_by(desk)
            heap.started()
            event(_log, logging.INFO, "ready", socket=loaded.config.api.unix_socket, cameras=len(agent.supervisors))
            await stop.wait()
            event(_log, logging.INFO, "stopping")


@asynccontextmanager
async def serving(
    loaded: Loaded, clock: Clock, ids: IdSource, ahead: Ahead | None = None
) -> AsyncIterator[tuple[Agent, ReloadDesk]]:
    """A whole daemon but for its process: cameras, API and reload. `ahead`: the config's library, if it is open."""
    agent, limits = Agent(loaded.config, clock, ids), ApiLimits()
    agent.config_data, agent.ahead = loaded.data, ahead
    doors = _doors(loaded, agent, limits)  # before any camera is touched
    serves = asyncio.Event()  # clients are let in first: a camera takes seconds, and a swap of its network more
    async with agent.running(serves):
        desk = agent.reload_desk(loaded, doors)
        desk.on_report = agent.on_reload
        server = ApiServer(agent.services(desk), doors.all, limits)
        agent.metrics.reloaded(desk.report)
        agent.metrics.watched.streams = lambda: server.streams
        agent.metrics.watched.not_after_ns = lambda: doors.not_after_ns
        async with server, agent.page.serving(loaded.config, agent.shown(desk)), anyio.create_task_group() as tasks:
            await desk.started()
            tasks.start_soon(desk.run, name="reload-desk")
            tasks.start_soon(doors.run, name="doors")
            tasks.start_soon(server.watch, name="api")
            serves.set()
            try:
                yield agent, desk
            finally:
                tasks.cancel_scope.cancel()


async def _run_after(event: asyncio.Event, supervisor: Supervisor) -> None:
    await event.wait()
    await supervisor.run()


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def _doors(loaded: Loaded, agent: Agent, limits: ApiLimits) -> Doors:
    try:
        return Doors(loaded.config, agent.clock, agent.alarms.desk(""), limits)
    except BadInput as exc:
        raise problem_at(loaded.config.source, loaded.data, exc.field, exc.description) from exc


class _Hangup:
    """What SIGHUP does: one that comes while the daemon starts is heard when it has."""

    def __init__(self) -> None:
        self._desk: ReloadDesk | None = None
        self._early = False

    def __call__(self) -> None:
        if self._desk is None:
            self._early = True
        else:
            self._desk.signalled()

    def heard_by(self, desk: ReloadDesk) -> None:
        self._desk = desk
        if self._early:
            desk.signalled()


@contextlib.contextmanager
def _signals(stop: asyncio.Event, hangup: _Hangup) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: stop.set,
        signal.SIGINT: stop.set,
        signal.SIGHUP: hangup,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
