"""Labelled images from the real agent on the simulated camera in virtual time, and that inspection never notices."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from agent.app import Agent
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.domain.budget import Budget
from agent.domain.capture import Capture, CaptureAsk, CapturedImage
from agent.domain.result import InferenceResult
from agent.domain.states import CameraState
from agent.errors import CameraGone
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.supervisor import Supervisor
from agent.supervisor.operations import restored
from agent.telemetry.ids import SeededIds
from tests.support.virtual_line import CAMERA, FEED, line_config

T = TypeVar("T")
SLOW, FAST = 600.0, 1350.0


@dataclass
class Line:
    """The running agent, its camera, and what was published."""

    agent: Agent
    supervisor: Supervisor
    device: Firefly
    results: list[InferenceResult] = field(default_factory=list)

    async def until(self, state: CameraState) -> None:
        while self.supervisor.snapshot().state is not state:  # noqa: ASYNC110  the clock is a virtual one
            await asyncio.sleep(0.05)

    async def at(self, parts_per_minute: float) -> None:
        """The line runs at that speed, and its controller asks for a network that keeps it."""
        self.device.set_line(parts_per_minute)
        budget = Budget(parts_per_minute=parts_per_minute, max_latency_ms=4 * 60_000.0 / parts_per_minute)
        await self.supervisor.set_budget("plc", budget, None, True)


def play(config: AgentConfig, script: Callable[[Line], Awaitable[T]]) -> T:
    clock = VirtualClock()
    config.state_dir.mkdir(parents=True, exist_ok=True)

    async def body() -> T:
        agent = Agent(config, clock, SeededIds(1))
        async with agent.running():
            (place,) = bus.places()
            assert isinstance(place, LocalBusDevice)
            line = Line(agent, agent.supervisors[CAMERA], place.device)
            feed = line.supervisor.result_feed(FEED)
            try:
                outcome = await script(line)
                while (result := await feed.next(0.0)) is not None:
                    line.results.append(result)
                assert feed.dropped == 0
                return outcome
            finally:
                feed.close()

    return run_virtual(clock, body())


async def images_of(capture: Capture) -> list[CapturedImage]:
    images = []
    while not capture.done:
        image = await capture.next(60.0)
        if image is not None:
            images.append(image)
    return images


def pixels_of(image: CapturedImage) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(image.png)) as opened:
        return np.asarray(opened)


def test_inspection_is_the_same_with_captures_and_without_over_a_swap(tmp_path: Path, ladder: Path) -> None:
    """One capture is read, another one never; the swap comes in the middle of both."""

    async def script(line: Line, captures: bool) -> tuple[list[InferenceResult], float, list[CapturedImage]]:
        await line.at(SLOW)
        await line.until(CameraState.ACTIVE)
        await asyncio.sleep(0.5)
        reading: asyncio.Task[list[CapturedImage]] | None = None
        if captures:
            unread = line.supervisor.start_capture(CaptureAsk("unread", 1000, 0.2, 600.0))
            read = line.supervisor.start_capture(CaptureAsk("ok", 9, 0.4, 600.0))
            reading = asyncio.create_task(images_of(read))
        await asyncio.sleep(1.2)
        await line.at(FAST)
        await asyncio.sleep(4.5)
        images = [] if reading is None else await asyncio.wait_for(reading, 1)
        if captures:
            unread.close()
        (swap,) = [one for one in await line.agent.journal.swaps(CAMERA, 10) if one.gap_s is not None]
        assert swap.gap_s is not None
        return line.results, swap.gap_s, images

    quiet, busy = (
        play(line_config(tmp_path / name, ladder), lambda line, on=on: script(line, on))  # type: ignore[misc]
        for name, on in (("quiet", False), ("busy", True))
    )
    (without, gap_s, _), (beside, gap_beside_s, images) = quiet, busy
    assert len(without) > 40
    assert [_told(result) for result in beside] == [_told(result) for result in without]
    assert gap_beside_s == gap_s
    generations = [image.picture.generation for image in images]
    assert len(set(generations)) == 2, "it went on after the swap"
    published = {result.inference.captured_ns: result for result in beside}
    assert sum(image.result is not None for image in images) >= 6
    for image in images:
        assert image.result == published.get(image.picture.captured_ns)
        assert image.subnet_id is not None
        assert pixels_of(image).shape == (1072, 1072)


def _told(result: InferenceResult) -> tuple[object, ...]:
    inference = result.inference
    return (
        result.sequence,
        result.subnet_id,
        inference.part,
        inference.captured_ns,
        inference.class_id,
        inference.confidence,
        inference.service_ms,
    )


def test_images_come_before_there_is_a_library(tmp_path: Path, ladder: Path) -> None:
    async def script(line: Line) -> list[CapturedImage]:
        await line.until(CameraState.IDLE)
        line.device.set_line(SLOW)
        return await images_of(line.supervisor.start_capture(CaptureAsk("ok", 5)))

    images = play(replace(line_config(tmp_path, ladder), library=None), script)
    assert [image.sequence for image in images] == [1, 2, 3, 4, 5]
    assert {(image.subnet_id, image.result, image.picture.generation) for image in images} == {(None, None, None)}
    parts = [image.picture.part for image in images]
    assert parts == sorted(set(parts), key=lambda part: part or 0)
    assert len({image.png for image in images}) == 5, "other parts, other pixels"


def test_a_capture_goes_on_when_the_camera_comes_back_in_time(tmp_path: Path, ladder: Path) -> None:
    async def script(line: Line) -> list[CapturedImage]:
        await line.at(SLOW)
        await line.until(CameraState.ACTIVE)
        reading = asyncio.create_task(images_of(line.supervisor.start_capture(CaptureAsk("ok", 20, 0.2, 60.0))))
        await asyncio.sleep(1)
        line.device.unplug()
        await line.until(CameraState.DISCONNECTED)
        await asyncio.sleep(5)
        with pytest.raises(CameraGone, match=r"station-1 is (DIS)?CONNECT"):
            line.supervisor.start_capture(CaptureAsk("ok", 1))
        line.device.replug()
        return await asyncio.wait_for(reading, 40)

    images = play(line_config(tmp_path, ladder), script)
    assert len(images) == 20
    times_s = [image.captured_wall_ns / 1e9 for image in images]
    pauses_s = [after - before for before, after in pairwise(times_s)]
    assert max(pauses_s) > 5
    assert times_s == sorted(times_s)


def test_a_capture_of_a_camera_that_stays_away_ends_with_its_time(tmp_path: Path, ladder: Path) -> None:
    async def script(line: Line) -> None:
        await line.at(SLOW)
        await line.until(CameraState.ACTIVE)
        capture = line.supervisor.start_capture(CaptureAsk("ok", 1000, 0.2, 20.0))
        await asyncio.sleep(1)
        line.device.unplug()
        with pytest.raises(CameraGone, match=r"station-1: \d of 1000 images within 20 s; .* is (DIS)?CONNECT"):
            await images_of(capture)
        await asyncio.sleep(1)
        kept = await line.agent.journal.operation(capture.operation.name)
        assert kept is not None
        assert kept.done
        told = restored(kept)
        assert isinstance(told.error, CameraGone)
        assert told.work == capture.operation.work

    play(line_config(tmp_path, ladder), script)
