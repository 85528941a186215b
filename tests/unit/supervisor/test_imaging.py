"""Pixels to PNG files: another program must read out what went in, and colours come out of a mosaic."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agent.errors import CameraRefused
from agent.supervisor.imaging import developed, png_of

RNG = np.random.default_rng(5)


def noise(*shape: int) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def read(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        image.verify()
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (37, 53)])
def test_grey_pixels_come_out_as_they_went_in(shape: tuple[int, int]) -> None:
    pixels = noise(*shape)
    assert (read(png_of(pixels, "Mono8")) == pixels).all()


def test_colours_come_out_as_rgb_in_either_order() -> None:
    pixels = noise(20, 30, 3)
    assert (read(png_of(pixels, "RGB8")) == pixels).all()
    assert (read(png_of(pixels, "BGR8")) == pixels[:, :, ::-1]).all()


@pytest.mark.parametrize(("order", "red"), [("RG", (0, 0)), ("GR", (0, 1)), ("GB", (1, 0)), ("BG", (1, 1))])
def test_a_mosaic_of_one_colour_is_that_colour_up_to_the_edges(order: str, red: tuple[int, int]) -> None:
    colour = np.array([200, 120, 40], np.uint8)
    mosaic = np.full((10, 12), colour[1], np.uint8)
    mosaic[red[0] :: 2, red[1] :: 2] = colour[0]
    mosaic[1 - red[0] :: 2, 1 - red[1] :: 2] = colour[2]
    assert (developed(mosaic, f"Bayer{order}8") == colour).all()


def test_a_mosaic_keeps_what_was_measured_and_interpolates_between() -> None:
    scene = np.stack([np.add.outer(np.arange(0, 40, 2), np.arange(0, 48, 2))] * 3, axis=2).astype(np.uint8)
    mosaic = scene[:, :, 1].copy()
    inner = developed(mosaic, "BayerRG8")[2:-2, 2:-2].astype(int)
    assert np.abs(inner - scene[2:-2, 2:-2]).max() <= 1, "a slope is interpolated exactly, but for rounding"
    values = noise(20, 24)
    red = developed(values, "BayerRG8")[:, :, 0]
    assert (red[0::2, 0::2] == values[0::2, 0::2]).all()


@pytest.mark.parametrize(
    ("pixels", "pixel_format", "told"),
    [
        (np.zeros((4, 4), np.uint16), "Mono16", "more than 8 bits"),
        (noise(4, 4), "RGB8", "4 x 4 values of RGB8"),
        (noise(4, 4, 3), "Mono8", "4 x 4 x 3 values of Mono8"),
        (noise(4, 4), "BayerXY8", "use Mono8"),
    ],
)
def test_what_is_no_known_picture_is_refused(pixels: NDArray[np.generic], pixel_format: str, told: str) -> None:
    with pytest.raises(CameraRefused, match=told):
        png_of(pixels, pixel_format)
