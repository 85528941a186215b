"""CalculateChannelStatistics (facts/pyspin-surface.md 3.4, the vendor's ImageChannelStatistics)."""

from __future__ import annotations

import numpy as np
import pytest

from agent.sim import pyspin as PySpin
from agent.sim.host.pixel_formats import LAYOUTS, pack

GREY = PySpin.SPINNAKER_STATISTICS_CHANNEL_GREY


def create(name: str, width: int, height: int, data: np.ndarray) -> PySpin.ImagePtr:
    return PySpin.Image.Create(width, height, 0, 0, getattr(PySpin, f"PixelFormat_{name}"), data.view(np.uint8))


def test_grey_statistics_describe_the_values() -> None:
    image = create("Mono8", 3, 2, np.array([7, 7, 7, 10, 200, 9], np.uint8))
    statistics = image.CalculateChannelStatistics(GREY)
    assert (statistics.range_min, statistics.range_max) == (0, 255)
    assert (statistics.pixel_value_min, statistics.pixel_value_max) == (7, 200)
    assert statistics.pixel_value_mean == 40.0
    assert statistics.num_pixel_values == 4
    assert len(statistics.histogram) == 256
    assert {n: count for n, count in enumerate(statistics.histogram) if count} == {7: 3, 9: 1, 10: 1, 200: 1}
    assert type(statistics.histogram[7]) is int


def test_sixteen_bits_have_their_range() -> None:
    statistics = create("Mono16", 2, 1, np.array([1, 65535], np.uint16)).CalculateChannelStatistics(GREY)
    assert (statistics.range_max, statistics.pixel_value_max, statistics.num_pixel_values) == (65535, 65535, 2)
    assert len(statistics.histogram) == 65536


def test_packed_samples_are_unpacked_first() -> None:
    packed = pack(np.array([1, 4095, 7, 7], np.uint16), LAYOUTS["Mono12p"])
    statistics = create("Mono12p", 4, 1, packed).CalculateChannelStatistics(GREY)
    assert (statistics.range_max, statistics.pixel_value_min, statistics.pixel_value_max) == (4095, 1, 4095)


@pytest.mark.parametrize(
    ("channel", "values"),
    [
        ("RED", [255, 0, 0, 100]),
        ("GREEN", [0, 255, 0, 100]),
        ("BLUE", [0, 0, 255, 100]),
        ("GREY", [76, 150, 29, 100]),
        ("HUE", [0, 85, 170, 0]),
        ("SATURATION", [255, 255, 255, 0]),
        ("LIGHTNESS", [128, 128, 128, 100]),
    ],
)
def test_colour_images_have_seven_channels(channel: str, values: list[int]) -> None:
    rgb = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 100, 100]], np.uint8)
    number = getattr(PySpin, f"SPINNAKER_STATISTICS_CHANNEL_{channel}")
    for name, data in (("RGB8", rgb), ("BGR8", rgb[:, ::-1])):
        image = create(name, 4, 1, np.ascontiguousarray(data).reshape(-1))
        statistics = image.CalculateChannelStatistics(number)
        assert (statistics.pixel_value_min, statistics.pixel_value_max) == (min(values), max(values))
        assert statistics.pixel_value_mean == pytest.approx(sum(values) / 4, abs=0.5)


def test_a_channel_that_is_not_there_raises() -> None:
    image = create("Mono8", 2, 1, np.zeros(2, np.uint8))
    for channel in (PySpin.SPINNAKER_STATISTICS_CHANNEL_RED, 7, -1):
        with pytest.raises(PySpin.SpinnakerException, match="-3004"):
            image.CalculateChannelStatistics(channel)
    with pytest.raises(TypeError):
        image.CalculateChannelStatistics("GREY")  # type: ignore[arg-type]
    with pytest.raises(PySpin.SpinnakerException, match="-3004"):
        PySpin.Image.Create().CalculateChannelStatistics(GREY)
