"""Choosing a ladder: few sub-nets, from the fastest to the most accurate, evenly apart in latency.

Latency is a law of the plan and costs nothing, accuracy costs a calibration. So a large pool is drawn, one or two
sub-nets of each latency step are tried (those with the most multiply-accumulates, which at equal latency go with
accuracy: correlation .85, facts/ofa.md 6.3), and the Pareto front of these is thinned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from agent.builder.arch import Arch, Space, complete
from agent.builder.counts import Counts, count
from agent.builder.evaluate import Bench
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import Supernet
from agent.errors import BuildError

# Jitter of a Myriad is about 1 % (facts/myriad-blobs.md 6); a step below 3 % is none.
_LEAST_STEP = math.log(1.03)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LadderOptions:
    """How hard to search. `pool` archs are drawn, `candidates` of them tried on `probe_images` images.

    Where fewer than `min_subnets` are on the front, as many candidates again are tried, once.
    """

    max_subnets: int = 9
    min_subnets: int = 7
    max_latency_ms: float | None = None
    pool: int = 400
    candidates: int = 20
    probe_images: int = 1000
    probe_calibration: int = 512
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An architecture with its sizes and predicted service time."""

    arch: Arch
    counts: Counts
    predicted_ms: float

    @property
    def macs(self) -> int:
        """Dense and depthwise together."""
        return self.counts.macs_dense + self.counts.macs_depthwise


@dataclass(frozen=True, slots=True)
class Rung:
    """A candidate whose accuracy (share) is known."""

    candidate: Candidate
    top1: float


def choose_ladder(
    supernet: Supernet, bench: Bench, law: LatencyLaw, options: LadderOptions, progress: Progress
) -> tuple[Rung, ...]:
    """Rungs by rising latency and accuracy. Raises BuildError where no sub-net meets `max_latency_ms`."""
    probe = Bench(
        bench.calibration.head(options.probe_calibration),
        bench.held_out.head(options.probe_images),
        supernet.normalisation,
    )
    steps = latency_steps(_within(draw_pool(supernet, law, options), options.max_latency_ms))
    order = in_rounds(steps, options.candidates)
    tried: list[Rung] = []
    for number, candidate in enumerate(order[: 2 * options.candidates]):
        if number >= options.candidates and len(pareto(tried)) >= min(options.min_subnets, options.max_subnets):
            break
        score = probe.score(probe.calibrate(supernet.cut(candidate.arch)))
        tried.append(Rung(candidate, score.top1))
        progress(f"tried {candidate.arch.subnet_id()}: {candidate.predicted_ms:.1f} ms, {100 * score.top1:.1f} %")
    return thin(pareto(tried), options.max_subnets, options.min_subnets)


def measure(supernet: Supernet, arch: Arch, law: LatencyLaw) -> Candidate:
    """Sizes and predicted service time of one architecture."""
    counts = count(supernet.cut(arch))
    return Candidate(arch, counts, law.service_ms(counts, arch.r))


def draw_pool(supernet: Supernet, law: LatencyLaw, options: LadderOptions) -> list[Candidate]:
    """All uniform architectures and seeded random ones, canonical, without repeats, by rising latency."""
    space = supernet.space
    random = np.random.Generator(np.random.PCG64(options.seed))
    archs = _uniform(space)
    archs += [_random(space, random) for _ in range(options.pool - len(archs))]
    measured = [measure(supernet, arch, law) for arch in dict.fromkeys(archs)]
    return sorted(measured, key=lambda c: (c.predicted_ms, c.arch.to_json()))


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


def _within(pool: list[Candidate], max_latency_ms: float | None) -> list[Candidate]:
    if max_latency_ms is None:
        return pool
    within = [candidate for candidate in pool if candidate.predicted_ms <= max_latency_ms]
    if not within:
        raise BuildError(
            f"max latency {max_latency_ms:g} ms: the fastest sub-net is predicted at {pool[0].predicted_ms:.1f} ms"
        )
    return within


def _uniform(space: Space) -> list[Arch]:
    """Same choices everywhere; resolutions thinned to four, since published spaces have 25."""
    sides = sorted({space.r[round(i * (len(space.r) - 1) / 3)] for i in range(4)})
    choices = product(space.ks or (0,), space.e, space.d, sides)
    ends = [space.smallest(min(sides)), space.largest(max(sides))]
    return ends + [space.uniform(k, e, d, r) for k, e, d, r in choices]


def _random(space: Space, random: np.random.Generator) -> Arch:
    values: dict[str, object] = {"r": int(random.choice(space.r))}
    values["d"] = [int(v) for v in random.choice(space.d, space.depths)]
    values["e"] = [float(v) for v in random.choice(space.e, space.blocks)]
    if space.ks:
        values["ks"] = [int(v) for v in random.choice(space.ks, space.blocks)]
    if space.w:
        values["w"] = [int(v) for v in random.choice(space.w, space.w_count)]
    return complete(values, space)


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
