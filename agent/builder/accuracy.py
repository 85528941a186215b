"""Accuracy of sub-nets that were not tried, from those that were: a ridge regression with its own error.

Tens of sub-nets are tried and billions exist, so the model is as plain as can be: sizes, and per stage what was
chosen. Its error is that of predictions for sub-nets left out of the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.builder.arch import Space
from agent.builder.candidates import Candidate

MIN_TRIED = 8
_FOLDS = 5
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class AccuracyModel:
    """`error` is the root mean square in shares of 1, `rank_correlation` Spearman's, both cross-validated."""

    space: Space
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float
    error: float
    rank_correlation: float
    tried: int

    def predict(self, candidate: Candidate) -> float:
        """Expected top-1 share."""
        x = (_features(candidate, self.space) - self.mean) / self.spread
        return float(np.clip(x @ self.weights + self.intercept, 0.0, 1.0))

    def words(self) -> str:
        """Its error as a line for people."""
        return (
            f"accuracy predictor: {self.tried} sub-nets tried, error {100 * self.error:.1f} points, "
            f"rank correlation {self.rank_correlation:.2f} (both cross-validated)"
        )


def fit_accuracy(tried: Sequence[Candidate], top1: Sequence[float], space: Space) -> AccuracyModel | None:
    """A model of what was tried; None where that is less than MIN_TRIED."""
    if len(tried) < MIN_TRIED:
        return None
    x = np.array([_features(candidate, space) for candidate in tried])
    y = np.array(top1, np.float64)
    mean, spread = x.mean(0), x.std(0)
    spread[spread < 1e-9] = 1.0
    x = (x - mean) / spread
    folds = np.random.Generator(np.random.PCG64(0)).permutation(len(y)) % _FOLDS
    guesses = np.zeros_like(y)
    for fold in range(_FOLDS):
        # The strength is chosen inside of each fold, so that the stated error is of the whole procedure.
        inside = folds != fold
        guesses[~inside] = _ridge_at(x[inside], y[inside], x[~inside])
    error = float(np.sqrt(np.mean((guesses - y) ** 2)))
    strength = _best_strength(x, y)
    return AccuracyModel(
        space, mean, spread, _ridge(x, y, strength), float(y.mean()), error, spearman(guesses, y), len(y)
    )


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Rank correlation; 0 where one of the two is constant."""
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float) for values in (a, b)]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _features(candidate: Candidate, space: Space) -> NDArray[np.float64]:
    """Logarithms of the sizes, the side, and depth, mean expansion and mean kernel of each stage."""
    arch, counts = candidate.arch, candidate.counts
    values = [np.log(max(candidate.macs, 1)), np.log(max(counts.params, 1)), np.log(arch.r), *map(float, arch.w)]
    start = 0
    for stage in space.stages:
        end = start + stage.count
        used = [place for place in range(start, end) if arch.e[place]]
        values.append(float(len(used)))
        for choices in (arch.e, arch.ks):
            values.append(float(np.mean([choices[place] for place in used])) if used and choices else 0.0)
        start = end
    return np.array(values, np.float64)


def _ridge(x: NDArray[np.float64], y: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Weights on standardised x; the intercept is the mean of y."""
    weights: NDArray[np.float64] = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (y - y.mean()))
    return weights


def _ridge_at(x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = x.mean(0)
    guess: NDArray[np.float64] = (at - centre) @ _ridge(x - centre, y, _best_strength(x - centre, y)) + y.mean()
    return guess


def _best_strength(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """By leave-one-out, which a ridge gives in closed form."""
    errors = []
    for strength in _STRENGTHS:
        hat = x @ np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T) + 1 / len(y)
        left = (y - y.mean() - hat @ (y - y.mean())) / np.clip(1 - np.diag(hat), 1e-6, None)
        errors.append(float(np.mean(left**2)))
    return _STRENGTHS[int(np.argmin(errors))]
