"""Golden images: 8-bit PNGs from outside, of which only size and pixels are read."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray

from agent.errors import BlobInvalid

MAX_GOLDEN_BYTES = 8 * 1024 * 1024
MAX_GOLDEN_SIDE = 4096

_GREY, _RGB = 0, 2
_START = b"\x89PNG\r\n\x1a\n"
_FIRST_BYTES = 33  # the start and the whole first chunk
_READ = (b"IDAT", b"IEND")


def decode_golden(data: bytes, channels: int, where: str) -> NDArray[np.uint8]:
    """Pixels of an 8-bit PNG: (h, w) for one channel, (h, w, 3) RGB for three. Raises BlobInvalid."""
    from PIL.PngImagePlugin import PngImageFile  # Image.open would load four more formats first, to see which it is

    _check_header(data, channels, where)
    try:
        with PngImageFile(io.BytesIO(_bare(data))) as image:
            return np.array(image, dtype=np.uint8)
    # Pillow raises SyntaxError for broken chunks, and whatever its decoder falls over for others.
    except (OSError, ValueError, SyntaxError, LookupError, EOFError, struct.error) as exc:
        raise BlobInvalid(f"{where}: not a readable PNG: {exc}") from exc


def _check_header(data: bytes, channels: int, where: str) -> None:
    """Size and depth from the first chunk, before any pixel is unpacked: a small PNG can hold a huge image."""
    if len(data) < _FIRST_BYTES or not data.startswith(_START) or data[12:16] != b"IHDR":
        raise BlobInvalid(f"{where}: not a PNG")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    wanted = _GREY if channels == 1 else _RGB
    if depth != 8 or colour != wanted:
        raise BlobInvalid(f"{where}: PNG depth {depth} colour type {colour}, expected 8 and {wanted}")
    if not 1 <= width <= MAX_GOLDEN_SIDE or not 1 <= height <= MAX_GOLDEN_SIDE:
        raise BlobInvalid(f"{where}: PNG of {width}x{height} pixels, expected 1 .. {MAX_GOLDEN_SIDE} a side")


def _bare(data: bytes) -> bytes:
    """The file with no chunks but those of its size and its pixels: compressed texts, animations, profiles and a
    second header, which say nothing about a picture but much to a decoder, are left out."""
    kept, place = [data[:_FIRST_BYTES]], _FIRST_BYTES
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        if data[place + 4 : place + 8] in _READ:
            kept.append(data[place : place + 12 + size])
        place += 12 + size
    return b"".join(kept)
