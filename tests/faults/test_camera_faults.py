"""Every step that touches the camera fails once: the file is closed, the sensor is back, and the camera works again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from agent.domain.device import EventKind, GoldenCheck
from agent.errors import CameraError, CameraGone, CameraRefused, UploadFailed
from agent.sim.spec import Effect, FaultSpec
from tests.contract.rig import NET_A, NET_B, SMALL_CHUNKS, Rig, golden_image, ignore_progress, play, settings
from tests.reliability.recorder import Reliability

GOLDENS = [GoldenCheck(golden_image(1), 0, 0.5, 0.05)]
Step = Callable[[Rig], Awaitable[object]]

# The calls of a swap after its network is off, each alone, in order.
STEPS: dict[str, Step] = {
    "stop": lambda made: made.camera.stop_stream(10),
    "disable": lambda made: made.camera.disable_inference(10),
    "delete": lambda made: made.camera.delete_network(10),
    "upload": lambda made: made.camera.upload_network(NET_B.blob, 30, ignore_progress),
    "activate": lambda made: made.camera.activate_network(NET_B.setup, 10),
    "self test": lambda made: made.camera.self_test(GOLDENS, 10),
    "mark": lambda made: made.camera.mark_verified("b", 5),
    "start": lambda made: made.camera.start_stream(5, 2),
}


async def swap_until(made: Rig, step: str) -> None:
    """From a running NET_A through the steps before `step`."""
    await made.camera.connect(30)
    await made.install(NET_A)
    await made.camera.start_stream(5, 1)
    await asyncio.sleep(0.2)
    for name, call in STEPS.items():
        if name == step:
            return
        await call(made)


async def works_again(made: Rig) -> None:
    """A whole swap and a stream with results of the right network; connects again if the camera was lost."""
    made.device.clear_faults()
    made.device.replug()
    if made.seen(EventKind.LOST):
        await made.camera.connect(30)
    await made.install(NET_A, GOLDENS)
    assert made.device._parts.files.open_name is None
    made.camera.take_results()
    await made.camera.start_stream(5, 9)
    await asyncio.sleep(0.4)
    records = made.camera.take_results()
    assert records, "no result after the fault"
    assert made.wrong(records, {9: NET_A}) == []
    assert {record.generation for record in records} == {9}


def struck(made: Rig, operation: str) -> int:
    return made.device.counters().get(f"fault.{operation}", 0)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("effect", ["io_error", "unplug"])
def test_a_register_transaction_of_a_swap_may_fail(step: str, effect: Effect) -> None:
    """One run for each of some transactions of the step; every one of them in the soak test below."""
    for nth in (1, 7, 45):
        if play(lambda made, nth=nth: _fail_at(made, step, effect, nth), SMALL_CHUNKS):  # type: ignore[misc]
            return


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("effect", ["io_error", "unplug"])
def test_any_register_transaction_of_a_swap_may_fail(step: str, effect: Effect, reliability: Reliability) -> None:
    for nth in range(1, reliability.scaled(400)):
        if play(lambda made, nth=nth: _fail_at(made, step, effect, nth), SMALL_CHUNKS):  # type: ignore[misc]
            assert nth > 1
            return
        reliability.count(3, "transactions")
    assert reliability.scale < 1.0, f"{step} has more transactions than this test expects"


async def _fail_at(made: Rig, step: str, effect: Effect, nth: int) -> bool:
    """True where the step has fewer than `nth` transactions."""
    await swap_until(made, step)
    made.device.inject_fault(FaultSpec("register", effect, nth=nth))
    with suppress(CameraError):
        await STEPS[step](made)
    if not struck(made, "register"):
        return True
    if made.device._port.plugged:
        assert made.device._parts.files.open_name is None
    # A pulled cable that no request ran into is found by the idle check.
    await asyncio.sleep(1.5 if effect == "unplug" else 0.05)
    assert bool(made.seen(EventKind.LOST)) or effect == "io_error"
    await works_again(made)
    return False


@pytest.mark.parametrize("operation", ["file.open", "file.write", "file.close", "file.delete"])
@pytest.mark.parametrize("effect", ["io_error", "wrong_status"])
def test_any_file_operation_may_fail_once(operation: str, effect: Effect) -> None:
    """S7: a file that stays open stops acquisition without a reason; all but a write are tried again (S12 step c)."""

    async def main(made: Rig) -> None:
        await swap_until(made, "upload")
        if operation == "file.delete":
            await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        made.device.inject_fault(FaultSpec(operation, effect))
        if operation != "file.write":
            await STEPS["upload"](made)
        else:
            with pytest.raises(UploadFailed):
                await STEPS["upload"](made)
        assert struck(made, operation) == 1
        assert made.device._parts.files.open_name is None
        await works_again(made)

    play(main, SMALL_CHUNKS)


def test_a_file_that_never_closes_says_what_that_means() -> None:
    async def main(made: Rig) -> None:
        await swap_until(made, "upload")
        made.device.inject_fault(FaultSpec("file.close", "wrong_status", count=100))
        with pytest.raises(UploadFailed, match="cannot stream before it is reset"):
            await STEPS["upload"](made)
        await works_again(made)

    play(main, SMALL_CHUNKS)


def test_inference_that_does_not_enable_is_refused() -> None:
    async def main(made: Rig) -> None:
        await swap_until(made, "activate")
        made.device.inject_fault(FaultSpec("inference.enable", "io_error"))
        with pytest.raises(CameraError):
            await STEPS["activate"](made)
        await works_again(made)

    play(main)


@pytest.mark.parametrize("operation", ["acquisition.start", "acquisition.stop"])
def test_acquisition_that_fails_once_works_the_next_time(operation: str) -> None:
    step = "start" if operation == "acquisition.start" else "stop"

    async def main(made: Rig) -> None:
        await swap_until(made, step)
        made.device.inject_fault(FaultSpec(operation, "io_error"))
        with suppress(CameraError):
            await STEPS[step](made)
        assert struck(made, operation) == 1
        await asyncio.sleep(0.1)
        await works_again(made)

    play(main)


def test_a_camera_that_is_pulled_during_an_upload_is_gone_and_the_daemon_is_told() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        uploading = asyncio.create_task(made.camera.upload_network(bytes(2_000_000), 60, ignore_progress))
        await asyncio.sleep(0.3)
        made.device.unplug()
        with pytest.raises(CameraGone):
            await uploading
        await asyncio.sleep(0)
        assert len(made.seen(EventKind.LOST)) == 1
        await works_again(made)

    play(main)


@pytest.mark.parametrize("streaming", [True, False])
def test_a_power_cycle_is_found_and_survived(streaming: bool) -> None:
    async def main(made: Rig) -> None:
        await swap_until(made, "stop" if streaming else "disable")
        made.device.power_cycle()
        await asyncio.sleep(5)
        assert len(made.seen(EventKind.LOST)) == 1
        info = await made.camera.connect(30)
        assert info.network_bytes == 0
        await works_again(made)

    play(main)


def test_single_broken_transfers_of_a_running_stream_are_passing() -> None:
    """InferenceTime is read for each new result: a failed read costs neither the result nor the stream."""

    async def main(made: Rig) -> None:
        await swap_until(made, "stop")
        made.camera.take_results()
        made.device.inject_fault(FaultSpec("register", "io_error", nth=3))
        await asyncio.sleep(0.5)
        assert struck(made, "register") == 1
        records = made.camera.take_results()
        assert len(records) > 10
        assert not made.wrong(records, {1: NET_A})
        assert not made.seen(EventKind.LOST)

    play(main)


def test_a_refused_setting_names_node_value_and_range() -> None:
    async def main(made: Rig) -> None:
        with pytest.raises(CameraRefused, match=r"set 5\.0 to ExposureTime.*allowed: 29\.0\.\.30000000\.0"):
            await made.camera.connect(30)
        with pytest.raises(CameraGone):
            await made.camera.health(5)

    play(main, chosen=settings(exposure_us=5.0))
