"""A bounded window of measurements that knows its quantiles and forgets what is out of date."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

CAPACITY = 512
RECENT = 15  # a step shows in the median of the last 15 once 8 of them are new
KEPT_AFTER_SHIFT = 8  # the majority of RECENT that made the median move
RANKED_FROM = 200  # below, one spike in a thousand would be the p99; order statistics drop it from here on
SPREAD_FROM = 30
MIN_SHIFT = 0.02  # relative; smaller steps are left to the window's own ageing
SHIFT_SPREADS = 1.3  # four standard errors of a median of 15: 4 * 1.2533 / sqrt(15)

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Window:
    """The last values since the level last shifted, in order of arrival and sorted. Values are >= 0.

    `spread` is the upper-side standard deviation relative to the median, None before enough values; it survives a
    shift, so that a fresh level is judged with the noise learned on the old one.
    """

    arrived: tuple[float, ...] = ()
    ordered: tuple[float, ...] = ()
    spread: float | None = None

    @property
    def count(self) -> int:
        return len(self.ordered)

    @property
    def median(self) -> float:
        """The upper median; only for a window that is not empty."""
        return self.ordered[len(self.ordered) // 2]

    def extended(self, values: Sequence[float]) -> Window:
        """The window after `values`; cost: the batch, plus one copy of the window."""
        arrived, ordered = list(self.arrived), list(self.ordered)
        for value in values:
            arrived.append(value)
            insort(ordered, value)
            if len(ordered) > CAPACITY:
                del ordered[bisect_left(ordered, arrived[len(arrived) - CAPACITY - 1])]
            if _shifted(arrived, ordered, self.spread or 0.0):
                arrived = arrived[-KEPT_AFTER_SHIFT:]
                ordered = sorted(arrived)
        spread = _spread(ordered) if len(ordered) >= SPREAD_FROM else self.spread
        return Window(tuple(arrived[-CAPACITY:]), tuple(ordered), spread)

    def scaled(self, factor: float) -> Window:
        """The same values at another level."""
        if factor == 1.0:
            return self
        arrived, ordered = (tuple(value * factor for value in values) for values in (self.arrived, self.ordered))
        return Window(arrived, ordered, self.spread)

    def bound(self, quantile: float, spread: float) -> float:
        """Upper bound at `quantile`, never below the median and growing with `quantile`.

        With enough values the ceil((n + 1) q) order statistic (the split-conformal rank); else, or where q is beyond
        what n values can tell, the median and z(q) times `spread` and the standard error of the median.
        """
        n = self.count
        rank = math.ceil((n + 1) * quantile)
        if n >= RANKED_FROM and rank <= n:
            return max(self.median, self.ordered[rank - 1])
        least = self.ordered[-1] if n >= RANKED_FROM else self.median
        return max(least, self.median * (1.0 + z_score(quantile) * spread * math.sqrt(1.0 + math.pi / (2 * n))))


@lru_cache(maxsize=64)
def z_score(quantile: float) -> float:
    """Standard normal quantile, at least 0."""
    return max(0.0, _NORMAL.inv_cdf(quantile))


def _shifted(arrived: Sequence[float], ordered: Sequence[float], spread: float) -> bool:
    if len(ordered) < 2 * RECENT:
        return False
    recent = sorted(arrived[-RECENT:])[RECENT // 2]
    median = ordered[len(ordered) // 2]
    return abs(recent - median) > max(MIN_SHIFT, SHIFT_SPREADS * spread) * median


def _spread(ordered: Sequence[float]) -> float:
    """From the third quartile and the ninth decile, whichever tells of the wider tail; 0 for a median of 0."""
    n = len(ordered)
    median = ordered[n // 2]
    if median <= 0:
        return 0.0
    quartile = (ordered[(3 * n) // 4] - median) / 0.6745
    decile = (ordered[(9 * n) // 10] - median) / 1.2816
    return max(quartile, decile) / median
