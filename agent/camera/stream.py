"""From images to inference records: chunk data, capture times, latency, parts, counts, the stall watchdog.

All of it runs on the worker thread. Every image is released at once: a missing Release starves the stream
(facts/firefly-dl.md section 6).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.camera.attribution import Attribution, Verdict
from agent.camera.nodes import Nodes
from agent.camera.sdk import TIMEOUT, CameraPtr, ChunkData, Image
from agent.camera.vendor_errors import error_code, translate
from agent.clock import Clock
from agent.domain.result import Box, RawInference, StreamCounts

Task = Literal["classification", "detection"]
Stamped = Literal["exposure_end", "exposure_start"]

PARSING_CHUNK_DATA = -1018
_RING = 1024  # frames between capture and result: 17 s at 60 fps, far above the slowest network (facts section 4)
_PERIODS = 32
_NO_CLASS = -1


@dataclass(slots=True)
class Tally:
    """Counters of one camera. Owner: the worker thread, but for `dropped`, which the result queue counts."""

    frames: int = 0
    incomplete: int = 0
    results: int = 0
    repeated: int = 0
    stale: int = 0

    def counts(self, dropped: int) -> StreamCounts:
        return StreamCounts(self.frames, self.incomplete, self.results, self.repeated, self.stale, dropped)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a chunk says of one inference."""

    frame_id: int
    class_id: int
    confidence: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One complete frame; `answer` is set where it brings a new result that counts."""

    frame_id: int
    timestamp_ns: int
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Picture:
    """The pixels of one frame, a copy of their own: (height, width) or (height, width, 3)."""

    frame_id: int
    timestamp_ns: int
    pixels: NDArray[np.generic] = field(repr=False)


class FrameReader:
    """Takes images of one acquisition off the camera. `attribution` None: the frames only, chunks are not read."""

    def __init__(
        self,
        camera: CameraPtr,
        nodes: Nodes,
        task: Task,
        tally: Tally,
        attribution: Attribution | None,
        stamped: Stamped = "exposure_end",
    ) -> None:
        self._camera = camera
        self._nodes = nodes
        self._task = task
        self._tally = tally
        self._attribution = attribution
        self._stamped = stamped
        self._wanted = False
        self._picture: Picture | None = None

    def want_picture(self) -> None:
        """Keep the pixels of the next complete frame."""
        self._wanted, self._picture = True, None

    def take_picture(self) -> Picture | None:
        """The kept pixels, once there are any."""
        picture, self._picture = self._picture, None
        return picture

    def read(self, timeout_ms: int) -> Frame | None:
        """The next complete frame, or None when none came in time; raises a CameraError."""
        try:
            image = self._camera.GetNextImage(timeout_ms)
        except self._nodes.vendor_exception as exc:
            if error_code(exc) == TIMEOUT:
                return None
            raise translate(exc, "get the next image") from exc
        try:
            return self._take(image)
        except self._nodes.vendor_exception as exc:
            if error_code(exc) != PARSING_CHUNK_DATA:
                raise translate(exc, "read an image") from exc
            self._tally.incomplete += 1
            return None
        finally:
            self._release(image)

    def _release(self, image: Image) -> None:
        try:
            image.Release()
        except self._nodes.vendor_exception as exc:
            raise translate(exc, "release an image") from exc

    def _take(self, image: Image) -> Frame | None:
        if image.IsIncomplete():
            self._tally.incomplete += 1
            return None
        self._tally.frames += 1
        timestamp_ns = image.GetTimeStamp()
        if self._wanted:
            # Whether GetNDArray is a copy or a view of the buffer is unknown (pyspin-surface.md 2.5).
            self._picture = Picture(image.GetFrameID(), timestamp_ns, image.GetNDArray().copy())
            self._wanted = False
        if self._stamped == "exposure_start":
            timestamp_ns += round(image.GetChunkData().GetExposureTime() * 1e3)
        if self._attribution is None:
            return Frame(image.GetFrameID(), timestamp_ns, None)
        chunk = image.GetChunkData()
        # The chunk's frame id, not the image's: InferenceFrameId is in its numbering (S12, S20).
        frame_id, inference_id = chunk.GetFrameID(), chunk.GetInferenceFrameId()
        verdict = self._attribution.judge(frame_id, timestamp_ns, inference_id)
        if verdict is Verdict.NEW:
            return Frame(frame_id, timestamp_ns, self._answer(chunk, inference_id))
        self._tally.repeated += verdict is Verdict.REPEATED
        self._tally.stale += verdict is Verdict.STALE
        return Frame(frame_id, timestamp_ns, None)

    def _answer(self, chunk: ChunkData, inference_id: int) -> Answer:
        if self._task == "classification":
            return Answer(inference_id, chunk.GetInferenceResult(), chunk.GetInferenceConfidence(), ())
        boxes = read_boxes(chunk)
        best = max(boxes, key=lambda box: box.confidence, default=None)
        return Answer(inference_id, best.class_id if best else _NO_CLASS, best.confidence if best else 0.0, boxes)


def read_boxes(chunk: ChunkData) -> tuple[Box, ...]:
    """Detections of a chunk, in image pixels; coordinates may overshoot the image (facts section 2)."""
    result = chunk.GetInferenceBoundingBoxResult()
    boxes = (result.GetBoxAt(number) for number in range(result.GetBoxCount()))
    return tuple(
        Box(
            b.classId,
            b.confidence,
            b.rect.topLeftXCoord,
            b.rect.topLeftYCoord,
            b.rect.bottomRightXCoord,
            b.rect.bottomRightYCoord,
        )
        for b in boxes
    )


@dataclass(frozen=True, slots=True)
class _Captured:
    frame_id: int
    timestamp_ns: int
    part: int | None


class Stream:
    """One camera's running acquisition, as records. Parts go on counting over acquisitions."""

    def __init__(self, clock: Clock, tally: Tally, triggered: bool) -> None:
        self._clock = clock
        self._tally = tally
        self._triggered = triggered
        self._next_part = 0
        self._first_id: int | None = None
        self._last_id = -1
        self._base_part = 0
        self._ring: list[_Captured | None] = [None] * _RING
        self._periods: deque[int] = deque(maxlen=_PERIODS)
        self._last_ns: int | None = None  # host time of the last frame, or of the start
        self._last_captured_ns: int | None = None

    def begin(self) -> None:
        """A new acquisition: frame ids start again."""
        self._first_id = None
        self._base_part = self._next_part
        self._ring = [None] * _RING
        self._periods.clear()
        self._last_ns = self._clock.now_ns()
        self._last_captured_ns = None

    def end(self) -> None:
        self._periods.clear()
        self._last_ns = None

    def note(self, frame: Frame) -> None:
        """Remember when a frame was captured and which part it shows."""
        now_ns = self._clock.now_ns()
        if self._first_id is None or frame.frame_id <= self._last_id:
            self._first_id, self._base_part = frame.frame_id, self._next_part
        self._last_id = frame.frame_id
        part = self._base_part + frame.frame_id - self._first_id if self._triggered else None
        if part is not None:
            self._next_part = part + 1
        previous = self._ring[(frame.frame_id - 1) % _RING]
        if previous is not None and previous.frame_id == frame.frame_id - 1:
            self._periods.append(frame.timestamp_ns - previous.timestamp_ns)
        self._ring[frame.frame_id % _RING] = _Captured(frame.frame_id, frame.timestamp_ns, part)
        self._last_ns = now_ns

    def record(
        self, frame: Frame, answer: Answer, generation: int, service_ms: float | None, offset_ns: int
    ) -> RawInference | None:
        """The record of a result that counts; None (and stale) where its frame was never seen."""
        captured = self._ring[answer.frame_id % _RING]
        if captured is None or captured.frame_id != answer.frame_id:
            self._tally.stale += 1
            return None
        self._tally.results += 1
        if service_ms is None:
            service_ms = self._guess_service_ms(captured.timestamp_ns, frame.timestamp_ns)
        self._last_captured_ns = captured.timestamp_ns
        return RawInference(
            generation=generation,
            frame_id=answer.frame_id,
            captured_ns=captured.timestamp_ns,
            carried_ns=frame.timestamp_ns,
            class_id=answer.class_id,
            confidence=answer.confidence,
            service_ms=service_ms,
            latency_ms=max(0.0, (self._clock.now_ns() - captured.timestamp_ns - offset_ns) / 1e6),
            part=captured.part,
            boxes=answer.boxes,
        )

    def frame_period_ms(self) -> float | None:
        return sum(self._periods) / len(self._periods) / 1e6 if self._periods else None

    def silent_s(self) -> float | None:
        """Host time since the last frame (or the start); None while not streaming."""
        return None if self._last_ns is None else (self._clock.now_ns() - self._last_ns) / 1e9

    def _guess_service_ms(self, captured_ns: int, seen_ns: int) -> float:
        """Firmware without InferenceTime: the period in saturation, at most the time until the result was seen."""
        until_seen_ns = seen_ns - captured_ns
        if self._last_captured_ns is None:
            return until_seen_ns / 1e6
        return min(until_seen_ns, captured_ns - self._last_captured_ns) / 1e6


class ClockMap:
    """Maps the camera's clock to the host's, by TimestampLatch (facts 1.5).

    The latch lies between the two host times of its execution; of several round trips the shortest is the best.
    """

    def __init__(self, clock: Clock, nodes: Nodes) -> None:
        self._clock = clock
        self._nodes = nodes
        self._usable = nodes.writable("TimestampLatch") and nodes.first("TimestampLatchValue") is not None
        self.offset_ns = 0  # host = camera + offset
        self.measured_ns: int | None = None  # host time of the last measurement

    def measure(self, round_trips: int) -> None:
        """Two transactions each; without a latch the offset comes from `observe`."""
        if not self._usable:
            return
        best: tuple[int, int] | None = None
        for _ in range(round_trips):
            before_ns = self._clock.now_ns()
            self._nodes.execute("TimestampLatch")
            after_ns = self._clock.now_ns()
            camera_ns = self._nodes.get_int("TimestampLatchValue")
            trip = (after_ns - before_ns, (before_ns + after_ns) // 2 - camera_ns)
            best = trip if best is None else min(best, trip)
        if best is not None:
            self.offset_ns, self.measured_ns = best[1], self._clock.now_ns()

    def observe(self, timestamp_ns: int) -> None:
        """A frame arrived just now: without a latch, the fastest arrival so far bounds the offset."""
        if self._usable:
            return
        offset_ns = self._clock.now_ns() - timestamp_ns
        if self.measured_ns is None or offset_ns < self.offset_ns:
            self.offset_ns, self.measured_ns = offset_ns, self._clock.now_ns()

    def due(self, refresh_s: float) -> bool:
        """Whether the clocks may have drifted apart since the last measurement."""
        if not self._usable or self.measured_ns is None:
            return False
        return self._clock.now_ns() - self.measured_ns >= refresh_s * 1e9
