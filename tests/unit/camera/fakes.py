"""Tiny stand-ins for the pieces of `agent.camera.sdk.Sdk` that the simulated SDK cannot make misbehave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agent.camera.nodes import Nodes
from agent.camera.sdk import BoxResult, CameraPtr, ChunkData, InferenceBox


class Vendor(Exception):
    """Looks like SpinnakerException."""

    def __init__(self, errorcode: int, message: str = "text") -> None:
        super().__init__(message)
        self.errorcode, self.message = errorcode, message


@dataclass
class Rect:
    topLeftXCoord: int
    topLeftYCoord: int
    bottomRightXCoord: int
    bottomRightYCoord: int


@dataclass
class RawBox:
    classId: int
    confidence: float
    rect: Rect


@dataclass
class Boxes:
    boxes: list[RawBox]

    def GetBoxCount(self) -> int:
        return len(self.boxes)

    def GetBoxAt(self, index: int, /) -> InferenceBox:
        return cast(InferenceBox, self.boxes[index])


@dataclass
class Picture:
    """Image and chunk data in one."""

    frame_id: int
    inference_id: int = -1
    timestamp_ns: int = 0
    exposure_us: float = 0.0
    class_id: int = 0
    confidence: float = 0.0
    boxes: list[RawBox] = field(default_factory=list)
    incomplete: bool = False
    broken: int = 0  # code that reading its chunks raises
    released: int = 0

    def IsIncomplete(self) -> bool:
        return self.incomplete

    def GetImageStatus(self) -> int:
        return 9 if self.incomplete else 0

    def GetFrameID(self) -> int:
        return self.frame_id

    def GetTimeStamp(self) -> int:
        return self.timestamp_ns

    def GetNDArray(self) -> NDArray[Any]:
        return np.zeros((2, 2), np.uint8)

    def GetChunkData(self) -> ChunkData:
        if self.broken:
            raise Vendor(self.broken)
        return self

    def Release(self) -> None:
        self.released += 1

    def GetExposureTime(self) -> float:
        return self.exposure_us

    def GetInferenceFrameId(self) -> int:
        return self.inference_id

    def GetInferenceResult(self) -> int:
        return self.class_id

    def GetInferenceConfidence(self) -> float:
        return self.confidence

    def GetInferenceBoundingBoxResult(self) -> BoxResult:
        return Boxes(self.boxes)


def camera_of(pictures: list[Picture]) -> CameraPtr:
    """A camera whose GetNextImage gives these, then times out."""

    class Camera:
        def GetNextImage(self, _timeout_ms: int, /) -> Picture:
            if not pictures:
                raise Vendor(-1011)
            return pictures.pop(0)

    return cast(CameraPtr, Camera())


class FakeNodes:
    """The part of `Nodes` that stream and clock map use: values by name, missing names are not there."""

    vendor_exception = Vendor

    def __init__(self, values: dict[str, Callable[[], int]] | None = None) -> None:
        self.values = values or {}
        self.executed: list[str] = []

    def writable(self, name: str) -> bool:
        return name in self.values

    def first(self, name: str) -> str | None:
        return name if name in self.values else None

    def execute(self, name: str) -> None:
        self.executed.append(name)
        self.values[name]()

    def get_int(self, name: str) -> int:
        return self.values[name]()


def nodes_of(values: dict[str, Callable[[], int]] | None = None) -> Nodes:
    return cast(Nodes, FakeNodes(values))
