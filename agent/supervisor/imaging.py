"""A camera's pixels as a PNG file, 8 bits, grey or RGB. Work for a thread: numpy and zlib let others run meanwhile."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from agent.errors import CameraRefused

Plane = NDArray[np.uint8]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_UP = 2  # filter: each row less the one above
_LEVEL = 1  # higher ones take several times as long for a few percent of a noisy image
# Place of red in the first two by two pixels, (row, column).
_RED_AT = {"RG": (0, 0), "GR": (0, 1), "GB": (1, 0), "BG": (1, 1)}


def png_of(pixels: NDArray[np.generic], pixel_format: str) -> bytes:
    """The file; raises CameraRefused for a format that is none of Mono8, BayerXX8, RGB8 and BGR8."""
    return encoded(developed(pixels, pixel_format))


def developed(pixels: NDArray[np.generic], pixel_format: str) -> Plane:
    """(height, width) grey or (height, width, 3) RGB."""
    plane = pixels.astype(np.uint8, copy=False)
    if pixels.dtype != np.uint8:
        raise CameraRefused(f"pixel format {pixel_format} has more than 8 bits; set acquisition.pixel_format to Mono8")
    if plane.ndim == 2 and pixel_format == "Mono8":
        return plane
    if plane.ndim == 2 and pixel_format[:5] == "Bayer" and pixel_format[7:] == "8" and pixel_format[5:7] in _RED_AT:
        return demosaiced(plane, _RED_AT[pixel_format[5:7]])
    if plane.ndim == 3 and plane.shape[2] == 3 and pixel_format in {"RGB8", "RGB8Packed"}:
        return plane
    if plane.ndim == 3 and plane.shape[2] == 3 and pixel_format == "BGR8":
        return plane[:, :, ::-1]
    shape = " x ".join(str(size) for size in plane.shape)
    raise CameraRefused(
        f"{shape} values of {pixel_format} are no picture known here; use Mono8, BayerRG8, RGB8 or BGR8"
    )


def demosaiced(mosaic: Plane, red_at: tuple[int, int]) -> Plane:
    """RGB by bilinear interpolation: a missing colour is the mean of its two or four neighbours of that colour."""
    height, width = mosaic.shape
    rows, columns = np.arange(-1, height + 1) % 2, np.arange(-1, width + 1) % 2
    red_rows, red_columns = (rows == red_at[0])[:, None], (columns == red_at[1])[None, :]
    # Mirrored about the outermost pixels, which keeps the mosaic's order.
    padded = np.pad(mosaic, 1, mode="reflect").astype(np.uint16)
    red = _spread(padded * (red_rows & red_columns))
    blue = _spread(padded * (~red_rows & ~red_columns))
    green = padded * (red_rows ^ red_columns)
    inner = green[1:-1, 1:-1]
    crossed = green[:-2, 1:-1] + green[2:, 1:-1] + green[1:-1, :-2] + green[1:-1, 2:]
    mixed = inner + (crossed + 2) // 4  # one of the two is 0 everywhere
    return np.stack([red, mixed, blue], axis=2).astype(np.uint8)


def encoded(pixels: Plane) -> bytes:
    """Grey or RGB pixels as a PNG file."""
    height, width = pixels.shape[:2]
    lines = np.ascontiguousarray(pixels).reshape(height, -1)
    filtered = np.empty((height, lines.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    kind = _GREY if pixels.ndim == 2 else _RGB
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered.data, _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _spread(sparse: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Each value given also to the pixels between it and the next ones, two by two: 1 2 1 both ways, over 4."""
    along = sparse[:, :-2] + 2 * sparse[:, 1:-1] + sparse[:, 2:]
    both = along[:-2] + 2 * along[1:-1] + along[2:]
    mean: NDArray[np.uint16] = (both + 2) // 4
    return mean


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
