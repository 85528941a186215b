"""What a run was worth (interfaces.md section 7)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.replay.line import TIE, Line
from agent.replay.simulation import Run
from agent.replay.trace import Floats

Flags = NDArray[np.bool_]

SETTLING = 20  # results that it takes to see a slow-down
LEAST_ROOM = 0.005  # of U*: below, what is left to win over the best fixed net is too little to divide by


@dataclass(frozen=True, slots=True)
class Coverage:
    """Parts that were served under a published bound, and how many of them took longer than it."""

    beyond: int
    parts: int

    @property
    def miscovered(self) -> float | None:
        """Share beyond the bound; its target is 1 - quantile. None where no bound was published."""
        return self.beyond / self.parts if self.parts else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one run. `value` is U: the accuracies of the parts in time, summed.

    `judged` counts the parts that had a network and that some net would have met, and `attainment` is the share of them
    in time. `settled_attainment` leaves out the `settling` ones, which are the first SETTLING results after each slow-
    down (nobody announces it); `kept_attainment` also the `held` ones, of a net that the policy kept on purpose: it did
    not take it to fit and took another one to (Judgement). `gap_share` is the share of parts that came while there was
    no network; `longest_miss_run` counts parts in a row that were late or had no network, `longest_avoidable_run` the
    same among the parts that some net would have met. `coverage` is of the bounds that the policy published,
    `settled_coverage` the same without the settling parts. `served` counts the parts of each net.
    """

    value: float
    parts: int
    in_time: int
    in_gap: int
    attainment: float | None
    swaps: int
    longest_miss_run: int
    longest_avoidable_run: int
    judged: int
    settled_attainment: float | None
    kept_attainment: float | None
    settling: int
    held: int
    coverage: Coverage
    settled_coverage: Coverage
    served: tuple[int, ...]

    @property
    def late(self) -> int:
        """Parts that had a network, and no result in time."""
        return self.parts - self.in_gap - self.in_time

    @property
    def gap_share(self) -> float:
        return self.in_gap / self.parts if self.parts else 0.0


def outcome(line: Line, run: Run) -> Outcome:
    """Score a run by the parts that it met."""
    parts = len(line.part_times)
    hit = np.zeros(parts, dtype=np.bool_)
    covered = np.zeros(parts, dtype=np.bool_)
    hits, served = [0] * len(line.ladder.nets), [0] * len(line.ladder.nets)
    for low, high, net in _served(line, run):
        hit[low:high] = line.in_time[net][low:high]
        covered[low:high] = True
        served[net] += high - low
        hits[net] += int(np.count_nonzero(hit[low:high]))
    feasible = line.feasible & covered
    settling = _settling(line, covered)
    held, bounds = _judged(line, run)
    kept = feasible & ~settling & ~held
    beyond = _beyond(line, run, bounds)
    bounded = covered & np.isfinite(bounds)
    return Outcome(
        value=math.fsum(net.top1 * count for net, count in zip(line.ladder.nets, hits, strict=True)),
        parts=parts,
        in_time=sum(hits),
        in_gap=parts - int(np.count_nonzero(covered)),
        attainment=_share(hit, feasible),
        swaps=len(run.swaps),
        longest_miss_run=_longest_miss_run(hit),
        longest_avoidable_run=_longest_miss_run(hit[line.feasible]),
        judged=int(np.count_nonzero(feasible)),
        settled_attainment=_share(hit, feasible & ~settling),
        kept_attainment=_share(hit, kept),
        settling=int(np.count_nonzero(feasible & settling)),
        held=int(np.count_nonzero(feasible & held & ~settling)),
        coverage=_coverage(beyond, bounded),
        settled_coverage=_coverage(beyond, bounded & ~settling),
        served=tuple(served),
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


def _coverage(beyond: Flags, bounded: Flags) -> Coverage:
    return Coverage(int(np.count_nonzero(beyond & bounded)), int(np.count_nonzero(bounded)))


def _served(line: Line, run: Run) -> Iterator[tuple[int, int, int]]:
    """(from part, to part, net) of each stint that met any, half open."""
    for start_s, end_s, net in run.stints:
        low, high = (int(line.part_times.searchsorted(at, side="left")) for at in (start_s, end_s))
        if low < high:
            yield low, high, net


def _judged(line: Line, run: Run) -> tuple[Flags, Floats]:
    """For each part whether its net was held on purpose, and the bound that was published for it before it came."""
    judgements, parts = run.judgements, len(line.part_times)
    if not judgements.at_s:
        return np.zeros(parts, dtype=np.bool_), np.full(parts, np.inf)
    said = np.searchsorted(np.asarray(judgements.at_s), line.part_times, side="right") - 1
    held = np.frombuffer(judgements.held, dtype=np.bool_)
    return held[said], np.asarray(judgements.bound_ms)[said]


def _beyond(line: Line, run: Run, bounds_ms: Floats) -> Flags:
    found = np.zeros(len(bounds_ms), dtype=np.bool_)
    for low, high, net in _served(line, run):
        found[low:high] = line.service_ms(net)[low:high] > bounds_ms[low:high] * (1.0 + TIE)
    return found


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
