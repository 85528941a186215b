"""A histogram that is cheap to feed: one list of counts, no lock, for the event loop only.

Those of prometheus_client make counting a result take some 3 us, and these under 1 us (`make bench`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence


class Distribution:
    """Owner of its counts. `bounds` rise; each counts what is at most as large, and more than the bound before."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        """Observations so far."""
        return sum(self._counts)

    def observe(self, value: float) -> None:
        """One more. What is no number or below 0 counts as 0: it must not spoil the sum for good."""
        if not 0.0 <= value < math.inf:
            value = 0.0
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Bound in words and how many were at most that, the last one without a bound."""
        told, below = [], 0
        for bound, count in zip([*self._bounds, math.inf], self._counts, strict=True):
            below += count
            told.append(("+Inf" if bound == math.inf else repr(float(bound)), float(below)))
        return told
