"""What the models of the true law share: rates of accuracy, hazards, and readings of a trace.

A reading goes over the rows of a trace in their order: of each row it says on which state the line set out, and when,
from this row and those before it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

from agent.replay.ladder import Ladder
from agent.replay.laws import Duration
from agent.replay.line import Noise
from agent.replay.policies.true_law_solver import Builder, Chain
from agent.replay.trace import Floats, Trace

_NORMAL = NormalDist()
_SAME = 1e-6  # relative: part intervals that are one level
_NEVER = 1e-12
_INSTANT_S = 1e-9
# Ages in medians: fine where the hazard of a log-normal dwell of sigma .7 rises, coarse where it hardly changes. Twice
# as many change no digit of the bound.
AGES = np.concatenate((np.arange(0, 1, 0.05), np.arange(1, 2, 0.1), np.arange(2, 4, 0.25), (4.0, 4.5, 5.0, 6.0, 8.0)))


class Reading(Protocol):
    """Where on its chain a line is, of what it has shown so far."""

    def at(self, row: int, now_s: float) -> int:
        """State at a time within a row of the trace."""
        ...

    def told(self, row: int, coming: int, now_s: float) -> int | None:
        """State in which the line will be when row `coming` begins; None where that follows from the state now."""
        ...


class Model(Protocol):
    """A chain, and how to find a trace on it."""

    @property
    def chain(self) -> Chain: ...

    def read(self, trace: Trace) -> Reading:
        """Follow a trace."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """Of a camera and its line: what makes accuracies a second of states."""

    ladder: Ladder
    noise: Noise
    notice_s: float

    def rates(self, limits_ms: Sequence[float] | Floats, slowdowns: Sequence[Floats] | Floats = ()) -> Floats:
        """(limit, net): accuracies a second, by the probability of being in time; `slowdowns` (limit, net) factors."""
        limits = np.asarray(limits_ms)[:, None]
        room = limits / self.ladder.service_ms / (np.asarray(slowdowns) if len(slowdowns) else 1.0)
        low, high = self.noise.spike_factor
        spikes = np.linspace(low, high, 17)[1::2]
        spiked = np.mean([self._met(room / factor) for factor in spikes], axis=0)
        share = self.noise.spike_share
        return np.asarray(1000.0 / limits * self.ladder.top1 * ((1.0 - share) * self._met(room) + share * spiked))

    def _met(self, room: Floats) -> Floats:
        if self.noise.sigma <= 0:
            return np.asarray((room >= 1.0 - _SAME) * 1.0)
        odds = np.log(room) / self.noise.sigma
        return np.array([_NORMAL.cdf(one) for one in odds.ravel().tolist()]).reshape(room.shape)

    @property
    def told(self) -> bool:
        return self.notice_s > 0

    def hazards(self, duration: Duration, ages_s: Floats) -> list[float]:
        """Rate at which an end is told (or comes, without notice) from each of these ages to the next.

        With notice nothing is shorter than that: what would be is left out of the law.
        """
        ends_s = np.append(ages_s, 2.0 * ages_s[-1] - ages_s[-2]) + self.notice_s
        alive = np.array([max(_NEVER, duration.survival(at)) for at in ends_s.tolist()])
        rates = np.log(alive[:-1] / alive[1:]) / np.diff(ends_s)
        return [*rates[:-1].tolist(), max(rates[-1], rates[-2])]


@dataclass(frozen=True, slots=True)
class Followed:
    """Of each row of a trace: the state it set out on, and when."""

    chain: Chain
    t_s: list[float]
    starts: list[tuple[int, float]]

    def at(self, row: int, now_s: float) -> int:
        """State at a time within a row of the trace."""
        state, since_s = self.starts[row]
        left_s = now_s - since_s
        lasts_s, then = self.chain.lasts_s, self.chain.then
        while left_s >= lasts_s[state] - _INSTANT_S:
            left_s -= lasts_s[state]
            state = int(then[state])
        return state

    def told(self, row: int, coming: int, now_s: float) -> int | None:  # noqa: ARG002
        """State in which the line will be when row `coming` begins; None where that follows from the state now."""
        return None if self.starts[coming] == self.starts[row] else self.at(coming, self.t_s[coming])


def nearest(levels_ms: Sequence[float], limit_ms: float) -> int:
    """The level of a part interval."""
    return min(range(len(levels_ms)), key=lambda level: abs(levels_ms[level] - limit_ms))


def is_level(level_ms: float, limit_ms: float) -> bool:
    """Whether they are the same but for rounding."""
    return abs(limit_ms / level_ms - 1.0) < _SAME


def share_evenly(states: Sequence[int]) -> list[tuple[int, float]]:
    """Passages to each of them with equal probability."""
    return [(state, 1.0 / len(states)) for state in states]


def leave_at_ages(builder: Builder, states: Sequence[int], by: int, hazards: Sequence[float]) -> None:
    """One exit for all states of a chain, at its hazard at their ages."""
    for state, hazard in zip(states, hazards, strict=True):
        builder.leave(state, by, hazard)
