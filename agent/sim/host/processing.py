"""Conversion of images (facts/pyspin-surface.md 2.6): grey, 16-bit grey and colour, from every format of the camera.

Bayer images are interpolated by the mean of the neighbours of a colour, whatever algorithm is set: the algorithms
differ in quality, which a simulated mono camera does not show.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from agent.sim.host.arguments import integer, is_a, unsigned
from agent.sim.host.constants import COLOR_PROCESSING, TABLE
from agent.sim.host.errors import (
    SPINNAKER_ERR_IM_CONVERT,
    SPINNAKER_ERR_INVALID_PARAMETER,
    SpinnakerException,
)
from agent.sim.host.image_files import picture
from agent.sim.host.images import Image, ImagePtr, copy_of, derived
from agent.sim.host.pixel_formats import LAYOUTS, Pixels
from agent.sim.host.statistics import LUMA

_NEAREST_NEIGHBOR = COLOR_PROCESSING.index("NEAREST_NEIGHBOR")
_TARGETS = ("Mono8", "Mono16", "RGB8", "RGB8Packed", "BGR8")
# Colours of the four pixels of a Bayer cell, row by row: red 0, green 1, blue 2.
_CELLS = {"RG": (0, 1, 1, 2), "GR": (1, 0, 2, 1), "GB": (1, 2, 0, 1), "BG": (2, 1, 1, 0)}


class ImageProcessor:
    """Converts images; made once and used for many."""

    def __init__(self) -> None:
        self._algorithm = _NEAREST_NEIGHBOR
        self._threads = 0

    def SetColorProcessing(self, colorAlgorithm: int) -> None:
        self._algorithm = _checked_algorithm(colorAlgorithm)

    def GetColorProcessing(self) -> int:
        return self._algorithm

    def SetNumDecompressionThreads(self, numThreads: int) -> None:
        """Harmless: the camera compresses nothing."""
        self._threads = unsigned("SetNumDecompressionThreads", numThreads)

    def GetNumDecompressionThreads(self) -> int:
        return self._threads

    def Convert(self, image: Image, pixelFormat: int, /) -> ImagePtr:
        return convert_image(image, pixelFormat, self._algorithm)

    def ApplyGamma(self, *_arguments: Any) -> NoReturn:
        raise NotImplementedError("ImageProcessor.ApplyGamma")

    def ApplyColorCorrection(self, *_arguments: Any) -> NoReturn:
        raise NotImplementedError("ImageProcessor.ApplyColorCorrection")


def convert_image(image: Image, pixel_format: int, algorithm: int = _NEAREST_NEIGHBOR) -> ImagePtr:
    """An image of its own in another format; a copy where it is the same. Raises SpinnakerException for a pair that
    is not supported, TypeError where the format is no int."""
    is_a("Convert", image, Image)
    integer("Convert", pixel_format)
    _checked_algorithm(algorithm)
    source = image._head().layout
    target = next((k for k, v in TABLE["PixelFormat"].items() if v == pixel_format), None)
    if target == source.name:
        return copy_of(image)
    if target not in _TARGETS:
        raise SpinnakerException(f"cannot convert {source.name} to {target or pixel_format}", SPINNAKER_ERR_IM_CONVERT)
    samples = picture(image.GetData(), source, image.GetWidth(), image.GetHeight(), wide=target == "Mono16")
    if source.is_bayer:
        samples = _demosaiced(samples, _CELLS[source.name[5:7]])
    return derived(image, LAYOUTS[target], _grey(samples, target) if "Mono" in target else _colour(samples, target))


def _grey(samples: Pixels, target: str) -> Pixels:
    """(height, width) of grey or RGB samples."""
    luma: Pixels = samples if samples.ndim == 2 else np.rint(samples @ np.array(LUMA)).astype(samples.dtype)
    if target == "Mono16" and luma.dtype == np.uint8:
        wide: Pixels = luma.astype(np.uint16) << np.uint16(8)
        return wide
    return luma


def _colour(samples: Pixels, target: str) -> Pixels:
    """(height, width, 3) in the target's order; grey in three equal planes."""
    planes: Pixels = samples
    if samples.ndim == 2:
        planes = samples[..., None].repeat(3, axis=2)
    elif target == "BGR8":
        planes = samples[..., ::-1]
    owned: Pixels = planes.copy()
    return owned


def _demosaiced(samples: Pixels, cell: tuple[int, ...]) -> Pixels:
    """Each colour is its own sample, or the mean of those among the eight neighbours."""
    height, width = samples.shape
    rows, columns = np.indices(samples.shape) % 2
    colours = np.array(cell)[rows * 2 + columns]
    rgb = np.empty((height, width, 3), samples.dtype)
    for colour in range(3):
        here = colours == colour
        total = _neighbourhood(np.where(here, samples, 0).astype(np.float64))
        count = _neighbourhood(here.astype(np.float64))
        rgb[..., colour] = np.where(here, samples, np.rint(total / np.maximum(count, 1.0)))
    return rgb


def _neighbourhood(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over 3 x 3 pixels, 0 outside the image."""
    padded = np.pad(values, 1)
    height, width = values.shape
    sums = np.zeros_like(values)
    for row in range(3):
        for column in range(3):
            sums += padded[row : row + height, column : column + width]
    return sums


def _checked_algorithm(algorithm: int) -> int:
    # Generations 1 and 2 have DEFAULT in front.
    if not 0 <= integer("color processing", algorithm) <= len(COLOR_PROCESSING):
        raise SpinnakerException(f"no color processing algorithm {algorithm}", SPINNAKER_ERR_INVALID_PARAMETER)
    return algorithm
