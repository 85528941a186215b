"""Results come from the camera's queue at once where somebody waits for them, else with the loop's turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from agent.clock import VirtualClock, run_virtual
from agent.domain.device import CameraEvent
from agent.domain.result import RawInference
from agent.supervisor.intake import Intake
from agent.supervisor.results import ResultDesk
from agent.telemetry.figures import RollingFigures
from tests.support.fake_camera import FakeCamera


class Stage:
    """A desk with a camera that has a network of generation 1, and what its gaps were."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.camera = FakeCamera(generation=1)
        self.desk = ResultDesk("station-1", self.clock)
        self.gaps: list[tuple[int, float]] = []
        self.intake = Intake(
            self.camera, self.clock, self.desk, RollingFigures(), None, lambda *gap: self.gaps.append(gap)
        )
        self.camera.on_event(self._told)
        self.told = 0
        for generation in (1, 2):
            self.desk.announce(generation, f"net-{generation}")

    def _told(self, _: CameraEvent) -> None:
        self.told += 1
        self.intake.take()

    def deliver(self, captured_ns: int = 0) -> None:
        self.camera.deliver(captured_ns, 20.0, 30.0)


def play(story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()
    run_virtual(stage.clock, story(stage))


def test_results_that_nobody_waits_for_come_with_the_next_turn() -> None:
    async def story(stage: Stage) -> None:
        stage.intake.look(capturing=False, profiling=False)
        for _ in range(5):
            stage.deliver()
        assert (stage.told, stage.desk.published) == (0, 0)
        stage.intake.look(capturing=False, profiling=False)
        assert stage.desk.published == 5

    play(story)


def test_a_reader_is_told_at_once_of_all_results_from_its_coming_on_and_of_none_before() -> None:
    async def story(stage: Stage) -> None:
        stage.intake.look(capturing=False, profiling=False)
        stage.deliver()
        reader = stage.desk.subscribe(8)
        stage.deliver()
        found = [await reader.next(0.0), await reader.next(0.0)]
        assert [one.sequence for one in found if one is not None] == [2]
        stage.intake.look(capturing=False, profiling=False)
        stage.deliver()
        assert stage.told == 2
        reader.close()
        stage.intake.look(capturing=False, profiling=False)
        stage.deliver()
        assert stage.told == 2

    play(story)


def test_a_capture_is_told_at_once() -> None:
    async def story(stage: Stage) -> None:
        stage.intake.look(capturing=True, profiling=False)
        stage.deliver()
        assert (stage.told, stage.desk.published) == (1, 1)

    play(story)


def test_every_service_time_is_read_while_a_profile_is_measured() -> None:
    async def story(stage: Stage) -> None:
        stage.intake.look(capturing=False, profiling=True)
        assert stage.camera.times_each
        stage.intake.look(capturing=False, profiling=False)
        assert not stage.camera.times_each

    play(story)


def test_a_part_is_of_the_budget_that_was_in_force_when_it_was_captured_however_late_its_result_is_taken() -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(1.0)
        stage.desk.stamp("first")
        await asyncio.sleep(1.0)
        captured_ns = stage.clock.now_ns()
        raw = RawInference(1, 1, 0, 0, 2, 0.9, 20.0, 30.0, host_ns=captured_ns + 30_000_000)
        await asyncio.sleep(1.0)
        stage.desk.stamp("second")
        reader = stage.desk.subscribe(1)
        await asyncio.sleep(1.0)
        stage.desk.publish([raw])
        found = await reader.next(0.0)
        assert found is not None
        assert found.budget_id == "first"

    play(story)


def test_results_of_before_the_camera_went_end_no_gap_after_it() -> None:
    async def story(stage: Stage) -> None:
        stage.intake.look(capturing=False, profiling=False)
        stage.deliver(captured_ns=5_000_000_000)
        stage.desk.forget_line()  # the camera's clock begins anew
        stage.camera.generation = 2
        stage.deliver(captured_ns=1_000_000_000)
        stage.intake.take()
        assert stage.desk.published == 2
        assert stage.gaps == []

    play(story)
