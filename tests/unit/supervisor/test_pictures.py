"""Pictures for whoever looks, in virtual time: how old they may be, how many are made, and what is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.device import Picture
from agent.domain.preview import Preview
from agent.domain.result import InferenceResult, RawInference
from agent.errors import AgentError, CameraGone, CameraRefused, CameraTimeout, Cancelled, Refused
from agent.supervisor import jpeg, pictures
from agent.supervisor.feed import Broadcast, Reader
from agent.supervisor.pictures import PictureDesk, Rhythm
from tests.support.fake_camera import FakeCamera

T = TypeVar("T")
MS = 1_000_000
RHYTHM = Rhythm()
SIZE = (1440, 1080)


@dataclass
class Bench:
    """A desk on a scripted camera."""

    clock: VirtualClock
    camera: FakeCamera = field(default_factory=FakeCamera)
    results: Broadcast[InferenceResult] = field(default_factory=Broadcast)
    obstacle: AgentError | None = None
    frames: int = 0

    def __post_init__(self) -> None:
        self.desk = PictureDesk(
            "station-1",
            self.camera,
            self.clock,
            self.subscribe,
            lambda generation: f"net-{generation}",
            lambda: self.obstacle,
        )

    def subscribe(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Reader[InferenceResult]:
        return self.results.subscribe(capacity, wanted=wanted)

    async def show(self, generation: int | None = None, pixel_format: str = "Mono8") -> int:
        """The number of the next frame, which was exposed 20 ms ago and has been encoded when this returns."""
        self.frames += 1
        pixels = np.full(SIZE[::-1], self.frames % 256, np.uint8)
        host_ns = self.clock.now_ns() - 20 * MS
        self.camera.show(
            Picture(
                self.frames, self.frames * 100, host_ns, generation, None, "42", pixel_format, 0, 0, None, None, pixels
            )
        )
        await asyncio.sleep(0.01)
        return self.frames

    def infer(self, frame: int, generation: int = 3) -> None:
        raw = RawInference(generation, frame, frame * 100, frame * 100, 1, 0.9, 20.0, 30.0)
        self.results.publish(InferenceResult(frame, "station-1", f"net-{generation}", "b", raw))


def play(script: Callable[[Bench], Awaitable[T]]) -> T:
    clock = VirtualClock()

    async def body() -> T:
        bench = Bench(clock)
        running = asyncio.create_task(bench.desk.run())
        try:
            return await asyncio.wait_for(script(bench), 3600)
        finally:
            bench.desk.end()
            await running
            assert bench.results.readers == 0
            assert all(tap.closed for tap in bench.camera.taps)

    return run_virtual(clock, body())


async def asked(bench: Bench, max_width: int = 720) -> asyncio.Task[Preview]:
    """A preview that waits for what comes."""
    asking = asyncio.create_task(bench.desk.preview(max_width))
    await asyncio.sleep(0.01)
    return asking


def test_one_encoding_serves_all_who_ask_within_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    encode = jpeg.jpeg_file

    def counted(image: object) -> bytes:
        made.append(image.width)  # type: ignore[attr-defined]
        return encode(image)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "jpeg_file", counted)

    async def script(bench: Bench) -> None:
        waiting = [await asked(bench, width) for width in (720, 400, 400, 64)]
        await bench.show()
        await asyncio.gather(*waiting)
        again = [await bench.desk.preview(width) for width in (720, 700, 100)]
        assert len({one.captured_wall_ns for one in again}) == 1
        assert {one.jpeg.frame_id for one in again} == {1}
        assert {tap.every_s for tap in bench.camera.taps} == {RHYTHM.every_s}

    play(script)
    assert sorted(made) == [45, 90, 360, 720]


def test_an_old_picture_is_never_shown_as_one_of_now() -> None:
    async def script(bench: Bench) -> None:
        first = await asked(bench)
        await bench.show()
        assert (await first).jpeg.frame_id == 1
        await asyncio.sleep(RHYTHM.fresh_s + 0.1)
        second = await asked(bench)
        assert not second.done()
        await bench.show()
        seen = await second
        assert seen.jpeg.frame_id == 2
        assert 0.02 <= (bench.clock.wall_ns() - seen.captured_wall_ns) / 1e9 <= 0.05

    play(script)


def test_the_tap_is_closed_when_nobody_has_asked_for_a_while() -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        await bench.show()
        await asking
        (tap,) = bench.camera.taps
        await asyncio.sleep(RHYTHM.idle_s - 0.1)
        assert not tap.closed
        await asyncio.sleep(0.2)
        assert (tap.closed, bench.desk.newest, bench.results.readers) == (True, None, 0)

    play(script)


def test_the_result_of_that_very_frame_is_waited_for_and_no_other_is_taken() -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        frame = await bench.show(generation=3)
        bench.infer(frame - 1)
        await asyncio.sleep(0.1)
        assert not asking.done()
        bench.infer(frame)
        seen = await asking
        assert seen.result is not None
        assert (seen.result.inference.frame_id, seen.subnet_id) == (frame, "net-3")

    play(script)


@pytest.mark.parametrize("generation", [3, 4])
def test_a_frame_that_was_not_inferred_is_shown_without_a_result_as_soon_as_that_is_known(generation: int) -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        frame = await bench.show(generation=3)
        bench.infer(frame + 1, generation)
        before_ns = bench.clock.now_ns()
        assert (await asking).result is None
        assert bench.clock.now_ns() - before_ns < 100 * MS

    play(script)


def test_a_result_that_does_not_come_holds_the_picture_up_for_a_second_only() -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        await bench.show(generation=3)
        before_ns = bench.clock.now_ns()
        seen = await asking
        assert seen.result is None
        assert (bench.clock.now_ns() - before_ns) / 1e9 == pytest.approx(RHYTHM.result_s, abs=0.05)

    play(script)


def test_an_idle_camera_shows_its_picture_at_once_without_a_network() -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        await bench.show()
        seen = await asking
        assert (seen.subnet_id, seen.result, seen.jpeg.generation) == (None, None, None)

    play(script)


def test_a_frame_after_the_gap_of_a_swap_is_waited_for() -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        await asyncio.sleep(6.0)
        await bench.show()
        assert (await asking).jpeg.frame_id == 1

    play(script)


@pytest.mark.parametrize(
    ("obstacle", "error", "says"),
    [
        (None, CameraTimeout, "no frame within 8 s; does the line run"),
        (CameraGone("camera station-1 is disconnected"), CameraGone, "no frame within 8 s; camera station-1 is discon"),
        (Refused("camera station-1 is faulted"), CameraTimeout, "no frame within 8 s; camera station-1 is faulted"),
    ],
)
def test_without_a_frame_in_time_it_is_said_why(
    obstacle: AgentError | None, error: type[AgentError], says: str
) -> None:
    """What is in the way has come after the question."""

    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        bench.obstacle = obstacle
        with pytest.raises(error, match=says):
            await asking
        assert bench.clock.now_ns() / 1e9 == pytest.approx(RHYTHM.wait_s, abs=0.05)

    play(script)


def test_where_no_picture_can_come_nothing_is_waited_for_and_nothing_tapped() -> None:
    async def script(bench: Bench) -> None:
        bench.obstacle = CameraGone("camera station-1 is disconnected")
        with pytest.raises(CameraGone):
            await bench.desk.preview(720)
        assert (bench.camera.taps, bench.clock.now_ns()) == ([], 0)

    play(script)


def test_pixels_that_are_not_known_are_refused_and_the_next_ones_are_shown() -> None:
    async def script(bench: Bench) -> None:
        asking = await asked(bench)
        await bench.show(pixel_format="Mono12p")
        with pytest.raises(CameraRefused, match="Mono12p"):
            await asking
        assert "Mono12p" in bench.desk.error
        await bench.show()
        assert (await bench.desk.preview(720)).jpeg.frame_id == 2
        assert bench.desk.error == ""

    play(script)


def test_whoever_waits_hears_that_the_agent_stops() -> None:
    async def script(bench: Bench) -> None:
        waiting = await asked(bench)
        watching = asyncio.create_task(bench.desk.ask(None, 60.0))
        await asyncio.sleep(0.01)
        bench.desk.end()
        with pytest.raises(Cancelled):
            await waiting
        assert await watching is None
        with pytest.raises(Cancelled):
            await bench.desk.preview(720)
        assert bench.clock.now_ns() < 100 * MS

    play(script)
