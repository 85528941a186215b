"""Image sets for builder tests: four patterns under noise, 32 x 32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.supernets import LABELS

SIDE = 32


def pattern_set(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 (count, 32, 32) and labels int64 (count,) of four classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(LABELS), count)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    patterns = np.stack([x % 8 < 4, y % 8 < 4, (x + y) % 12 < 6, (x - 16) ** 2 + (y - 16) ** 2 < 64])
    clean = 60 + 120 * patterns[labels].astype(np.float64)
    noisy = clean * random.uniform(0.6, 1.2, (count, 1, 1)) + random.normal(0, 20, clean.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), labels.astype(np.int64)


def write_set(path: Path, count: int, seed: int) -> Path:
    """Write such a set as npz; returns `path`."""
    images, labels = pattern_set(count, seed)
    np.savez(path, images=images, labels=labels, classes=np.array(LABELS))
    return path
