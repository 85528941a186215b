"""Images and chunk data (facts/pyspin-surface.md 2.5, 2.6, 3.2). No GenApi on this path: a frame carries its values."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import AgentError
from agent.sim.chunks import Frame
from agent.sim.host.constants import IMAGE_STATUS, TABLE
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_HANDLE,
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_NO_DATA,
    SPINNAKER_ERR_NOT_IMPLEMENTED,
    SpinnakerException,
    from_link,
)
from agent.sim.link import DeviceLink

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
_CHANNELS = {"Mono8": 1, "Mono16": 1, "RGB8": 3, "BGR8": 3}
_SAVE_FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".pgm": "PPM", ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip


class Buffers:
    """Stream buffers that images hold. Thread-safe: set operations are atomic."""

    def __init__(self) -> None:
        self.count = 10
        self.held: set[int] = set()

    def exhausted(self) -> bool:
        return len(self.held) >= self.count


class InferenceBoundingBoxResult:
    """Boxes of a detection network; the simulation has no detector yet, so there are none."""

    def GetBoxCount(self) -> int:
        return 0

    def GetVersion(self) -> int:
        return 1

    def GetBoxSize(self) -> int:
        return 0

    def GetBoxAt(self, index: int) -> Any:
        raise SpinnakerException(f"box {index} of 0", SPINNAKER_ERR_INVALID_PARAMETER)


class ChunkData:
    """Chunk values of one frame; a chunk that is off reads 0 (unknown on the camera)."""

    __slots__ = ("_frame", "_on")

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._on = frame.settings.chunks

    def GetFrameID(self) -> int:
        return self._frame.frame_id if "FrameID" in self._on else 0

    def GetTimestamp(self) -> int:
        return self._frame.timestamp_ns if "Timestamp" in self._on else 0

    def GetExposureTime(self) -> float:
        return self._frame.settings.exposure_us if "ExposureTime" in self._on else 0.0

    def GetGain(self) -> float:
        return self._frame.settings.gain_db if "Gain" in self._on else 0.0

    def GetBlackLevel(self) -> float:
        return self._frame.settings.black_level if "BlackLevel" in self._on else 0.0

    def GetWidth(self) -> int:
        return self._frame.settings.geometry.width if "Width" in self._on else 0

    def GetHeight(self) -> int:
        return self._frame.settings.geometry.height if "Height" in self._on else 0

    def GetOffsetX(self) -> int:
        return self._frame.settings.geometry.offset_x if "OffsetX" in self._on else 0

    def GetOffsetY(self) -> int:
        return self._frame.settings.geometry.offset_y if "OffsetY" in self._on else 0

    def GetInferenceFrameId(self) -> int:
        return self._frame.result.frame_id if "InferenceFrameId" in self._on else 0

    def GetInferenceResult(self) -> int:
        return self._frame.result.class_id if "InferenceResult" in self._on else 0

    def GetInferenceConfidence(self) -> float:
        return self._frame.result.confidence if "InferenceConfidence" in self._on else 0.0

    def GetInferenceBoundingBoxResult(self) -> InferenceBoundingBoxResult:
        return InferenceBoundingBoxResult()


class Image:
    """Pixels with a format. Grabbed images render them when they are first asked for."""

    def __init__(self, pixels: Pixels, pixel_format: str) -> None:
        self._pixels: Pixels | None = pixels
        self._format = pixel_format

    @staticmethod
    def GetImageStatusDescription(status: int) -> str:
        return next((text for number, text in IMAGE_STATUS.values() if number == status), "Unknown status.")

    @staticmethod
    def Create(*arguments: Any) -> ImagePtr:
        raise NotImplementedError("Image.Create")

    @staticmethod
    def Load(*arguments: Any) -> ImagePtr:
        raise NotImplementedError("Image.Load")

    def GetNDArray(self) -> Pixels:
        return self._array()

    def GetData(self) -> Pixels:
        return self._array().reshape(-1)

    def GetWidth(self) -> int:
        return int(self._array().shape[1])

    def GetHeight(self) -> int:
        return int(self._array().shape[0])

    def GetPixelFormat(self) -> int:
        return TABLE["PixelFormat"][self._format]

    def GetPixelFormatName(self) -> str:
        return self._format

    def GetNumChannels(self) -> int:
        return _CHANNELS[self._format]

    def GetBitsPerPixel(self) -> int:
        return (16 if self._format == "Mono16" else 8) * self.GetNumChannels()

    def GetStride(self) -> int:
        return self.GetWidth() * self.GetBitsPerPixel() // 8

    def GetImageSize(self) -> int:
        return self.GetStride() * self.GetHeight()

    def GetBufferSize(self) -> int:
        return self.GetImageSize()

    def IsIncomplete(self) -> bool:
        return False

    def GetImageStatus(self) -> int:
        return 0

    def Release(self) -> None:
        """Created and converted images own their data."""

    def Save(self, filename: str, *options: object) -> None:
        """Write by extension; relative to the working directory."""
        if options:
            raise NotImplementedError("Image.Save with a format or options")
        path, array = Path(filename), self._array()
        if path.suffix.lower() == ".raw":
            path.write_bytes(array.tobytes())
            return
        if path.suffix.lower() not in _SAVE_FORMATS:
            raise SpinnakerException(f"cannot save as {path.suffix!r}", SPINNAKER_ERR_INVALID_PARAMETER)
        from PIL import Image as Pillow

        rgb = array[..., ::-1] if self._format == "BGR8" else array
        Pillow.fromarray(np.ascontiguousarray(rgb)).save(path, format=_SAVE_FORMATS[path.suffix.lower()])

    def _array(self) -> Pixels:
        if self._pixels is None:
            raise SpinnakerException("Image has been released", SPINNAKER_ERR_INVALID_HANDLE)
        return self._pixels


class ImagePtr(Image):
    """An image from the stream, or one that owns its data. Dropping it frees its buffer."""

    _frame: Frame | None = None

    @classmethod
    def _grabbed(cls, frame: Frame, link: DeviceLink, buffers: Buffers, number: int) -> ImagePtr:
        image = cls.__new__(cls)
        image._pixels, image._format = None, frame.settings.geometry.pixel_format
        image._frame, image._link, image._buffers, image._number = frame, link, buffers, number
        buffers.held.add(number)
        return image

    _link: DeviceLink
    _buffers: Buffers
    _number: int = -1

    def __del__(self) -> None:
        if self._number >= 0:
            self._buffers.held.discard(self._number)

    def Release(self) -> None:
        """Give the buffer back; twice or after the acquisition is harmless."""
        if self._number >= 0:
            self._buffers.held.discard(self._number)
            self._number = -1
            self._frame = self._pixels = None

    def IsInUse(self) -> bool:
        return self._number >= 0

    def IsIncomplete(self) -> bool:
        return self._frame is not None and self._frame.incomplete

    def GetImageStatus(self) -> int:
        return IMAGE_STATUS["DATA_INCOMPLETE"][0] if self.IsIncomplete() else 0

    def GetFrameID(self) -> int:
        return self._live().frame_id

    def GetID(self) -> int:
        return self._live().frame_id

    def GetTimeStamp(self) -> int:
        return self._live().timestamp_ns

    def GetWidth(self) -> int:
        return self._frame.settings.geometry.width if self._frame else super().GetWidth()

    def GetHeight(self) -> int:
        return self._frame.settings.geometry.height if self._frame else super().GetHeight()

    def GetChunkData(self) -> ChunkData:
        frame = self._live()
        if not frame.settings.chunks:
            raise SpinnakerException("Image has no chunk data", SPINNAKER_ERR_NO_DATA)
        return ChunkData(frame)

    def _live(self) -> Frame:
        if self._frame is None:
            raise SpinnakerException("Image has been released", SPINNAKER_ERR_INVALID_HANDLE)
        return self._frame

    def _array(self) -> Pixels:
        if self._pixels is None and self._frame is not None:
            try:
                self._pixels = self._link.frame_pixels(self._frame)
            except AgentError as exc:
                raise from_link(exc, "read image data") from exc
        return super()._array()


class ImageProcessor:
    """Conversions that a mono camera needs: to itself and to three equal planes."""

    def __init__(self) -> None:
        self._algorithm = 1
        self._lock = threading.Lock()

    def SetColorProcessing(self, algorithm: int) -> None:
        self._algorithm = int(algorithm)

    def GetColorProcessing(self) -> int:
        return self._algorithm

    def Convert(self, image: Image, pixelFormat: int, /) -> ImagePtr:
        name = next((k for k, v in TABLE["PixelFormat"].items() if v == pixelFormat), None)
        array, source = image.GetNDArray(), image.GetPixelFormatName()
        if name == source:
            return ImagePtr(array.copy(), source)
        if source == "Mono16" and name == "Mono8":
            return ImagePtr((array >> 8).astype(np.uint8), "Mono8")
        if source == "Mono8" and name in {"RGB8", "BGR8"}:
            return ImagePtr(np.repeat(array[..., None], 3, axis=2).astype(np.uint8), name)
        raise SpinnakerException(f"cannot convert {source} to {name or pixelFormat}", SPINNAKER_ERR_NOT_IMPLEMENTED)
