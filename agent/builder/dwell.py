"""How long a line has to stay at a budget before a swap to a more accurate rung has paid for its gap.

While the camera swaps it answers nothing. With the faster rung i and the more accurate rung j, both in time, the swap
is even after

    D = s_j * a_j / (a_j - a_i)

where a is accuracy and s_j the time of the swap to j (policy.md, Rule). A rung whose D is longer than any line keeps
a budget is never worth going to, and its file only makes the ladder harder to read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

# A swap without and for each million bytes of upload (interfaces.md section 7).
SWAP_BASE_S = 1.0
SWAP_S_PER_MB = 0.22
# A budget that holds for half an hour is none that rungs are swapped for. Drops a gain of about a tenth of a percent.
MAX_DWELL_S = 1800.0

T = TypeVar("T")


def swap_s(size_bytes: int) -> float:
    """Expected time without results while a network of this size is loaded."""
    return SWAP_BASE_S + SWAP_S_PER_MB * size_bytes / 1e6


def break_even_dwell_s(faster_top1: float, top1: float, gap_s: float) -> float:
    """Dwell from which on the more accurate rung has answered more parts right; infinite where it is no gain."""
    if top1 <= faster_top1:
        return math.inf
    return gap_s * top1 / (top1 - faster_top1)


def worth_going_to(
    rungs: Sequence[T], top1: Callable[[T], float], size_bytes: Callable[[T], int], max_dwell_s: float
) -> tuple[list[T], list[tuple[T, float]]]:
    """The rungs that a line would go to from the next faster one kept, and the others with their break-even dwell.

    `rungs` by rising latency; the first is always kept.
    """
    kept: list[T] = []
    dropped: list[tuple[T, float]] = []
    for rung in rungs:
        dwell = break_even_dwell_s(top1(kept[-1]), top1(rung), swap_s(size_bytes(rung))) if kept else 0.0
        if dwell <= max_dwell_s:
            kept.append(rung)
        else:
            dropped.append((rung, dwell))
    return kept, dropped
