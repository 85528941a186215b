"""Networks on the camera, and whose results are whose; rules of the vendor name their source in facts/firefly-dl.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.camera import Trigger
from agent.domain.device import GoldenCheck, NetworkReport
from agent.domain.result import RawInference
from agent.errors import CameraGone, CameraRefused, CameraTimeout
from agent.sim.spec import FaultSpec, SceneSpec, SimulationSpec, TransportSpec, VpuSpec
from tests.contract.rig import (
    NET_A,
    NET_B,
    NET_C,
    NEW_FIRMWARE,
    OLD_FIRMWARE,
    PROFILES,
    SMALL_CHUNKS,
    Net,
    Rig,
    golden_image,
    ignore_progress,
    only_on,
    play,
    profile,
    settings,
    transactions,
)

LINE = settings(trigger=Trigger("Line0"))


@pytest.mark.simulation
def test_a_network_is_uploaded_loaded_reported_and_named() -> None:
    progress: list[tuple[int, int]] = []

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, lambda done, total: progress.append((done, total)))
        await made.camera.activate_network(NET_A.setup, 30)
        report = await made.camera.read_network(5)
        told = (report.size_bytes, report.width, report.height, report.channels, report.classes)
        if profile().optional_nodes:
            assert told == (len(NET_A.blob), 16, 16, 1, 8)
        else:
            assert told == (None,) * 5
        await made.camera.mark_verified("a", 5)
        await made.camera.disconnect(5)
        info = await made.camera.connect(30)
        assert (info.network_bytes, info.network_name) == (len(NET_A.blob), "a" if profile().optional_nodes else None)

    play(main, SMALL_CHUNKS)
    assert progress[0] == (0, len(NET_A.blob))
    assert progress[-1] == (len(NET_A.blob), len(NET_A.blob))
    assert [done for done, _ in progress] == sorted({done for done, _ in progress})


def test_delete_clears_the_name_and_is_harmless_without_a_network() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.delete_network(10)
        await made.install(NET_A)
        await made.camera.disable_inference(10)
        await made.camera.delete_network(10)
        await made.camera.disconnect(5)
        info = await made.camera.connect(30)
        assert (info.network_bytes, info.network_name) == (0, None)

    play(main)


def test_a_full_slot_is_deleted_before_it_is_written() -> None:
    """SDK-1195 (S13): writing over a network runs the camera out of space."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        await made.camera.upload_network(NET_B.blob, 30, ignore_progress)
        await made.camera.activate_network(NET_B.setup, 30)

    play(main)


def test_a_network_that_the_camera_cannot_run_is_refused() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        bad = Net("bad", b"no network" * 100)
        await made.camera.upload_network(bad.blob, 30, ignore_progress)
        if profile() != PROFILES[NEW_FIRMWARE]:
            # It takes the camera off the bus: F-937 on old firmware, item 10 of section 7 at its worst.
            with pytest.raises(CameraGone):
                await made.camera.activate_network(bad.setup, 30)
            await asyncio.sleep(5)
            await made.camera.connect(30)
            await made.install(NET_A)
            return
        with pytest.raises(CameraRefused, match="InferenceNetworkStatus is Error"):
            await made.camera.activate_network(bad.setup, 30)

    play(main)


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
def test_loading_that_takes_too_long_ends_with_the_deadline() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        with pytest.raises(CameraTimeout):
            await made.camera.activate_network(NET_A.setup, 2)

    play(main, replace(SimulationSpec(), faults=(FaultSpec("network.load", "stall", seconds=60),)))


@pytest.mark.simulation
@only_on(NEW_FIRMWARE)
def test_a_network_that_was_loaded_before_is_found_at_once_and_seldom_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both lengthen the gap: a look that comes late, and transactions while the camera loads."""
    load_s = 2.0

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        count, uploaded_ns = transactions(made, monkeypatch), made.clock.now_ns()
        await made.camera.activate_network(NET_A.setup, 30)
        waited_s = (made.clock.now_ns() - uploaded_ns) / 1e9
        # The load begins with the close, whose own time is over by now.
        assert waited_s <= load_s - TransportSpec().swap_overhead_s / 5 + 0.003
        assert count() <= 300, "with one each 5 ms it would be 400"

    play(main, replace(SimulationSpec(), transport=TransportSpec(network_load_s=load_s)))


def test_what_needs_a_stopped_stream_is_refused_with_the_reason() -> None:
    """S7: the camera itself locks these nodes without naming the reason."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        with pytest.raises(CameraRefused, match="stop the stream first"):
            await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        await made.camera.stop_stream(5)
        await made.camera.stop_stream(5)

    play(main)


@pytest.mark.simulation
@only_on(OLD_FIRMWARE)
def test_old_firmware_runs_a_network_on_its_word() -> None:
    """S1b: nothing can be read back, the service time is the inference period."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        assert await made.camera.read_network(5) == NetworkReport(None, None, None, None, None, None)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        records = made.camera.take_results()
        assert records
        assert not made.wrong(records, {1: NET_A})
        times = [record.service_ms for record in records if record.service_ms is not None]
        assert times, "S1b: no InferenceTime there; interfaces.md section 3, the inference period in saturation"
        assert all(0 < time_ms < 40 for time_ms in times)

    play(main)


SCENES = {
    "free": (settings(), SimulationSpec(vpu=VpuSpec(time_scale=40.0))),
    "line": (LINE, SimulationSpec(scene=SceneSpec(parts_per_minute=600), vpu=VpuSpec(time_scale=40.0))),
    "sync": (settings(inference_sync="every_frame"), SimulationSpec(vpu=VpuSpec(time_scale=40.0))),
}


@pytest.mark.simulation
@pytest.mark.parametrize("scene", SCENES)
def test_no_result_is_ever_given_to_the_wrong_network(scene: str) -> None:
    """Chunks keep the last result over a swap and frame ids start again: section 7 items 9 and 12."""
    chosen, spec = SCENES[scene]
    nets = {g: (NET_A, NET_B, NET_C)[g % 3] for g in range(1, 7)}

    async def main(made: Rig) -> None:
        records: list[RawInference] = []
        await made.camera.connect(30)
        for generation, net in nets.items():
            goldens = [GoldenCheck(golden_image(generation), 0, 0.5, 0.05)] if generation % 2 else []
            await made.install(net, goldens)
            await made.camera.start_stream(5, generation)
            await asyncio.sleep(0.35 + 0.13 * generation)
            await made.camera.stop_stream(5)
            records += made.camera.take_results()
        assert {record.generation for record in records} == set(nets)
        assert made.wrong(records, nets) == []
        assert (await made.camera.health(5)).counts.stale >= 3

    play(main, spec, chosen)


@pytest.mark.simulation
@pytest.mark.parametrize("stop_after_s", [0.31, 0.32, 0.33, 0.34])
def test_an_inference_that_outlives_a_restart_of_the_stream_is_not_reported(stop_after_s: float) -> None:
    """The VPU goes on after EndAcquisition; its result has a frame id of the acquisition before."""

    async def main(made: Rig) -> None:
        records: list[RawInference] = []
        await made.camera.connect(30)
        await made.install(NET_C)
        for generation in (1, 2, 3):
            await made.camera.start_stream(5, generation)
            await asyncio.sleep(stop_after_s)
            await made.camera.stop_stream(5)
            records += made.camera.take_results()
        assert made.wrong(records, {1: NET_C, 2: NET_C, 3: NET_C}) == []
        assert {record.generation for record in records} == {1, 2, 3}

    play(main, SimulationSpec(vpu=VpuSpec(time_scale=60.0)))
