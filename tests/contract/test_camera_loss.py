"""A camera that is lost, silent or late; rules of the vendor name their source in facts/firefly-dl.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.camera import CameraSettings, Trigger
from agent.domain.device import EventKind
from agent.errors import CameraBusy, CameraGone, CameraTimeout
from agent.sim.spec import FaultSpec, SimulationSpec
from tests.contract.rig import (
    Rig,
    ignore_progress,
    play,
    settings,
)

LINE = settings(trigger=Trigger("Line0"))


@pytest.mark.simulation
@pytest.mark.parametrize("streaming", [True, False])
def test_a_pulled_cable_is_an_event_and_connect_works_again_after_it(streaming: bool) -> None:
    """Section 3, messages: after a pulled cable GetNextImage only times out; section 6: rediscover."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        if streaming:
            await made.camera.start_stream(5, None)
        await asyncio.sleep(0.5)
        made.device.unplug()
        await asyncio.sleep(3)
        assert len(made.seen(EventKind.LOST)) == 1
        with pytest.raises(CameraGone):
            await made.camera.health(5)
        await made.camera.disconnect(5)
        made.device.replug()
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(0.5)
        assert (await made.camera.health(5)).counts.frames > 20

    play(main)


@pytest.mark.simulation
def test_a_free_running_stream_that_falls_silent_is_stalled_once() -> None:
    """F-4843: streaming freezes when done with inference for an extended period."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(10)
        assert len(made.seen(EventKind.STALLED)) == 1
        await made.camera.stop_stream(5)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(3)
        assert len(made.seen(EventKind.STALLED)) == 1
        assert (await made.camera.health(5)).counts.frames > 100

    play(main, replace(SimulationSpec(), faults=(FaultSpec("acquisition.start", "frozen"),)))


@pytest.mark.simulation
def test_a_triggered_stream_may_be_silent() -> None:
    async def main(made: Rig) -> None:
        made.device.set_line(0)
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(30)
        assert not made.events
        assert (await made.camera.health(5)).last_frame_age_s == pytest.approx(30, abs=1)

    play(main, chosen=LINE)


@pytest.mark.simulation
def test_an_upload_past_its_deadline_leaves_the_file_closed() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        with pytest.raises(CameraTimeout, match="not done within"):
            await made.camera.upload_network(bytes(4_000_000), 0.5, ignore_progress)
        assert made.device._parts.files.open_name is None
        await made.camera.start_stream(5, None)

    play(main)


@pytest.mark.simulation
def test_a_cancelled_upload_stops_at_the_next_chunk_and_leaves_the_file_closed() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        uploading = asyncio.create_task(made.camera.upload_network(bytes(4_000_000), 60, ignore_progress))
        await asyncio.sleep(0.3)
        assert made.device._parts.files.open_name == "InferenceNetwork"
        uploading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uploading
        before_ns = made.clock.now_ns()
        await made.camera.start_stream(5, None)
        assert made.clock.now_ns() - before_ns < 300_000_000
        assert made.device._parts.files.open_name is None

    play(main)


def test_a_cancelled_request_that_still_waits_is_never_run() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        slow = asyncio.create_task(made.camera.upload_network(bytes(2_000_000), 60, ignore_progress))
        waiting = asyncio.create_task(made.camera.mark_verified("never", 60))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await slow
        await made.camera.disconnect(5)
        assert (await made.camera.connect(30)).network_name is None

    play(main)


def test_a_full_mailbox_refuses_instead_of_growing() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        asked = [asyncio.create_task(made.camera.health(30)) for _ in range(6)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(answer, CameraBusy) for answer in answers) >= 1
        assert sum(not isinstance(answer, BaseException) for answer in answers) >= 4

    chosen = settings()
    play(main, chosen=replace(chosen, timing=replace(chosen.timing, requests_capacity=4)))


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="every_frame excludes the trigger Line0"):
        CameraSettings("x", "1", trigger=Trigger("Line0"), inference_sync="every_frame")
