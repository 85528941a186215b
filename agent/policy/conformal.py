"""What a result has beside its level: the distribution of residuals, pooled over nets, and bounds that keep their word.

A residual is the logarithm of a service time less the level that was expected. Their body is counted in standard
deviations, their upper tail (spikes) in logarithms; both start from prior counts, so that a share of spikes is expected
before the first was seen.

A bound is an adaptive conformal quantile (Gibbs and Candès, NeurIPS 2021; as a tracker of the quantile itself:
Angelopoulos et al., NeurIPS 2023): q rises when a residual exceeds it and falls a little when not,
q <- q + eta (1{e > q} - alpha), which holds the share of results beyond it near alpha whatever the distribution.

The constants were chosen on LineShift's seeds 100 to 103, and tried with jitter from none to 5 %, heavy tails, two
levels in turns and spikes in one result of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.policy.delivery import z_score
from agent.policy.learned import SavedResiduals

Floats = NDArray[np.float64]

DEFAULT_SPREAD = 0.03  # a few per cent is usual (facts/myriad-blobs.md section 6); learned within seconds
LEAST_SPREAD = 0.002
LEAST_BOUND = 5e-4  # where times never vary, the rounding of floats must not break a bound
SPREAD_PRIOR = 20.0  # results that the prior spread counts for
SPREAD_MEMORY = 4000.0
CLIP = 3.0
TRACKERS = 4
STEP_SHARE = 0.1  # eta, of the spread: a tracker settles within some 400 results at .99
WEIGHED_AFTER = 16  # results
COUNTED_AFTER = 512
FIRST_COUNTED_AFTER = 64
# Share of alpha by which a bound may be off for each standard deviation that it is off the pooled quantile: where no
# result ever falls between two quantiles, nothing else holds it.
RETURN = 0.05
TOLD = 3.0  # misses that were due: before, a tracker goes along with the pooled quantile
# Standard deviations off it at which a tracker is too slow: a share of what is beyond is made up at each count.
FAR_OFF, FAR_SHARE = 5.0, 0.5
MEMORY = 40_000.0  # results after which counts are halved

BODY_FROM, BODY_TO, BODY_STEP = -5.0, 3.5, 0.125  # standard deviations
TAIL_TO, TAIL_STEP = 1.0, 0.01
BODY_PRIOR = 300.0
SPIKE_PRIOR = (3.0, 3000.0)  # so many spikes in so many results, anywhere up to SPIKE_TO
SPIKE_TO = 0.5
PROFILE_POINTS = 400  # of its distribution
# Against the misses that were asked for: what a bound at the end of jitter may have, the share of spikes from which it
# has to cover spikes, and what it leaves to jitter at least.
AIM, MOST_SPIKES, LEAST_JITTER = 1.3, 1.6, 0.3
LEAST_RATIO = 1e-6

_BODY = np.arange(BODY_FROM, BODY_TO + BODY_STEP / 2, BODY_STEP)
_CELLS = len(_BODY) - 1
_TAIL_CELLS = int(TAIL_TO / TAIL_STEP)
CELLS = (_CELLS, _TAIL_CELLS)  # of body and tail
_PROFILE_SCORES = np.array([NormalDist().inv_cdf((place + 0.5) / PROFILE_POINTS) for place in range(PROFILE_POINTS)])
_NORMAL_BEYOND = 0.5 * math.erfc(BODY_TO / math.sqrt(2.0))
_NORMAL_BODY = np.diff([0.5 * math.erfc(-u / math.sqrt(2.0)) for u in _BODY])


@dataclass(slots=True)
class _Tracker:
    """`pooled`, `aim`: of the pooled distribution when it was last counted."""

    quantile: float
    bound: float
    pooled: float
    aim: float


class Residuals:
    """See the module docstring; mutable, owned by its latency model."""

    def __init__(self) -> None:
        self.sigma = DEFAULT_SPREAD
        self.count = 0
        self._weight = SPREAD_PRIOR
        self._trackers: list[_Tracker] = []
        self._pending: list[float] = []  # not counted yet; the first `_weighed` of them are in sigma
        self._weighed = 0
        self._body: Floats = np.zeros(_CELLS)
        self._tail: Floats = np.zeros(_TAIL_CELLS)
        self._tabulate()

    @property
    def spike_share(self) -> float:
        """Share of results that are far above their level."""
        spikes, results = SPIKE_PRIOR
        return float((spikes + self._tail.sum()) / (results + self._tail.sum() + self._body.sum()))

    def observe(self, residuals: list[float], stepped: list[float]) -> None:
        """Of a settled level, oldest first; `stepped`: of results that made up a step of the level.

        A step that nobody announced is no noise, but its first results were beyond their bound all the same.
        """
        self._track(residuals)
        if stepped:
            self._track(stepped)
        self._pending += residuals
        if len(self._pending) - self._weighed >= WEIGHED_AFTER:
            self._weigh()
            if len(self._pending) >= min(COUNTED_AFTER, max(FIRST_COUNTED_AFTER, self.count // 2)):
                self._count()

    def seed(self, profile: NetProfile) -> None:
        """What commissioning saw of residuals of one net, before results show them."""
        if self.count or profile.sigma <= 0.0:
            return
        weight = float(profile.count)
        total = self._weight + weight
        self.sigma = max(LEAST_SPREAD, math.sqrt((self.sigma**2 * self._weight + profile.sigma**2 * weight) / total))
        self._weight = min(SPREAD_MEMORY, total)
        if profile.quantiles:
            self._add(_points_of(profile), profile.sigma, weight / len(_PROFILE_SCORES))
        self._tabulated = False

    def bound(self, quantile: float) -> float:
        """Logarithm over the level that `quantile` of results stay within, above 0; grows with `quantile`."""
        if quantile <= 0.5:
            return 0.0  # the level itself
        if not self._tabulated:
            self._tabulate()  # which takes along what was asked for before the profiles came
        if not self._trackers or self._trackers[0].quantile != quantile:
            self._ask(quantile)
        found = self._trackers[0].bound
        for other in self._trackers:
            if other.quantile < quantile:
                found = max(found, other.bound)
        return max(LEAST_BOUND, found)

    def share_within(self, distance: Floats, variance: Floats) -> Floats:
        """Probability that a residual is at most `distance` when the level has this variance beside: one of shape
        (..., row), as is what is returned.

        The body is taken to be as much wider as a normal one gets; spikes are far wider than any level is unsure.
        """
        if not self._tabulated:
            self._tabulate()
        scale = np.sqrt(variance + self._grid_sigma**2)
        return np.asarray(
            np.interp(distance / scale, _BODY, self._within) + np.interp(distance, self._far, self._spikes)
        )

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Bounds at quantiles that are asked for meanwhile are not tracked afterwards."""
        trackers = list(self._trackers)
        try:
            yield
        finally:
            self._trackers = trackers

    def saved(self) -> SavedResiduals:
        return SavedResiduals(
            self.sigma,
            self.count,
            self._weight,
            [(tracker.quantile, tracker.bound, tracker.pooled, tracker.aim) for tracker in self._trackers],
            list(self._pending),
            self._weighed,
            self._body.tolist(),
            self._tail.tolist(),
            self._grid_sigma,
        )

    def restore(self, saved: SavedResiduals) -> None:
        """What was saved, in place of what is known."""
        self.sigma, self.count, self._weight = saved.grid_sigma, saved.count, saved.weight
        self._trackers.clear()
        self._body, self._tail = np.array(saved.body), np.array(saved.tail)
        self._tabulate()
        self._trackers = [_Tracker(*tracker) for tracker in saved.trackers[:TRACKERS]]
        self.sigma, self._pending, self._weighed = saved.sigma, list(saved.pending), saved.weighed

    def _ask(self, quantile: float) -> None:
        for place, tracker in enumerate(self._trackers):
            if tracker.quantile == quantile:
                self._trackers.insert(0, self._trackers.pop(place))
                return
        if len(self._trackers) >= TRACKERS:
            self._trackers.pop()
        found, aim = self.pooled(quantile)
        self._trackers.insert(0, _Tracker(quantile, found, found, aim))

    def pooled(self, quantile: float) -> tuple[float, float]:
        """Quantile of the pooled distribution, and the misses it has against those that were asked for.

        Where spikes are about as rare as misses may be, it lies anywhere between the end of jitter and the spikes, and
        which of it is chance. It is then the end of jitter, for up to AIM times the misses: any less would cost several
        times as much time as jitter takes, and a spike more or less must not make a bound jump there and back.
        """
        beyond = 1.0 - quantile
        usual = max(0.0, float(np.interp(quantile, self._shares, self._grid)))
        spikes = max(0.0, self.spike_share - _NORMAL_BEYOND)
        if spikes > MOST_SPIKES * beyond:
            return usual, 1.0
        tight = self._end_of_jitter(max(LEAST_JITTER * beyond, AIM * beyond - spikes))
        return (tight, AIM) if usual - tight > self._grid_sigma else (usual, 1.0)

    def _end_of_jitter(self, beyond: float) -> float:
        """What this share of results is beyond, spikes apart."""
        if beyond < _NORMAL_BEYOND:
            return z_score(1.0 - beyond) * self._grid_sigma
        share = (1.0 - beyond) / (1.0 - _NORMAL_BEYOND) * self._within[-1]
        return float(np.interp(share, self._within, _BODY)) * self._grid_sigma

    def _track(self, residuals: list[float]) -> None:
        if not residuals:
            return
        step, count, largest = STEP_SHARE * self.sigma, len(residuals), max(residuals)
        for tracker in self._trackers:
            bound = tracker.bound
            beyond = sum([e > bound for e in residuals]) if largest > bound else 0
            share = (1.0 - tracker.quantile) * (tracker.aim + RETURN * (bound - tracker.pooled) / self.sigma)
            tracker.bound = max(0.0, bound + step * (beyond - share * count))

    def _weigh(self) -> None:
        """Learn the spread from what came since."""
        limit = CLIP * self.sigma
        squares = [e * e if -limit < e < limit else limit * limit for e in self._pending[self._weighed :]]
        count = len(squares)
        self._weighed = len(self._pending)
        self._weight = min(SPREAD_MEMORY, self._weight + count)
        share = min(1.0, count / self._weight)
        self.sigma = max(LEAST_SPREAD, math.sqrt(self.sigma**2 * (1.0 - share) + sum(squares) / count * share))
        self.count += count

    def _count(self) -> None:
        """Count what is pending into the distribution."""
        self._add(np.array(self._pending), self.sigma, 1.0)
        self._pending.clear()
        self._weighed = 0
        if self._body.sum() > MEMORY:
            self._body *= 0.5
            self._tail *= 0.5
        self._tabulate()

    def _add(self, residuals: Floats, sigma: float, weight: float) -> None:
        edge = BODY_TO * sigma
        body = residuals[residuals <= edge] / sigma
        places = np.clip(((body - BODY_FROM) / BODY_STEP).astype(np.intp), 0, _CELLS - 1)
        self._body += weight * np.bincount(places, minlength=_CELLS)
        tail = np.clip((residuals[residuals > edge] / TAIL_STEP).astype(np.intp), 0, _TAIL_CELLS - 1)
        self._tail += weight * np.bincount(tail, minlength=_TAIL_CELLS)

    def _tabulate(self) -> None:
        """The distribution function on a grid."""
        self._tabulated = True
        self._grid_sigma = self.sigma
        edge = BODY_TO * self.sigma
        body = self._body + BODY_PRIOR * _NORMAL_BODY
        beyond = np.arange(1, _TAIL_CELLS + 1) * TAIL_STEP
        inside = beyond > edge
        beyond = beyond[inside]
        prior = np.where(beyond <= max(SPIKE_TO, edge + TAIL_STEP), 1.0, 0.0)
        tail = self._tail[inside] + SPIKE_PRIOR[0] * prior / max(1.0, prior.sum())
        share = self.spike_share
        self._within = np.concatenate(([0.0], np.cumsum(body))) / body.sum() * (1.0 - share)
        self._far = np.concatenate(([edge], beyond))
        self._spikes = np.concatenate(([0.0], np.cumsum(tail))) / tail.sum() * share
        self._grid = np.concatenate((_BODY * self.sigma, beyond))
        self._shares = np.concatenate((self._within, 1.0 - share + self._spikes[1:]))
        for tracker in self._trackers:
            before = tracker.pooled
            tracker.pooled, tracker.aim = self.pooled(tracker.quantile)
            if self.count * (1.0 - tracker.quantile) < TOLD:
                tracker.bound = max(0.0, tracker.bound + tracker.pooled - before)
            off = tracker.pooled - tracker.bound
            far = abs(off) - FAR_OFF * self.sigma
            if far > 0.0:
                tracker.bound += math.copysign(FAR_SHARE * far, off)


def _points_of(profile: NetProfile) -> Floats:
    """Residuals at even shares: normal ones of the profile's sigma, as far as its quantiles allow.

    Between two quantiles a profile tells nothing; one spike in a thousand results is its highest quantile, and a line
    from there to the next would make it four.
    """
    told = sorted([(0.5, 1.0), *profile.quantiles])
    shares = np.array([quantile for quantile, _ in told])
    logs = np.log(np.maximum([ratio for _, ratio in told], LEAST_RATIO))
    places = np.searchsorted(shares, (np.arange(PROFILE_POINTS) + 0.5) / PROFILE_POINTS)
    lowest = np.concatenate(([-np.inf], logs))[places]
    highest = np.concatenate((logs, [np.inf]))[places]
    return np.clip(_PROFILE_SCORES * profile.sigma, lowest, highest)
