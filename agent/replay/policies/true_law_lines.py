"""LineShift's laws without slow-downs as chains of states (true_law_solver), and where on them a trace is.

A reading goes over the rows of a trace in their order: of each row it says on which state the line set out, and when,
from this row and those before it alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from statistics import NormalDist
from typing import Protocol

import numpy as np

from agent.replay.ladder import Ladder
from agent.replay.laws import Bursts, Duration, Flaps, Levels, Ramps
from agent.replay.line import Noise
from agent.replay.policies.true_law_solver import Builder, Chain
from agent.replay.trace import Floats, Trace

_NORMAL = NormalDist()
_SAME = 1e-6  # relative: part intervals that are one level
_NEVER = 1e-12
_INSTANT_S = 1e-6
# Ages in medians: fine where the hazard of a log-normal dwell of sigma .7 rises, coarse where it hardly changes.
AGES = np.concatenate((np.arange(0, 1, 0.05), np.arange(1, 2, 0.1), np.arange(2, 4, 0.25), (4.0, 4.5, 5.0, 6.0, 8.0)))
_RUSH_BASES = 8  # ages of the level beneath a rush that are told apart
_FLAP_STEP_S, _FLAP_OVER_S = 1.0, 13.0  # a side of 6 s (sigma .25) that lasts so long is the calm: 1 of 1000 is not
_FLAP_PHASE_S = 20.0  # how finely it is known for how long it has been flapping


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
        while left_s >= lasts_s[state] - 1e-9:
            left_s -= lasts_s[state]
            state = int(then[state])
        return state

    def told(self, row: int, coming: int, now_s: float) -> int | None:  # noqa: ARG002
        """State in which the line will be when row `coming` begins; None where that follows from the state now."""
        return None if self.starts[coming] == self.starts[row] else self.at(coming, self.t_s[coming])


class LevelModel:
    """Levels by age, and one stop for each level that it may follow."""

    def __init__(self, setting: Setting, law: Levels) -> None:
        self._law = law
        builder = Builder(len(setting.ladder.nets))
        ages_s = AGES * law.dwell.median_s
        rates = setting.rates(law.levels_ms)
        self._levels = [builder.chain(row, ages_s) for row in rates]
        self._stops = [builder.state(np.zeros_like(row), free=True) for row in rates]
        hazards = setting.hazards(law.dwell, ages_s)
        for states, stop in zip(self._levels, self._stops, strict=True):
            others = [other[0] for other in self._levels if other is not states]
            run_on = [(other, (1.0 - law.stop_share) / len(others)) for other in others]
            if others:
                ends = builder.exit(states[0], [*run_on, (stop, law.stop_share)], setting.told)
                leave_at_ages(builder, states, ends, hazards)
                builder.leave(stop, builder.exit(stop, share_evenly(others), setting.told), 1.0)
        self.chain = builder.built()

    def read(self, trace: Trace) -> Followed:
        """A level sets out where it begins, a stop too."""
        starts = []
        for at_s, limit_ms, stopped in zip(trace.t_s.tolist(), trace.limit_ms.tolist(), trace.stopped, strict=True):
            level = nearest(self._law.levels_ms, limit_ms)
            starts.append((self._stops[level] if stopped else self._levels[level][0], at_s))
        return Followed(self.chain, trace.t_s.tolist(), starts)


class RampModel:
    """Levels by age, and a chain of steps from each level to each other one."""

    def __init__(self, setting: Setting, law: Ramps) -> None:
        self._law = law
        builder = Builder(len(setting.ladder.nets))
        levels_ms, dwell = law.levels.levels_ms, law.levels.dwell
        ages_s = AGES * dwell.median_s
        self._levels = [builder.chain(row, ages_s) for row in setting.rates(levels_ms)]
        self._ramps: dict[tuple[int, int], int] = {}
        share = (np.arange(law.steps) + 1.0) / law.steps
        for before, after in permutations(range(len(levels_ms)), 2):
            speeds = (1.0 - share) / levels_ms[before] + share / levels_ms[after]
            steps = builder.chain(setting.rates(1.0 / speeds), np.arange(law.steps) * law.ramp_s / law.steps)
            builder.follow(steps[-1], law.ramp_s / law.steps, self._levels[after][0])
            self._ramps[before, after] = steps[0]
        hazards = setting.hazards(dwell, ages_s)
        for before, states in enumerate(self._levels):
            ramps = [start for pair, start in self._ramps.items() if pair[0] == before]
            if ramps:
                leave_at_ages(builder, states, builder.exit(states[0], share_evenly(ramps), setting.told), hazards)
        self.chain = builder.built()

    def read(self, trace: Trace) -> Followed:
        """A ramp sets out with its first step, the size of which tells where it leads."""
        levels_ms, ramp_s = self._law.levels.levels_ms, self._law.ramp_s
        starts: list[tuple[int, float]] = []
        level, ramp_until_s = nearest(levels_ms, float(trace.limit_ms[0])), 0.0
        for at_s, limit_ms in zip(trace.t_s.tolist(), trace.limit_ms.tolist(), strict=True):
            here = nearest(levels_ms, limit_ms)
            if at_s < ramp_until_s - _INSTANT_S:
                starts.append(starts[-1])
            elif is_level(levels_ms[level], limit_ms):
                starts.append(starts[-1] if starts else (self._levels[here][0], at_s))
            else:
                step = (1.0 / limit_ms - 1.0 / levels_ms[level]) * self._law.steps
                sizes = [1.0 / to_ms - 1.0 / levels_ms[level] for to_ms in levels_ms]
                towards = min(range(len(sizes)), key=lambda to: abs(sizes[to] - step))
                starts.append((self._ramps[level, towards], at_s))
                level, ramp_until_s = towards, at_s + ramp_s
        return Followed(self.chain, trace.t_s.tolist(), starts)


class FlapModel:
    """Calm levels by age; sides of each pair by the time it has been flapping, and by age.

    The last side of a spell passes for calm once it has lasted _FLAP_OVER_S: a calm that begins on the same level
    cannot be seen sooner. `e`, the probability that a side is the last one, is taken in the middle of each phase.
    """

    def __init__(self, setting: Setting, law: Flaps) -> None:
        self._law = law
        builder = Builder(len(setting.ladder.nets))
        rates = setting.rates(law.levels_ms)
        ages_s = AGES * law.calm.median_s
        self._calm = [builder.chain(row, ages_s) for row in rates]
        self._phases = math.ceil(law.flapping.high_s / _FLAP_PHASE_S)
        sides_s = np.arange(0.0, _FLAP_OVER_S, _FLAP_STEP_S)
        calm_at = int(ages_s.searchsorted(_FLAP_OVER_S, side="right")) - 1
        # (lower level of the pair, side, phase)
        self._flaps = {
            (low, side, phase): builder.chain(rates[low + side], sides_s)
            for low, side, phase in product(range(len(rates) - 1), (0, 1), range(self._phases))
        }
        self._leave_calm(builder, setting.hazards(law.calm, ages_s), setting.told)
        hazards = setting.hazards(law.side, sides_s)
        for (low, side, phase), states in self._flaps.items():
            builder.follow(states[-1], _FLAP_STEP_S, self._calm[low + side][calm_at])
            flips = builder.exit(states[0], self._after_side(low, side, phase), setting.told)
            leave_at_ages(builder, states, flips, hazards)
        self.chain = builder.built()

    def _leave_calm(self, builder: Builder, hazards: list[float], told: bool) -> None:
        for level, states in enumerate(self._calm):
            sides = [(level, 1), (level - 1, 0)]  # of the pair that this level is the other side of
            first = [self._flaps[low, side, 0][0] for low, side in sides if (low, side, 0) in self._flaps]
            leave_at_ages(builder, states, builder.exit(states[0], share_evenly(first), told), hazards)

    def _after_side(self, low: int, side: int, phase: int) -> list[tuple[int, float]]:
        """The other side of the pair, or calm on any level."""
        law, pairs = self._law, len(self._law.levels_ms) - 1
        since_s = (phase + 0.5) * _FLAP_PHASE_S
        left_s = max(law.flapping.high_s - max(since_s, law.flapping.low_s), law.side.mean_s)
        last = law.side.mean_s / left_s if since_s >= law.flapping.low_s else 0.0
        on = law.side.mean_s / _FLAP_PHASE_S if phase + 1 < self._phases else 0.0
        flips = [(self._flaps[low, 1 - side, phase][0], (1.0 - last) * (1.0 - on))]
        if on:
            flips.append((self._flaps[low, 1 - side, phase + 1][0], (1.0 - last) * on))
        calm = [(self._calm[first + at][0], last / pairs / 2.0) for first, at in product(range(pairs), (0, 1))]
        return [*flips, *calm]

    def read(self, trace: Trace) -> Followed:
        """The first change of calm tells the pair; a level outside it, or one that lasts, is calm."""
        starts: list[tuple[int, float]] = []
        pair: tuple[int, int] | None = None
        flaps_s, before, before_s = 0.0, -1, 0.0
        for at_s, limit_ms in zip(trace.t_s.tolist(), trace.limit_ms.tolist(), strict=True):
            level = nearest(self._law.levels_ms, limit_ms)
            if pair is not None and at_s - before_s >= _FLAP_OVER_S:
                pair = None
            if pair is None and starts and abs(level - before) == 1:
                pair, flaps_s = (min(level, before), max(level, before)), at_s
            elif pair is not None and level not in pair:
                pair = None
            if pair is None:
                starts.append((self._calm[level][0], at_s))
            else:
                phase = min(self._phases - 1, int((at_s - flaps_s) / _FLAP_PHASE_S))
                starts.append((self._flaps[pair[0], level - pair[0], phase][0], at_s))
            before, before_s = level, at_s
        return Followed(self.chain, trace.t_s.tolist(), starts)


class BurstModel:
    """Base levels by age; rushes by age, by the level beneath and by how old that was when the rush came.

    A level that ends beneath a rush is seen when the rush is over, and is taken to begin then.
    """

    def __init__(self, setting: Setting, law: Bursts) -> None:
        self._law = law
        builder = Builder(len(setting.ladder.nets))
        dwell, bases = law.levels.dwell, range(len(law.levels.levels_ms))
        self._ages_s = AGES * dwell.median_s
        self._bases = [builder.chain(row, self._ages_s) for row in setting.rates(law.levels.levels_ms)]
        marks = np.linspace(0, 2.0 * dwell.median_s, _RUSH_BASES)
        self._marks_s = marks
        rush_ages_s = np.arange(0.0, law.rush.high_s - setting.notice_s, 1.0)
        rush_rates = setting.rates(law.rush_ms)
        # (level beneath, mark of its age, rush)
        self._rushes = {
            (base, mark, rush): builder.chain(rush_rates[rush], rush_ages_s)
            for base, mark, rush in product(bases, range(len(marks)), range(len(law.rush_ms)))
        }
        hazards = setting.hazards(law.rush, rush_ages_s)
        for (base, mark, _), states in self._rushes.items():
            over = builder.exit(states[0], self._after_rush(base, float(marks[mark])), setting.told)
            leave_at_ages(builder, states, over, hazards)
        base_hazards = setting.hazards(dwell, self._ages_s)
        for base, states in enumerate(self._bases):
            changes = share_evenly([other[0] for other in self._bases if other is not states])
            leave_at_ages(builder, states, builder.exit(states[0], changes, setting.told), base_hazards)
            self._leave_for_rushes(builder, base, setting.told)
        self.chain = builder.built()

    def _leave_for_rushes(self, builder: Builder, base: int, told: bool) -> None:
        rushes = range(len(self._law.rush_ms))
        exits = [
            builder.exit(
                self._bases[base][0], share_evenly([self._rushes[base, mark, rush][0] for rush in rushes]), told
            )
            for mark in range(len(self._marks_s))
        ]
        for state, age_s in zip(self._bases[base], self._ages_s.tolist(), strict=True):
            builder.leave(state, exits[self._mark(age_s)], 1.0 / self._law.every.mean_s)

    def _after_rush(self, base: int, age_s: float) -> list[tuple[int, float]]:
        """The level beneath, older by a rush, or another one."""
        dwell, later_s = self._law.levels.dwell, age_s + self._law.rush.median_s
        lasts = dwell.survival(later_s) / dwell.survival(age_s)
        same = self._bases[base][int(self._ages_s.searchsorted(later_s, side="right")) - 1]
        others = [states[0] for states in self._bases if states is not self._bases[base]]
        return [(same, lasts), *((state, (1.0 - lasts) * share) for state, share in share_evenly(others))]

    def _mark(self, age_s: float) -> int:
        return int(np.abs(self._marks_s - age_s).argmin())

    def read(self, trace: Trace) -> Followed:
        """A base level goes on when a rush is over, if it is there again."""
        levels_ms, rush_ms = self._law.levels.levels_ms, self._law.rush_ms
        starts: list[tuple[int, float]] = []
        base, base_s = 0, 0.0
        for at_s, limit_ms in zip(trace.t_s.tolist(), trace.limit_ms.tolist(), strict=True):
            level, rush = nearest(levels_ms, limit_ms), nearest(rush_ms, limit_ms)
            if is_level(rush_ms[rush], limit_ms):
                starts.append((self._rushes[base, self._mark(at_s - base_s), rush][0], at_s))
                continue
            if not starts or level != base:
                base, base_s = level, at_s
            starts.append((self._bases[base][0], base_s))
        return Followed(self.chain, trace.t_s.tolist(), starts)


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
