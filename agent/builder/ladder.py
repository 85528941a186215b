"""Choosing a ladder: few sub-nets, from the fastest to the most accurate, evenly apart in latency.

Latency is a law of the plan and costs nothing, accuracy costs a calibration. So a large pool is drawn, one or two
sub-nets of each latency step are tried (those with the most multiply-accumulates, which at equal latency go with
accuracy: correlation .85, facts/ofa.md 6.3), and the Pareto front of these is thinned. `agent.builder.search` goes on
from there with a fitted predictor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

from agent.builder.candidates import Candidate, Candidates, within

# Jitter of a Myriad is about 1 % (facts/myriad-blobs.md 6); a step below 3 % is none.
_LEAST_STEP = math.log(1.03)

Progress = Callable[[str], None]
# Phase, steps done, steps in all.
Steps = Callable[[str, int, int], None]
Probe = Callable[[Candidate], float]
Method = Literal["rounds", "nsga2"]


@dataclass(frozen=True, slots=True)
class LadderOptions:
    """How hard to search. `pool` archs are drawn, `candidates` of them tried on `probe_images` images.

    Method "rounds" tries as many again, once, where fewer than `min_subnets` are on the front; "nsga2" tries
    `candidates` in all, for `seconds` at most, half of them proposed by the search over the fitted predictor. A search
    that is cut short by its time is not the same again.
    """

    max_subnets: int = 9
    min_subnets: int = 7
    max_latency_ms: float | None = None
    pool: int = 400
    candidates: int = 20
    probe_images: int = 1000
    probe_calibration: int = 512
    seed: int = 0
    method: Method = "rounds"
    seconds: float | None = None
    max_dwell_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Rung:
    """A candidate whose accuracy (share) is known."""

    candidate: Candidate
    top1: float


@dataclass(frozen=True, slots=True)
class Found:
    """The ladder, all that was tried for it in order, and what to say about the search."""

    rungs: tuple[Rung, ...]
    tried: tuple[Rung, ...]
    notes: tuple[str, ...] = ()


def choose_ladder(
    candidates: Candidates, probe: Probe, options: LadderOptions, progress: Progress, steps: Steps
) -> Found:
    """Rungs by rising latency and accuracy. Raises NothingFits where no sub-net meets `max_latency_ms`."""
    tried: list[Rung] = []
    order = in_rounds(
        latency_steps(within(candidates.pool(options.pool, options.seed), options.max_latency_ms)), options.candidates
    )
    for number, candidate in enumerate(order[: 2 * options.candidates]):
        if number >= options.candidates and len(pareto(tried)) >= min(options.min_subnets, options.max_subnets):
            break
        tried.append(Rung(candidate, probe(candidate)))
        progress(f"tried {told(tried[-1])}")
        steps("search", number + 1, max(number + 1, min(options.candidates, len(order))))
    return Found(thin(pareto(tried), options.max_subnets, options.min_subnets), tuple(tried))


def told(rung: Rung) -> str:
    """A rung in a line of progress."""
    return f"{rung.candidate.arch.subnet_id()}: {rung.candidate.predicted_ms:.1f} ms, {100 * rung.top1:.1f} %"


def pareto(rungs: Sequence[Rung]) -> list[Rung]:
    """Those that no other beats in both latency and accuracy, by rising latency."""
    front: list[Rung] = []
    for rung in sorted(rungs, key=lambda r: (r.candidate.predicted_ms, -r.top1)):
        if not front or rung.top1 > front[-1].top1:
            front.append(rung)
    return front


def thin(front: Sequence[Rung], most: int, least: int = 2) -> tuple[Rung, ...]:
    """At most `most` rungs, the two ends among them, as even in log latency as the front allows.

    Rungs closer than a predicted latency can tell apart go too, as long as `least` remain.
    """
    kept = list(front)
    while len(kept) > 2:
        times = [math.log(rung.candidate.predicted_ms) for rung in kept]
        closest = min(after - before for before, after in pairwise(times))
        if len(kept) <= most and (closest >= _LEAST_STEP or len(kept) <= least):
            break
        spans = [times[i + 1] - times[i - 1] for i in range(1, len(kept) - 1)]
        del kept[1 + spans.index(min(spans))]
    return tuple(kept[-most:])


def latency_steps(pool: list[Candidate], count: int = 12) -> list[list[Candidate]]:
    """The pool cut into `count` equal steps of log latency; within a step the most MACs first."""
    low, high = (math.log(pool[i].predicted_ms) for i in (0, -1))
    width = max(high - low, 1e-9) / count
    steps: list[list[Candidate]] = [[] for _ in range(count)]
    for candidate in pool:
        place = int((math.log(candidate.predicted_ms) - low) / width)
        steps[min(place, count - 1)].append(candidate)
    return [sorted(step, key=lambda c: -c.macs) for step in steps if step]


def in_rounds(steps: list[list[Candidate]], candidates: int) -> list[Candidate]:
    """The fastest of all, then the best of each step in turn, enough for two goes."""
    fastest = min((candidate for step in steps for candidate in step), key=lambda c: c.predicted_ms)
    order = [fastest]
    depth = max(len(step) for step in steps)
    for place, step in product(range(depth), steps):
        if place < len(step) and step[place] != fastest:
            order.append(step[place])
        if len(order) >= 2 * candidates:
            break
    return order
