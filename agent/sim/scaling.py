"""The scaler before the VPU: bilinear, half-pixel centres, no antialias (facts/firefly-dl.md F-926)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Axis:
    """Which source pixels one axis needs, and where each target pixel finds its two among them."""

    needed: Indices
    low: Indices
    high: Indices
    weight: Field


@lru_cache(maxsize=64)
def plan_axis(source: int, target: int) -> Axis:
    """Sampling of `source` pixels at `target` half-pixel centres."""
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = position.astype(np.intp)
    high = np.minimum(low + 1, source - 1)
    needed = np.unique(np.concatenate((low, high)))
    return Axis(
        needed,
        np.searchsorted(needed, low),
        np.searchsorted(needed, high),
        (position - low).astype(np.float32),
    )


def interpolate(pixels: NDArray[np.generic], rows: Axis, columns: Axis) -> Field:
    """Scale pixels (len(rows.needed), len(columns.needed)) to float32 (target height, target width)."""
    values = pixels.astype(np.float32)
    upper, lower = values[rows.low], values[rows.high]
    tall = upper + (lower - upper) * rows.weight[:, None]
    left, right = tall[:, columns.low], tall[:, columns.high]
    scaled: Field = left + (right - left) * columns.weight[None, :]
    return scaled
