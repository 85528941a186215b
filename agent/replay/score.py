"""What a run was worth (interfaces.md section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from agent.replay.line import Line
from agent.replay.simulation import Run

LEAST_ROOM = 0.005  # of U*: below, what is left to win over the best fixed net is too little to divide by


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one run. `value` is U: the accuracies of the parts in time, summed.

    `attainment` is the share in time of the parts that had a network and that some net would have met; `gap_share` the
    share of parts that came while there was no network; `longest_miss_run` counts parts in a row that were late or had
    no network.
    """

    value: float
    parts: int
    in_time: int
    in_gap: int
    attainment: float | None
    swaps: int
    longest_miss_run: int

    @property
    def gap_share(self) -> float:
        return self.in_gap / self.parts if self.parts else 0.0


def outcome(line: Line, run: Run) -> Outcome:
    """Score a run by the parts that it met."""
    parts = len(line.part_times)
    hit = np.zeros(parts, dtype=np.bool_)
    covered = np.zeros(parts, dtype=np.bool_)
    hits = [0] * len(line.ladder.nets)
    for start_s, end_s, net in run.stints:
        low, high = (int(line.part_times.searchsorted(at, side="left")) for at in (start_s, end_s))
        if low < high:
            hit[low:high] = line.in_time[net][low:high]
            covered[low:high] = True
            hits[net] += int(np.count_nonzero(hit[low:high]))
    feasible = np.logical_or.reduce(line.in_time) & covered
    judged = int(np.count_nonzero(feasible))
    return Outcome(
        value=math.fsum(net.top1 * count for net, count in zip(line.ladder.nets, hits, strict=True)),
        parts=parts,
        in_time=sum(hits),
        in_gap=parts - int(np.count_nonzero(covered)),
        attainment=int(np.count_nonzero(hit & feasible)) / judged if judged else None,
        swaps=len(run.swaps),
        longest_miss_run=_longest_miss_run(hit),
    )


def best_fixed(line: Line) -> int:
    """The net that would have been worth most if it had run all the time; of equal ones the faster."""
    return max(line.ladder.by_speed, key=lambda net: line.values[net][-1])


def ratio(value: float, value_star: float) -> float | None:
    """U / U*; None where nothing could be had."""
    return value / value_star if value_star > 0 else None


def skill(value: float, value_fixed: float, value_star: float) -> float | None:
    """Share of what is left to win over the best fixed net; None where that is less than LEAST_ROOM of U*."""
    room = value_star - value_fixed
    return None if room <= 0 or room < LEAST_ROOM * value_star else (value - value_fixed) / room


def _longest_miss_run(hit: np.typing.NDArray[np.bool_]) -> int:
    ends = np.concatenate(([-1], np.flatnonzero(hit), [len(hit)]))
    return int(np.diff(ends).max() - 1)
