"""When frames come, what they show and which result they carry."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import FaultSpec, Quirks, SceneSpec, SimulationSpec, VpuSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

# About 40 ms an inference, so that it spans frames.
SLOW = VpuSpec(time_scale=1.0, preprocessing_ms=40.0)
LINE = SceneSpec(parts_per_minute=600, distinct=20)


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(SimulationSpec(scene=LINE, vpu=SLOW)) as held:
        yield held


def test_free_running_frames_come_at_the_frame_rate_and_count_from_zero(camera: LocalBench) -> None:
    camera.flag("AcquisitionFrameRateEnable").SetValue(True)
    camera.real("AcquisitionFrameRate").SetValue(20.0)
    camera.camera.BeginAcquisition()
    images = [camera.camera.GetNextImage(1000) for _ in range(5)]
    assert [i.GetFrameID() for i in images] == [0, 1, 2, 3, 4]
    gaps = {b.GetTimeStamp() - a.GetTimeStamp() for a, b in itertools.pairwise(images)}
    assert gaps == {50_000_000}


def test_frame_ids_start_over_with_each_acquisition(camera: LocalBench) -> None:
    for _ in range(2):
        camera.camera.BeginAcquisition()
        assert camera.camera.GetNextImage(1000).GetFrameID() == 0
        camera.camera.EndAcquisition()


def test_without_sync_a_result_belongs_to_an_earlier_frame_and_repeats_s20(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.camera.BeginAcquisition()
    rows = camera.grab(40)[10:]
    ages = {frame - inferred for frame, inferred, _, _ in rows}
    assert min(ages) >= 3  # 42 ms at 60 frames a second
    assert len({inferred for _, inferred, _, _ in rows}) < len(rows) / 2
    assert all(inferred <= frame for frame, inferred, _, _ in rows)


def test_chunks_keep_the_old_result_over_a_restart_until_a_new_one_is_finished(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.camera.BeginAcquisition()
    *_, last = camera.grab(50)
    camera.camera.EndAcquisition()
    camera.flag("InferenceEnable").SetValue(False)
    camera.flag("InferenceEnable").SetValue(True)
    camera.camera.BeginAcquisition()
    first, second, *later = camera.grab(12)
    assert first[1] > first[0]
    assert first[1:] == second[1:]
    assert first[1] >= last[1]
    assert later[-1][1] < 12


def test_switching_networks_does_not_clear_the_result(camera: LocalBench) -> None:
    camera.load(tiny_ir(seed=1))
    camera.camera.BeginAcquisition()
    camera.grab(30)
    camera.camera.EndAcquisition()
    camera.flag("InferenceEnable").SetValue(False)
    camera.load(tiny_ir(seed=2))
    camera.camera.BeginAcquisition()
    assert camera.grab(1)[0][1] > 20


def test_without_the_quirk_an_acquisition_starts_without_a_result() -> None:
    with bench(SimulationSpec(quirks=Quirks(stale_chunks=False, first_inference_id=-1))) as camera:
        camera.load(tiny_ir())
        for _ in range(2):
            camera.camera.BeginAcquisition()
            assert camera.grab(5)[0][1:] == (-1, 0, 0.0)
            camera.camera.EndAcquisition()


def test_every_frame_carries_its_own_result_with_inference_sync(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.trigger_on("InferenceReady")
    camera.camera.BeginAcquisition()
    rows = camera.grab(20)
    assert all(frame == inferred for frame, inferred, _, _ in rows)


def test_inference_sync_limits_the_frame_rate_to_the_inference_rate(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.trigger_on("InferenceReady")
    camera.camera.BeginAcquisition()
    images = [camera.camera.GetNextImage(1000) for _ in range(3)]
    gap_ms = (images[2].GetTimeStamp() - images[1].GetTimeStamp()) / 1e6
    service_ms = camera.real("InferenceTime").GetValue() + camera.real("InferenceScalingTime").GetValue()
    assert gap_ms == pytest.approx(service_ms + 5.0, rel=0.1)


def test_inference_sync_without_a_network_gives_no_frames(camera: LocalBench) -> None:
    camera.enable_chunks()
    camera.flag("InferenceEnable").SetValue(True)
    camera.trigger_on("InferenceReady")
    camera.camera.BeginAcquisition()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(2000)


def test_enabling_inference_without_a_network_produces_nothing(camera: LocalBench) -> None:
    camera.enable_chunks()
    camera.flag("InferenceEnable").SetValue(True)
    camera.camera.BeginAcquisition()
    assert {row[1:] for row in camera.grab(30)} == {(-1, 0, 0.0)}


def test_each_part_makes_one_frame_on_the_line_trigger(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.trigger_on("Line0")
    camera.camera.BeginAcquisition()
    first = camera.grab(10)
    truth = camera.device.truth()
    parts = [row["part"] for row in truth["exposures"]]
    assert parts == list(range(parts[0], parts[0] + 10))
    assert [row[0] for row in first] == list(range(10))
    assert truth["exposures"][-1]["timestamp_ns"] - truth["exposures"][-2]["timestamp_ns"] == 100_000_000


def test_parts_that_come_while_nobody_acquires_are_lost_and_counted(camera: LocalBench) -> None:
    camera.trigger_on("Line0")
    camera.clock.sleep(3.0)
    counters = camera.device.counters()
    assert counters["parts"] == counters["lost_not_acquiring"] >= 30


def test_parts_that_come_faster_than_the_sensor_are_lost_and_counted() -> None:
    with bench(SimulationSpec(scene=SceneSpec(parts_per_minute=5000, distinct=5))) as camera:
        camera.trigger_on("Line0")
        camera.camera.BeginAcquisition()
        for _ in range(30):
            camera.camera.GetNextImage(100).Release()
        counters = camera.device.counters()
        assert counters["lost_sensor_busy"] == pytest.approx(counters["exposures"], abs=3)


def test_a_stopped_line_sends_no_triggers_until_it_runs_again(camera: LocalBench) -> None:
    camera.trigger_on("Line0")
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(200).Release()
    camera.device.set_line(0.0)
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(60_000)
    camera.device.set_line(600.0)
    camera.camera.GetNextImage(200).Release()


def test_a_change_of_the_line_speed_wakes_a_waiting_grab(camera: LocalBench) -> None:
    camera.device.set_line(0.0)
    camera.trigger_on("Line0")
    camera.camera.BeginAcquisition()

    def start_line() -> None:
        camera.clock.sleep(5.0)
        camera.device.set_line(600.0)

    thread = camera.clock.spawn("plant", start_line)
    camera.camera.GetNextImage(PySpin.EVENT_TIMEOUT_INFINITE).Release()
    assert camera.clock.now_ns() < 6_500_000_000
    assert camera.clock.join(thread, 1.0)


def test_a_software_trigger_takes_one_frame(camera: LocalBench) -> None:
    command = PySpin.CCommandPtr(camera.nodes.GetNode("TriggerSoftware"))
    assert not PySpin.IsAvailable(command)
    camera.trigger_on("Software")
    assert PySpin.IsAvailable(command)
    camera.camera.BeginAcquisition()
    command.Execute()
    camera.camera.GetNextImage(200).Release()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(200)


def test_switching_the_trigger_on_while_streaming_stops_the_flow(camera: LocalBench) -> None:
    camera.enable_chunks()
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(100).Release()
    camera.trigger_on("Software")
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.grab(20, timeout_ms=100)


@pytest.mark.parametrize(("mode", "frames"), [("SingleFrame", 1), ("MultiFrame", 3)])
def test_a_limited_acquisition_ends_after_its_frames(camera: LocalBench, mode: str, frames: int) -> None:
    camera.choose("AcquisitionMode", mode)
    if mode == "MultiFrame":
        camera.integer("AcquisitionFrameCount").SetValue(frames)
    camera.camera.BeginAcquisition()
    for _ in range(frames):
        camera.camera.GetNextImage(100).Release()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(1000)


@pytest.mark.parametrize(
    ("mode", "age"), [("OldestFirst", None), ("OldestFirstOverwrite", 9), ("NewestOnly", 0), ("NewestFirst", 0)]
)
def test_full_buffers_lose_frames_as_the_handling_mode_says(camera: LocalBench, mode: str, age: int | None) -> None:
    camera.camera.TLStream.StreamBufferHandlingMode.FromString(mode)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(1.0)
    camera.trigger_on("Software")  # soon no frame is on its way any more
    camera.clock.sleep(0.1)
    frame_id = camera.camera.GetNextImage(100).GetFrameID()
    newest = camera.device.truth()["exposures"][-1]["frame_id"]
    assert frame_id == 0 if age is None else newest - frame_id == age


def test_no_inference_is_taken_while_the_vpu_is_busy(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.camera.BeginAcquisition()
    camera.grab(60)
    rows = camera.device.truth()["inferences"]
    for before, after in itertools.pairwise(rows):
        assert after["timestamp_ns"] >= before["finished_ns"]
        assert before["finished_ns"] - before["timestamp_ns"] == round(before["service_ms"] * 1e6)


def test_the_class_in_the_chunk_is_what_the_uploaded_network_says_of_that_exposure(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.trigger_on("InferenceReady")
    camera.camera.BeginAcquisition()
    seen = {}
    for _ in range(30):
        image = camera.camera.GetNextImage(1000)
        chunk = image.GetChunkData()
        seen[image.GetTimeStamp()] = (chunk.GetInferenceResult(), chunk.GetInferenceConfidence())
        image.Release()
    truth = {r["timestamp_ns"]: (r["class_id"], r["confidence"]) for r in camera.device.truth()["inferences"]}
    assert seen == {stamp: truth[stamp] for stamp in seen}
    assert len({c for c, _ in seen.values()}) > 1


def test_the_same_seed_gives_the_same_run() -> None:
    runs = []
    for _ in range(2):
        with bench(SimulationSpec(scene=LINE, seed=4)) as camera:
            camera.load(tiny_ir())
            camera.camera.BeginAcquisition()
            runs.append((camera.grab(40), camera.clock.now_ns()))
    assert runs[0] == runs[1]


def test_a_frozen_stream_delivers_nothing_for_as_long_as_it_lasts(camera: LocalBench) -> None:
    camera.device.inject_fault(FaultSpec("stream", "frozen", count=60))
    camera.camera.BeginAcquisition()
    start_ns = camera.clock.now_ns()
    camera.camera.GetNextImage(5000).Release()
    assert 0.9 < (camera.clock.now_ns() - start_ns) / 1e9 < 1.2


def test_a_damaged_frame_is_incomplete(camera: LocalBench) -> None:
    camera.device.inject_fault(FaultSpec("stream", "corrupt"))
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(100)
    assert image.IsIncomplete()
    assert image.GetImageStatus() == PySpin.SPINNAKER_IMAGE_STATUS_DATA_INCOMPLETE
    assert "incomplete" in PySpin.Image.GetImageStatusDescription(image.GetImageStatus())


def test_ending_the_acquisition_in_another_thread_aborts_a_blocked_grab(camera: LocalBench) -> None:
    camera.device.set_line(0.0)
    camera.trigger_on("Line0")
    camera.camera.BeginAcquisition()

    def end() -> None:
        camera.clock.sleep(3.0)
        camera.camera.EndAcquisition()

    thread = camera.clock.spawn("end", end)
    with pytest.raises(PySpin.SpinnakerException, match="Stream has been aborted") as aborted:
        camera.camera.GetNextImage()
    assert aborted.value.errorcode == -1012
    assert camera.clock.join(thread, 1.0)
