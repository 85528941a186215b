"""Chunk data of an image under the vendor's names (facts/pyspin-surface.md 3.2, facts/firefly-dl.md section 2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.sim.chunks import Box, ChunkResult, Frame
from agent.sim.host.arguments import unsigned
from agent.sim.host.constants import INFERENCE_BOX_TYPE_RECTANGLE, TABLE
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_HANDLE,
    SPINNAKER_ERR_INVALID_INDEX,
    SPINNAKER_ERR_NO_DATA,
    SpinnakerException,
)

__all__ = [
    "ChunkData",
    "InferenceBoundingBox",
    "InferenceBoundingBoxResult",
    "InferenceBoxCircle",
    "InferenceBoxRect",
    "InferenceBoxRotatedRect",
]

# Layout of the ChunkInferenceBoundingBoxResult register, unknown on the camera: version int8, box size int8 (bytes),
# box count int16, then the boxes: type int16, class int16, confidence float32, left, top, right, bottom int16 and
# 4 bytes reserved. Little-endian.
_HEAD = struct.Struct("<bbh")
_BOX = struct.Struct("<hhfhhhh4x")
_VERSION = 1
_INT16 = np.iinfo(np.int16)


@dataclass(slots=True)
class InferenceBoxRect:
    """Corners in pixels, int16; they may lie outside the image."""

    topLeftXCoord: int = 0
    topLeftYCoord: int = 0
    bottomRightXCoord: int = 0
    bottomRightYCoord: int = 0


@dataclass(slots=True)
class InferenceBoxCircle:
    centerXCoord: int = 0
    centerYCoord: int = 0
    radius: int = 0


@dataclass(slots=True)
class InferenceBoxRotatedRect:
    topLeftXCoord: int = 0
    topLeftYCoord: int = 0
    bottomRightXCoord: int = 0
    bottomRightYCoord: int = 0
    rotationAngle: int = 0


@dataclass(slots=True)
class InferenceBoundingBox:
    """One detection; `boxType` says which of the three shapes is filled."""

    boxType: int = INFERENCE_BOX_TYPE_RECTANGLE
    classId: int = 0
    confidence: float = 0.0
    rect: InferenceBoxRect = field(default_factory=InferenceBoxRect)
    circle: InferenceBoxCircle = field(default_factory=InferenceBoxCircle)
    rotatedRect: InferenceBoxRotatedRect = field(default_factory=InferenceBoxRotatedRect)


class InferenceBoundingBoxResult:
    """The boxes of a frame's result."""

    def __init__(self, boxes: Sequence[Box] = ()) -> None:
        self._boxes = tuple(boxes[: _INT16.max])

    def GetBoxCount(self) -> int:
        return len(self._boxes)

    def GetVersion(self) -> int:
        return _VERSION

    def GetBoxSize(self) -> int:
        """Bytes of a box in the register."""
        return _BOX.size

    def GetBoxAt(self, index: int) -> InferenceBoundingBox:
        if unsigned("GetBoxAt", index) >= len(self._boxes):
            raise SpinnakerException(f"box {index} of {len(self._boxes)}", SPINNAKER_ERR_INVALID_INDEX)
        box = self._boxes[index]
        rectangle = InferenceBoxRect(*map(_int16, (box.left, box.top, box.right, box.bottom)))
        return InferenceBoundingBox(INFERENCE_BOX_TYPE_RECTANGLE, box.class_id, float(box.confidence), rectangle)


def pack_boxes(result: ChunkResult) -> bytes:
    """The boxes of a result as the node map's register shows them."""
    boxes = result.boxes[: _INT16.max]
    head = _HEAD.pack(_VERSION, _BOX.size, len(boxes))
    corners = [tuple(map(_int16, (b.left, b.top, b.right, b.bottom))) for b in boxes]
    kind = INFERENCE_BOX_TYPE_RECTANGLE
    return head + b"".join(_BOX.pack(kind, b.class_id, b.confidence, *c) for b, c in zip(boxes, corners, strict=True))


def _int16(value: int) -> int:
    return min(max(value, _INT16.min), _INT16.max)


class FrameLease:
    """The frame of an image, until Release takes it away. Chunk data hold it and not the image: whoever keeps them
    keeps no buffer."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame) -> None:
        self.frame: Frame | None = frame

    def live(self) -> Frame:
        """The frame; raises once the image was released."""
        if self.frame is None:
            raise SpinnakerException("Image has been released", SPINNAKER_ERR_INVALID_HANDLE)
        return self.frame


class ChunkData:
    """Chunk values of one frame, until its image is released.

    What a getter gives whose chunk is off is unknown (facts/firefly-dl.md section 7): 0, or with the quirk
    `disabled_chunk_raises` an exception. Sequencer, counters, timers, serial data and CRC are not on this camera
    (facts/firefly-dl.md 1.3).
    """

    __slots__ = ("_lease",)

    def __init__(self, lease: FrameLease) -> None:
        self._lease = lease

    def GetFrameID(self) -> int:
        return self._number("FrameID", lambda f: f.frame_id)

    def GetTimestamp(self) -> int:
        return self._number("Timestamp", lambda f: f.timestamp_ns)

    def GetExposureTime(self) -> float:
        return self._real("ExposureTime", lambda f: f.settings.exposure_us)

    def GetGain(self) -> float:
        return self._real("Gain", lambda f: f.settings.gain_db)

    def GetBlackLevel(self) -> float:
        return self._real("BlackLevel", lambda f: f.settings.black_level)

    def GetWidth(self) -> int:
        return self._number("Width", lambda f: f.settings.geometry.width)

    def GetHeight(self) -> int:
        return self._number("Height", lambda f: f.settings.geometry.height)

    def GetOffsetX(self) -> int:
        return self._number("OffsetX", lambda f: f.settings.geometry.offset_x)

    def GetOffsetY(self) -> int:
        return self._number("OffsetY", lambda f: f.settings.geometry.offset_y)

    def GetPixelFormat(self) -> int:
        return self._number("PixelFormat", lambda f: TABLE["PixelFormat"][f.settings.geometry.pixel_format])

    def GetCRC(self) -> int:
        return self._number("CRC", lambda _: 0)

    def GetImage(self) -> int:
        return self._number("Image", lambda _: 0)

    def GetSequencerSetActive(self) -> int:
        return self._number("SequencerSetActive", lambda _: 0)

    def GetExposureEndLineStatusAll(self) -> int:
        return self._number("ExposureEndLineStatusAll", lambda f: f.lines)

    def GetLineStatusAll(self) -> int:
        return self._number("LineStatusAll", lambda _: 0)

    def GetCounterValue(self) -> int:
        return self._number("CounterValue", lambda _: 0)

    def GetTimerValue(self) -> float:
        return self._real("TimerValue", lambda _: 0.0)

    def GetSerialDataLength(self) -> int:
        return self._number("SerialData", lambda _: 0)

    def GetInferenceFrameId(self) -> int:
        return self._number("InferenceFrameId", lambda f: f.result.frame_id)

    def GetInferenceResult(self) -> int:
        return self._number("InferenceResult", lambda f: f.result.class_id)

    def GetInferenceConfidence(self) -> float:
        return self._real("InferenceConfidence", lambda f: f.result.confidence)

    def GetInferenceBoundingBoxResult(self) -> InferenceBoundingBoxResult:
        frame = self._frame("InferenceBoundingBoxResult")
        return InferenceBoundingBoxResult(frame.result.boxes if frame is not None else ())

    def _number(self, chunk: str, value: Callable[[Frame], int]) -> int:
        frame = self._frame(chunk)
        return int(value(frame)) if frame is not None else 0

    def _real(self, chunk: str, value: Callable[[Frame], float]) -> float:
        frame = self._frame(chunk)
        return float(value(frame)) if frame is not None else 0.0

    def _frame(self, chunk: str) -> Frame | None:
        """The frame where it carries `chunk`, None where the chunk is off."""
        frame = self._lease.live()
        if chunk in frame.settings.chunks:
            return frame
        if frame.settings.strict_chunks:
            raise SpinnakerException(f"Chunk {chunk} is not available.", SPINNAKER_ERR_NO_DATA)
        return None
