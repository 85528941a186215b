"""What a run was worth (interfaces.md section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.replay.line import Line
from agent.replay.simulation import Run

Flags = NDArray[np.bool_]

SETTLING = 20  # results that it takes to see a slow-down
LEAST_ROOM = 0.005  # of U*: below, what is left to win over the best fixed net is too little to divide by


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one run. `value` is U: the accuracies of the parts in time, summed.

    `attainment` is the share in time of the parts that had a network and that some net would have met; `gap_share` the
    share of parts that came while there was no network; `longest_miss_run` counts parts in a row that were late or had
    no network. `settled_attainment` leaves out the first SETTLING results after each slow-down, which nobody announces;
    `settling` is how many of the judged parts those were.
    """

    value: float
    parts: int
    in_time: int
    in_gap: int
    attainment: float | None
    swaps: int
    longest_miss_run: int
    settled_attainment: float | None
    settling: int

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
    settled = feasible & ~_settling(line, covered)
    return Outcome(
        value=math.fsum(net.top1 * count for net, count in zip(line.ladder.nets, hits, strict=True)),
        parts=parts,
        in_time=sum(hits),
        in_gap=parts - int(np.count_nonzero(covered)),
        attainment=_share(hit, feasible),
        swaps=len(run.swaps),
        longest_miss_run=_longest_miss_run(hit),
        settled_attainment=_share(hit, settled),
        settling=int(np.count_nonzero(feasible)) - int(np.count_nonzero(settled)),
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


def _share(hit: Flags, judged: Flags) -> float | None:
    count = int(np.count_nonzero(judged))
    return int(np.count_nonzero(hit & judged)) / count if count else None


def _settling(line: Line, covered: Flags) -> Flags:
    """The first results after each change to a slower camera."""
    results = np.flatnonzero(covered)
    slower_s = line.trace.t_s[1:][np.diff(line.trace.slowdown) > 0]
    starts = line.part_times[results].searchsorted(slower_s, side="left")
    found = np.zeros(len(covered), dtype=np.bool_)
    for start in starts.tolist():
        found[results[start : start + SETTLING]] = True
    return found


def _longest_miss_run(hit: Flags) -> int:
    ends = np.concatenate(([-1], np.flatnonzero(hit), [len(hit)]))
    return int(np.diff(ends).max() - 1)
