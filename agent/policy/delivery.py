"""What comes on top of a service time until the host has the result: the wait for a frame, and its transfer."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from statistics import NormalDist
from typing import TypeGuard

from agent.domain.result import LatencySample
from agent.policy.learned import SavedDelivery

MIN_MEASURED = 5  # one or two spikes must not outweigh the prior
LEAST_TRANSFER_SPREAD = 0.05
GRID_TOLERANCE = 1e-6  # a service time of exactly n periods takes n, whatever the rounding of floats
CAPACITY = 512
RECENT = 15  # a step shows in the median of the last 15 once 8 of them are new
KEPT_AFTER_SHIFT = 8  # the majority of RECENT that made the median move
RANKED_FROM = 200  # below, one spike in a thousand would be the p99; order statistics drop it from here on
SPREAD_FROM = 30
MIN_SHIFT = 0.02  # relative; smaller steps are left to the window's own ageing
SHIFT_SPREADS = 1.3  # four standard errors of a median of 15: 4 * 1.2533 / sqrt(15)

_NORMAL = NormalDist()


class Delivery:
    """Result latency beyond the service time, over all nets of a camera; mutable, owned by its latency model.

    With chunk transport a result leaves with a later frame: the service time rounded up to whole frame periods, and a
    transfer. Where the period is not known, what came on top of the service time takes the place of both.
    """

    def __init__(self, prior_transfer_ms: float) -> None:
        self.prior_transfer_ms = prior_transfer_ms
        self.transfer = Recent()
        self.overhead = Recent()

    def observe(self, samples: Sequence[LatencySample]) -> None:
        """Oldest first; values that are no times are left out."""
        self.transfer.extend([s.transfer_ms for s in samples if is_time(s.transfer_ms)])
        self.overhead.extend([over for s in samples if (over := _overhead_ms(s)) is not None])

    def delivered_ms(self, service_ms: float, quantile: float, frame_period_ms: float | None) -> float:
        """Result latency of a service time: the wait for the carrying frame and its transfer at `quantile`."""
        learned = self.transfer if frame_period_ms else self.overhead
        transfer_ms = self.prior_transfer_ms
        if learned.count >= MIN_MEASURED:
            transfer_ms = learned.bound(quantile, max(LEAST_TRANSFER_SPREAD, learned.spread or 0.0))
        return whole_periods_ms(service_ms, frame_period_ms) + transfer_ms

    def saved(self) -> SavedDelivery:
        transfer, overhead = self.transfer, self.overhead
        return SavedDelivery(list(transfer.arrived), transfer.spread, list(overhead.arrived), overhead.spread)

    def restore(self, saved: SavedDelivery) -> None:
        """What was saved, in place of what is known."""
        self.transfer = Recent(saved.transfer_ms, saved.transfer_spread)
        self.overhead = Recent(saved.overhead_ms, saved.overhead_spread)


class Recent:
    """The last values since the level last shifted, in order of arrival and sorted. Values are >= 0.

    `spread` is the upper-side standard deviation relative to the median, None before enough values; it survives a
    shift, so that a fresh level is judged with the noise learned on the old one.
    """

    def __init__(self, values: Iterable[float] = (), spread: float | None = None) -> None:
        self.arrived: deque[float] = deque(values, maxlen=CAPACITY)
        self.spread = spread
        self._ordered = sorted(self.arrived)

    @property
    def count(self) -> int:
        return len(self._ordered)

    @property
    def median(self) -> float:
        """The upper median; only where there is a value."""
        return self._ordered[len(self._ordered) // 2]

    def extend(self, values: Iterable[float]) -> None:
        ordered, arrived = self._ordered, self.arrived
        for value in values:
            if len(arrived) == CAPACITY:
                del ordered[bisect_left(ordered, arrived[0])]
            arrived.append(value)
            insort(ordered, value)
            if len(ordered) >= 2 * RECENT and self._shifted(ordered[len(ordered) // 2]):
                latest = list(arrived)[-KEPT_AFTER_SHIFT:]
                arrived.clear()
                arrived.extend(latest)
                ordered[:] = sorted(latest)
            if len(ordered) >= SPREAD_FROM:
                self.spread = self._spread()

    def bound(self, quantile: float, spread: float) -> float:
        """Upper bound at `quantile`, never below the median and growing with `quantile`.

        With enough values the ceil((n + 1) q) order statistic (the split-conformal rank); else, or where q is beyond
        what n values can tell, the median and z(q) times `spread` and the standard error of the median.
        """
        n = self.count
        rank = math.ceil((n + 1) * quantile)
        if n >= RANKED_FROM and rank <= n:
            return max(self.median, self._ordered[rank - 1])
        least = self._ordered[-1] if n >= RANKED_FROM else self.median
        return max(least, self.median * (1.0 + z_score(quantile) * spread * math.sqrt(1.0 + math.pi / (2 * n))))

    def _shifted(self, median: float) -> bool:
        """Called for each value."""
        move = abs(sorted(islice(reversed(self.arrived), RECENT))[RECENT // 2] - median)
        return move > MIN_SHIFT * median and move > SHIFT_SPREADS * (self.spread or 0.0) * median

    def _spread(self) -> float:
        """From the third quartile and the ninth decile, whichever tells of the wider tail; 0 for a median of 0."""
        ordered = self._ordered
        n = len(ordered)
        median = ordered[n // 2]
        if median <= 0:
            return 0.0
        quartile = (ordered[(3 * n) // 4] - median) / 0.6745
        decile = (ordered[(9 * n) // 10] - median) / 1.2816
        return (quartile if quartile > decile else decile) / median


def whole_periods_ms(service_ms: float, frame_period_ms: float | None) -> float:
    """`service_ms` rounded up to whole frame periods; itself where no period is known."""
    if frame_period_ms is None or frame_period_ms <= 0:
        return service_ms
    return math.ceil(service_ms / frame_period_ms - GRID_TOLERANCE) * frame_period_ms


@lru_cache(maxsize=64)
def z_score(quantile: float) -> float:
    """Standard normal quantile, at least 0."""
    return max(0.0, _NORMAL.inv_cdf(quantile))


def is_time(value: float | None) -> TypeGuard[float]:
    """Whether a measured value can be a time at all."""
    return value is not None and math.isfinite(value) and value >= 0


def _overhead_ms(sample: LatencySample) -> float | None:
    """Latency beyond the service time, where both were measured."""
    if not is_time(sample.service_ms) or not is_time(sample.latency_ms):
        return None
    return max(0.0, sample.latency_ms - sample.service_ms)
