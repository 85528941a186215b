"""A camera's pixels as a small JPEG. Work for a thread: numpy and Pillow let others run meanwhile."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.domain.preview import LARGEST_PX
from agent.supervisor.imaging import developed

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITY = 72


def small_image(pixels: NDArray[np.generic], pixel_format: str) -> Image:
    """At most LARGEST_PX wide. Raises CameraRefused for a format that is not known."""
    from PIL import Image  # only while somebody looks

    image = Image.fromarray(np.ascontiguousarray(_small(pixels, pixel_format)))
    factor = -(-image.width // LARGEST_PX)
    return image if factor <= 1 else image.reduce(factor)


def narrowed(image: Image, halvings: int) -> Image:
    """The image with that many halvings of each side."""
    return image if halvings == 0 else image.reduce(2**halvings)


def halvings_for(width: int, max_width: int) -> int:
    """How often a width has to be halved to be no more than `max_width`."""
    count = 0
    while -(-width // 2**count) > max_width:
        count += 1
    return count


def jpeg_file(image: Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


def _small(pixels: NDArray[np.generic], pixel_format: str) -> NDArray[np.uint8]:
    """Grey or RGB; of a mosaic the half of each side, which costs a twentieth of interpolating it."""
    if not pixel_format.startswith("Bayer"):
        return developed(pixels, pixel_format)
    developed(pixels[:4, :4], pixel_format)  # refuses what it does not know
    height, width = (size // 2 * 2 for size in pixels.shape[:2])
    quads = pixels.astype(np.uint8, copy=False)[:height, :width]
    corners = {(row, column): quads[row::2, column::2] for row in (0, 1) for column in (0, 1)}
    red_at = {"RG": (0, 0), "GR": (0, 1), "GB": (1, 0), "BG": (1, 1)}[pixel_format[5:7]]
    blue_at = (1 - red_at[0], 1 - red_at[1])
    one, other = (corner for at, corner in corners.items() if at not in (red_at, blue_at))
    green = ((one.astype(np.uint16) + other) // 2).astype(np.uint8)
    return np.stack([corners[red_at], green, corners[blue_at]], axis=2)
