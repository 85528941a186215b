"""Images of one acquisition as frames: completeness, chunk data, the results that count. Worker thread only.

Every image is released at once: a missing Release starves the stream (facts/firefly-dl.md section 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.camera.attribution import Attribution, Verdict
from agent.camera.nodes import Nodes
from agent.camera.pictures import Pictures
from agent.camera.sdk import TIMEOUT, CameraPtr, ChunkData, Image
from agent.camera.vendor_errors import error_code, translate
from agent.domain.result import Box, StreamCounts

Task = Literal["classification", "detection"]
Stamped = Literal["exposure_end", "exposure_start"]

PARSING_CHUNK_DATA = -1018
NO_DATA = -1008
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


class Answer(NamedTuple):
    """What a chunk says of one inference."""

    frame_id: int
    class_id: int
    confidence: float
    boxes: tuple[Box, ...]


class Frame(NamedTuple):
    """One complete frame; `answer` is set where it brings a new result that counts."""

    frame_id: int
    timestamp_ns: int
    answer: Answer | None


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
        pictures: Pictures | None = None,
    ) -> None:
        self._camera = camera
        self._nodes = nodes
        self._task = task
        self._tally = tally
        self._attribution = attribution
        self._stamped = stamped
        self._pictures = pictures
        self.kept: Image | None = None  # whose pixels are wanted: `pixels` has to follow

    def read(self, timeout_ms: int) -> Frame | None:
        """The next complete frame, or None when none came in time; raises a CameraError.

        Where a tap is due the image is kept: `pixels` has to follow.
        """
        try:
            image = self._camera.GetNextImage(timeout_ms)
        except self._nodes.vendor_exception as exc:
            if error_code(exc) == TIMEOUT:
                return None
            raise translate(exc, "get the next image") from exc
        try:
            frame = self._take(image)
            if frame is not None and self._pictures is not None and self._pictures.wanted():
                self.kept = image
            return frame
        except self._nodes.vendor_exception as exc:
            if error_code(exc) != PARSING_CHUNK_DATA:
                raise translate(exc, "read an image") from exc
            self._tally.incomplete += 1
            return None
        finally:
            if self.kept is None:
                self._release(image)

    def pixels(self) -> NDArray[np.generic] | None:
        """A copy of the pixels of the frame that was just read, where a tap is due; the image is released with it."""
        image, self.kept = self.kept, None
        if image is None or self._pictures is None:
            return None
        try:
            # Whether GetNDArray is a copy or a view of the buffer is unknown (pyspin-surface.md 2.5).
            pixels: NDArray[np.generic] = image.GetNDArray().copy()
        except self._nodes.vendor_exception:  # a format that the SDK does not unpack: the frame counts all the same
            self._pictures.miss()
            return None
        finally:
            self._release(image)
        pixels.flags.writeable = False
        return pixels

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
