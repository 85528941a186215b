"""Frames to records: boxes, exposure stamps, broken chunks, capture times, the mapping between the clocks."""

from __future__ import annotations

import pytest

from agent.camera.attribution import Attribution
from agent.camera.clock_map import ClockMap
from agent.camera.frames import Answer, Frame, FrameReader, Tally, Task
from agent.camera.network import Reading
from agent.camera.stream import Arrival, Stream
from agent.clock import VirtualClock
from agent.domain.result import Box
from agent.errors import CameraGone, CameraRefused
from tests.unit.camera.fakes import Picture, RawBox, Rect, Vendor, camera_of, nodes_of

MS = 1_000_000


def reader_of(pictures: list[Picture], tally: Tally, task: Task = "classification") -> FrameReader:
    return FrameReader(camera_of(pictures), nodes_of(), task, tally, Attribution(pipe_clear=True, bound_ns=0))


def test_a_new_result_is_read_once_and_every_image_is_released() -> None:
    """facts/firefly-dl.md section 6: a missing Release starves the stream."""
    pictures = [Picture(0), Picture(1, 0, class_id=3, confidence=0.9), Picture(2, 0), Picture(3, incomplete=True)]
    tally, reader = Tally(), reader_of(left := list(pictures), Tally())
    reader = reader_of(left, tally)
    frames = [reader.read(10) for _ in pictures]
    assert [f.answer if f else None for f in frames] == [None, Answer(0, 3, 0.9, ()), None, None]
    assert [p.released for p in pictures] == [1, 1, 1, 1]
    assert (tally.frames, tally.incomplete, tally.repeated) == (3, 1, 1)
    assert reader.read(10) is None, "a timeout is no error"


def test_a_frame_whose_chunks_cannot_be_parsed_is_incomplete() -> None:
    tally, picture = Tally(), Picture(0, broken=-1018)
    assert reader_of([picture], tally).read(10) is None
    assert (tally.incomplete, picture.released) == (1, 1)


def test_another_failure_on_an_image_is_raised_and_releases_it() -> None:
    picture = Picture(0, broken=-1006)
    with pytest.raises(CameraGone, match="read an image"):
        reader_of([picture], Tally()).read(10)
    assert picture.released == 1


def test_detections_come_as_boxes_and_the_best_one_answers() -> None:
    """Section 2: rectangles in image pixels, int16."""
    boxes = [RawBox(1, 0.4, Rect(1, 2, 30, 40)), RawBox(2, 0.8, Rect(-3, 5, 7, 9))]
    reader = reader_of([Picture(0), Picture(1, 0, boxes=boxes), Picture(2, 2)], Tally(), "detection")
    frames = [reader.read(10) for _ in range(3)]
    assert frames[1] is not None
    assert frames[1].answer == Answer(0, 2, 0.8, (Box(1, 0.4, 1, 2, 30, 40), Box(2, 0.8, -3, 5, 7, 9)))
    assert frames[2] is not None
    assert frames[2].answer == Answer(2, -1, 0.0, ()), "nothing was found"


def test_a_camera_that_stamps_the_start_of_exposure_gets_the_exposure_added() -> None:
    picture = Picture(0, timestamp_ns=5 * MS, exposure_us=2500.0)
    reader = FrameReader(camera_of([picture]), nodes_of(), "classification", Tally(), None, "exposure_start")
    assert reader.read(10) == Frame(0, 7_500_000, None)


def test_a_release_that_fails_is_an_error_of_the_camera() -> None:
    class Stuck(Picture):
        def Release(self) -> None:
            raise Vendor(-1006)

    with pytest.raises(CameraGone, match="release an image"):
        reader_of([Stuck(0)], Tally()).read(10)


def stream(triggered: bool = False) -> tuple[VirtualClock, Stream, Tally]:
    clock, tally = VirtualClock(), Tally()
    made = Stream(clock, tally, triggered)
    made.begin()
    return clock, made, tally


def answer(frame_id: int) -> Answer:
    return Answer(frame_id, 1, 0.5, ())


def test_latency_is_from_the_end_of_exposure_of_the_inferred_frame_to_the_record() -> None:
    clock, made, _ = stream()
    for frame_id in range(4):
        made.note(Frame(frame_id, frame_id * 10 * MS, None))
    clock.sleep(0.050)
    frame = Frame(3, 30 * MS, None)
    record = made.record(answer(1), 7, made.carried_by(frame), None, True, offset_ns=5 * MS)
    assert record is not None
    assert (record.captured_ns, record.carried_ns, record.generation) == (10 * MS, 30 * MS, 7)
    assert record.latency_ms == pytest.approx(50 - 10 - 5)
    assert record.transfer_ms == pytest.approx(15)
    assert made.frame_period_ms() == pytest.approx(10)


def test_a_result_whose_frame_was_never_seen_is_stale() -> None:
    """Its image was lost: when it was captured cannot be told, so nothing is claimed."""
    _, made, tally = stream()
    made.note(Frame(0, 0, None))
    made.note(Frame(2, 20 * MS, None))
    assert made.record(answer(1), 1, made.carried_by(Frame(2, 20 * MS, None)), None, True, 0) is None
    assert (tally.stale, tally.results) == (1, 0)


def test_parts_count_lost_frames_and_go_on_in_the_next_acquisition() -> None:
    _, made, _ = stream(triggered=True)
    for frame_id in (0, 1, 3):
        made.note(Frame(frame_id, frame_id * MS, None))
    made.end()
    made.begin()
    made.note(Frame(0, 100 * MS, None))
    record = made.record(answer(0), 1, made.carried_by(Frame(0, 100 * MS, None)), None, True, 0)
    assert record is not None
    assert record.part == 4


def test_parts_never_go_back_where_frame_ids_start_again_unannounced() -> None:
    _, made, _ = stream(triggered=True)
    for number, frame_id in enumerate((0, 1, 2, 0, 1)):
        made.note(Frame(frame_id, number * MS, None))
    record = made.record(answer(1), 1, made.carried_by(Frame(1, 5 * MS, None)), None, True, 0)
    assert record is not None
    assert record.part == 4


def services(made: Stream, results: list[tuple[int, int]]) -> list[float | None]:
    """Service times of results (carrying frame, inferred frame) on firmware that has no InferenceTime."""
    for frame_id in range(20):
        made.note(Frame(frame_id, frame_id * 10 * MS, None))
    arrivals = [(made.carried_by(Frame(f, f * 10 * MS, None)), a) for f, a in results]
    records = [made.record(answer(a), 1, arrival, None, False, 0) for arrival, a in arrivals]
    return [record.service_ms for record in records if record]


def test_without_inference_time_the_period_of_results_is_the_service_time() -> None:
    """Firmware 1905.4.83 (S1b): interfaces.md section 3, saturation; the first result has no period."""
    _, made, _ = stream()
    assert services(made, [(3, 0), (5, 2), (8, 4), (9, 5)]) == [None, 20, 20, 10]
    assert made.inference_period_ms() == pytest.approx(50 / 3)


def test_without_inference_time_a_line_that_the_vpu_keeps_up_with_tells_nothing() -> None:
    """The period is the line's there: only a part that found the VPU busy shows its pace."""
    _, made, _ = stream(triggered=True)
    assert services(made, [(2, 1), (3, 2), (5, 4), (7, 6)]) == [None, None, 20, 20]


@pytest.mark.parametrize(
    ("reading_ms", "read_at_ms", "service_ms"),
    [
        (8.0, 31.0, 8.0),
        (8.0, 37.9, 8.0),
        (8.0, 38.1, None),  # an inference of frame 3 may have ended by then
        (20.0, 31.0, 20.0),
        (21.0, 31.0, None),  # longer than frame 1 had until it was answered: it is another's
    ],
)
def test_a_reading_that_may_be_another_inferences_is_no_sample(
    reading_ms: float, read_at_ms: float, service_ms: float | None
) -> None:
    """InferenceTime is that of the newest inference (S1, S13); the result itself is kept."""
    _, made, tally = stream()
    for frame_id in range(4):
        made.note(Frame(frame_id, frame_id * 10 * MS, None))
    reading = Reading(reading_ms, round((read_at_ms + 5) * MS))
    record = made.record(answer(1), 1, made.carried_by(Frame(3, 30 * MS, None)), reading, True, 5 * MS)
    assert record is not None
    assert (record.service_ms, tally.results) == (service_ms, 1)


def test_a_reading_that_comes_late_is_that_of_the_next_result() -> None:
    """Frames slower than inferences: when a frame arrives, its own inference has ended already."""
    _, made, _ = stream()
    for frame_id in range(4):
        made.note(Frame(frame_id, frame_id * 100 * MS, None))
    found = []
    for inferred, reading_ms, read_at_ms in ((0, 8.0, 117), (1, 9.0, 217), (2, 7.0, 317)):
        arrival = made.carried_by(Frame(inferred + 1, (inferred + 1) * 100 * MS, None))
        record = made.record(answer(inferred), 1, arrival, Reading(reading_ms, read_at_ms * MS), True, 0)
        assert record is not None
        found.append(record.service_ms)
    assert found == [None, 8.0, 9.0]


def test_a_reading_that_may_be_either_is_made_again_and_kept_for_the_next_result() -> None:
    _, made, _ = stream()
    for frame_id in range(3):
        made.note(Frame(frame_id, frame_id * 100 * MS, None))
    first = made.record(answer(0), 1, made.carried_by(Frame(1, 100 * MS, None)), Reading(17.0, 117 * MS), True, 0)
    assert first is not None
    assert (first.service_ms, made.wants_reading) == (None, True)
    made.read_early(Reading(17.2, 150 * MS), 0)
    assert not made.wants_reading
    second = made.record(answer(1), 1, made.carried_by(Frame(2, 200 * MS, None)), Reading(17.1, 217 * MS), True, 0)
    assert second is not None
    assert second.service_ms == 17.2


def test_a_late_reading_does_not_survive_a_backlog() -> None:
    """Read when two more inferences may have ended: whose it is cannot be told."""
    _, made, _ = stream()
    for frame_id in range(4):
        made.note(Frame(frame_id, frame_id * 10 * MS, None))
    for inferred in (0, 1):
        arrival = made.carried_by(Frame(inferred + 1, (inferred + 1) * 10 * MS, None))
        record = made.record(answer(inferred), 1, arrival, Reading(4.0, 500 * MS), True, 0)
        assert record is not None
        assert record.service_ms is None


def test_a_result_behind_a_lost_frame_has_no_service_time() -> None:
    """When its inference ended is not known then, so the VPU may have had time for another one."""
    _, made, _ = stream()
    for frame_id in (0, 1, 3):
        made.note(Frame(frame_id, frame_id * 10 * MS, None))
    arrival = made.carried_by(Frame(3, 30 * MS, None))
    record = made.record(answer(1), 1, arrival, Reading(8.0, 31 * MS), True, 0)
    assert record is not None
    assert record.service_ms is None


def test_a_frame_with_its_own_result_waited_for_nothing() -> None:
    """S12, TriggerSource InferenceReady: the next inference needs an exposure and its own time."""
    _, made, _ = stream()
    made.note(Frame(0, 10 * MS, None))
    arrival = made.carried_by(Frame(0, 10 * MS, None))
    record = made.record(answer(0), 1, arrival, Reading(20.0, 35 * MS), True, 0)
    assert record is not None
    assert (record.service_ms, record.carried_ns) == (20.0, record.captured_ns)
    made.note(Frame(1, 60 * MS, None))
    late = made.record(answer(1), 1, made.carried_by(Frame(1, 60 * MS, None)), Reading(20.0, 100 * MS), True, 0)
    assert late is not None
    assert late.service_ms is None


def test_a_result_that_came_as_an_event_waited_for_no_frame() -> None:
    _, made, _ = stream()
    made.note(Frame(0, 10 * MS, None))
    record = made.record(answer(0), 1, Arrival(None, 30 * MS), Reading(19.5, 31 * MS), True, 0)
    assert record is not None
    assert (record.carried_ns, record.service_ms) == (record.captured_ns, 19.5)


def test_the_shortest_of_several_round_trips_maps_the_clocks() -> None:
    clock = VirtualClock()
    trips = iter([0.020, 0.002, 0.030])
    latched = 0

    def latch() -> int:
        nonlocal latched
        trip_s = next(trips)
        clock.sleep(trip_s / 4)  # the way there is shorter than the way back
        latched = clock.now_ns() + 1_000 * MS
        clock.sleep(trip_s * 3 / 4)
        return 0

    clocks = ClockMap(clock, nodes_of({"TimestampLatch": latch, "TimestampLatchValue": lambda: latched}))
    clocks.measure(3)
    assert clocks.offset_ns == pytest.approx(-1_000 * MS, abs=MS), "within half the shortest trip"


def latching(clock: VirtualClock, ahead_ns: list[int], gone: bool = False) -> ClockMap:
    """A camera whose clock is `ahead_ns[0]` ahead; None of its latches work where the list is empty."""

    def latch() -> int:
        if not ahead_ns:
            raise CameraGone("x") if gone else CameraRefused("x")
        return 0

    return ClockMap(
        clock, nodes_of({"TimestampLatch": latch, "TimestampLatchValue": lambda: clock.now_ns() + ahead_ns[0]})
    )


def test_the_clocks_are_mapped_again_after_a_while_and_not_before() -> None:
    clock, ahead = VirtualClock(), [MS]
    clocks = latching(clock, ahead)
    clocks.measure(1)
    ahead[0] = 2 * MS
    for after_s, expected in ((9.9, -MS), (0.1, -2 * MS)):
        clock.sleep(after_s)
        clocks.refresh(10, 1)
        assert clocks.offset_ns == expected


def test_a_latch_that_fails_while_streaming_keeps_the_old_mapping_for_another_turn() -> None:
    clock, ahead = VirtualClock(), [MS]
    clocks = latching(clock, ahead)
    clocks.measure(1)
    ahead.clear()
    clock.sleep(10)
    clocks.refresh(10, 1)
    assert clocks.offset_ns == -MS
    ahead.append(3 * MS)
    clocks.refresh(10, 1)
    assert clocks.offset_ns == -MS, "not before the next turn"
    clock.sleep(10)
    clocks.refresh(10, 1)
    assert clocks.offset_ns == -3 * MS


def test_a_camera_that_goes_while_its_clock_is_read_is_gone() -> None:
    clock, ahead = VirtualClock(), [MS]
    clocks = latching(clock, ahead, gone=True)
    clocks.measure(1)
    ahead.clear()
    clock.sleep(10)
    with pytest.raises(CameraGone):
        clocks.refresh(10, 1)


def test_without_a_latch_the_fastest_arrival_maps_the_clocks() -> None:
    clock = VirtualClock()
    clocks = ClockMap(clock, nodes_of())
    clocks.measure(3)
    for arrival_s, stamp_s in ((1.0, 0.9), (2.0, 1.96), (3.0, 2.9)):
        clock.sleep(arrival_s - clock.now_ns() / 1e9)
        clocks.observe(round(stamp_s * 1e9))
    assert clocks.offset_ns == pytest.approx(40 * MS)
    clocks.refresh(0, 3)
    assert clocks.offset_ns == pytest.approx(40 * MS)
