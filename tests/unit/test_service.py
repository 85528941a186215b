"""What systemd hears of the daemon, and for what its watchdog is fed; in virtual time, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest

from agent.app import Agent
from agent.camera.worker import WorkerCamera
from agent.clock import VirtualClock, run_virtual
from agent.config import Acquisition, AgentConfig, Camera, Simulation
from agent.domain.budget import Budget
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState, Degraded
from agent.errors import CameraGone, CameraTimeout, UploadFailed
from agent.service import CALL_S, DETAIL_EVERY_S, LOOP_S, Caller, Loop, Service, in_words
from agent.supervisor import Supervisor
from agent.systemd import Notifier
from agent.telemetry.ids import SeededIds
from tests.support.fake_camera import FakeCamera
from tests.support.journal_faults import Bench as JournalBench
from tests.support.service_manager import heard, lines, manager
from tests.unit.config.desk import Rig, other, passes, rigged
from tests.unit.supervisor.bench import Bench, until

WATCHDOG_S = 20.0
Reloading = Callable[[bool], None]


class Desk:
    def __init__(self) -> None:
        self.on_reloading: Reloading = lambda _on: None


@dataclass
class Thread:
    overdue_s: float = 0.0


@dataclass
class Told:
    """What a service tells; `loops` and the rest are for the test to set before `play`."""

    address: Path
    inbox: socket.socket
    clock: VirtualClock
    loops: dict[str, Loop] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    journal_lives: bool = True
    shown: list[str] = field(default_factory=list)

    def service(self) -> Service:
        told = Notifier(str(self.address), WATCHDOG_S)
        return Service(told, self.clock, self.loops, self.callers, lambda: self.journal_lives)

    async def signs(self, for_s: float) -> int:
        """How many signs of life came in so many seconds from now; what was shown meanwhile is kept."""
        heard(self.inbox)
        end_ns, count = self.clock.now_ns() + round(for_s * 1e9), 0
        while self.clock.now_ns() < end_ns:  # the queue of a socket is short
            await anyio.sleep(1.0)
            messages = [line for message in heard(self.inbox) for line in message]
            count += messages.count("WATCHDOG=1")
            self.shown += [line for line in messages if line.startswith("STATUS=")]
        return count


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    address = tmp_path / "notify"
    with manager(address) as inbox:
        yield Told(address, inbox, VirtualClock())


def over(told: Told, bench: Bench, story: Callable[[Supervisor], Awaitable[None]]) -> None:
    """Play a story over the supervisor of a bench, with the service told of it."""
    bench.clock = told.clock

    async def served(supervisor: Supervisor) -> None:
        told.loops["station-1"] = supervisor
        async with told.service().told(Desk()):
            await story(supervisor)

    bench.run(served)


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_service_is_ready_shows_its_cameras_and_says_when_it_stops(told: Told) -> None:
    async def story(supervisor: Supervisor) -> None:
        assert heard(told.inbox)[-1] == ["READY=1"]
        await until(supervisor, CameraState.ACTIVE)
        await told.signs(2.0)

    over(told, Bench(), story)
    assert told.shown[-1].startswith("STATUS=1 of 1 cameras ACTIVE; station-1 ACTIVE ")
    assert heard(told.inbox) == [["STOPPING=1"], ["STATUS=stopping"], ["EXTEND_TIMEOUT_USEC=60000000"]]


def test_the_status_is_told_when_it_changes_and_not_again(told: Told) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE)
        await told.signs(10.0)
        told.shown.clear()
        await told.signs(120.0)
        assert told.shown == []

    over(told, Bench(), story)


def test_words_that_count_are_told_now_and_then(told: Told) -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        one = supervisor.snapshot()

        class Counting:
            @property
            def passed_ns(self) -> int:
                return told.clock.now_ns()

            def snapshot(self) -> CameraSnapshot:
                return replace(one, detail=f"{told.clock.now_ns()} ns")

        told.loops["station-1"] = Counting()
        await told.signs(10 * DETAIL_EVERY_S)
        assert 9 <= len(told.shown) <= 11

    over(told, bench, story)


def test_a_stop_says_which_swap_it_waits_for(told: Told) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE)
        swapping = replace(supervisor.snapshot(), state=CameraState.SWAPPING)
        supervisor.snapshot = lambda: swapping  # type: ignore[method-assign]

    over(told, Bench(), story)
    assert lines(told.inbox, "STATUS")[-1] == "stopping: the swap of station-1 ends first"


def test_cameras_that_do_not_infer_come_first_in_the_words(told: Told) -> None:
    found: list[str] = []

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE)
        good = replace(supervisor.snapshot(), camera="a", active_subnet="d2", degraded=())
        slow = replace(good, camera="b", degraded=(Degraded.THROTTLED,))
        gone = replace(
            good, camera="c", state=CameraState.DISCONNECTED, active_subnet=None, detail="not on the bus " * 30
        )
        found.append(in_words([good, slow, gone]))

    over(told, Bench(), story)
    (line,) = found
    count, *cameras = line.split("; ")
    assert count == "2 of 3 cameras ACTIVE"
    assert [camera.split(" ")[0] for camera in cameras] == ["b", "c", "a"]
    assert cameras[0] == "b ACTIVE d2 (throttled)"
    assert cameras[1].startswith("c DISCONNECTED: not on the bus")
    assert len(cameras[1]) < 200
    assert cameras[2] == "a ACTIVE d2"


@pytest.mark.parametrize(
    ("text", "ends"), [(other(notice_s=2), "applied"), ("nonsense", "refused"), (other(state_dir="x"), "needs_restart")]
)
def test_a_reload_is_told_at_its_begin_and_its_end_whatever_comes_of_it(tmp_path: Path, text: str, ends: str) -> None:
    async def main(rig: Rig) -> None:
        with manager(tmp_path / "notify") as inbox:
            told = Told(tmp_path / "notify", inbox, rig.clock)
            async with told.service().told(rig.desk):
                heard(inbox)
                begun_us = rig.clock.now_ns() // 1000
                rig.write(text)
                rig.desk.signalled()
                await passes(rig, lambda: rig.desk.report.error != "" or rig.holds(2.0), 0.9)
                await anyio.sleep(0.05)
                assert rig.desk.report.outcome.value == ends
                states = [one for one in heard(inbox) if one != ["WATCHDOG=1"]]
                assert states == [["RELOADING=1", f"MONOTONIC_USEC={begun_us}"], ["READY=1"]]

    rigged(tmp_path, main)


def test_a_reload_that_is_only_asked_about_is_not_told(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        with manager(tmp_path / "notify") as inbox:
            async with Told(tmp_path / "notify", inbox, rig.clock).service().told(rig.desk):
                heard(inbox)
                rig.write(other(notice_s=2))
                await rig.desk.reload(rig.desk.report.origin, validate_only=True)
                assert lines(inbox, "RELOADING") == []

    rigged(tmp_path, main)


def test_a_reload_that_is_cut_off_by_the_stop_does_not_call_the_service_ready(told: Told) -> None:
    async def main() -> None:
        desk = Desk()
        async with told.service().told(desk):
            desk.on_reloading(True)
        desk.on_reloading(False)

    run_virtual(told.clock, main())
    states = [line for message in heard(told.inbox) for line in message if line in ("READY=1", "STOPPING=1")]
    assert states == ["READY=1", "STOPPING=1"]


# -- what the watchdog is fed for --------------------------------------------------------------------------------------


def test_the_watchdog_is_fed_several_times_within_its_time(told: Told) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE)
        assert await told.signs(WATCHDOG_S) >= 4

    over(told, Bench(), story)


def test_a_loop_that_hangs_starves_the_watchdog_and_says_so(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE)
        go_on = asyncio.Event()

        async def hangs() -> None:
            await go_on.wait()

        supervisor._expire = hangs  # type: ignore[method-assign]
        await told.signs(LOOP_S + 2.0)
        assert await told.signs(WATCHDOG_S) == 0
        (event,) = [record.message for record in caplog.records if "stands_still" in record.message]
        assert "the loop of station-1 has not gone round for" in event
        go_on.set()
        assert await told.signs(WATCHDOG_S) >= 4
        assert "goes_on" in caplog.text

    over(told, bench, story)
    assert any(line.startswith("STATUS=stands still: the loop of station-1") for line in told.shown)


def test_a_camera_that_is_away_does_not_starve_the_watchdog(told: Told) -> None:
    away = CameraGone("camera station-1: not on the bus")
    camera = FakeCamera(fail={("connect", nth): away for nth in range(1, 1000)})

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.DISCONNECTED)
        assert await told.signs(120.0) >= 110

    over(told, Bench(camera), story)


def test_a_faulted_camera_does_not_starve_the_watchdog(told: Told) -> None:
    bench = Bench()
    bench.camera.fail = {("upload", 1): UploadFailed("no")} | {("stop", nth): UploadFailed("no") for nth in (2, 3)}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.FAULTED)
        assert await told.signs(120.0) >= 110

    over(told, bench, story)


def test_a_disk_that_hangs_does_not_starve_the_watchdog(tmp_path: Path, told: Told) -> None:
    """A new process would hang on the same disk, and the line must not stand still for it."""
    disk = JournalBench(tmp_path / "journal.sqlite3", told.clock)
    fed: list[int] = []

    async def life(journal: object) -> None:
        async def story(supervisor: Supervisor) -> None:
            await until(supervisor, CameraState.ACTIVE)
            disk.disk.hang_s = 200.0
            for number in range(28):
                fed.append(await told.signs(10.0))
                if number % 3 == 0:
                    budget = Budget(parts_per_minute=600.0 + 100.0 * (number % 2))
                    supervisor.reconfigure(replace(supervisor._settings, default_budget=budget), supervisor._source)

        bench = Bench(clock=told.clock, journal=journal)  # type: ignore[arg-type]

        async def served(supervisor: Supervisor) -> None:
            told.loops["station-1"] = supervisor
            async with told.service().told(Desk()):
                await story(supervisor)

        await bench._play(served)

    disk.play(life)
    assert min(fed) >= 9


def simulated(*names: str) -> tuple[Camera, ...]:
    pace = Acquisition(frame_rate=1.0)
    made = (Camera(name, "simulated", None, ("openvino-ir-10",), simulation=Simulation()) for name in names)
    return tuple(replace(one, acquisition=pace) for one in made)


def agent_over(tmp_path: Path, told: Told, names: tuple[str, ...], story: Callable[[Agent], Awaitable[None]]) -> None:
    """Play a story over a whole agent of simulated cameras without a library, with its own service told of it."""
    config = AgentConfig(tmp_path / "agent.yaml", simulated(*names), state_dir=tmp_path / "state")
    config.state_dir.mkdir()
    agent = Agent(config, told.clock, SeededIds(1))

    async def main() -> None:
        async with agent.running(), agent.service(Notifier(str(told.address), WATCHDOG_S)).told(Desk()):
            await story(agent)

    run_virtual(told.clock, main())


async def hang(camera: WorkerCamera, clock: VirtualClock, for_s: float) -> None:
    """A call of the SDK that comes back so late."""
    with pytest.raises(CameraTimeout):
        await camera.inspect("call", lambda _device, _guard: clock.sleep(for_s), 5.0)


def test_a_call_of_the_sdk_that_does_not_come_back_starves_it_where_no_camera_works(tmp_path: Path, told: Told) -> None:
    async def story(agent: Agent) -> None:
        await until(agent.supervisors["a"], CameraState.IDLE)
        one, two = (agent._cameras[name] for name in ("a", "b"))
        async with anyio.create_task_group() as calls:
            calls.start_soon(hang, one, told.clock, 320.0, name="hang-a")
            await told.signs(5.0 + CALL_S + 5.0)
            assert await told.signs(WATCHDOG_S) >= 4, "the other camera works"
            calls.start_soon(hang, two, told.clock, 120.0, name="hang-b")
            await told.signs(5.0 + CALL_S + 5.0)
            assert await told.signs(WATCHDOG_S) == 0
            await told.signs(200.0)
            assert await told.signs(WATCHDOG_S) >= 4, "it came back"

    agent_over(tmp_path, told, ("a", "b"), story)
    assert any("no camera has come back from the SDK for" in line for line in told.shown)


def test_a_long_call_within_its_deadline_is_none_that_hangs(tmp_path: Path, told: Told) -> None:
    async def story(agent: Agent) -> None:
        await until(agent.supervisors["a"], CameraState.IDLE)
        camera = agent._cameras["a"]
        async with anyio.create_task_group() as calls:
            calls.start_soon(camera.inspect, "long", lambda _d, _g: told.clock.sleep(280.0), 300.0, name="long")
            assert await told.signs(280.0) >= 270

    agent_over(tmp_path, told, ("a",), story)


@pytest.mark.filterwarnings("ignore:Exception in thread camera a")
def test_a_thread_of_the_only_camera_that_has_died_starves_the_watchdog(tmp_path: Path, told: Told) -> None:
    async def story(agent: Agent) -> None:
        await until(agent.supervisors["a"], CameraState.IDLE)
        agent._cameras["a"]._turn = _crash  # type: ignore[method-assign]
        await told.signs(CALL_S + 5.0)
        assert await told.signs(WATCHDOG_S) == 0

    agent_over(tmp_path, told, ("a",), story)


@pytest.mark.filterwarnings("ignore:Exception in thread journal")
def test_a_thread_of_the_journal_that_has_ended_starves_the_watchdog(tmp_path: Path, told: Told) -> None:
    async def story(agent: Agent) -> None:
        await until(agent.supervisors["a"], CameraState.IDLE)
        assert agent.journal._body is not None
        agent.journal._body._serve = _crash  # type: ignore[method-assign]
        agent.journal.note_gap("swap", 0.1)
        await anyio.sleep(2.0)
        assert await told.signs(WATCHDOG_S) == 0

    agent_over(tmp_path, told, ("a",), story)


def _crash(*_: object, **__: object) -> None:
    raise SystemError("a fault of ours")


def test_a_supervisor_that_ends_by_a_fault_ends_the_agent(tmp_path: Path, told: Told) -> None:
    reached: list[str] = []

    async def story(agent: Agent) -> None:
        supervisor = agent.supervisors["a"]
        await until(supervisor, CameraState.IDLE)
        supervisor._note = _crash  # type: ignore[method-assign]
        await anyio.sleep(5.0)
        reached.append("went on without it")

    with pytest.raises(Exception, match=r"unhandled errors|a fault of ours"):
        agent_over(tmp_path, told, ("a", "b"), story)
    assert not reached
    assert lines(told.inbox, "STOPPING") == ["1"]
