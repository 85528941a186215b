"""Statistics of image channels (facts/pyspin-surface.md 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.sim.host.arguments import integer
from agent.sim.host.constants import STATISTICS_CHANNELS
from agent.sim.host.errors import SPINNAKER_ERR_IM_NOT_SUPPORTED, SpinnakerException
from agent.sim.host.pixel_formats import PixelLayout, Pixels, unpack

# ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)
Field = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Range of the format, range and mean of the values, how many different ones there are, and how often each."""

    range_min: int
    range_max: int
    pixel_value_min: int
    pixel_value_max: int
    pixel_value_mean: float
    num_pixel_values: int
    histogram: list[int]


def channel_statistics(buffer: Pixels, layout: PixelLayout, width: int, height: int, channel: int) -> ChannelStatistics:
    """Statistics of one channel; the histogram has an entry for each value of the format."""
    names = STATISTICS_CHANNELS
    integer("CalculateChannelStatistics", channel)
    count = width * height * layout.channels
    if count == 0 or not 0 <= channel < len(names) or layout.is_bayer:
        raise _unsupported(layout, channel)
    samples = unpack(buffer, layout, count) if layout.is_packed else buffer[:count]
    values = _channel(samples.reshape(height * width, layout.channels), layout, names[channel], channel)
    bins = 1 << layout.sample_bits
    histogram = np.bincount(values, minlength=bins)
    return ChannelStatistics(
        range_min=0,
        range_max=bins - 1,
        pixel_value_min=int(values.min()),
        pixel_value_max=int(values.max()),
        pixel_value_mean=float(values.mean()),
        num_pixel_values=int(np.count_nonzero(histogram)),
        histogram=[int(n) for n in histogram],
    )


def _channel(pixels: Pixels, layout: PixelLayout, name: str, channel: int) -> NDArray[np.int64]:
    """Values of a channel, scaled to the range of the format."""
    if layout.channels == 1:
        if name != "GREY":
            raise _unsupported(layout, channel)
        return pixels[:, 0].astype(np.int64)
    rgb = pixels[:, ::-1] if layout.name == "BGR8" else pixels
    top = float((1 << layout.sample_bits) - 1)
    planes: Field = rgb.astype(np.float64)
    if name in {"RED", "GREEN", "BLUE"}:
        values = planes[:, ("RED", "GREEN", "BLUE").index(name)]
    elif name == "GREY":
        values = planes @ np.array(LUMA)
    else:
        values = _hsl(planes / top)[name] * top
    return np.rint(values).astype(np.int64)


def _hsl(rgb: Field) -> dict[str, Field]:
    """Hue (of a full turn), saturation and lightness, each 0..1."""
    high, low = rgb.max(axis=1), rgb.min(axis=1)
    spread = high - low
    lightness = (high + low) / 2
    safe = np.where(spread > 0, spread, 1.0)
    red, green, blue = ((rgb[:, n] - rgb[:, (n + 1) % 3]) / safe for n in (1, 2, 0))
    hue = np.select([high == rgb[:, 0], high == rgb[:, 1]], [red % 6, green + 2], blue + 4) / 6
    room = 1 - np.abs(2 * lightness - 1)
    saturation = np.where(spread > 0, spread / np.where(room > 0, room, 1.0), 0.0)
    return {"HUE": np.where(spread > 0, hue, 0.0), "SATURATION": saturation, "LIGHTNESS": lightness}


def _unsupported(layout: PixelLayout, channel: int) -> SpinnakerException:
    return SpinnakerException(f"no statistics of channel {channel} of {layout.name}", SPINNAKER_ERR_IM_NOT_SUPPORTED)
