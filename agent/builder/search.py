"""A ladder by search: try some sub-nets, fit a predictor, let NSGA-II find better ones, try these, and again.

Latency comes from the law and accuracy from the predictor, so that thousands of architectures are weighed in seconds;
what is chosen in the end was all measured. Bounded by the number of sub-nets tried and, where wanted, by time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.builder.accuracy import MIN_TRIED, AccuracyModel, fit_accuracy
from agent.builder.arch import Arch, Space, complete
from agent.builder.candidates import Candidate, Candidates, within
from agent.builder.ladder import (
    Found,
    LadderOptions,
    Probe,
    Progress,
    Rung,
    Steps,
    latency_steps,
    pareto,
    thin,
    told,
)

POPULATION = 64
GENERATIONS = 30
# Half of the budget goes to a first sample, the rest in so many goes, each with a predictor that knows the last one.
GOES = 3
_LEAST_OF_A_GO = 4
# A proposal nearer to a tried sub-net than this (share of its latency) hardly tells more than that one.
_SAME_LATENCY = 0.01


def search_ladder(
    candidates: Candidates, probe: Probe, options: LadderOptions, progress: Progress, steps: Steps
) -> Found:
    """Rungs by rising latency and accuracy. Raises NothingFits where no legal sub-net meets `max_latency_ms`."""
    search = _Search(candidates, probe, options, progress, steps)
    search.sample()
    goes = min(GOES, max(1, (options.candidates - len(search.tried)) // _LEAST_OF_A_GO))
    for go in range(goes):
        search.refine(goes - go)
    search.fit()
    front = pareto(search.tried)
    notes = [search.model.words()] if search.model is not None else []
    if search.guesses:
        error = math.sqrt(float(np.mean([(guess - real) ** 2 for guess, real in search.guesses])))
        notes.append(f"its error on the {len(search.guesses)} sub-nets that it proposed: {100 * error:.1f} points")
    if search.out_of_time:
        notes.append(f"stopped after {options.seconds:g} s with {len(search.tried)} sub-nets tried")
    for note in notes:
        progress(note)
    return Found(thin(front, options.max_subnets, options.min_subnets), tuple(search.tried), tuple(notes))


class _Search:
    """Owns what was tried and the model fitted to it."""

    def __init__(
        self, candidates: Candidates, probe: Probe, options: LadderOptions, progress: Progress, steps: Steps
    ) -> None:
        self.tried: list[Rung] = []
        self.guesses: list[tuple[float, float]] = []
        self.model: AccuracyModel | None = None
        self.out_of_time = False
        self._candidates = candidates
        self._probe = probe
        self._options = options
        self._progress = progress
        self._steps = steps
        self._deadline = math.inf if options.seconds is None else time.monotonic() + options.seconds
        self._pool = within(candidates.pool(options.pool, options.seed), options.max_latency_ms)

    def sample(self) -> None:
        """The fastest, and of each step of latency the one with the most work and a random one, in turn."""
        options = self._options
        random = np.random.Generator(np.random.PCG64(options.seed))
        by_step = latency_steps(self._pool)
        order = [self._pool[0], *(step[0] for step in by_step)]
        order += [step[int(random.integers(len(step)))] for step in by_step for _ in range(2)]
        order += [self._pool[int(i)] for i in random.permutation(len(self._pool))]
        first = min(options.candidates, max(MIN_TRIED, options.candidates // 2))
        self._try(list(dict.fromkeys(order))[:first])

    def fit(self) -> None:
        """The predictor of all that was tried."""
        tried = self.tried
        self.model = fit_accuracy([r.candidate for r in tried], [r.top1 for r in tried], self._candidates.space)

    def refine(self, goes_left: int) -> None:
        """Fit, search, and try the most promising proposals of different latencies."""
        share = math.ceil((self._options.candidates - len(self.tried)) / goes_left)
        self.fit()
        if share < 1 or self.model is None or self.out_of_time:
            return
        proposals = propose(self._candidates, self.model, self.tried, self._options)
        self._try(promising(proposals, self.model, self.tried, share), self.model)

    def _try(self, order: Sequence[Candidate], model: AccuracyModel | None = None) -> None:
        for candidate in order:
            if self.tried and time.monotonic() > self._deadline:
                self.out_of_time = True
                return
            self.tried.append(Rung(candidate, self._probe(candidate)))
            if model is not None:
                self.guesses.append((model.predict(candidate), self.tried[-1].top1))
            self._progress(f"tried {told(self.tried[-1])}")
            self._steps("search", len(self.tried), self._options.candidates)


def propose(
    candidates: Candidates, model: AccuracyModel, tried: Sequence[Rung], options: LadderOptions
) -> list[Candidate]:
    """The front of latency against predicted accuracy that NSGA-II finds, by rising latency; all legal and in time."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.operators.crossover.ux import UX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.optimize import minimize
    from pymoo.problems.functional import FunctionalProblem

    genome = Genome(candidates.space)
    limit = math.inf if options.max_latency_ms is None else options.max_latency_ms
    known: dict[bytes, tuple[Candidate, float, bool]] = {}  # a population is asked four times, and hardly changes

    def at(genes: NDArray[np.int64]) -> tuple[Candidate, float, bool]:
        """With its predicted accuracy and whether it is refused."""
        key = genes.tobytes()
        if key not in known:
            one = candidates.of(genome.decode(genes))
            known[key] = one, model.predict(one), candidates.refusal(one.arch) is not None
        return known[key]

    problem = FunctionalProblem(
        len(genome.sizes),
        objs=[lambda genes: at(genes)[0].predicted_ms, lambda genes: -at(genes)[1]],
        constr_ieq=[
            lambda genes: max(at(genes)[0].predicted_ms / limit - 1, 0.0),
            lambda genes: float(at(genes)[2]),
        ],
        xl=np.zeros(len(genome.sizes)),
        xu=np.array(genome.sizes) - 1,
        vtype=int,
    )
    algorithm = NSGA2(
        POPULATION,
        sampling=genome.start([rung.candidate.arch for rung in pareto(tried)], options.seed),
        crossover=UX(),
        mutation=PM(prob_var=2 / len(genome.sizes), eta=3, vtype=float, repair=RoundingRepair()),
    )
    result = minimize(problem, algorithm, ("n_gen", GENERATIONS), seed=options.seed + len(tried), verbose=False)
    found = {} if result.X is None else dict.fromkeys(at(genes) for genes in np.atleast_2d(result.X))
    legal = [one for one, _, refused in found if not refused and one.predicted_ms <= limit]
    return sorted(legal, key=lambda one: (one.predicted_ms, one.arch.to_json()))


def promising(
    proposals: Sequence[Candidate], model: AccuracyModel, tried: Sequence[Rung], count: int
) -> list[Candidate]:
    """`count` untried proposals, evenly over latency, of each stretch the one that gains the most on what was tried."""
    known = {rung.candidate.arch for rung in tried}
    fresh = [one for one in proposals if one.arch not in known and not _crowded(one, tried)]
    if not fresh:
        return []
    front = pareto(tried)
    chosen = [max(step, key=lambda one: _gain(one, model, front)) for step in latency_steps(fresh, count)]
    return sorted(chosen, key=lambda one: -_gain(one, model, front))[:count]


def _crowded(one: Candidate, tried: Sequence[Rung]) -> bool:
    near = [rung for rung in tried if abs(rung.candidate.predicted_ms / one.predicted_ms - 1) < _SAME_LATENCY]
    return len(near) >= 3


def _gain(one: Candidate, model: AccuracyModel, front: Sequence[Rung]) -> float:
    """Predicted accuracy above the best tried sub-net that is as fast."""
    as_fast = [rung.top1 for rung in front if rung.candidate.predicted_ms <= one.predicted_ms]
    return model.predict(one) - max(as_fast, default=0.0)


class Genome:
    """An architecture as indices into the choices of a space: depths, kernels, expansions, widths, side."""

    def __init__(self, space: Space) -> None:
        self._space = space
        stem = [tuple(sorted(space.stem_d))] if space.stem_d else []
        depths: list[tuple[float, ...]] = [*stem, *[space.d] * (space.depths - len(stem))]
        self._parts: tuple[tuple[str, list[tuple[float, ...]]], ...] = (
            ("d", depths),
            ("ks", [space.ks] * space.blocks if space.ks else []),
            ("e", [space.e] * space.blocks),
            ("w", [space.w] * space.w_count if space.w else []),
        )
        self.sizes = [len(choices) for _, part in self._parts for choices in part] + [len(space.r)]

    def decode(self, genes: Sequence[int] | NDArray[np.int64]) -> Arch:
        """The canonical architecture of indices."""
        values: dict[str, object] = {"r": self._space.r[int(genes[-1])]}
        start = 0
        for key, part in self._parts:
            if part:
                values[key] = [choices[int(genes[start + i])] for i, choices in enumerate(part)]
            start += len(part)
        return complete(values, self._space)

    def encode(self, arch: Arch) -> list[int]:
        """Indices of an architecture; choices of skipped blocks become the first."""
        given: dict[str, tuple[float, ...]] = {"d": arch.d, "ks": arch.ks, "e": arch.e, "w": arch.w}
        genes = [
            choices.index(value) if value in choices else 0
            for key, part in self._parts
            for choices, value in zip(part, given[key], strict=False)
        ]
        return [*genes, self._space.r.index(arch.r) if arch.r in self._space.r else 0]

    def start(self, archs: Sequence[Arch], seed: int) -> NDArray[np.int64]:
        """A first population: what is known to be good, and random ones."""
        random = np.random.Generator(np.random.PCG64(seed))
        known = [self.encode(arch) for arch in archs][: POPULATION // 2]
        drawn = [[int(random.integers(size)) for size in self.sizes] for _ in range(POPULATION - len(known))]
        return np.array(known + drawn, np.int64)
