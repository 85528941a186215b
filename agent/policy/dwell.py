"""How long something lasts: dwells of one kind, or of a short and a long one, learned from spells that have ended.

Each hypothesis says of a population of spells how long they last: log-normal with a median and a sigma, without memory
(exponential, sigma MEMORYLESS) with a median, or a mixture of two kinds.
What a population is like is the posterior over the hypotheses, given its spells. What the next spell is like follows:
of many hypotheses at first, so that the longer it lasts the longer it is expected to, and soon of few.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EDGES_S = np.array([0.0, 1.0, 2.5, 5.0, 8.0, 12.0, 20.0, 30.0, 45.0, 70.0, 110.0, 170.0, 300.0, 640.0])
BINS = len(EDGES_S)  # of age; the last is open
MEDIANS_S = tuple(1.5 * 1.5**step for step in range(16))  # 1.5 s to 11 min
MEMORYLESS = 0.0
SIGMAS = (0.3, 0.5, 0.75, 1.1, MEMORYLESS)
_LOG2 = float(np.log(2.0))
SHORTS_S, LONGS_S, SHORT_SHARES, MIXED_SIGMA = (3.0, 6.0, 12.0, 24.0), (60.0, 120.0, 240.0), (0.3, 0.6, 0.85, 0.95), 0.6
MIXED_PRIOR = 0.3  # of all hypotheses: that there are two kinds
LEAST_AGE_S = 0.1
LEAST_HAZARD = 1e-5
_NORMAL = NormalDist()


def _outlives(z: float) -> float:
    return 1.0 - _NORMAL.cdf(z) if z < 5.0 else max(1e-300, _NORMAL.pdf(z) / z)


def _alive(median_s: float, sigma: float) -> list[float]:
    """Chance to outlive the end of each bin, the open one's taken to be at twice its begin."""
    if sigma == MEMORYLESS:
        return [1.0, *np.exp(-_LOG2 * np.append(EDGES_S[1:], 2.0 * EDGES_S[-1]) / median_s).tolist()]
    ends = np.log(np.append(EDGES_S[1:], 2.0 * EDGES_S[-1]) / median_s) / sigma
    return [1.0, *map(_outlives, ends.tolist())]


_KINDS = [(median_s, sigma) for median_s in MEDIANS_S for sigma in SIGMAS]
_PARTS = sorted({(median_s, MIXED_SIGMA) for median_s in (*SHORTS_S, *LONGS_S)})
_MEDIANS = np.array([median_s for median_s, _ in _KINDS + _PARTS])
_LOG_MEDIANS, _SIGMAS = np.log(_MEDIANS), np.array([sigma for _, sigma in _KINDS + _PARTS])
_FORGETS = _SIGMAS == MEMORYLESS
_DIVISORS = np.where(_FORGETS, 1.0, _SIGMAS)
_MIXES = [
    (len(_KINDS) + _PARTS.index((short_s, MIXED_SIGMA)), len(_KINDS) + _PARTS.index((long_s, MIXED_SIGMA)), share)
    for short_s in SHORTS_S
    for long_s in LONGS_S
    for share in SHORT_SHARES
]
_BLEND = np.zeros((len(_KINDS) + len(_MIXES), len(_KINDS) + len(_PARTS)))  # (hypothesis, kind)
_BLEND[: len(_KINDS), : len(_KINDS)] = np.eye(len(_KINDS))
for _row, (_short, _long, _share) in enumerate(_MIXES, len(_KINDS)):
    _BLEND[_row, [_short, _long]] = _share, 1.0 - _share
HYPOTHESES = len(_BLEND)
_ALIVE = _BLEND @ np.array([_alive(*kind) for kind in _KINDS + _PARTS])
_SPANS_S = np.append(np.diff(EDGES_S), EDGES_S[-1])


def log_prior(longest_s: float) -> Floats:
    """Of the hypotheses; medians over `longest_s` are taken to be rare."""
    single = np.array([1.0 if median_s <= longest_s else 0.2 for median_s, _ in _KINDS])
    mixed = np.ones(len(_MIXES))
    weights = np.append((1.0 - MIXED_PRIOR) * single / single.sum(), MIXED_PRIOR * mixed / mixed.sum())
    return np.asarray(np.log(weights))


def log_likely(age_s: float) -> Floats:
    """Logarithm of how likely a spell is to end at that age, under each hypothesis."""
    age_s = max(LEAST_AGE_S, age_s)
    z = (np.log(age_s) - _LOG_MEDIANS) / _DIVISORS
    share = _LOG2 * age_s / _MEDIANS
    density = np.where(_FORGETS, share * np.exp(-share), 0.39894 * np.exp(-0.5 * z * z) / _DIVISORS)  # of log age
    return np.asarray(np.log(_BLEND @ density + 1e-12))


def evidence(log_weights: Floats) -> Floats:
    """log of the sum of the weights over the last axis."""
    most = log_weights.max(axis=-1)
    return np.asarray(most + np.log(np.exp(log_weights - most[..., None]).sum(axis=-1)))


def alive(log_weights: Floats) -> Floats:
    """(..., bin edge): chance of the next spell to last so long, from weights of shape (..., hypothesis)."""
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return np.asarray((weights / weights.sum(axis=-1, keepdims=True)) @ _ALIVE)


def hazards(outlived: Floats) -> Floats:
    """(..., bin): chance to end per second, from chances of shape (..., bin edge)."""
    return np.asarray(np.maximum(LEAST_HAZARD, -np.diff(np.log(outlived), axis=-1) / _SPANS_S))


def bin_of(age_s: float) -> int:
    """The bin of an age; ages below 0 count as 0."""
    return max(0, int(EDGES_S.searchsorted(age_s, side="right")) - 1)


def median_left_s(hazard: Floats, age_s: float) -> float:
    """Time that is left at an age in half of the cases: the mean would be that of the few that last very long."""
    need = float(np.log(2.0))
    start_s = age_s
    for at in range(bin_of(age_s), BINS - 1):
        risk = float(hazard[at]) * (float(EDGES_S[at + 1]) - start_s)
        if risk >= need:
            break
        need, start_s = need - risk, float(EDGES_S[at + 1])
    return start_s - age_s + need / float(hazard[bin_of(start_s)])


def remaining_s(hazard: Floats, age_s: float) -> float:
    """Mean time that is left at an age, by the hazards of the bins."""
    place = bin_of(age_s)
    left_s, outlived, start_s = 0.0, 1.0, age_s
    for at in range(place, BINS - 1):
        lam, span_s = float(hazard[at]), float(EDGES_S[at + 1]) - start_s
        out = float(np.exp(-lam * span_s))
        left_s += outlived * (1.0 - out) / lam
        outlived, start_s = outlived * out, float(EDGES_S[at + 1])
    return left_s + outlived / float(hazard[-1])


def log_likelihood(spells: Sequence[float]) -> Floats:
    """Of all of these, under each hypothesis."""
    return np.asarray(sum((log_likely(age_s) for age_s in spells), np.zeros(HYPOTHESES)))
