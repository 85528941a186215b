"""The line-stopped input: when it is read, what is made of it, and what happens where it cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import anyio
import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.alarms import HOLD_OFF_S
from agent.domain.line import LineInput
from agent.domain.states import CameraState
from agent.errors import CameraGone, CameraRefused, CameraTimeout
from agent.supervisor import Supervisor
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.inputs import ALARM_AFTER_S, UNREADABLE, LineInputWatch
from agent.supervisor.line import LineDesk
from tests.support.fake_camera import FakeCamera
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import SETTINGS, Bench, until

TICK_S = 0.25
LINE_2 = LineInput("Line2")
TIMES_OUT = CameraTimeout("no answer")


class SlowCamera(FakeCamera):
    """Answers after `takes_s`, as behind an upload."""

    takes_s = 0.0
    waiting = 0
    most_waiting = 0

    async def read_line(self, line: str, deadline_s: float) -> bool:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await asyncio.sleep(self.takes_s)
            return await super().read_line(line, deadline_s)
        finally:
            self.waiting -= 1


@dataclass
class Stand:
    """A watch, ticked as the loop of a supervisor does."""

    wanted: LineInput | None = LINE_2
    camera: SlowCamera = field(default_factory=lambda: SlowCamera(inputs={"Line2": False}))
    clock: VirtualClock = field(default_factory=VirtualClock)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    state: CameraState = CameraState.ACTIVE
    infers: bool = True
    changes: int = 0

    def __post_init__(self) -> None:
        self.desk = LineDesk(self.clock)
        self.alarms = StandingAlarms(self.journal, self.clock).desk("station-1")
        self.watch = LineInputWatch(self.camera, self.clock, self.desk, self.alarms, self.wanted, self._changed)

    def play(self, story: Callable[[Stand], Awaitable[None]]) -> None:
        run_virtual(self.clock, self._play(story))

    async def _play(self, story: Callable[[Stand], Awaitable[None]]) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tick)
            await story(self)
            tasks.cancel_scope.cancel()

    async def _tick(self) -> None:
        async with anyio.create_task_group() as tasks:
            while True:
                self.watch.look(tasks, self.state, self.infers)
                await self.alarms.keep()
                await asyncio.sleep(TICK_S)

    def _changed(self) -> None:
        self.changes += 1

    def says(self) -> bool | None:
        """What the input is taken to say of the line: it stands, it runs, or nothing."""
        reports = self.desk.state().reports
        return reports[0].stopped if reports else None

    @property
    def active_alarms(self) -> set[str]:
        return set(self.alarms.active)


async def ticks(count: int) -> None:
    """Until just after so many more looks."""
    await asyncio.sleep(count * TICK_S + TICK_S / 10)


def test_two_equal_readings_make_a_word_and_one_makes_none() -> None:
    async def story(stand: Stand) -> None:
        await asyncio.sleep(0.01)
        assert stand.says() is None
        await asyncio.sleep(TICK_S)
        assert stand.says() is False
        stand.camera.inputs["Line2"] = True
        await asyncio.sleep(TICK_S)
        assert stand.says() is False
        stand.camera.inputs["Line2"] = False
        await asyncio.sleep(TICK_S)
        assert stand.says() is False
        stand.camera.inputs["Line2"] = True
        await asyncio.sleep(2 * TICK_S)
        assert stand.says() is True
        assert stand.changes == 2

    Stand().play(story)


def test_a_contact_that_is_closed_while_the_line_runs_means_the_contrary() -> None:
    async def story(stand: Stand) -> None:
        await ticks(2)
        assert stand.says() is True

    Stand(wanted=LineInput("Line2", stopped_when_high=False)).play(story)


def test_the_input_is_asked_about_four_times_a_second_and_the_word_is_told_once() -> None:
    async def story(stand: Stand) -> None:
        await ticks(40)
        assert 39 <= stand.camera.calls.count("read_line") <= 41
        assert stand.changes == 1

    Stand().play(story)


def test_a_slow_read_never_waits_behind_another() -> None:
    async def story(stand: Stand) -> None:
        stand.camera.takes_s = 1.9
        await ticks(40)
        assert stand.camera.most_waiting == 1
        assert stand.says() is False

    Stand().play(story)


@pytest.mark.parametrize("state", [CameraState.DISCONNECTED, CameraState.CONNECTING, CameraState.FAULTED])
def test_a_camera_that_is_away_says_nothing_and_is_not_asked(state: CameraState) -> None:
    async def story(stand: Stand) -> None:
        stand.camera.inputs["Line2"] = True
        await ticks(3)
        assert stand.says() is True
        stand.state, stand.infers = state, False
        await ticks(1)
        asked = stand.camera.calls.count("read_line")
        await ticks(8)
        assert stand.says() is None
        assert stand.camera.calls.count("read_line") == asked
        stand.state = CameraState.IDLE
        await ticks(3)
        assert stand.says() is True

    Stand().play(story)


def test_the_word_holds_over_the_gap_of_a_swap_in_which_nobody_can_read() -> None:
    async def story(stand: Stand) -> None:
        stand.camera.inputs["Line2"] = True
        await ticks(3)
        stand.camera.takes_s = 3.0
        stand.camera.fail = {("read_line", stand.camera.calls.count("read_line") + 1): TIMES_OUT}
        await ticks(1)
        stand.state, stand.infers = CameraState.SWAPPING, False
        await ticks(20)
        assert stand.says() is True
        stand.state, stand.infers, stand.camera.takes_s = CameraState.ACTIVE, True, 0.0
        stand.camera.inputs["Line2"] = False
        await ticks(3)
        assert stand.says() is False

    Stand().play(story)


def test_a_swap_that_waits_for_its_permit_does_not_keep_the_input_from_being_read() -> None:
    async def story(stand: Stand) -> None:
        stand.state = CameraState.SWAPPING
        await ticks(3)
        stand.camera.inputs["Line2"] = True
        await ticks(3)
        assert stand.says() is True

    Stand().play(story)


def test_a_read_that_fails_once_makes_the_line_unknown_and_is_no_alarm() -> None:
    async def story(stand: Stand) -> None:
        stand.camera.inputs["Line2"] = True
        await ticks(3)
        stand.camera.fail = {("read_line", stand.camera.calls.count("read_line") + 1): TIMES_OUT}
        await ticks(1)
        assert stand.says() is None
        assert not stand.desk.state().stopped
        await ticks(2)
        assert stand.says() is True
        assert stand.journal.known_alarms == []

    Stand().play(story)


def test_an_input_that_cannot_be_read_for_long_is_told_once_in_the_log_and_as_an_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(stand: Stand) -> None:
        del stand.camera.inputs["Line2"]
        await asyncio.sleep(ALARM_AFTER_S - TICK_S)
        assert stand.active_alarms == set()
        await ticks(3)
        assert stand.active_alarms == {UNREADABLE}
        assert "the line is taken to run: no input Line2" in stand.alarms.active[UNREADABLE]
        await asyncio.sleep(60.0)
        stand.camera.inputs["Line2"] = True
        await asyncio.sleep(HOLD_OFF_S + 3 * TICK_S)
        assert stand.active_alarms == set()
        assert stand.says() is True

    with caplog.at_level("INFO"):
        Stand().play(story)
    told = [record.getMessage() for record in caplog.records if record.name.endswith("inputs")]
    assert [line.split()[0] for line in told] == ["line_input_unreadable", "line_input_readable", "line_input"]


def test_a_lost_camera_is_not_the_inputs_fault() -> None:
    async def story(stand: Stand) -> None:
        await ticks(3)
        stand.camera.fail = {("read_line", n): CameraGone("unplugged") for n in range(4, 200)}
        await asyncio.sleep(ALARM_AFTER_S * 2)
        assert stand.says() is None
        assert stand.journal.known_alarms == []

    Stand().play(story)


def test_another_input_takes_the_place_of_the_one_before_and_none_leaves_nothing_behind() -> None:
    async def story(stand: Stand) -> None:
        stand.camera.inputs = {"Line2": True, "Line3": False}
        await ticks(3)
        assert stand.says() is True
        stand.watch.reconfigure(LINE_2)
        assert stand.says() is True
        stand.watch.reconfigure(LineInput("Line3"))
        assert stand.says() is None
        await ticks(3)
        assert [one.client for one in stand.desk.state().reports] == ["input:Line3"]
        stand.watch.reconfigure(None)
        asked = len(stand.camera.calls)
        await ticks(4)
        assert stand.desk.state().reports == ()
        assert len(stand.camera.calls) == asked

    Stand().play(story)


def test_an_answer_for_an_input_that_is_no_more_wanted_is_not_told() -> None:
    async def story(stand: Stand) -> None:
        stand.camera.inputs["Line2"] = True
        stand.camera.takes_s = 0.6
        await asyncio.sleep(1.6)
        stand.watch.reconfigure(None)
        await ticks(10)
        assert stand.desk.state().reports == ()

    Stand().play(story)


def test_the_alarm_of_an_input_that_the_config_no_longer_has_clears_by_itself() -> None:
    async def story(stand: Stand) -> None:
        stand.camera.fail = {("read_line", n): CameraRefused("output") for n in range(1, 200)}
        await asyncio.sleep(ALARM_AFTER_S + 1.0)
        assert stand.active_alarms == {UNREADABLE}
        stand.watch.reconfigure(None)
        await asyncio.sleep(HOLD_OFF_S + 3 * TICK_S)
        assert stand.active_alarms == set()

    Stand().play(story)


@pytest.mark.parametrize("wired", [True, False])
def test_a_line_stopped_input_is_read_four_times_a_second(wired: bool) -> None:
    """Though the loop itself looks less often."""
    bench = Bench(settings=replace(SETTINGS, line_stopped_input=LineInput("Line2") if wired else None))
    bench.camera.inputs["Line2"] = False

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        begun = bench.camera.calls.count("read_line")
        await asyncio.sleep(10.0)
        assert bench.camera.calls.count("read_line") - begun == pytest.approx(40 if wired else 0, abs=1)

    bench.run(story)
