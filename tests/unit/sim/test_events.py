"""Device events: what the camera sends, when, and what the host's handlers and nodes show (facts/firefly-dl.md 1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import FaultSpec, Quirks, SimulationSpec, TransportSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

QUICK = SimulationSpec(transport=TransportSpec(swap_overhead_s=0.0, network_load_s=0.0))


class Recorder(PySpin.DeviceEventHandler):
    """Keeps what each event brought: (name, id, virtual time in ns, values of its nodes)."""

    def __init__(self, bench: LocalBench, *nodes: str) -> None:
        super().__init__()
        self.bench, self.nodes = bench, nodes
        self.seen: list[tuple[str, int, int, list[str]]] = []

    def OnDeviceEvent(self, eventname: str) -> None:
        assert self.GetDeviceEventName() == eventname
        values = [self.bench.read(node) for node in self.nodes]
        self.seen.append((eventname, self.GetDeviceEventId(), self.bench.clock.now_ns(), values))


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(QUICK) as held:
        yield held


def notify(camera: LocalBench, *events: str) -> None:
    for event in events:
        camera.choose("EventSelector", event)
        camera.choose("EventNotification", "On")


def stream(camera: LocalBench, seconds: float) -> None:
    camera.camera.BeginAcquisition()
    camera.clock.sleep(seconds)
    camera.camera.EndAcquisition()


def test_the_end_of_an_exposure_is_told_with_frame_id_and_the_cameras_time(camera: LocalBench) -> None:
    """S5: category EventExposureEndData, one event a frame."""
    handler = Recorder(camera, "EventExposureEndFrameID", "EventExposureEndTimestamp", "EventExposureEnd")
    camera.camera.RegisterEventHandler(handler, "EventExposureEnd")
    notify(camera, "ExposureEnd")
    camera.camera.BeginAcquisition()
    images = [camera.camera.GetNextImage(1000) for _ in range(5)]
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    told = {int(values[0]): int(values[1]) for _, _, _, values in handler.seen}
    assert [told[image.GetFrameID()] for image in images] == [image.GetTimeStamp() for image in images]
    assert {(name, int(values[2]) == number) for name, number, _, values in handler.seen} == {
        ("EventExposureEnd", True)
    }


def test_an_inference_is_told_before_the_frame_that_carries_it_in_its_chunks(camera: LocalBench) -> None:
    """S4: EventInference, ...Timestamp, ...Result, ...Confidence and the frame id that it is of."""
    handler = Recorder(camera, "EventInferenceFrameID", "EventInferenceResult", "EventInferenceConfidence")
    camera.load(tiny_ir())
    notify(camera, "Inference")
    camera.camera.RegisterEventHandler(handler, "EventInference")
    camera.camera.BeginAcquisition()
    carried: dict[int, tuple[int, int, float]] = {}
    for _ in range(30):
        image = camera.camera.GetNextImage(1000)
        chunk = image.GetChunkData()
        found = (camera.clock.now_ns(), chunk.GetInferenceResult(), chunk.GetInferenceConfidence())
        carried.setdefault(chunk.GetInferenceFrameId(), found)
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    carried.pop(-1)
    assert len(carried) > 3
    for name, _, at_ns, (frame_id, result, confidence) in handler.seen:
        assert name == "EventInference"
        if int(frame_id) in carried:
            arrived_ns, class_id, score = carried[int(frame_id)]
            assert at_ns < arrived_ns
            assert int(result) == class_id
            assert float(confidence) == pytest.approx(score)
    assert set(carried) <= {int(values[0]) for _, _, _, values in handler.seen}


def test_with_inference_sync_the_event_comes_before_its_own_frame(camera: LocalBench) -> None:
    """Section 1.5: InferenceReady; the frame waits for its result, the event does not wait for the frame."""
    handler = Recorder(camera, "EventInferenceFrameID")
    camera.load(tiny_ir())
    camera.trigger_on("InferenceReady")
    notify(camera, "Inference")
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    arrivals = {frame_id: camera.clock.now_ns() for _ in range(10) for frame_id, *_ in camera.grab(1)}
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    told = {int(values[0]): at_ns for _, _, at_ns, values in handler.seen}
    assert set(arrivals) <= set(told)
    assert all(told[frame_id] < at_ns for frame_id, at_ns in arrivals.items())


def test_the_inference_event_has_the_time_at_which_the_inference_ended(camera: LocalBench) -> None:
    handler = Recorder(camera, "EventInferenceTimestamp")
    camera.load(tiny_ir())
    notify(camera, "Inference")
    camera.camera.RegisterEventHandler(handler)
    stream(camera, 1.0)
    camera.camera.UnregisterEventHandler(handler)
    ended = [row["finished_ns"] for row in camera.device.truth()["inferences"]]
    told = [int(values[0]) for _, _, _, values in handler.seen]
    assert told == ended[: len(told)]
    assert len(told) > 5


def test_events_come_only_where_their_notification_is_on(camera: LocalBench) -> None:
    """S5: EventNotification belongs to the selected event."""
    handler = Recorder(camera)
    camera.camera.RegisterEventHandler(handler)
    stream(camera, 0.3)
    assert handler.seen == []
    notify(camera, "Inference")
    camera.choose("EventSelector", "ExposureEnd")
    assert camera.read("EventNotification") == "Off"
    stream(camera, 0.3)
    assert handler.seen == []
    camera.camera.UnregisterEventHandler(handler)


def test_the_test_command_makes_a_test_event(camera: LocalBench) -> None:
    handler = Recorder(camera, "EventTestTimestamp")
    camera.camera.RegisterEventHandler(handler)
    notify(camera, "Test")
    PySpin.CCommandPtr(camera.nodes.GetNode("TestEventGenerate")).Execute()
    camera.clock.sleep(0.1)
    camera.camera.UnregisterEventHandler(handler)
    assert [name for name, _, _, _ in handler.seen] == ["EventTest"]


def test_an_incomplete_frame_is_told_as_an_error(camera: LocalBench) -> None:
    handler = Recorder(camera, "EventErrorFrameID", "EventErrorCode")
    camera.camera.RegisterEventHandler(handler, "EventError")
    notify(camera, "Error")
    camera.device.inject_fault(FaultSpec("stream", "corrupt", nth=3))
    stream(camera, 0.3)
    camera.camera.UnregisterEventHandler(handler)
    assert [values for _, _, _, values in handler.seen] == [["2", "1"]]


def test_the_old_firmware_has_no_inference_event() -> None:
    """S1b and S4: the event came with 1905.4.103."""
    with bench(replace(QUICK, firmware="1905.4.83")) as camera:
        assert camera.enum("EventSelector").GetEntryByName("Inference") is None
        assert camera.nodes.GetNode("EventInferenceResult") is None
        with pytest.raises(PySpin.SpinnakerException, match="no event EventInference") as refused:
            camera.camera.RegisterEventHandler(Recorder(camera), "EventInference")
        assert refused.value.errorcode == -1009
        del refused


@pytest.mark.parametrize(("firmware", "length", "kept"), [("1905.4.83", 64, 8), ("1905.4.103", 64, 60)])
def test_a_slow_host_loses_events_on_the_old_firmware_without_a_word(firmware: str, length: int, kept: int) -> None:
    """F-5662: the event queue overflowed before 1905.4.103."""

    class Slow(Recorder):
        def OnDeviceEvent(self, eventname: str) -> None:
            super().OnDeviceEvent(eventname)
            if len(self.seen) == 1:
                self.bench.clock.sleep(1.0)

    with bench(replace(QUICK, firmware=firmware, quirks=Quirks(event_queue_length=length))) as camera:
        handler = Slow(camera, "EventExposureEndFrameID")
        camera.camera.RegisterEventHandler(handler)
        notify(camera, "ExposureEnd")
        stream(camera, 1.01)
        camera.camera.UnregisterEventHandler(handler)
        assert kept <= len(handler.seen) <= kept + 3
        assert (camera.device.counters().get("events_dropped", 0) > 0) == (firmware == "1905.4.83")


def test_event_nodes_are_not_available_before_the_first_event(camera: LocalBench) -> None:
    node = PySpin.CIntegerPtr(camera.nodes.GetNode("EventTest"))
    assert PySpin.IsImplemented(node)
    assert not PySpin.IsAvailable(node)
    handler = Recorder(camera)
    camera.camera.RegisterEventHandler(handler, "EventTest")
    notify(camera, "Test")
    PySpin.CCommandPtr(camera.nodes.GetNode("TestEventGenerate")).Execute()
    camera.clock.sleep(0.1)
    assert PySpin.IsReadable(node)
    assert node.GetValue() == handler.seen[0][1] > 0
    camera.camera.UnregisterEventHandler(handler)


def test_equal_cameras_tell_equal_events_at_equal_times() -> None:
    def run() -> list[tuple[str, int, int, list[str]]]:
        with bench(QUICK) as camera:
            handler = Recorder(camera, "EventInferenceResult")
            camera.load(tiny_ir())
            notify(camera, "Inference", "ExposureEnd")
            camera.camera.RegisterEventHandler(handler, "EventInference")
            stream(camera, 1.0)
            camera.camera.UnregisterEventHandler(handler)
            return handler.seen

    first = run()
    assert first == run()
    assert len(first) > 5
