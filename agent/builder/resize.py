"""The camera's scaler in numpy: bilinear, half-pixel centres, no antialiasing; then (x - mean) / scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.builder.supernet import Normalisation
from agent.errors import BuildError

_CHUNK = 256


def resize(images: NDArray[np.uint8], side_px: int) -> NDArray[np.float32]:
    """uint8 (n, h, w) or (n, h, w, c) to f32 (n, c, side_px, side_px), values 0..255."""
    planes = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
    if planes.shape[2:] == (side_px, side_px):
        return planes.astype(np.float32)
    rows, columns = (_taps(size, side_px) for size in planes.shape[2:])
    parts = [_scale(planes[i : i + _CHUNK], rows, columns) for i in range(0, len(planes), _CHUNK)]
    return np.concatenate(parts)


def to_input(images: NDArray[np.uint8], side_px: int, normalisation: Normalisation) -> NDArray[np.float32]:
    """Network input f32 (n, c, side_px, side_px) of grey or RGB images, as the camera would make it.

    Raises BuildError where they have not the network's channels.
    """
    x = resize(images, side_px)
    x = x[:, ::-1] if normalisation.pixel_format == "BGR8" else x
    if x.shape[1] != len(normalisation.mean):
        raise BuildError(f"images: {x.shape[1]} channels, the supernet takes {len(normalisation.mean)}")
    shape = (1, -1, 1, 1)
    mean, scale = (np.reshape(np.asarray(v, np.float32), shape) for v in (normalisation.mean, normalisation.scale))
    return (x - mean) / scale


_Taps = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


def _taps(size: int, side_px: int) -> _Taps:
    """For each output position the two source positions and the share of the second; edges repeat."""
    centre = (np.arange(side_px, dtype=np.float64) + 0.5) * (size / side_px) - 0.5
    centre = np.clip(centre, 0, size - 1)
    first = np.floor(centre).astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (centre - first).astype(np.float32)


def _scale(planes: NDArray[np.uint8], rows: _Taps, columns: _Taps) -> NDArray[np.float32]:
    x = planes.astype(np.float32)
    top, bottom, share = rows
    x = x[:, :, top] + (x[:, :, bottom] - x[:, :, top]) * share[:, None]
    left, right, share = columns
    return x[..., left] + (x[..., right] - x[..., left]) * share
