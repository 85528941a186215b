"""The few nets of a catalogue that a decision is made between: the efficient ladder.

A net that another one beats in both accuracy and time is never worth a swap. Of the rest at most MOST_RUNGS are taken,
evenly spread, so that a decision costs the same however large the library is.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MOST_RUNGS = 24
MB = 1e6
# A swap that was never measured: a second, and what the upload takes at 4.5 MB/s (design/policy.md, LineShift).
SWAP_BASE_S = 1.0
SWAP_S_PER_MB = 0.22


def efficient(top1: Floats, time_ms: Floats, names: Sequence[str]) -> Rows:
    """Places of the rungs, fastest first; of nets that are equal in both the first by name."""
    order = sorted(range(len(top1)), key=lambda place: (time_ms[place], -top1[place], names[place]))
    found, best = [], -np.inf
    for place in order:
        if top1[place] > best:
            found.append(place)
            best = top1[place]
    return thinned(np.array(found, dtype=np.intp), top1, time_ms)


def thinned(rungs: Rows, top1: Floats, time_ms: Floats) -> Rows:
    """At most MOST_RUNGS of them: the first, the last, and the nearest to even steps of accuracy and of log time."""
    if len(rungs) <= MOST_RUNGS:
        return rungs
    gained = np.abs(np.diff(top1[rungs]))
    slower = np.abs(np.diff(np.log(time_ms[rungs])))
    steps = gained / max(float(gained.sum()), 1e-12) + slower / max(float(slower.sum()), 1e-12)
    along = np.append(0.0, np.cumsum(steps))
    wanted = np.linspace(0.0, along[-1], MOST_RUNGS)
    places = np.unique(np.abs(along[None, :] - wanted[:, None]).argmin(axis=1))
    return np.asarray(rungs[places], dtype=np.intp)


def unseen_gains(top1: Floats, time_ms: Floats) -> Floats:
    """(level, rung): what a rung earns a second where so many are fast enough, before that was ever seen.

    Parts are taken to come as fast as the first rung that is too slow could just not follow.
    """
    rungs = len(top1)
    rate = 1000.0 / (1.1 * time_ms[np.minimum(np.arange(rungs + 1), rungs - 1)])
    fast = np.arange(rungs)[None, :] < np.arange(rungs + 1)[:, None]
    return np.asarray(np.where(fast, top1[None, :] * rate[:, None], 0.0))


class SwapTimes:
    """Seconds that a swap to each net takes: measured, else by its size, in proportion to what others took."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}
        self._measured: dict[str, float] = {}
        self.version = 0

    def use(self, sizes: dict[str, int]) -> None:
        self._bytes = sizes
        self.version += 1

    def note(self, subnet_id: str, swap_s: float) -> None:
        """One more measured swap; a running mean that leans to the longer ones."""
        before = self._measured.get(subnet_id)
        if before is not None:
            swap_s = before + (0.5 if swap_s > before else 0.1) * (swap_s - before)
        if swap_s != before:
            self._measured[subnet_id] = swap_s
            self.version += 1

    def of(self, ids: Sequence[str]) -> Floats:
        known = [(swap_s, self._by_size(one)) for one, swap_s in self._measured.items() if one in self._bytes]
        factor = statistics.median(swap_s / by_size for swap_s, by_size in known) if known else 1.0
        return np.array([max(1e-3, self._measured.get(one, factor * self._by_size(one))) for one in ids])

    def _by_size(self, subnet_id: str) -> float:
        return SWAP_BASE_S + SWAP_S_PER_MB * self._bytes.get(subnet_id, 0) / MB
