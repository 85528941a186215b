"""Which frame finds a buffer, and what the stream's node map says of it (facts/pyspin-surface.md 2.5, section 6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.buffers import BufferMode, StreamBuffers
from agent.sim.chunks import Frame, FrameSettings, Geometry, NoResult
from agent.sim.spec import FaultSpec
from tests.support.vendor import LocalBench, bench

SETTINGS = FrameSettings(Geometry(32, 4, 0, 0, "Mono8"), frozenset(), 1000.0, 0.0, 0.0)


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


def frame(number: int, deliver_ns: int = 0, incomplete: bool = False) -> Frame:
    return Frame(number, 0, SETTINGS, NoResult(-1), None, deliver_ns, incomplete)


class Stream:
    """Buffers of one stream; `lost` counts what the device was told."""

    def __init__(self, buffers: int, mode: BufferMode) -> None:
        self.lost = 0
        self.buffers = StreamBuffers(self._lose)
        self.buffers.configure(buffers, mode)

    def _lose(self) -> None:
        self.lost += 1

    def send(self, numbers: range) -> None:
        for number in numbers:
            self.buffers.send(frame(number))
        self.buffers.settle(0)

    def drain(self) -> list[int]:
        numbers = []
        while (popped := self.buffers.pop(0)) is not None:
            numbers.append(popped.frame_id)
        return numbers


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("OldestFirst", [0, 1, 2]), ("OldestFirstOverwrite", [3, 4, 5]), ("NewestOnly", [5]), ("NewestFirst", [5, 4, 3])],
)
def test_six_frames_in_three_buffers_leave_those_that_the_mode_keeps(mode: BufferMode, kept: list[int]) -> None:
    stream = Stream(3, mode)
    stream.send(range(6))
    assert stream.drain() == kept
    assert stream.lost == 6 - len(kept)


@pytest.mark.parametrize("mode", ["OldestFirst", "OldestFirstOverwrite", "NewestOnly", "NewestFirst"])
def test_frames_are_lost_while_images_hold_all_buffers(mode: BufferMode) -> None:
    stream = Stream(1, mode)
    stream.send(range(1))
    assert stream.drain() == [0]
    stream.send(range(1, 4))
    assert stream.drain() == []
    stream.buffers.give_back(1, 0)
    stream.send(range(4, 5))
    assert stream.drain() == [4]
    assert (stream.buffers.counts().lost, stream.buffers.counts().dropped) == (3, 0)


def test_a_buffer_that_is_held_is_no_longer_there_for_frames() -> None:
    stream = Stream(3, "OldestFirstOverwrite")
    stream.send(range(3))
    assert [stream.buffers.pop(0).frame_id for _ in range(2)] == [0, 1]  # type: ignore[union-attr]
    stream.send(range(3, 6))
    assert stream.drain() == [5]


def test_a_frame_waits_until_it_has_arrived_and_none_overtakes_another() -> None:
    stream = Stream(3, "OldestFirst")
    stream.buffers.send(frame(0, deliver_ns=50))
    stream.buffers.send(frame(1, deliver_ns=20))
    assert stream.buffers.pop(49) is None
    assert stream.buffers.due_ns() == 50
    assert [f.frame_id for f in (stream.buffers.pop(50), stream.buffers.pop(50)) if f] == [0, 1]
    assert stream.buffers.due_ns() is None


def test_a_buffer_given_back_comes_too_late_for_what_arrived_before() -> None:
    stream = Stream(1, "OldestFirst")
    stream.send(range(1))
    stream.drain()
    stream.buffers.send(frame(1, deliver_ns=10))
    stream.buffers.send(frame(2, deliver_ns=30))
    stream.buffers.give_back(1, now_ns=20)
    assert stream.buffers.pop(40).frame_id == 2  # type: ignore[union-attr]


def test_counts_tell_damaged_overwritten_and_lost_frames_apart() -> None:
    stream = Stream(2, "OldestFirstOverwrite")
    stream.buffers.send(frame(0, incomplete=True))
    stream.send(range(1, 4))
    stream.buffers.pop(0)
    counts = stream.buffers.counts()
    assert (counts.started, counts.received, counts.incomplete, counts.dropped, counts.lost) == (4, 4, 1, 2, 0)
    assert (counts.delivered, counts.input, counts.output, counts.buffers) == (1, 0, 1, 2)
    stream.buffers.configure(2, "OldestFirst")
    assert stream.buffers.counts().started == 0


def trigger_and_drain(camera: LocalBench, mode: str, triggers: int, grabs: int) -> list[int | str]:
    """The vendor's BufferHandling example: trigger, grab nothing; then grab until the buffers are empty."""
    camera.camera.TLStream.StreamBufferHandlingMode.FromString(mode)
    camera.camera.BeginAcquisition()
    for _ in range(triggers):
        PySpin.CCommandPtr(camera.nodes.GetNode("TriggerSoftware")).Execute()
        camera.clock.sleep(0.25)
    seen: list[int | str] = []
    for _ in range(grabs):
        try:
            image = camera.camera.GetNextImage(500)
        except PySpin.SpinnakerException as timeout:
            seen.append(timeout.errorcode)
        else:
            seen.append(image.GetFrameID())
            image.Release()
    camera.camera.EndAcquisition()
    return seen


@pytest.mark.parametrize(
    ("mode", "seen"),
    [
        ("NewestFirst", [5, 4, 3, -1011]),
        ("NewestOnly", [5, -1011, -1011, -1011]),
        ("OldestFirst", [0, 1, 2, -1011]),
        ("OldestFirstOverwrite", [3, 4, 5, -1011]),
    ],
)
def test_the_buffer_handling_example_shows_what_each_mode_keeps(camera: LocalBench, mode: str, seen: list[int]) -> None:
    camera.trigger_on("Software")
    camera.camera.TLStream.StreamBufferCountMode.FromString("Manual")
    camera.camera.TLStream.StreamBufferCountManual.SetValue(3)
    assert trigger_and_drain(camera, mode, triggers=6, grabs=4) == seen


def test_statistics_are_live_and_stay_after_the_acquisition(camera: LocalBench) -> None:
    stream = camera.camera.GetTLStreamNodeMap()

    def value(name: str) -> int:
        return PySpin.CIntegerPtr(stream.GetNode(name)).GetValue()

    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.5)
    camera.trigger_on("Software")  # no frame is on its way any more
    camera.clock.sleep(0.1)
    image = camera.camera.GetNextImage(100)
    started = value("StreamStartedFrameCount")
    assert started >= 30
    assert value("StreamLostFrameCount") == value("StreamBufferUnderrunCount") == started - 10
    assert (value("StreamDeliveredFrameCount"), value("StreamOutputBufferCount")) == (1, 9)
    assert (value("StreamInputBufferCount"), value("StreamAnnouncedBufferCount")) == (0, 10)
    image.Release()
    assert value("StreamInputBufferCount") == 1
    PySpin.CCommandPtr(camera.nodes.GetNode("TriggerSoftware")).Execute()
    camera.clock.sleep(0.1)
    assert value("StreamStartedFrameCount") == started + 1
    assert value("StreamInputBufferCount") == 0
    camera.camera.EndAcquisition()
    assert value("StreamDeliveredFrameCount") == 1
    camera.camera.BeginAcquisition()
    assert value("StreamDeliveredFrameCount") == 0


def test_incomplete_frames_are_counted(camera: LocalBench) -> None:
    camera.device.inject_fault(FaultSpec("stream", "corrupt", nth=2))
    camera.camera.BeginAcquisition()
    incomplete = [camera.camera.GetNextImage(100).IsIncomplete() for _ in range(4)]
    assert incomplete == [False, True, False, False]
    assert camera.camera.TLStream.StreamIncompleteFrameCount.GetValue() == 1


def test_buffers_cannot_be_changed_while_grabbing_or_in_automatic_mode(camera: LocalBench) -> None:
    stream = camera.camera.TLStream
    assert not PySpin.IsWritable(stream.StreamBufferCountManual)
    assert stream.StreamBufferCountResult.GetValue() == 10
    stream.StreamBufferCountMode.FromString("Manual")
    stream.StreamBufferCountManual.SetValue(4)
    assert stream.StreamBufferCountResult.GetValue() == 4
    with pytest.raises(PySpin.SpinnakerException, match="-2002"):
        stream.StreamBufferCountManual.SetValue(stream.StreamBufferCountMax.GetValue() + 1)
    camera.camera.BeginAcquisition()
    assert stream.StreamIsGrabbing.GetValue() is True
    for node in (stream.StreamBufferCountManual, stream.StreamBufferCountMode, stream.StreamBufferHandlingMode):
        assert PySpin.IsReadable(node)
        assert not PySpin.IsWritable(node)
    camera.camera.EndAcquisition()
    assert PySpin.IsWritable(stream.StreamBufferCountManual)


def test_a_program_that_never_releases_starves_once_it_holds_every_buffer(camera: LocalBench) -> None:
    camera.camera.TLStream.StreamBufferCountMode.FromString("Manual")
    camera.camera.TLStream.StreamBufferCountManual.SetValue(3)
    camera.camera.BeginAcquisition()
    held = [camera.camera.GetNextImage(100) for _ in range(3)]
    camera.clock.sleep(1.0)
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(100)
    lost = camera.camera.TLStream.StreamLostFrameCount.GetValue()
    assert lost > 50
    del held[0]
    fresh = camera.camera.GetNextImage(100).GetFrameID()
    assert fresh > lost
    held.clear()


def test_rebinding_the_variable_frees_the_buffer(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    for number in range(50):
        image = camera.camera.GetNextImage(100)
        assert image.GetFrameID() == number
    assert camera.camera.GetNumImagesInUse() == 1


def test_images_of_an_earlier_acquisition_hold_no_buffer_of_the_next(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    old = [camera.camera.GetNextImage(100) for _ in range(10)]
    camera.camera.EndAcquisition()
    camera.camera.BeginAcquisition()
    new = [camera.camera.GetNextImage(100) for _ in range(10)]
    for image in old:
        image.Release()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(100)
    new[3].Release()
    camera.camera.GetNextImage(100).Release()
    assert camera.camera.GetNumImagesInUse() == 9
    new.clear()


def test_a_release_in_another_thread_ends_the_starving(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    held = [camera.camera.GetNextImage(100) for _ in range(10)]

    def release() -> None:
        camera.clock.sleep(2.0)
        held.pop().Release()

    thread = camera.clock.spawn("release", release)
    start_ns = camera.clock.now_ns()
    camera.camera.GetNextImage(PySpin.EVENT_TIMEOUT_INFINITE).Release()
    assert camera.clock.now_ns() - start_ns == pytest.approx(2.02e9, rel=0.02)
    assert camera.clock.join(thread, 1.0)
    held.clear()
