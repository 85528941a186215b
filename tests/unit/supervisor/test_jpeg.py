"""What a camera's pixels look like as a small picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agent.domain.preview import LARGEST_PX, SMALLEST_PX
from agent.errors import CameraRefused
from agent.supervisor.jpeg import halvings_for, jpeg_file, narrowed, small_image


def the_file(pixels: NDArray[np.generic], pixel_format: str) -> bytes:
    return jpeg_file(small_image(pixels, pixel_format))


@pytest.mark.parametrize("pixel_format", ["BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"])
def test_a_mosaic_is_shown_in_its_colours(pixel_format: str) -> None:
    """A scene of one colour: red 200, green 120, blue 40."""
    levels = {"R": 200, "G": 120, "B": 40}
    pattern = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}[pixel_format[5:7]]
    mosaic = np.tile(np.array([levels[one] for one in pattern], np.uint8).reshape(2, 2), (40, 60))
    image = Image.open(io.BytesIO(the_file(mosaic, pixel_format)))
    assert (image.size, image.mode) == ((60, 40), "RGB")
    red, green, blue = image.getpixel((30, 20))  # type: ignore[misc]
    assert (abs(red - 200) < 8, abs(green - 120) < 8, abs(blue - 40) < 8) == (True, True, True)


@pytest.mark.parametrize(
    ("shape", "pixel_format", "size"),
    [((1080, 1440), "Mono8", (720, 540)), ((1080, 1440, 3), "RGB8", (720, 540)), ((40, 60), "Mono8", (60, 40))],
)
def test_a_picture_is_as_small_as_a_card_of_the_page(
    shape: tuple[int, ...], pixel_format: str, size: tuple[int, int]
) -> None:
    body = the_file(np.random.default_rng(1).integers(60, 90, shape, np.uint8), pixel_format)
    image = Image.open(io.BytesIO(body))
    assert image.size == size
    assert image.width <= LARGEST_PX
    assert len(body) < 150_000


@pytest.mark.parametrize("pixel_format", ["Mono12p", "BayerXX8", "YUV422_8"])
def test_a_format_that_is_not_known_is_refused(pixel_format: str) -> None:
    with pytest.raises(CameraRefused):
        the_file(np.zeros((8, 8), np.uint8), pixel_format)


@pytest.mark.parametrize(("max_width", "width"), [(720, 720), (719, 360), (360, 360), (100, 90), (64, 45)])
def test_a_narrower_picture_is_halved_until_it_fits(max_width: int, width: int) -> None:
    image = small_image(np.zeros((1080, 1440), np.uint8), "Mono8")
    halvings = halvings_for(image.width, max_width)
    assert narrowed(image, halvings).size == (width, -(-540 // 2**halvings))


def test_there_are_few_sizes_that_a_picture_can_be_asked_for_in() -> None:
    widths = range(SMALLEST_PX, LARGEST_PX + 1)
    assert {halvings_for(LARGEST_PX, width) for width in widths} == {0, 1, 2, 3, 4}
