"""What a result has beside its level: the distribution of residuals, pooled over nets, and bounds that keep their word.

A residual is the logarithm of a service time less the level that was expected. Their body is counted in standard
deviations, their upper tail (spikes) in logarithms; both start from prior counts, so that a share of spikes is expected
before the first was seen.

A bound is an adaptive conformal quantile (Gibbs and Candès, NeurIPS 2021; as a tracker of the quantile itself:
Angelopoulos et al., NeurIPS 2023): q rises when a residual exceeds it and falls a little when not,
q <- q + eta (1{e > q} - alpha), which holds the share of results beyond it at alpha whatever the distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.policy.learned import SavedResiduals

Floats = NDArray[np.float64]

DEFAULT_SPREAD = 0.03  # a few per cent is usual (facts/myriad-blobs.md section 6); learned within seconds
LEAST_SPREAD = 0.002
SPREAD_PRIOR = 20.0  # results that the prior spread counts for
SPREAD_MEMORY = 4000.0
CLIP = 3.0
TRACKERS = 4
STEP_SHARE = 0.1  # eta, of the spread: a tracker settles within some 400 results at .99
REFRESHED_AFTER = 128  # results
MEMORY = 40_000.0  # results after which counts are halved

BODY_FROM, BODY_TO, BODY_STEP = -5.0, 3.5, 0.125  # standard deviations
TAIL_TO, TAIL_STEP = 1.0, 0.01
BODY_PRIOR = 300.0
SPIKE_PRIOR = (1.0, 1000.0)  # one spike in so many results, anywhere up to SPIKE_TO
SPIKE_TO = 0.5

_BODY = np.arange(BODY_FROM, BODY_TO + BODY_STEP / 2, BODY_STEP)
_CELLS = len(_BODY) - 1
_TAIL_CELLS = int(TAIL_TO / TAIL_STEP)
CELLS = (_CELLS, _TAIL_CELLS)  # of body and tail
_NORMAL_BODY = np.diff([0.5 * math.erfc(-u / math.sqrt(2.0)) for u in _BODY])
# Gauss-Hermite, five points: the mean of f(N(0, 1)).
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(slots=True)
class _Tracker:
    quantile: float
    bound: float


class Residuals:
    """See the module docstring; mutable, owned by its latency model."""

    def __init__(self) -> None:
        self.sigma = DEFAULT_SPREAD
        self.count = 0
        self._weight = SPREAD_PRIOR
        self._trackers: list[_Tracker] = []
        self._pending: list[float] = []
        self._body: Floats = np.zeros(_CELLS)
        self._tail: Floats = np.zeros(_TAIL_CELLS)
        self._refresh()

    @property
    def spike_share(self) -> float:
        """Share of results that are far above their level."""
        spikes, results = SPIKE_PRIOR
        return float((spikes + self._tail.sum()) / (results + self._tail.sum() + self._body.sum()))

    def observe(self, residuals: list[float]) -> None:
        """Of a settled level, oldest first."""
        if not residuals:
            return
        self._track(residuals)
        limit = CLIP * self.sigma
        squares = sum([e * e if -limit < e < limit else limit * limit for e in residuals])
        count = len(residuals)
        self._weight = min(SPREAD_MEMORY, self._weight + count)
        share = count / max(self._weight, count)
        self.sigma = max(LEAST_SPREAD, math.sqrt(self.sigma**2 * (1.0 - share) + squares / count * share))
        self.count += count
        self._pending += residuals
        if len(self._pending) >= REFRESHED_AFTER:
            self._refresh()

    def seed(self, profile: NetProfile) -> None:
        """What commissioning saw of residuals of one net, before results show them."""
        if self.count == 0 and profile.sigma > 0:
            weight = min(SPREAD_MEMORY, float(profile.count))
            total = self._weight + weight
            self.sigma = max(
                LEAST_SPREAD, math.sqrt((self.sigma**2 * self._weight + profile.sigma**2 * weight) / total)
            )
            self._weight = min(SPREAD_MEMORY, total)
            self._tabulate()

    def bound(self, quantile: float) -> float:
        """Logarithm over the level that `quantile` of results stay within, at least 0; grows with `quantile`."""
        if quantile <= 0.5:
            return 0.0  # the level itself
        if not self._trackers or self._trackers[0].quantile != quantile:
            self._ask(quantile)
        found = self._trackers[0].bound
        for other in self._trackers:
            if other.quantile < quantile:
                found = max(found, other.bound)
        return max(0.0, found)

    def share_within(self, distance: Floats, variance: Floats) -> Floats:
        """Probability that a residual is at most `distance` when the level has this variance beside."""
        spread = np.sqrt(np.maximum(0.0, variance))
        at = distance[:, None] + spread[:, None] * _NODES
        return np.asarray(np.interp(at, self._grid, self._shares) @ _WEIGHTS)

    def saved(self) -> SavedResiduals:
        return SavedResiduals(
            self.sigma,
            self.count,
            self._weight,
            [(tracker.quantile, tracker.bound) for tracker in self._trackers],
            list(self._pending),
            self._body.tolist(),
            self._tail.tolist(),
            self._grid_sigma,
        )

    def restore(self, saved: SavedResiduals) -> None:
        """What was saved, in place of what is known."""
        self.sigma, self.count, self._weight = saved.grid_sigma, saved.count, saved.weight
        self._trackers = [_Tracker(quantile, bound) for quantile, bound in saved.trackers[:TRACKERS]]
        self._body, self._tail = np.array(saved.body), np.array(saved.tail)
        self._tabulate()
        self.sigma, self._pending = saved.sigma, list(saved.pending)

    def _ask(self, quantile: float) -> None:
        for place, tracker in enumerate(self._trackers):
            if tracker.quantile == quantile:
                self._trackers.insert(0, self._trackers.pop(place))
                return
        if len(self._trackers) >= TRACKERS:
            self._trackers.pop()
        self._trackers.insert(0, _Tracker(quantile, self.empirical(quantile)))

    def empirical(self, quantile: float) -> float:
        """Quantile of the pooled distribution."""
        return max(0.0, float(np.interp(quantile, self._shares, self._grid)))

    def _track(self, residuals: list[float]) -> None:
        step = STEP_SHARE * self.sigma
        for tracker in self._trackers:
            bound = tracker.bound
            beyond = sum([e > bound for e in residuals])
            tracker.bound = bound + step * (beyond - (1.0 - tracker.quantile) * len(residuals))

    def _refresh(self) -> None:
        residuals = np.array(self._pending)
        self._pending.clear()
        edge = BODY_TO * self.sigma
        body = residuals[residuals <= edge] / self.sigma
        places = np.clip(((body - BODY_FROM) / BODY_STEP).astype(np.intp), 0, _CELLS - 1)
        self._body += np.bincount(places, minlength=_CELLS)
        tail = np.clip((residuals[residuals > edge] / TAIL_STEP).astype(np.intp), 0, _TAIL_CELLS - 1)
        self._tail += np.bincount(tail, minlength=_TAIL_CELLS)
        if self._body.sum() > MEMORY:
            self._body *= 0.5
            self._tail *= 0.5
        self._tabulate()

    def _tabulate(self) -> None:
        """The distribution function on a grid."""
        self._grid_sigma = self.sigma
        edge = BODY_TO * self.sigma
        body = self._body + BODY_PRIOR * _NORMAL_BODY
        beyond = np.arange(1, _TAIL_CELLS + 1) * TAIL_STEP
        inside = beyond > edge
        spikes, _ = SPIKE_PRIOR
        prior = np.where(inside & (beyond <= max(SPIKE_TO, edge + TAIL_STEP)), 1.0, 0.0)
        tail = (self._tail + spikes * prior / max(1.0, prior.sum()))[inside]
        share = self.spike_share
        within = np.concatenate(([0.0], np.cumsum(body))) / body.sum() * (1.0 - share)
        total = tail.sum()
        upper = np.cumsum(tail) / total * share if total > 0 else np.full(len(tail), share)
        self._grid = np.concatenate((_BODY * self.sigma, beyond[inside]))
        self._shares = np.concatenate((within, 1.0 - share + upper))
