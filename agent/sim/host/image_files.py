"""Images as files: the vendor's option classes, saving and loading (facts/pyspin-surface.md 2.5, 3.4).

Formats that hold 8 bits a sample get the high byte of wider ones. Bayer images are saved as the grey they are.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from agent.sim.host.arguments import integer, is_a
from agent.sim.host.constants import IMAGE_FILE_FORMATS
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_IO,
    SpinnakerException,
)
from agent.sim.host.pixel_formats import PixelLayout, Pixels, plane

__all__ = [
    "BMPOption",
    "JPEGOption",
    "JPG2Option",
    "PGMOption",
    "PNGOption",
    "PPMOption",
    "TIFFOption",
]

_FROM_EXTENSION = IMAGE_FILE_FORMATS["FROM_FILE_EXT"]
_EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".pgm": "PGM", ".ppm": "PPM", ".tif": "TIFF",
    ".tiff": "TIFF", ".jp2": "JPEG2000", ".raw": "RAW",
}  # fmt: skip
_WIDE = {"PNG", "TIFF", "PGM", "RAW"}


@dataclass
class PNGOption:
    """`compressionLevel` is 0 (none) to 9."""

    interlaced: bool = False
    compressionLevel: int = 6
    _format: ClassVar[str] = "PNG"

    def _arguments(self) -> dict[str, Any]:
        return {"compress_level": _limited("PNGOption.compressionLevel", self.compressionLevel, 9)}


@dataclass
class PPMOption:
    binaryFile: bool = False
    _format: ClassVar[str] = "PPM"

    def _arguments(self) -> dict[str, Any]:
        return {"ascii": not self.binaryFile}


@dataclass
class PGMOption:
    binaryFile: bool = False
    _format: ClassVar[str] = "PGM"

    def _arguments(self) -> dict[str, Any]:
        return {"ascii": not self.binaryFile}


@dataclass
class TIFFOption:
    """`compression` is one of the class's constants."""

    NONE: ClassVar[int] = 1
    PACKBITS: ClassVar[int] = 2
    DEFLATE: ClassVar[int] = 3
    ADOBE_DEFLATE: ClassVar[int] = 4
    CCITTFAX3: ClassVar[int] = 5
    CCITTFAX4: ClassVar[int] = 6
    LZW: ClassVar[int] = 7
    JPEG: ClassVar[int] = 8

    compression: int = 7
    _format: ClassVar[str] = "TIFF"
    _codecs: ClassVar[dict[int, str]] = {
        1: "raw", 2: "packbits", 3: "tiff_deflate", 4: "tiff_adobe_deflate", 7: "tiff_lzw", 8: "jpeg",
    }  # fmt: skip

    def _arguments(self) -> dict[str, Any]:
        codec = self._codecs.get(self.compression)
        if codec is None:  # the fax codecs need pictures of one bit
            raise SpinnakerException(
                f"TIFF compression {self.compression} does not fit the image", SPINNAKER_ERR_INVALID_PARAMETER
            )
        return {"compression": codec}


@dataclass
class JPEGOption:
    """`quality` is 0 (worst) to 100."""

    progressive: bool = False
    quality: int = 75
    _format: ClassVar[str] = "JPEG"

    def _arguments(self) -> dict[str, Any]:
        quality = max(_limited("JPEGOption.quality", self.quality, 100), 1)
        return {"quality": quality, "progressive": bool(self.progressive)}


@dataclass
class JPG2Option:
    """`quality` is the compression ratio, 1 to 512."""

    quality: int = 16
    _format: ClassVar[str] = "JPEG2000"

    def _arguments(self) -> dict[str, Any]:
        return {"quality_mode": "rates", "quality_layers": [max(_limited("JPG2Option.quality", self.quality, 512), 1)]}


@dataclass
class BMPOption:
    indexedColor_8bit: bool = False
    _format: ClassVar[str] = "BMP"

    def _arguments(self) -> dict[str, Any]:
        return {}


SaveOption = PNGOption | PPMOption | PGMOption | TIFFOption | JPEGOption | JPG2Option | BMPOption
_OPTIONS: tuple[type[Any], ...] = (PNGOption, PPMOption, PGMOption, TIFFOption, JPEGOption, JPG2Option, BMPOption)
_DEFAULTS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 75}, "PNG": {"compress_level": 6}}


def save_picture(
    filename: str, buffer: Pixels, layout: PixelLayout, width: int, height: int, option: SaveOption | int
) -> None:
    """Write a buffer as a file; the option's format, or that of the extension. Raises SpinnakerException."""
    is_a("Image.Save", filename, str)
    is_a("Image.Save", option, int, *_OPTIONS)
    path = Path(filename)
    name, arguments = _format(path, option)
    try:
        if name == "RAW":
            path.write_bytes(buffer.tobytes())
        else:
            _write(path, name, picture(buffer, layout, width, height, name in _WIDE), arguments)
    except OSError as exc:
        raise SpinnakerException(f"Could not save image as {filename}: {exc}", SPINNAKER_ERR_IO) from exc


def load_picture(filename: str) -> tuple[Pixels, str]:
    """Pixels and pixel format (Mono8, Mono16, RGB8) of a file that `save_picture` writes; not of raw files."""
    try:
        with Pillow.open(filename) as opened:
            if opened.mode.startswith("I"):
                return np.asarray(opened).astype(np.uint16), "Mono16"
            mode = "L" if opened.mode in {"L", "1"} else "RGB"
            return np.array(opened.convert(mode)), "Mono8" if mode == "L" else "RGB8"
    except OSError as exc:
        raise SpinnakerException(f"Could not load image {filename}: {exc}", SPINNAKER_ERR_IO) from exc


def picture(buffer: Pixels, layout: PixelLayout, width: int, height: int, wide: bool = False) -> Pixels:
    """(height, width[, RGB]) in 8 bits, or in 16 where the format has more and `wide` asks for them."""
    if layout.sample_bits == 8 and not layout.is_packed:
        shape = (height, width) if layout.channels == 1 else (height, width, layout.channels)
        array: Pixels = buffer.reshape(shape)
    else:
        deep = plane(buffer, layout, width, height)
        array = deep if wide else (deep >> 8).astype(np.uint8)
    if layout.name != "BGR8":
        return array
    rgb: Pixels = array[..., ::-1].copy()
    return rgb


def jpeg(array: NDArray[np.uint8], quality: int) -> bytes:
    """A JPEG file of (height, width[, RGB])."""
    buffer = io.BytesIO()
    Pillow.fromarray(array).save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def _format(path: Path, option: SaveOption | int) -> tuple[str, dict[str, Any]]:
    """The file format and what its writer is told."""
    if not isinstance(option, int):
        return option._format, option._arguments()
    if option == _FROM_EXTENSION:
        name = _EXTENSIONS.get(path.suffix.lower())
    else:
        name = next((k for k, v in IMAGE_FILE_FORMATS.items() if v == option and k in _EXTENSIONS.values()), None)
    if name is None:
        raise SpinnakerException(f"cannot save {path.name!r} as format {option}", SPINNAKER_ERR_INVALID_PARAMETER)
    return name, dict(_DEFAULTS.get(name, {}))


def _write(path: Path, name: str, array: Pixels, arguments: dict[str, Any]) -> None:
    if name in {"PGM", "PPM"}:
        if (name == "PGM") != (array.ndim == 2):
            raise SpinnakerException(f"{name} does not fit the pixel format", SPINNAKER_ERR_INVALID_PARAMETER)
        path.write_bytes(_portable_map(array, arguments.get("ascii", False)))
        return
    if array.dtype == np.uint16 and arguments.get("compression") == "jpeg":
        array = (array >> 8).astype(np.uint8)
    Pillow.fromarray(array).save(path, format=name, **arguments)


def _portable_map(array: Pixels, ascii_file: bool) -> bytes:
    """Netpbm: P2 and P3 are text, P5 and P6 binary with the high byte first."""
    top = int(np.iinfo(array.dtype).max)
    magic = (2 if array.ndim == 2 else 3) + (0 if ascii_file else 3)
    head = f"P{magic}\n{array.shape[1]} {array.shape[0]}\n{top}\n".encode()
    if not ascii_file:
        return head + array.astype(">u2" if top > 255 else np.uint8).tobytes()
    rows = array.reshape(array.shape[0], -1)
    return head + "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist()).encode()


def _limited(name: str, value: int, top: int) -> int:
    if not 0 <= integer(name, value) <= top:
        raise SpinnakerException(f"{name} is {value}, allowed are 0 to {top}", SPINNAKER_ERR_INVALID_PARAMETER)
    return value
