"""What the line asks for, as regimes, and how long they last: a semi-Markov model that is learned as time passes.

A regime is the number of rungs that are fast enough, and the tempo: hectic after a spell of less than SHORT_S, else
calm. Regimes do not depend on what the policy does, so everything is learned of all of them whatever runs.

How long regimes last (`dwell.py`) may be alike for all of them, or of a few kinds that some share; what follows a
regime may be the same whichever it was, or not. Which of these holds is judged by how well each would have
foretold what came, and they are believed in that proportion. A line that stands is a place of its own among the
transitions. A ramp belongs to no regime: how long ramps last is learned beside.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agent.policy import dwell
from agent.policy.dwell import Floats, bin_of

CALM, HECTIC = range(2)
TEMPI = 2
SHORT_S = 12.0
MOST = 1e12  # spells, moves or correct parts a second that can have been counted


@dataclass(frozen=True, slots=True)
class RegimePriors:
    """What is assumed before anything was seen.

    `alike`: log odds that dwells are alike for all regimes. `uncommon`: weight of the prior among kinds of dwells that
    regimes have in common, in regimes. `ways`: log odds of the ways of Regimes._towards. `moves`: weight of popularity
    among what follows a level, in moves. `returns`: see Regimes.
    """

    longest_s: float = 400.0
    longest_ramp_s: float = 60.0
    alike: float = 4.0
    uncommon: float = 1.0
    moves: float = 1.0
    ways: tuple[float, float, float] = (0.0, 0.0, -1.0)
    unvisited: float = 0.3
    returns: tuple[float, float] = (1.4, 0.6)  # to other levels, and back


PRIORS = RegimePriors()
CLUSTER_ROUNDS = 6
LEAST_MOVE = 0.05  # what is left of a move that was seen once, when it is left out
MOST_SPELLS = 64  # of a regime that are remembered
_COUNTS = ("moves", "visits", "returns", "resumed", "gains", "known")


class Regimes:
    """Counts of one line. `rungs` is the number of sub-nets that are told apart."""

    def __init__(self, rungs: int, priors: RegimePriors = PRIORS) -> None:
        self.rungs = rungs
        self.levels = rungs + 1
        self.count = TEMPI * self.levels
        self._priors = priors
        self._prior, self._ramp_prior = dwell.log_prior(priors.longest_s), dwell.log_prior(priors.longest_ramp_s)
        self.spells: list[deque[float]] = [deque() for _ in range(self.count)]
        self.ramps: deque[float] = deque()
        self._likely = np.zeros((self.count, dwell.HYPOTHESES))
        self._ramp_likely = np.zeros(dwell.HYPOTHESES)
        self.moves = np.zeros((self.levels + 1, self.levels + 1))  # of levels; the last place is the line that stands
        self.visits = np.zeros(self.levels + 1)
        self.returns = np.zeros((self.levels, self.levels, 2))  # of (level, the one before): to others, and back
        self.resumed = np.zeros(2)  # lines that went on as another level, and as the same
        self.gains = np.zeros((self.count, rungs))
        self.known = np.zeros(self.count, dtype=np.bool_)
        self._refresh()

    @property
    def stopped(self) -> int:
        """The place of a line that stands."""
        return self.count

    def of(self, level: int, tempo: int) -> int:
        return tempo * self.levels + level

    def level(self, regime: int) -> int:
        return regime % self.levels

    def begin(self, regime: int) -> None:
        """The first regime that is seen."""
        self.visits[self.level(regime)] += 1.0

    def end(self, regime: int, age_s: float, following: int, before: int = -1) -> None:
        """`regime` has ended at that age; `following` may be `stopped`; `before`: the level before it, -1 unknown."""
        if before >= 0 and following != self.stopped:
            self.returns[self.level(regime), before, int(self.level(following) == before)] += 1.0
        self._likely[regime] += _remember(self.spells[regime], age_s)
        self._refresh()
        self._move(self.level(regime), self._place(following))

    def _place(self, regime: int) -> int:
        """Its level, or the last place for a line that stands."""
        return self.levels if regime == self.stopped else self.level(regime)

    def _move(self, level: int, following: int) -> None:
        self.moves[level, following] += 1.0
        self.visits[following] += 1.0

    def end_ramp(self, lasted_s: float) -> None:
        """The line has gone from one speed to another in that time."""
        self._ramp_likely += _remember(self.ramps, lasted_s)

    def resume(self, before: int, following: int) -> None:
        """The line runs again, in `following`; before it stood it was in `before` (-1: not known)."""
        self.moves[self.levels, self.level(following)] += 1.0
        self.visits[self.level(following)] += 1.0
        same = before >= 0 and self.level(before) == self.level(following)
        self.resumed += (0.0, 1.0) if same else (1.0, 0.0)

    def resumptions(self, before: int) -> Floats:
        """Probabilities of what follows a stop after `before`: each regime, and last that it goes on as it was."""
        same = (self.resumed[1] + 1.0) / (self.resumed.sum() + 2.0)
        others = self.transitions()[self.stopped, : self.count].copy()
        if before >= 0:
            others[self.level(before) :: self.levels] = 0.0
        total = others.sum()
        if total <= 0.0:
            return np.append(np.zeros(self.count), 1.0)
        return np.append((1.0 - same) * others / total, same)

    def note_gains(self, regime: int, gains: Floats, fresh: bool) -> None:
        """What each rung would earn a second now: a running mean, in which the begin of a spell weighs more."""
        if self.known[regime]:
            self.gains[regime] += (0.3 if fresh else 0.1) * (gains - self.gains[regime])
        else:
            self.gains[regime] = gains
            self.known[regime] = True

    def hazards(self) -> Floats:
        """(regime, bin), per second."""
        return self._hazards

    def return_share(self, regime: int, before: int) -> float:
        """Probability that the level `before` follows a regime which it has led to."""
        priors, level = self._priors, self.level(regime)
        share = priors.returns[1] / sum(priors.returns)
        strength = sum(priors.returns)
        for away, back in (
            self.returns.sum(axis=(0, 1)),
            self.returns[level].sum(axis=0),
            self.returns[level, before],
        ):
            share = (strength * share + back) / (strength + away + back)
        return float(share)

    def quick(self, regime: int) -> bool:
        """Whether a spell of the regime is usually short."""
        return dwell.median_left_s(self._hazards[regime], 0.0) < SHORT_S

    def ramp_left_s(self, age_s: float) -> float:
        """Time that is left of a ramp in half of the cases."""
        outlived = dwell.alive(self._ramp_prior + self._ramp_likely)
        return dwell.median_left_s(dwell.hazards(outlived), age_s)

    def transitions(self) -> Floats:
        """(regime or stopped, following regime or stopped): probabilities, none to the same level.

        Of levels; how likely the following regime is hectic is how likely a spell of this one is short.
        """
        level_to = self._towards()
        levels, count = self.levels, self.count
        found = np.zeros((count + 1, count + 1))
        running = np.tile(level_to[:levels, :levels], (TEMPI, 1))
        found[:count, :levels] = running * (1.0 - self._short[:, None])
        found[:count, levels:count] = running * self._short[:, None]
        found[:count, count] = np.tile(level_to[:levels, levels], TEMPI)
        found[count, :levels] = level_to[levels, :levels]
        return found

    def _towards(self) -> Floats:
        """(level or stopped, following): probabilities, by how well each way foretells the moves seen, one left out.

        The ways: how often a level is visited, what followed levels whose spells are as short or as long, and what
        followed each one.
        """
        popular = self.visits.copy()
        popular[: self.levels] += self._priors.unvisited
        each = np.tile(popular / popular.sum(), (self.levels + 1, 1))
        moves, own = self.moves, self._priors.moves * each
        ways = (
            (np.tile(popular, (self.levels + 1, 1)), 0.0),
            (self._alike() @ moves, self._priors.moves),
            (moves, self._priors.moves),
        )
        found, told = [], np.array(self._priors.ways)
        for place, (counts, weight) in enumerate(ways):
            weights = counts + (own if weight else 0.0)
            found.append(_proper(weights.copy()))
            seen = moves > 0.0
            rest = weights.sum(axis=1, keepdims=True) - np.diag(weights)[:, None] - 1.0
            left_out = np.maximum(weights - 1.0, LEAST_MOVE) / np.maximum(rest, LEAST_MOVE)
            told[place] += float((moves[seen] * np.log(left_out[seen])).sum())
        share = np.exp(told - told.max())
        return np.asarray(np.einsum("w,wab->ab", share / share.sum(), np.stack(found)))

    def _alike(self) -> Floats:
        """(place, place): 1 where both levels have spells shorter than usual, or both have not."""
        medians = np.zeros(self.levels)
        for level in range(self.levels):
            own = [age_s for tempo in range(TEMPI) for age_s in self.spells[self.of(level, tempo)]]
            medians[level] = statistics.median(own) if len(own) > 1 else np.inf
        known = medians[np.isfinite(medians)]
        usual_s = float(np.exp(np.log(np.maximum(known, dwell.LEAST_AGE_S)).mean())) if len(known) else 0.0
        short = np.append(medians < usual_s, False)
        like = (short[:, None] == short).astype(np.float64)
        like[-1], like[:, -1] = 0.0, 0.0
        like[-1, -1] = 1.0
        return np.asarray(like)

    def _refresh(self) -> None:
        """How long a spell of each regime lasts, by how well each way to pool them foretold those that ended."""
        whole = self._prior + self._likely.sum(axis=0)
        seen = self._likely[[bool(spells) for spells in self.spells]]
        common = np.exp(self._prior)
        for _ in range(CLUSTER_ROUNDS if len(seen) > 1 else 0):
            kinds = np.log(common) + seen
            kinds = np.exp(kinds - kinds.max(axis=1, keepdims=True))
            kinds /= kinds.sum(axis=1, keepdims=True)
            common = (self._priors.uncommon * np.exp(self._prior) + kinds.sum(axis=0)) / (
                self._priors.uncommon + len(seen)
            )
        clustered = np.log(common)
        outlived = dwell.alive(clustered + self._likely)
        told = float(dwell.evidence(whole)) - float(dwell.evidence(clustered + seen).sum() if len(seen) else 0.0)
        odds = np.exp(min(50.0, max(-50.0, told + self._priors.alike)))
        outlived = (odds * dwell.alive(whole) + outlived) / (1.0 + odds)
        self._hazards = dwell.hazards(outlived)
        self._short = 1.0 - outlived[:, bin_of(SHORT_S)]

    def saved(self) -> dict[str, object]:
        """As JSON."""
        counts: dict[str, object] = {name: np.round(getattr(self, name), 4).tolist() for name in _COUNTS[:-1]}
        spells = [[round(age_s, 2) for age_s in spells] for spells in self.spells]
        ramps = [round(lasted_s, 2) for lasted_s in self.ramps]
        return counts | {"known": self.known.tolist(), "spells": spells, "ramps": ramps}

    def restore(self, saved: Mapping[str, object]) -> None:
        """Raises ValueError, TypeError or OverflowError where it does not fit; then nothing is taken over."""
        found = {}
        for name in _COUNTS:
            mine, value = getattr(self, name), np.array(saved.get(name))
            numbers = value.dtype.kind == "b" if name == "known" else value.dtype.kind in "if"
            if value.shape != mine.shape or not numbers or not _possible(name, value):
                raise ValueError(f"{name} does not fit {self.rungs} rungs")
            found[name] = value.astype(mine.dtype)
        spells, ramps = saved.get("spells"), saved.get("ramps")
        if not isinstance(spells, list) or len(spells) != self.count:
            raise ValueError(f"spells do not fit {self.rungs} rungs")
        remembered = [_spells(one) for one in spells]
        self.ramps = _spells(ramps)
        self.spells = remembered
        for name, value in found.items():
            setattr(self, name, value)
        self._likely = np.array([dwell.log_likelihood(one) for one in self.spells])
        self._ramp_likely = dwell.log_likelihood(self.ramps)
        self._refresh()


def _proper(weights: Floats) -> Floats:
    """Rows as probabilities, none to the same place."""
    np.fill_diagonal(weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0.0))


def _remember(spells: deque[float], age_s: float) -> Floats:
    """Add a spell; what that changes of the logarithm of the likelihood."""
    gained = dwell.log_likely(age_s)
    spells.append(age_s)
    return gained - dwell.log_likely(spells.popleft()) if len(spells) > MOST_SPELLS else gained


def _spells(saved: object) -> deque[float]:
    """Raises ValueError or TypeError."""
    if not isinstance(saved, list) or len(saved) > MOST_SPELLS:
        raise ValueError("spells are no list of at most that many")
    ages = np.array(saved, dtype=np.float64)
    if ages.ndim != 1 or not ((ages >= 0.0) & (ages < MOST)).all():
        raise ValueError("spells are not times")
    return deque(ages.tolist())


def _possible(name: str, value: Floats) -> bool:
    """Whether these can be counts; gains may be negative."""
    if name == "known":
        return True
    return bool((np.abs(value) < MOST).all() and (name == "gains" or (value >= 0).all()))
