"""Digital inputs of the camera, read while it streams or not."""

from __future__ import annotations

import asyncio

import pytest

from agent.camera import Trigger
from agent.camera.device import FireflyDevice
from agent.camera.guard import Guard
from agent.domain.device import EventKind
from agent.errors import BadInput, CameraError, CameraGone, CameraRefused
from agent.sim.spec import FaultSpec, LineStop, SceneSpec, SimulationSpec
from tests.contract.rig import NET_A, Rig, play, settings

LINE_2 = settings(input_lines=("Line2",))


def test_an_input_can_be_read_with_and_without_a_running_stream() -> None:
    """On hardware the level is whatever is wired there; it must be told, and the same twice where nothing changes."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        idle = await made.camera.read_line("Line2", 5)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(0.5)
        assert await made.camera.read_line("Line2", 5) is idle
        assert (await made.camera.health(5)).counts.frames > 10

    play(main, chosen=LINE_2)


@pytest.mark.simulation
def test_an_input_tells_the_level_that_the_plant_puts_there() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        for level in (True, False, True):
            made.device.set_input("Line2", level)
            assert await made.camera.read_line("Line2", 5) is level

    play(main, chosen=LINE_2)


@pytest.mark.simulation
def test_an_input_follows_a_line_that_stands_for_a_while() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        levels = []
        for _ in range(6):
            await asyncio.sleep(5.0)
            levels.append(await made.camera.read_line("Line2", 5))
        assert levels == [False, False, True, True, False, False]

    play(main, SimulationSpec(scene=SceneSpec(stops=(LineStop(13.0, 24.0),))), LINE_2)


@pytest.mark.simulation
def test_reading_an_input_costs_no_frame_and_no_result() -> None:
    async def counted(made: Rig, reads: bool) -> tuple[int, int, int]:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        begun_ns = made.clock.now_ns()
        for number in range(40):
            await asyncio.sleep((begun_ns + number * 125_000_000 - made.clock.now_ns()) / 1e9)
            if reads:
                await made.camera.read_line("Line2", 5)
        await asyncio.sleep((begun_ns + 5_000_000_000 - made.clock.now_ns()) / 1e9)
        records = made.camera.take_results()
        assert not made.wrong(records, {1: NET_A})
        counts = (await made.camera.health(5)).counts
        return counts.frames, len(records), counts.incomplete

    (with_frames, with_results, broken), (frames, results, _) = (
        play(lambda made, reads=reads: counted(made, reads), chosen=LINE_2)  # type: ignore[misc]
        for reads in (True, False)
    )
    assert broken == 0
    assert abs(with_frames - frames) <= 1
    assert abs(with_results - results) <= 1


@pytest.mark.simulation
def test_an_inverted_output_of_the_user_set_is_made_a_plain_input() -> None:
    """A line that the camera drives would tell what the camera says, an inverter would turn the meaning round."""

    async def main(made: Rig) -> None:
        def spoil(device: FireflyDevice, _guard: Guard) -> None:
            nodes = device.opened().nodes
            nodes.set_enum("LineSelector", "Line2")
            nodes.set_enum("LineMode", "Output")
            nodes.set_bool("LineInverter", True)

        await made.camera.connect(30)
        await made.camera.inspect("turn the line round", spoil, 5)
        with pytest.raises(CameraRefused, match="Line2 is no input, its LineMode is Output"):
            await made.camera.read_line("Line2", 5)
        await made.camera.inspect("settings of the config", lambda device, _: device.configure(), 5)
        made.device.set_input("Line2", True)
        assert await made.camera.read_line("Line2", 5)

    play(main, chosen=settings(user_set=None, input_lines=("Line2",)))


def test_a_line_that_the_camera_does_not_have_is_refused_naming_those_it_has() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        with pytest.raises(CameraRefused, match="no entry 'Line7' now; it has Line0, Line1"):
            await made.camera.read_line("Line7", 5)

    play(main)


@pytest.mark.simulation
def test_a_read_that_breaks_leaves_the_camera_and_its_stream_alone() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(0.5)
        made.camera.take_results()

        def strike(device: FireflyDevice, _guard: Guard) -> bool:
            made.device.inject_fault(FaultSpec("register", "io_error"))
            return device.read_line("Line2")

        with pytest.raises(CameraError) as failed:
            await made.camera.inspect("a read that breaks", strike, 5)
        assert not isinstance(failed.value, CameraGone | CameraRefused)
        await asyncio.sleep(0.5)
        assert made.camera.take_results()
        assert not made.seen(EventKind.LOST)
        assert not made.seen(EventKind.STALLED)

    play(main, chosen=LINE_2)


def test_a_camera_that_is_not_connected_tells_nothing() -> None:
    async def main(made: Rig) -> None:
        with pytest.raises(CameraGone, match="not connected"):
            await made.camera.read_line("Line2", 5)

    play(main)


def test_an_input_cannot_be_the_trigger() -> None:
    with pytest.raises(BadInput, match="Line0 is the trigger of this camera"):
        settings(trigger=Trigger("Line0"), input_lines=("Line0",))
    with pytest.raises(BadInput, match="'Line9' is not one of Line0, Line1, Line2, Line3"):
        settings(input_lines=("Line9",))
