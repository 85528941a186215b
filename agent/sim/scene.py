"""What the sensor sees: one part filling the height of the frame, conveyor belt left and right of it.

The 64x64 part is enlarged bilinearly with weights of 8 bits a direction, so every sum stays below 2**24 and float32
matrix products are exact integer arithmetic: any part of a frame equals the same part of the whole frame.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agent.sim import parts
from agent.sim.spec import SceneSpec

WIDTH_PX, HEIGHT_PX = 1440, 1080
EMPTY_BELT = -1
_MARGIN_PX = (WIDTH_PX - HEIGHT_PX) // 2
_WEIGHT = 256

Pixels = NDArray[np.uint8]
Indices = NDArray[np.intp]


class Scene:
    """Pixels of the line, a pure function of (spec, part). Holds caches only."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        self._belt = _belt(spec.seed)
        self._part = lru_cache(maxsize=256)(self._render_part)
        self._class = lru_cache(maxsize=4096)(lambda content: parts.part_class(spec.seed, content))

    def content(self, part: int) -> int:
        """Content index of a part: equal contents look equal. EMPTY_BELT stays."""
        if part < 0:
            return EMPTY_BELT
        return part % self._spec.distinct if self._spec.distinct else part

    def true_class(self, part: int) -> int:
        """Class of a part, -1 for the empty belt."""
        return -1 if part < 0 else self._class(self.content(part))

    def region(self, content: int, rows: Indices, columns: Indices) -> Pixels:
        """Frame pixels at `rows` x `columns` (sensor coordinates), uint8 (len(rows), len(columns)).

        Both must ascend.
        """
        pixels = self._belt[rows][:, columns]
        # Columns ascend, so those on the part are a slice.
        first, last = np.searchsorted(columns, (_MARGIN_PX, _MARGIN_PX + HEIGHT_PX))
        if content == EMPTY_BELT or first == last:
            return pixels
        weights = _enlargement()
        enlarged = weights[rows] @ self._part(content) @ weights[columns[first:last] - _MARGIN_PX].T
        # Round to 8 bits; both steps are exact, the divisor is a power of two.
        enlarged += np.float32(_WEIGHT * _WEIGHT / 2)
        enlarged *= np.float32(1 / (_WEIGHT * _WEIGHT))
        pixels[:, first:last] = enlarged
        return pixels

    def _render_part(self, content: int) -> NDArray[np.float32]:
        return parts.render_part(self._spec.seed, content).astype(np.float32)


@lru_cache(maxsize=1)
def _enlargement() -> NDArray[np.float32]:
    """Weights (1080, 64) of the enlargement: half-pixel centres, integers that sum to 256 in each row."""
    position = np.clip((np.arange(HEIGHT_PX) + 0.5) * parts.SIDE_PX / HEIGHT_PX - 0.5, 0, parts.SIDE_PX - 1)
    low = np.minimum(position.astype(np.intp), parts.SIDE_PX - 2)
    high_weight = np.rint((position - low) * _WEIGHT)
    weights = np.zeros((HEIGHT_PX, parts.SIDE_PX), np.float32)
    row = np.arange(HEIGHT_PX)
    weights[row, low] = _WEIGHT - high_weight
    weights[row, low + 1] = high_weight
    return weights


@lru_cache(maxsize=4)
def _belt(seed: int) -> Pixels:
    """Texture (1080, 1440) of the empty belt: ribs across the running direction, blotches and grain."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, 0xBE17))))
    blotches = np.kron(rng.integers(0, 10, (HEIGHT_PX // 36, WIDTH_PX // 36)), np.ones((36, 36), np.int64))
    ribs = 8 * ((np.arange(HEIGHT_PX) // 24) % 2)
    grain = rng.integers(0, 8, (HEIGHT_PX, WIDTH_PX))
    return (34 + blotches + ribs[:, None] + grain).astype(np.uint8)
