"""The Camera Protocol on the simulated SDK; rules of the vendor name their source in facts/firefly-dl.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.camera import CameraSettings, Trigger, WorkerCamera
from agent.domain.device import EventKind, GoldenCheck, NetworkReport
from agent.domain.result import RawInference
from agent.errors import CameraBusy, CameraGone, CameraRefused, CameraTimeout
from agent.sim import bus
from agent.sim.host.nodes import CCommandPtr, CEnumerationPtr
from agent.sim.host.system import System
from agent.sim.spec import PESSIMISTIC, FaultSpec, Quirks, SceneSpec, SimulationSpec, VpuSpec
from tests.contract.rig import (
    NET_A,
    NET_B,
    NET_C,
    SERIAL,
    SMALL_CHUNKS,
    Net,
    Rig,
    golden_image,
    ignore_progress,
    play,
    rig,
    run,
    settings,
    transactions,
)

LINE = settings(trigger=Trigger("Line0"))
OLD_FIRMWARE = "1905.4.83"


# -- connection ----------------------------------------------------------------------------------------------------


def test_connect_tells_identity_and_limits() -> None:
    async def main(made: Rig) -> None:
        info = await made.camera.connect(30)
        assert (info.serial, info.firmware, info.sdk_version) == (SERIAL, "1905.4.103", "4.4.0.246")
        assert (info.buffer_bytes, info.network_bytes, info.network_name) == (65536, 0, None)
        assert info.supports_injection
        assert info.warnings == ()

    play(main)


def test_old_firmware_connects_with_a_warning_and_without_the_optional_nodes() -> None:
    """S1b: firmware 1905.4.83 has neither status nor times nor properties."""

    async def main(made: Rig) -> None:
        info = await made.camera.connect(30)
        assert info.max_network_bytes is None
        assert info.network_name is None
        assert len(info.warnings) == 1
        assert "1905.4.103" in info.warnings[0]

    play(main, SimulationSpec(firmware=OLD_FIRMWARE))


def test_an_unknown_serial_is_a_camera_that_is_gone() -> None:
    async def main(made: Rig) -> None:
        with pytest.raises(CameraGone, match="no camera with serial 99"):
            await made.camera.connect(30)

    play(main, chosen=settings(serial="99"))


def test_connect_waits_for_a_camera_that_appears_late() -> None:
    """Section 6: right after another process died, enumeration and Init are flaky."""

    async def main(made: Rig) -> None:
        made.device.unplug()
        connecting = asyncio.create_task(made.camera.connect(30))
        await asyncio.sleep(1.2)
        made.device.replug()
        assert (await connecting).serial == SERIAL

    play(main)


def test_requests_before_connect_fail_and_name_the_remedy() -> None:
    async def main(made: Rig) -> None:
        with pytest.raises(CameraGone, match="connect first"):
            await made.camera.start_stream(5, 1)
        await made.camera.disconnect(5)

    play(main)


def test_connect_closes_a_file_that_a_dead_host_left_open() -> None:
    """S7: while a file is open the camera does not start acquisition, and gives no reason."""
    with rig() as made:
        _die_with_an_open_file(made)

        async def main(made: Rig) -> None:
            await made.camera.connect(30)
            await made.camera.start_stream(5, None)
            await asyncio.sleep(0.5)
            assert (await made.camera.health(5)).counts.frames > 20

        run(made, main)


def _die_with_an_open_file(made: Rig) -> None:
    """A host that opened the network file and was killed: nothing closes the file, the connection just ends."""
    system = System.GetInstance()
    camera = system.GetCameras().GetBySerial(SERIAL)
    camera.Init()
    nodes = camera.GetNodeMap()
    for name, entry in (
        ("FileSelector", "InferenceNetwork"),
        ("FileOpenMode", "Write"),
        ("FileOperationSelector", "Open"),
    ):
        node = CEnumerationPtr(nodes.GetNode(name))
        found = node.GetEntryByName(entry)
        assert found is not None
        node.SetIntValue(found.GetValue())
    CCommandPtr(nodes.GetNode("FileOperationExecute")).Execute()
    assert made.device._parts.files.open_name == "InferenceNetwork"
    del camera
    system.ReleaseInstance()


def test_disconnect_leaves_the_camera_to_others_and_connect_opens_it_again() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await made.camera.disconnect(5)
        assert System._instance is None
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)

    play(main)


def test_two_cameras_share_one_system_and_the_last_one_ends_it() -> None:
    """Section 6: the SDK crashes where it is started twice, and where it is released with cameras alive."""
    with rig() as made, bus.local_camera(SimulationSpec(serial="20000002"), made.clock):
        second = WorkerCamera(settings(name="station-2", serial="20000002"), made.owner, made.clock)

        async def main(made: Rig) -> None:
            try:
                infos = await asyncio.gather(made.camera.connect(30), second.connect(30))
                assert [info.serial for info in infos] == [SERIAL, "20000002"]
                await made.camera.disconnect(5)
                assert System._instance is not None
                assert (await second.health(5)).counts.frames == 0
            finally:
                await second.close()

        run(made, main)


def test_close_is_idempotent_and_works_before_the_first_connect() -> None:
    async def main(made: Rig) -> None:
        await made.camera.close()
        await made.camera.close()
        with pytest.raises(CameraGone, match="closed"):
            await made.camera.connect(5)

    play(main)


# -- streaming -----------------------------------------------------------------------------------------------------


def test_a_stream_without_a_network_gives_frames_and_no_results() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        health = await made.camera.health(5)
        assert health.counts.frames > 50
        assert health.counts.results == 0
        assert health.frame_period_ms == pytest.approx(1000 / 60, rel=0.05)
        assert health.temperature_c == pytest.approx(38, abs=1)
        assert not made.camera.take_results()

    play(main)


def test_results_name_the_inferred_frame_and_its_latency() -> None:
    """interfaces.md section 3: end of exposure of the inferred frame to the record; parts are triggered frames."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 7)
        await asyncio.sleep(5.2)
        records = made.camera.take_results()
        assert len(records) >= 8
        assert not made.wrong(records, {7: NET_A})
        parts = [record.part for record in records]
        assert parts == list(range(parts[0] or 0, (parts[0] or 0) + len(parts)))
        truth = {row["timestamp_ns"]: row["service_ms"] for row in made.device.truth()["inferences"]}
        for record in records:
            # InferenceTime is that of the last inference, which may already be the next one.
            assert record.service_ms == pytest.approx(truth[record.captured_ns], rel=0.05)
            # The scene sends a part every 500 ms; a frame reaches the host 5 ms after its exposure.
            assert record.carried_ns - record.captured_ns == 500_000_000
            assert record.transfer_ms == pytest.approx(5, abs=2)

    play(main, chosen=LINE)


def test_parts_go_on_counting_over_acquisitions() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        parts: list[int | None] = []
        for generation in (1, 2):
            await made.camera.start_stream(5, generation)
            await asyncio.sleep(3)
            parts += [record.part for record in made.camera.take_results()]
            await made.camera.stop_stream(5)
        assert len(parts) >= 8
        assert parts == sorted(parts, key=lambda part: part or 0)
        assert len(set(parts)) == len(parts)

    play(main, chosen=LINE)


def test_every_frame_carries_its_own_result_where_inference_is_synchronous() -> None:
    """S12: TriggerSource InferenceReady; the frame rate is the inference rate."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        records = made.camera.take_results()
        assert len(records) > 10
        assert all(record.captured_ns == record.carried_ns for record in records)
        assert not made.wrong(records, {1: NET_A})

    play(main, chosen=settings(inference_sync="every_frame"))


def test_images_come_without_a_network_also_where_inference_is_synchronous() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        assert (await made.camera.health(5)).counts.frames > 50
        assert not made.events

    play(main, chosen=settings(inference_sync="every_frame"))


def test_the_frame_rate_is_cut_to_what_the_exposure_allows() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        assert (await made.camera.health(5)).frame_period_ms == pytest.approx(17.0, abs=0.05)

    play(main, chosen=settings(frame_rate=60.0, exposure_us=17_000.0))


def test_streaming_reads_one_register_a_new_result_and_none_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_C)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(0.1)
        count = transactions(made, monkeypatch)
        made.camera.take_results()
        await asyncio.sleep(5)
        results = len(made.camera.take_results())
        assert results > 20
        assert abs(count() - results) <= 10 + 5 + 1, "ten for the clocks, one a second for the scaler"

    play(main, SimulationSpec(vpu=VpuSpec(time_scale=60.0)))


def test_a_fault_of_the_adapter_itself_loses_the_camera_and_not_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _frame: object) -> None:
        raise ZeroDivisionError("bug")

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        monkeypatch.setattr("agent.camera.stream.Stream.note", broken)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(0.5)
        assert ["bug" in event.detail for event in made.seen(EventKind.LOST)] == [True]
        monkeypatch.undo()
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)

    play(main)


def test_a_capture_is_a_coming_frame_and_costs_no_result() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        with pytest.raises(CameraRefused, match="start the stream first"):
            await made.camera.capture(5)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(0.5)
        pictures = [await made.camera.capture(5) for _ in range(3)]
        assert [p.pixels.shape for p in pictures] == [(1080, 1440)] * 3
        assert pictures[0].frame_id < pictures[1].frame_id < pictures[2].frame_id
        await asyncio.sleep(0.5)
        ids = [record.frame_id for record in made.camera.take_results()]
        assert ids == list(range(ids[0], ids[0] + len(ids)))

    play(main)


def test_incomplete_images_are_counted_and_released() -> None:
    """Section 6: an image that is not released starves the stream."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        made.device.inject_fault(FaultSpec("stream", "corrupt", nth=5, count=40))
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1.5)
        counts = (await made.camera.health(5)).counts
        assert counts.incomplete == 40
        assert counts.frames > 30

    play(main)


def test_results_that_nobody_takes_are_dropped_oldest_first_and_counted() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(2)
        counts = (await made.camera.health(5)).counts
        records = made.camera.take_results()
        assert len(records) == 8
        assert counts.dropped >= counts.results - 8 - 1
        assert records[-1].frame_id > 60
        assert len(made.seen(EventKind.RESULTS)) == 1, "one event until somebody takes"

    chosen = settings()
    play(main, chosen=replace(chosen, timing=replace(chosen.timing, results_capacity=8)))


def test_software_triggers_make_one_frame_each() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        for _ in range(3):
            await made.camera.fire_trigger(5)
            await asyncio.sleep(0.2)
        assert (await made.camera.health(5)).counts.frames == 3

    play(main, chosen=settings(trigger=Trigger("software")))


# -- networks ------------------------------------------------------------------------------------------------------


def test_a_network_is_uploaded_loaded_reported_and_named() -> None:
    progress: list[tuple[int, int]] = []

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, lambda done, total: progress.append((done, total)))
        await made.camera.activate_network(NET_A.setup, 30)
        report = await made.camera.read_network(5)
        assert (report.size_bytes, report.width, report.height, report.channels, report.classes) == (
            len(NET_A.blob), 16, 16, 1, 8,
        )  # fmt: skip
        await made.camera.mark_verified("a", 5)
        await made.camera.disconnect(5)
        info = await made.camera.connect(30)
        assert (info.network_bytes, info.network_name) == (len(NET_A.blob), "a")

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
        with pytest.raises(CameraRefused, match="InferenceNetworkStatus is Error"):
            await made.camera.activate_network(bad.setup, 30)

    play(main)


def test_loading_that_takes_too_long_ends_with_the_deadline() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        with pytest.raises(CameraTimeout):
            await made.camera.activate_network(NET_A.setup, 2)

    play(main, replace(SimulationSpec(), faults=(FaultSpec("network.load", "stall", seconds=60),)))


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
        assert all(0 < record.service_ms < 40 for record in records)

    play(main, SimulationSpec(firmware=OLD_FIRMWARE))


# -- attribution ---------------------------------------------------------------------------------------------------

SCENES = {
    "free": (settings(), SimulationSpec(vpu=VpuSpec(time_scale=40.0))),
    "line": (LINE, SimulationSpec(scene=SceneSpec(parts_per_minute=600), vpu=VpuSpec(time_scale=40.0))),
    "sync": (settings(inference_sync="every_frame"), SimulationSpec(vpu=VpuSpec(time_scale=40.0))),
}


@pytest.mark.parametrize("quirks", [Quirks(), PESSIMISTIC], ids=["default", "pessimistic"])
@pytest.mark.parametrize("scene", SCENES)
def test_no_result_is_ever_given_to_the_wrong_network(scene: str, quirks: Quirks) -> None:
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

    play(main, replace(spec, quirks=quirks), chosen)


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


# -- lost, silent and late -----------------------------------------------------------------------------------------


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


def test_a_triggered_stream_may_be_silent() -> None:
    async def main(made: Rig) -> None:
        made.device.set_line(0)
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(30)
        assert not made.events
        assert (await made.camera.health(5)).last_frame_age_s == pytest.approx(30, abs=1)

    play(main, chosen=LINE)


def test_an_upload_past_its_deadline_leaves_the_file_closed() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        with pytest.raises(CameraTimeout, match="not done within"):
            await made.camera.upload_network(bytes(4_000_000), 0.5, ignore_progress)
        assert made.device._parts.files.open_name is None
        await made.camera.start_stream(5, None)

    play(main)


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
