"""Every fault at every stage: the call ends within its deadline, no file stays open, and the camera works again.

The stages are those of a camera's life: open, upload, enable, verify, stream, swap, close. What strikes is every effect
that the operation can have (agent.sim.faults). Threads, descriptors and the SDK are checked by the gates of every test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agent.camera import Trigger
from agent.domain.device import GoldenCheck
from agent.errors import CameraError, CameraGone
from agent.sim.faults import Effect, FaultSpec, effects_of
from agent.sim.spec import PESSIMISTIC, Quirks, SimulationSpec, TransportSpec
from tests.contract.rig import NET_A, NET_B, Rig, golden_image, ignore_progress, play, settings

GOLDENS = [GoldenCheck(golden_image(1), 0, 0.5, 0.05)]
# The camera thread may be inside a stalled call when the deadline passes; the caller is told this much later.
GRACE_S = 2.0
BACK_AFTER_S = 12.0  # a camera that resets twice in a row has booted by then
Stage = Callable[[Rig], Awaitable[object]]

CAMERAS = {
    "default": SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=4096)),
    "pessimistic": SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=4096), quirks=PESSIMISTIC),
}
SMALL_BUFFER = SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=1024), quirks=Quirks())


async def _stream(made: Rig) -> None:
    await made.camera.start_stream(5, 2)
    await asyncio.sleep(0.6)
    await made.camera.stop_stream(5)


async def _swap(made: Rig) -> None:
    camera = made.camera
    await camera.start_stream(5, 2)
    await asyncio.sleep(0.2)
    await camera.stop_stream(5)
    await camera.disable_inference(5)
    await camera.delete_network(5)
    await camera.upload_network(NET_B.blob, 10, ignore_progress)
    await camera.activate_network(NET_B.setup, 10)
    await camera.self_test(GOLDENS, 10)
    await camera.mark_verified(NET_B.id, 5)
    await camera.start_stream(5, 3)
    await asyncio.sleep(0.2)


async def _close(made: Rig) -> None:
    await made.camera.start_stream(5, 2)
    await asyncio.sleep(0.1)
    await made.camera.disconnect(10)


STAGES: dict[str, tuple[Stage, float, tuple[str, ...]]] = {
    # stage: (what is done, its deadlines in all, operations that happen in it)
    "open": (lambda made: made.camera.connect(10), 10, ("connect", "register", "file.close")),
    "upload": (
        lambda made: made.camera.upload_network(NET_B.blob, 10, ignore_progress),
        10,
        ("file.delete", "file.open", "file.write", "file.close", "network.load", "register"),
    ),
    "enable": (lambda made: made.camera.activate_network(NET_A.setup, 10), 10, ("inference.enable", "register")),
    "verify": (
        lambda made: made.camera.self_test(GOLDENS, 10),
        10,
        ("file.write", "acquisition.start", "acquisition.stop", "inference.enable", "inference", "stream", "register"),
    ),
    "stream": (_stream, 10, ("acquisition.start", "acquisition.stop", "inference", "stream", "register")),
    "swap": (_swap, 60, ("network.load", "acquisition.start", "acquisition.stop", "file.delete", "register")),
    "close": (_close, 15, ("acquisition.stop", "register")),
}
CASES = [(stage, operation) for stage, (_, _, operations) in STAGES.items() for operation in operations]


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize(("stage", "operation"), CASES, ids=[f"{stage}-{operation}" for stage, operation in CASES])
def test_any_fault_of_a_stage_ends_in_time_and_the_camera_works_again(stage: str, operation: str, camera: str) -> None:
    """S7, S12 and section 6 of facts/firefly-dl.md: open files, dead hosts, cables; one run for each effect."""
    struck = sum(play(lambda made, e=effect: _struck(made, stage, operation, e), CAMERAS[camera])  # type: ignore[misc]
                 for effect in effects_of(operation))  # fmt: skip
    assert struck == len(effects_of(operation)), "a fault that does not strike tests nothing"


@pytest.mark.parametrize("operation", STAGES["upload"][2])
def test_any_fault_of_an_upload_in_small_chunks_ends_in_time(operation: str) -> None:
    """With a buffer of 1 KiB an upload is hundreds of transfers."""
    for effect in effects_of(operation):
        assert play(lambda made, e=effect: _struck(made, "upload", operation, e), SMALL_BUFFER)  # type: ignore[misc]


@pytest.mark.parametrize("effect", effects_of("stream"))
def test_any_fault_of_a_triggered_stream_ends_in_time(effect: Effect) -> None:
    line = settings(trigger=Trigger("Line0"))
    spec = replace(CAMERAS["pessimistic"], scene=replace(SimulationSpec().scene, parts_per_minute=900.0))
    assert play(lambda made: _struck(made, "stream", "stream", effect), spec, line)


@pytest.mark.parametrize("effect", effects_of("stream"))
def test_any_fault_of_a_stream_whose_results_come_as_events_ends_in_time(effect: Effect) -> None:
    events = settings(results_from="events")
    assert play(lambda made: _struck(made, "stream", "stream", effect), CAMERAS["default"], events)


async def _struck(made: Rig, stage: str, operation: str, effect: Effect) -> bool:
    """Play one stage with the fault in it; whether it struck."""
    action, deadline_s, _ = STAGES[stage]
    if stage != "open":
        await made.camera.connect(30)
        await made.install(NET_A)
    made.device.inject_fault(FaultSpec(operation, effect, seconds=1.0, times=2, factor=5.0))
    started_ns = made.clock.now_ns()
    try:
        await action(made)
    except CameraError as exc:
        error: CameraError | None = exc
    else:
        error = None
    elapsed_s = (made.clock.now_ns() - started_ns) / 1e9
    assert elapsed_s <= deadline_s + GRACE_S, f"{effect}: {elapsed_s:.1f} s, {error}"
    struck = made.device.counters().get(f"fault.{operation}", 0) > 0
    await _works_again(made)
    return struck


async def _works_again(made: Rig) -> None:
    """Whatever happened: a swap and results of the right network, after connecting again where that is needed."""
    made.device.clear_faults()
    made.device.replug()
    await asyncio.sleep(BACK_AFTER_S)
    made.device.replug()
    try:
        await made.camera.health(5)
    except CameraGone:
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
