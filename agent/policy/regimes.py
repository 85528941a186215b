"""What the line asks for, as regimes, and how long they last: a semi-Markov model that is learned as time passes.

A regime is the number of rungs that are fast enough, together with the direction in which that is drifting (still, up,
down). Regimes do not depend on what the policy does, so everything is learned of all of them whatever runs.

Hazards are hierarchical: a prior, one pooled curve over age for regimes that are still and one for those that drift,
and a factor and a curve of each regime's own, each shrunk to the one before (design/policy-relay.md section 2). A line
that stands is a place of its own among the transitions: time does not pass there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EDGES_S = np.array([0.0, 1.0, 2.5, 5.0, 8.0, 12.0, 20.0, 30.0, 45.0, 70.0, 110.0, 170.0, 300.0, 640.0])
BINS = len(EDGES_S)
STILL, UP, DOWN = range(3)


@dataclass(frozen=True, slots=True)
class RegimePriors:
    """Strengths of what is assumed before anything was seen."""

    medians_s: tuple[float, ...] = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 192.0, 384.0, 768.0)
    sigmas: tuple[float, ...] = (0.35, 0.7, 1.2)
    still_weight: tuple[float, ...] = (0.5, 0.5, 0.7, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    drifting_weight: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.1, 0.05, 0.02)
    pooled_spells: float = 3.0
    regime_spells: float = 3.0
    transitions_still: float = 1.0
    transitions_drifting: float = 0.2
    unvisited: float = 0.3


PRIORS = RegimePriors()


class Regimes:
    """Counts of one line. `rungs` is the number of sub-nets that are told apart."""

    def __init__(self, rungs: int, priors: RegimePriors = PRIORS) -> None:
        self.rungs = rungs
        self.levels = rungs + 1
        self.count = 3 * self.levels
        self._priors = priors
        self.moves = np.zeros((self.count + 1, self.count + 1))  # the last place is the line that stands
        self.visits = np.zeros(self.count + 1)
        self.resumed = np.zeros(2)  # lines that went on as another regime, and as the same
        self.gains = np.zeros((self.count, rungs))
        self.known = np.zeros(self.count, dtype=np.bool_)
        log_medians = np.log(np.repeat(priors.medians_s, len(priors.sigmas)))
        sigmas = np.tile(priors.sigmas, len(priors.medians_s))
        self._log_medians, self._sigmas = log_medians, sigmas
        kinds = len(sigmas)
        self.spells = np.zeros((self.count, kinds))
        prior = np.repeat(np.array([priors.still_weight, priors.drifting_weight]), len(priors.sigmas), axis=1)
        self._prior = prior / prior.sum(axis=1, keepdims=True)
        edges = np.log(np.append(EDGES_S[1:], 2.0 * EDGES_S[-1]))
        z = (edges - log_medians[:, None]) / sigmas[:, None]
        self._alive = np.concatenate([np.ones((kinds, 1)), np.maximum(1e-300, _upper(z))], axis=1)
        self._shares = self._fresh_shares()

    @property
    def stopped(self) -> int:
        """The place of a line that stands."""
        return self.count

    def of(self, level: int, drift: int) -> int:
        return drift * self.levels + level

    def level(self, regime: int) -> int:
        return regime % self.levels

    def end(self, regime: int, age_s: float, following: int) -> None:
        """`regime` has ended at that age; `following` may be `stopped`."""
        if regime != self.stopped:
            z = (np.log(max(0.1, age_s)) - self._log_medians) / self._sigmas
            likely = self._shares[regime] * np.exp(-0.5 * z * z) / self._sigmas
            total = likely.sum()
            if total > 0.0:
                self.spells[regime] += likely / total
                self._shares = self._fresh_shares()
        self.moves[regime, following] += 1.0
        self.visits[following] += 1.0

    def _fresh_shares(self) -> Floats:
        """(regime, kind of dwell): how likely a spell of the regime is of that kind."""
        priors, levels = self._priors, self.levels
        shares = np.empty_like(self.spells)
        for group, prior in zip((slice(0, levels), slice(levels, self.count)), self._prior, strict=True):
            pooled = priors.pooled_spells * prior + self.spells[group].sum(axis=0)
            pooled = pooled / pooled.sum()
            own = self.spells[group]
            shares[group] = priors.regime_spells * pooled + own
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def begin(self, regime: int) -> None:
        """The first regime that is seen."""
        self.visits[regime] += 1.0

    def resume(self, before: int, following: int) -> None:
        """The line runs again, in `following`; before it stood it was in `before` (-1: not known)."""
        self.moves[self.stopped, following] += 1.0
        self.visits[following] += 1.0
        self.resumed += (0.0, 1.0) if following == before else (1.0, 0.0)

    def resumptions(self, before: int) -> Floats:
        """Probabilities of what follows a stop after `before`: each regime, and last that it goes on as it was."""
        same = (self.resumed[1] + 1.0) / (self.resumed.sum() + 2.0)
        others = self.transitions()[self.stopped, : self.count].copy()
        if before >= 0:
            others[before] = 0.0
        others /= others.sum()
        return np.append((1.0 - same) * others, same)

    def note_gains(self, regime: int, gains: Floats, fresh: bool) -> None:
        """What each rung would earn a second now: a running mean, in which a `fresh` spell weighs more."""
        if self.known[regime]:
            self.gains[regime] += (0.3 if fresh else 0.1) * (gains - self.gains[regime])
        else:
            self.gains[regime] = gains
            self.known[regime] = True

    def hazards(self) -> Floats:
        """(regime, bin), per second."""
        alive = self._shares @ self._alive
        spans_s = np.append(np.diff(EDGES_S), EDGES_S[-1])
        return np.asarray(np.maximum(1e-5, -np.diff(np.log(alive), axis=1) / spans_s))

    def transitions(self) -> Floats:
        """(regime or stopped, following regime or stopped): probabilities, none to itself."""
        priors, levels = self._priors, self.levels
        popular = self.visits.copy()
        popular[:levels] += priors.unvisited
        popular /= popular.sum()
        weight = np.full(self.count + 1, priors.transitions_still)
        weight[levels : self.count] = priors.transitions_drifting
        found = self.moves + weight[:, None] * popular
        every = np.arange(levels)
        for drift, step in ((UP, 1), (DOWN, -1)):
            drifting = drift * levels + every
            found[drifting, every] += 0.3
            beside = drift * levels + np.clip(every + step, 0, levels - 1)
            found[drifting, beside] += 0.7
        regimes = np.arange(self.count)
        found[regimes, regimes] = 0.0
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def saved(self) -> dict[str, object]:
        """As JSON."""
        names = ("spells", "moves", "visits", "resumed", "gains")
        return {name: np.round(getattr(self, name), 4).tolist() for name in names} | {"known": self.known.tolist()}

    def restore(self, saved: Mapping[str, object]) -> None:
        """Raises ValueError where the shapes or values do not fit; nothing is taken over then."""
        found = {}
        for name in ("spells", "moves", "visits", "resumed", "gains", "known"):
            mine = getattr(self, name)
            value = np.array(saved.get(name), dtype=mine.dtype)
            if value.shape != mine.shape or not np.isfinite(value).all():
                raise ValueError(f"{name} does not fit {self.rungs} rungs")
            found[name] = value
        for name, value in found.items():
            setattr(self, name, value)
        self._shares = self._fresh_shares()


def bin_of(age_s: float) -> int:
    """The age bin; ages below 0 count as 0."""
    return max(0, int(EDGES_S.searchsorted(age_s, side="right")) - 1)


_NORMAL = NormalDist()


def _upper(z: Floats) -> Floats:
    return np.array(
        [[1.0 - _NORMAL.cdf(one) if one < 5 else _NORMAL.pdf(one) / one for one in row] for row in z.tolist()]
    )
