"""Every operation ends by its announced deadline + 1 s, and a cancel is answered within 200 ms: in virtual time.

Cameras whose calls come late or never, there and on the way back, and a disk whose fsync hangs meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.api import profile
from agent.domain.capture import CaptureAsk
from agent.domain.operation import Operation, ProfileAsk, ProfileStage, ProfileWork, SwapWork
from agent.domain.states import CameraState, SwapStage
from agent.errors import JournalError
from agent.policy.tickets import Urgency
from agent.supervisor import Supervisor, actor, operations
from agent.swap.transaction import WRITTEN_S
from agent.telemetry.calls import WRITE_PATIENCE_S
from tests.reliability.recorder import Reliability
from tests.support.stuck_station import GAP_CALLS, SETTINGS, StuckStation
from tests.unit.supervisor.bench import until

ANSWER_S = 0.2
LONG_S = 3600.0
ACTIVE = CameraState.ACTIVE
RUN_STAGES = (ProfileStage.SWAPPING, ProfileStage.MEASURING, ProfileStage.RETURNING)
CASES = range(1000)


async def ended(supervisor: Supervisor, name: str) -> Operation:
    operation = await supervisor.operations.wait(name, LONG_S)
    assert operation is not None
    assert operation.done, f"{name} goes on after {LONG_S:g} s"
    return operation


async def reaches(supervisor: Supervisor, name: str, met: Callable[[Operation], bool]) -> Operation:
    for _ in range(3000):
        operation = supervisor.operations.get(name)
        assert operation is not None
        if met(operation):
            return operation
        assert not operation.done, f"it ended before: {operation}"
        await asyncio.sleep(0.02)
    raise AssertionError(f"it never came so far: {supervisor.operations.get(name)}")


async def a_swap(supervisor: Supervisor) -> str:
    told = await supervisor.pin("plc", "small")
    assert told.operation is not None
    return told.operation.name


async def a_run(supervisor: Supervisor) -> str:
    await supervisor.report_line("plc", True, None, None)
    return (await supervisor.start_profile(ProfileAsk(("small",), 20))).operation.name


async def a_capture(supervisor: Supervisor) -> str:
    return supervisor.start_capture(CaptureAsk("part", 5, timeout_s=10.0)).operation.name


@pytest.mark.parametrize("stage", SwapStage)
def test_a_cancel_of_a_swap_is_answered_at_once_in_every_stage_though_the_disk_hangs(
    tmp_path: Path, stage: SwapStage
) -> None:
    station = StuckStation(tmp_path, grouped=stage is SwapStage.WAITING_PERMIT)
    assert cancelled_swap_in_s(station, stage) <= ANSWER_S
    assert not station.late()


def cancelled_swap_in_s(station: StuckStation, stage: SwapStage) -> float:
    """How long the answer takes to a cancel in that stage, when the disk begins to hang."""
    took_s: list[float] = []

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        if station.group is not None:
            await station.group.acquire("station-2", Urgency.BUDGET, lambda _: None)
        station.camera.wrong_golden = {"small"} if stage is SwapStage.ROLLING_BACK else set()
        name = await a_swap(supervisor)
        await reaches(supervisor, name, lambda one: isinstance(one.work, SwapWork) and one.work.stage is stage)
        station.hang_disk()
        took_s.append(await station.cancelled_in_s(name))
        assert (await ended(supervisor, name)).error is not None

    station.run(story)
    return took_s[0]


@pytest.mark.parametrize("stage", RUN_STAGES)
def test_a_cancel_of_a_run_is_answered_at_once_in_every_stage_though_the_disk_hangs(
    tmp_path: Path, stage: ProfileStage
) -> None:
    station = StuckStation(tmp_path)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        name = await a_run(supervisor)
        if stage is ProfileStage.RETURNING:
            await reaches(supervisor, name, lambda one: _stage(one) is ProfileStage.MEASURING)
            await station.cancelled_in_s(name)
        await reaches(supervisor, name, lambda one: _stage(one) is stage)
        station.hang_disk()
        assert await station.cancelled_in_s(name) <= ANSWER_S
        assert (await ended(supervisor, name)).error is not None

    station.run(story)
    assert not station.late()


@pytest.mark.parametrize("fault", ["full", "hangs"])
def test_a_run_that_was_refused_since_the_disk_failed_leaves_the_line_alone(tmp_path: Path, fault: str) -> None:
    station = StuckStation(tmp_path)

    def swaps(supervisor: Supervisor) -> list[str]:
        return [one.name for one in supervisor.operations.all() if isinstance(one.work, SwapWork)]

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        before = swaps(supervisor)
        if fault == "full":
            station.bench.disk.fail(full=True)
        else:
            station.hang_disk()
        with pytest.raises(JournalError):
            await a_run(supervisor)
        station.bench.disk.fail(full=False)
        await asyncio.sleep(60.0)
        assert swaps(supervisor) == before
        assert [one.done for one in supervisor.operations.all() if isinstance(one.work, ProfileWork)] == [True]
        assert (await ended(supervisor, await a_run(supervisor))).error is None

    station.run(story)


@pytest.mark.parametrize("call", ["upload", "delete"])
def test_a_swap_ends_by_its_deadline_where_the_camera_is_silent_on_both_ways_and_then_the_disk(
    tmp_path: Path, call: str
) -> None:
    station = StuckStation(tmp_path)
    swap_on_a_silent_camera(station, call)
    assert not station.late()


def swap_on_a_silent_camera(station: StuckStation, call: str) -> None:
    """Nor does it answer on the way back, and the disk hangs when that is given up."""

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        station.camera.hangs, station.camera.silent = frozenset({call, "start"}), True
        name = await a_swap(supervisor)
        await reaches(supervisor, name, lambda one: one.deadline_s is not None)
        await asyncio.sleep(2 * SETTINGS.swap_deadline_s - 0.5)
        station.hang_disk()
        assert (await ended(supervisor, name)).error is not None

    station.run(story)
    assert station.known


def test_an_agent_that_waits_for_the_disk_to_answer_a_cancel_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "AUDITED_S", 60.0)
    assert cancelled_swap_in_s(StuckStation(tmp_path), SwapStage.UPLOADING) > ANSWER_S


def test_an_agent_that_announces_only_the_way_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "WRITTEN_S", -SETTINGS.swap_deadline_s)
    station = StuckStation(tmp_path)
    swap_on_a_silent_camera(station, "upload")
    assert station.late()


def test_an_end_long_before_the_deadline_is_told_once_it_is_durable_however_slow_the_disk(tmp_path: Path) -> None:
    station, told_s = StuckStation(tmp_path), list[float]()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        name = await a_capture(supervisor)
        await asyncio.sleep(1.0)
        station.bench.disk.hang_s = 2.0
        began_s = station.now_s
        supervisor.operations.cancel(name)
        await ended(supervisor, name)
        told_s.append(station.now_s - began_s)

    station.run(story)
    assert 2.0 <= told_s[0] < 2.5


def test_an_agent_that_tells_an_end_only_once_it_is_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "TOLD_WITHIN_S", 60.0)
    station = StuckStation(tmp_path)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        name = await a_capture(supervisor)
        await asyncio.sleep(9.9)
        station.hang_disk()
        await ended(supervisor, name)

    station.run(story)
    assert station.late()


@pytest.mark.soak
def test_a_run_whose_turn_never_comes_ends_by_its_deadline_though_the_disk_hangs(tmp_path: Path) -> None:
    station = StuckStation(tmp_path, grouped=True)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        name = await a_run(supervisor)
        begun = supervisor.operations.get(name)
        assert begun is not None
        assert begun.deadline_s is not None
        await asyncio.sleep(begun.deadline_s - station.now_s - 6.0)
        station.hang_disk()
        await ended(supervisor, name)

    station.run(story)
    assert not station.late()


def test_the_end_of_an_operation_leaves_the_journal_its_time() -> None:
    assert WRITTEN_S == WRITE_PATIENCE_S


class Drawn:
    """One case of the long run: what is begun, which calls hang and how, when the disk does, when it is cancelled."""

    def __init__(self, seed: int) -> None:
        drawn = random.Random(seed)
        self.begin = drawn.choice((a_swap, a_swap, a_run, a_capture))
        self.hangs = frozenset(drawn.sample(GAP_CALLS, drawn.randint(0, 3)))
        self.hang_after, self.silent = drawn.randint(0, 2), drawn.random() < 0.5
        self.wrong = drawn.random() < 0.3
        self.disk_s = drawn.choice((None, drawn.uniform(0.0, 4.0), drawn.uniform(0.0, 20.0)))
        self.cancel_s = drawn.choice((None, None, drawn.uniform(0.0, 4.0), drawn.uniform(0.0, 20.0)))

    def play(self, folder: Path) -> tuple[list[str], float | None]:
        """What was wrong, and how long the answer to the cancel took."""
        station, answers_s = StuckStation(folder), list[float]()

        async def hang() -> None:
            if self.disk_s is not None:
                await asyncio.sleep(self.disk_s)
                station.hang_disk()

        async def cancel(name: str) -> None:
            if self.cancel_s is not None:
                await asyncio.sleep(self.cancel_s)
                answers_s.append(await station.cancelled_in_s(name))

        async def story(supervisor: Supervisor) -> None:
            await until(supervisor, ACTIVE, "large")
            camera = station.camera
            camera.hangs, camera.hang_after, camera.silent = self.hangs, self.hang_after, self.silent
            camera.wrong_golden = {"small"} if self.wrong else set()
            name = await self.begin(supervisor)
            await asyncio.gather(hang(), cancel(name), ended(supervisor, name))

        station.run(story)
        answer_s = answers_s[0] if answers_s else None
        slow = [f"a cancel was answered after {answer_s:.3f} s"] if answer_s is not None and answer_s > ANSWER_S else []
        return [*station.late(), *slow], answer_s


@pytest.mark.parametrize("seed", range(2))
def test_operations_end_in_time_whatever_hangs(tmp_path: Path, seed: int) -> None:
    assert not Drawn(seed).play(tmp_path)[0]


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_operations_end_in_time_whatever_hangs_a_thousand_times(tmp_path: Path, reliability: Reliability) -> None:
    failed: list[str] = []
    seeds = reliability.seeds(CASES)
    for seed in seeds:
        wrong, answer_s = Drawn(seed).play(tmp_path / str(seed))
        failed += [f"seed {seed}: {one}" for one in wrong]
        for one in wrong:
            reliability.failed(7, one, seed=seed)
        reliability.count(7, "operations", cases=1, seed=f"{seeds[0]}..{seeds[-1]}")
        if answer_s is not None:
            reliability.count(7, "cancels", cases=1, seed=f"{seeds[0]}..{seeds[-1]}")
            reliability.measured(7, "cancel_answer_ms", answer_s * 1e3, most=ANSWER_S * 1e3)
    assert not failed, failed[:10]


def _stage(operation: Operation) -> ProfileStage:
    assert isinstance(operation.work, ProfileWork)
    return operation.work.stage
