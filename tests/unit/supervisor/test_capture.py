"""Captures of one camera: what becomes of its pictures, how a capture ends, and that its reader slows nobody."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from agent.clock import VirtualClock, run_virtual
from agent.domain.capture import CaptureAsk, CapturedImage
from agent.domain.device import Picture
from agent.domain.operation import CaptureWork, Operation
from agent.domain.result import InferenceResult, RawInference
from agent.errors import AgentError, BadInput, CameraGone, CameraRefused, CameraTimeout, Cancelled, TooMany
from agent.supervisor.capture import CaptureDesk, ImageCapture
from agent.supervisor.image_queue import HELD, READY
from agent.supervisor.operations import OperationDesk
from tests.support.fake_camera import FakeCamera

MS = 1_000_000
ASK = CaptureAsk("ok", 3, 0.1, 30.0)


@dataclass
class Bench:
    """A desk on a scripted camera, in virtual time."""

    clock: VirtualClock
    camera: FakeCamera = field(default_factory=FakeCamera)
    operations: OperationDesk = field(default_factory=OperationDesk)
    obstacle: AgentError | None = None
    frames: int = 0

    def __post_init__(self) -> None:
        ids = iter(f"id-{number}" for number in range(100))
        self.desk = CaptureDesk(
            self.camera, self.clock, self.operations, lambda: next(ids), lambda n: f"net-{n}", lambda: self.obstacle
        )

    def show(self, generation: int | None = None, pixel_format: str = "Mono8") -> Picture:
        """The next frame, which was exposed 20 ms ago."""
        self.frames += 1
        pixels = np.full((4, 6), self.frames, np.uint8)
        host_ns = self.clock.now_ns() - 20 * MS
        picture = Picture(
            self.frames, self.frames * 100, host_ns, generation, None, "42", pixel_format, 8, 4, 5000.0, 0.0, pixels
        )
        self.camera.show(picture)
        return picture

    async def settle(self) -> None:
        """Let threads and tasks do what they can do now."""
        await asyncio.sleep(0.01)


def result_of(captured_ns: int, generation: int = 7) -> InferenceResult:
    inference = RawInference(generation, captured_ns // 100, captured_ns, captured_ns, 2, 0.9, 20.0, 30.0)
    return InferenceResult(captured_ns, "station-1", f"net-{generation}", "budget-1", inference)


def play(main: Callable[[Bench], Awaitable[None]]) -> None:
    clock = VirtualClock()

    async def body() -> None:
        bench = Bench(clock)
        task = asyncio.create_task(bench.desk.run())
        try:
            await main(bench)
        finally:
            bench.desk.close()
            await task
            assert all(tap.closed for tap in bench.camera.taps)

    run_virtual(clock, body())


def work_of(operation: Operation | None) -> CaptureWork:
    assert operation is not None
    assert isinstance(operation.work, CaptureWork)
    return operation.work


async def read(capture: ImageCapture) -> CapturedImage:
    image = await capture.next(60.0)
    assert image is not None
    return image


def test_pictures_without_a_network_come_out_as_files_at_once() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        assert bench.camera.taps[0].every_s == 0.1
        for number in (1, 2, 3):
            picture = bench.show()
            image = await read(capture)
            assert (image.sequence, image.label, image.camera) == (number, "ok", "station-1")
            assert (image.subnet_id, image.result) == (None, None)
            assert image.captured_wall_ns == bench.clock.wall_ns() - (bench.clock.now_ns() - picture.host_ns)
            with Image.open(io.BytesIO(image.png)) as opened:
                assert (np.asarray(opened) == picture.pixels).all()
        assert capture.done
        assert bench.camera.taps[0].closed
        ended = bench.operations.get("operations/id-0")
        assert ended is not None
        assert (ended.done, ended.error) == (True, None)
        assert work_of(ended) == CaptureWork("ok", 3, 3, 0)

    play(main)


def test_a_picture_waits_for_the_result_of_its_own_frame() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        first, second = bench.show(generation=7), bench.show(generation=7)
        assert await capture.next(1.0) is None
        bench.desk.result(result_of(first.captured_ns))
        image = await read(capture)
        assert image.subnet_id == "net-7"
        assert image.result == result_of(first.captured_ns)
        bench.desk.result(result_of(second.captured_ns + 50))
        skipped = await read(capture)
        assert (skipped.subnet_id, skipped.result) == ("net-7", None), "the network took a later frame"

    play(main)


def test_a_picture_does_not_wait_for_a_network_that_is_gone_nor_for_ever() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        bench.show(generation=7)
        await bench.settle()
        bench.show(generation=8)
        assert (await read(capture)).subnet_id == "net-7"
        bench.desk.result(result_of(200, generation=7))
        before_s = bench.clock.now_ns() / 1e9
        assert (await read(capture)).result is None
        assert bench.clock.now_ns() / 1e9 - before_s == pytest.approx(10, abs=0.1)

    play(main)


def test_a_reader_that_is_too_slow_loses_the_oldest_by_count() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(CaptureAsk("ok", 100, 0.1, 30.0))
        for _ in range(50):
            bench.show()
            await bench.settle()
        assert work_of(capture.operation).missed == 50 - HELD - READY
        sequences = [(await read(capture)).sequence for _ in range(HELD + READY)]
        assert sequences == [1, 2, *range(43, 51)]

    play(main)


def test_what_the_camera_lost_counts_too() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        for _ in range(7):
            bench.show()  # before the event loop has looked
        assert [(await read(capture)).sequence for _ in range(3)] == [4, 5, 6]
        assert work_of(capture.operation).missed == 3

    play(main)


def test_a_reader_that_never_reads_ends_with_its_time() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        other = bench.desk.start(ASK)
        for _ in range(40):
            bench.show()
            await asyncio.sleep(1)
            if not other.done:
                await other.next(0.0)
        assert other.done
        assert isinstance(capture.operation.error, CameraTimeout)
        said = f"2 of 3 images within 30 s; {31 - HELD - READY} were lost because their reader was too slow"
        assert said in str(capture.operation.error)
        third = bench.desk.start(ASK)
        assert not third.done, "its place is free again"

    play(main)


def test_nothing_comes_and_the_time_is_over() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        bench.show()
        await read(capture)
        words = r"station-1: 1 of 3 images within 30 s, one in 0\.1 s at most; give it more time"
        with pytest.raises(CameraTimeout, match=words):
            await read(capture)
        assert bench.clock.now_ns() == pytest.approx(30e9, abs=20 * MS)
        assert not capture.done

    play(main)


def test_a_camera_that_is_away_at_the_end_is_why() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        bench.obstacle = CameraGone("camera station-1 is disconnected: unplugged")
        with pytest.raises(CameraGone, match=r"0 of 3 images within 30 s; camera station-1 is disconnected: unplugged"):
            await read(capture)

    play(main)


def test_no_capture_begins_where_no_picture_can_come() -> None:
    async def main(bench: Bench) -> None:
        bench.obstacle = CameraGone("camera station-1 is disconnected")
        with pytest.raises(CameraGone, match="is disconnected"):
            bench.desk.start(ASK)
        with pytest.raises(BadInput, match="label"):
            bench.desk.start(CaptureAsk("a/b", 1))
        assert not bench.camera.taps
        assert not bench.operations.all()

    play(main)


def test_two_captures_run_beside_each_other_and_a_third_is_refused() -> None:
    async def main(bench: Bench) -> None:
        one, two = bench.desk.start(ASK), bench.desk.start(CaptureAsk("bad", 2, 0.5, 30.0))
        with pytest.raises(
            TooMany, match=r"2 captures at most at once, under way are operations/id-0, operations/id-1"
        ):
            bench.desk.start(ASK)
        for _ in range(3):
            bench.show()
            await bench.settle()
        assert [(await read(one)).label for _ in range(3)] == ["ok"] * 3
        assert [(await read(two)).label for _ in range(2)] == ["bad"] * 2
        assert one.done
        assert two.done

    play(main)


def test_a_cancelled_capture_gives_what_is_ready_and_says_that_it_was_cancelled() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        bench.show()
        await bench.settle()
        assert bench.operations.cancel(capture.operation.name)
        assert (await read(capture)).sequence == 1
        with pytest.raises(Cancelled, match="cancelled"):
            await read(capture)
        bench.operations.cancel(capture.operation.name)
        capture.close()

    play(main)


@pytest.mark.parametrize("how", ["close", "stop"])
def test_a_reader_that_goes_away_and_an_agent_that_stops_end_a_capture(how: str) -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        waiting = asyncio.create_task(capture.next(60.0))
        await bench.settle()
        if how == "close":
            capture.close()
        else:
            bench.desk.close()
        with pytest.raises(Cancelled, match="gone away" if how == "close" else "the agent stops"):
            await waiting
        assert bench.camera.taps[0].closed
        bench.show()
        if how == "stop":
            with pytest.raises(Cancelled, match="the agent stops"):
                bench.desk.start(ASK)

    play(main)


def test_a_format_that_is_no_picture_ends_the_capture_and_nothing_else() -> None:
    async def main(bench: Bench) -> None:
        capture, other = bench.desk.start(ASK), bench.desk.start(ASK)
        bench.show(pixel_format="Mono12p")
        for each in (capture, other):
            with pytest.raises(CameraRefused, match="Mono12p"):
                await read(each)
        good = bench.desk.start(ASK)
        bench.show()
        assert (await read(good)).sequence == 1

    play(main)


def test_a_picture_that_was_on_its_way_when_a_capture_ended_does_not_bring_it_back() -> None:
    async def main(bench: Bench) -> None:
        capture = bench.desk.start(ASK)
        bench.show()  # its tap tells of it in the next turn of the loop
        capture.cancel()
        await bench.settle()
        told = bench.operations.get(capture.operation.name)
        assert told is not None
        assert told.done
        capture.cancel()

    play(main)
