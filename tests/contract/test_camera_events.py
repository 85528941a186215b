"""Results as device events instead of chunk data (facts/firefly-dl.md 1.4, pyspin-surface.md 3.1)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.camera import Trigger
from agent.domain.device import EventKind, NetworkSetup
from agent.domain.result import RawInference
from agent.errors import CameraRefused
from agent.sim.spec import FaultSpec, SceneSpec, SimulationSpec, VpuSpec
from tests.contract.rig import (
    NET_A,
    NET_B,
    NET_C,
    NEW_FIRMWARE,
    OLD_FIRMWARE,
    Rig,
    ignore_progress,
    only_on,
    play,
    settings,
)

FREE = settings(results_from="events")
LINE = settings(results_from="events", trigger=Trigger("Line0"))
SLOW = SimulationSpec(vpu=VpuSpec(time_scale=20.0))


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
@pytest.mark.parametrize("chosen", [FREE, LINE], ids=["free", "line"])
def test_results_come_as_events_without_waiting_for_a_frame(chosen: object) -> None:
    """S15 DeviceEventInferenceData; the frame of that id gives the time of capture, the event ends the wait."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(6.2)
        records = made.camera.take_results()
        assert len(records) > 9
        assert not made.wrong(records, {1: NET_A})
        truth = {row["timestamp_ns"]: row["service_ms"] for row in made.device.truth()["inferences"]}
        for record in records[8:]:  # the first frames waited for BeginAcquisition to return
            assert record.carried_ns == record.captured_ns, "nothing was waited for"
            assert record.latency_ms - truth[record.captured_ns] < 15, "not the 500 ms to the next part"
        assert [record.service_ms for record in records if record.service_ms is not None] == pytest.approx(
            [truth[record.captured_ns] for record in records if record.service_ms is not None]
        )
        assert sum(record.service_ms is not None for record in records) > len(records) / 2

    play(main, SLOW, chosen)  # type: ignore[arg-type]


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
def test_no_event_is_ever_given_to_the_wrong_network() -> None:
    """interfaces.md section 3: events of the acquisition before may still be queued when the next one runs."""
    nets = {g: (NET_A, NET_B, NET_C)[g % 3] for g in range(1, 7)}

    async def main(made: Rig) -> None:
        records: list[RawInference] = []
        await made.camera.connect(30)
        for generation, net in nets.items():
            await made.install(net)
            await made.camera.start_stream(5, generation)
            await asyncio.sleep(0.35 + 0.13 * generation)
            await made.camera.stop_stream(5)
            records += made.camera.take_results()
        assert {record.generation for record in records} == set(nets)
        assert made.wrong(records, nets) == []

    spec = SimulationSpec(vpu=VpuSpec(time_scale=40.0), scene=SceneSpec(parts_per_minute=600))
    for chosen in (FREE, LINE):
        play(main, spec, chosen)


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
def test_frames_and_pictures_go_on_beside_events() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        tap = made.camera.tap(0.5, 4, lambda: None)
        await asyncio.sleep(1)
        assert [picture.pixels.shape for picture in tap.take()] == [(1080, 1440)] * 2
        counts = (await made.camera.health(5)).counts
        assert counts.frames > 50
        assert counts.results > 10

    play(main, SLOW, FREE)


@pytest.mark.simulation
@only_on(OLD_FIRMWARE)
def test_firmware_without_inference_events_is_refused_at_connect() -> None:
    """S1b: there is no silent way back to chunks."""

    async def main(made: Rig) -> None:
        with pytest.raises(CameraRefused, match=r"results_from is events, but .*EventInference.*set it to chunks"):
            await made.camera.connect(30)

    play(main, chosen=FREE)


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
def test_a_detection_network_is_refused_because_events_carry_no_boxes() -> None:
    """Section 1.4: the payload is class, confidence and frame id."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        boxes: NetworkSetup = replace(NET_A.setup, task="detection")
        with pytest.raises(CameraRefused, match="events carry no boxes"):
            await made.camera.activate_network(boxes, 10)

    play(main, chosen=FREE)


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
def test_a_camera_that_hangs_with_events_is_a_stall() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        made.device.inject_fault(FaultSpec("inference", "frozen", count=10_000))
        await asyncio.sleep(10)
        assert len(made.seen(EventKind.STALLED)) == 1

    play(main, chosen=FREE)


@only_on(NEW_FIRMWARE, "pessimistic")
def test_the_camera_is_released_and_opens_again_with_its_handler() -> None:
    """pyspin-surface.md 2.2: DeInit with a registered handler raises until it is unregistered."""

    async def main(made: Rig) -> None:
        for _ in range(3):
            await made.camera.connect(30)
            await made.install(NET_A)
            await made.camera.start_stream(5, 1)
            await asyncio.sleep(0.5)
            assert made.camera.take_results()
            await made.camera.disconnect(5)

    play(main, chosen=FREE)


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
@pytest.mark.parametrize("streaming", [True, False])
def test_a_cable_that_is_pulled_takes_the_handler_with_it(streaming: bool) -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        if streaming:
            await made.camera.start_stream(5, None)
        made.device.unplug()
        await asyncio.sleep(3)
        assert len(made.seen(EventKind.LOST)) == 1
        made.device.replug()
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 2)
        await asyncio.sleep(0.5)
        assert made.camera.take_results()

    play(main, chosen=FREE)
