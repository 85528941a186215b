"""LineShift's laws without slow-downs as chains of states (true_law_solver)."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np

from agent.replay.laws import Bursts, Flaps, Levels, Ramps
from agent.replay.policies.true_law_setting import (
    AGES,
    Followed,
    Setting,
    is_level,
    leave_at_ages,
    nearest,
    share_evenly,
)
from agent.replay.policies.true_law_solver import Builder
from agent.replay.trace import Trace

_INSTANT_S = 1e-6
_RUSH_BASES = 8  # ages of the level beneath a rush that are told apart
_FLAP_STEP_S, _FLAP_OVER_S = 1.0, 13.0  # a side of 6 s (sigma .25) that lasts so long is the calm: 1 of 1000 is not
_FLAP_PHASE_S = 20.0  # how finely it is known for how long it has been flapping


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

    How long it has been flapping is known, not when it ends. The last side of a spell passes for calm once it has
    lasted _FLAP_OVER_S: a calm that begins on the same level cannot be seen sooner, though values count it as seen.
    The probability that a side is the last one is taken in the middle of each phase.
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

    A level that ends beneath a rush is seen when the rush is over, and is taken to begin then. The second that is
    always between two rushes is left out.
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
