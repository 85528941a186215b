"""SpinVideo (facts/pyspin-surface.md 3.4): images into AVI files, uncompressed or as motion JPEG. No H.264 encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.sim.host.arguments import is_a, unsigned
from agent.sim.host.avi import MAX_BYTES, AviWriter, Codec, VideoFormat
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_IO,
    SPINNAKER_ERR_NOT_INITIALIZED,
    SPINNAKER_ERR_RESOURCE_IN_USE,
    SpinnakerException,
)
from agent.sim.host.image_files import jpeg, picture
from agent.sim.host.images import Image

__all__ = [
    "AVIOption",
    "H264Option",
    "MJPGOption",
    "SpinVideo",
]

_MB = 1 << 20


@dataclass
class AVIOption:
    """`frameRate` in frames a second; width and height 0 are those of the first image."""

    frameRate: float = 15.0
    width: int = 0
    height: int = 0


@dataclass
class MJPGOption:
    """`quality` is 1 (worst) to 100."""

    frameRate: float = 15.0
    quality: int = 75
    width: int = 0
    height: int = 0


@dataclass
class H264Option:
    frameRate: float = 15.0
    width: int = 0
    height: int = 0
    bitrate: int = 1_000_000
    crf: int = 28
    useMP4: bool = False


class SpinVideo:
    """A recording: Open, Append each image, Close. Files are <name>-0000.avi, -0001.avi, ... as they fill up.

    That the SDK numbers its files is known from users only; a recording that is dropped is closed.
    """

    def __init__(self) -> None:
        self._option: AVIOption | MJPGOption | None = None
        self._name = ""
        self._files = 0
        self._writer: AviWriter | None = None
        self._video: VideoFormat | None = None
        self._limit_bytes = MAX_BYTES

    def __del__(self) -> None:
        writer = self.__dict__.get("_writer")
        if writer is not None:
            writer.close()

    def Open(self, pFileName: str, option: AVIOption | MJPGOption | H264Option, /) -> None:
        """Start a recording; the file appears with the first image."""
        if isinstance(option, H264Option):
            raise NotImplementedError("SpinVideo.Open with H264Option")
        is_a("SpinVideo.Open", pFileName, str)
        is_a("SpinVideo.Open", option, AVIOption, MJPGOption)
        if self._option is not None:
            raise SpinnakerException("A video is already open.", SPINNAKER_ERR_RESOURCE_IN_USE)
        quality = option.quality if isinstance(option, MJPGOption) else 1
        if not option.frameRate > 0 or not 1 <= quality <= 100:
            raise SpinnakerException(
                f"frame rate {option.frameRate} with quality {quality} cannot be recorded",
                SPINNAKER_ERR_INVALID_PARAMETER,
            )
        if not Path(pFileName).absolute().parent.is_dir():
            raise SpinnakerException(f"Could not open video {pFileName}: no such folder", SPINNAKER_ERR_IO)
        self._option, self._name, self._files, self._video = option, pFileName, 0, None

    def Append(self, image: Image, /) -> None:
        """Add one image; all of a recording have the same size and are all grey or all in colour."""
        option = self._opened()
        is_a("SpinVideo.Append", image, Image)
        layout, width, height = image._head().layout, image.GetWidth(), image.GetHeight()
        video = self._format(option, width, height, 8 if layout.channels == 1 else 24)
        pixels: NDArray[np.uint8] = picture(image.GetData(), layout, width, height).astype(np.uint8)
        data = jpeg(pixels, option.quality) if isinstance(option, MJPGOption) else _bottom_up(pixels)
        try:
            self._room(video, len(data)).append(data)
        except OSError as exc:
            raise SpinnakerException(f"Could not append to video {self._name}: {exc}", SPINNAKER_ERR_IO) from exc

    def SetMaximumFileSize(self, size: int) -> None:
        """The size in MB at which the next file begins; 0 is no limit but that of the format."""
        limit = unsigned("SetMaximumFileSize", size) * _MB
        self._limit_bytes = min(limit, MAX_BYTES) if limit else MAX_BYTES

    def Close(self) -> None:
        """End the recording."""
        self._opened()
        self._option = None
        self._finish()

    def _opened(self) -> AVIOption | MJPGOption:
        if self._option is None:
            raise SpinnakerException("No video is open.", SPINNAKER_ERR_NOT_INITIALIZED)
        return self._option

    def _format(self, option: AVIOption | MJPGOption, width: int, height: int, bits: int) -> VideoFormat:
        """The format of the recording, which the first image sets."""
        wanted = (option.width or width, option.height or height)
        if self._video is None and wanted == (width, height):
            codec: Codec = "MJPG" if isinstance(option, MJPGOption) else "DIB"
            self._video = VideoFormat(width, height, bits, float(option.frameRate), codec)
        video = self._video
        if video is None or (video.width, video.height, video.bits) != (width, height, bits):
            expected = wanted if video is None else (video.width, video.height)
            raise SpinnakerException(
                f"image of {width}x{height} with {bits} bits does not fit a video of {expected[0]}x{expected[1]}",
                SPINNAKER_ERR_INVALID_PARAMETER,
            )
        return video

    def _room(self, video: VideoFormat, size: int) -> AviWriter:
        """The writer of the file that the next frame goes to."""
        if self._writer is not None and self._writer.size + size > self._limit_bytes:
            self._finish()
        if self._writer is None:
            self._writer = AviWriter(Path(f"{self._name}-{self._files:04}.avi"), video)
            self._files += 1
        return self._writer

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _bottom_up(pixels: NDArray[np.uint8]) -> bytes:
    """Rows as a DIB has them: the last first, BGR, padded to 4 bytes."""
    rows = pixels[::-1] if pixels.ndim == 2 else pixels[::-1, :, ::-1].reshape(pixels.shape[0], -1)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()
