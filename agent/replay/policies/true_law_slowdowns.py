"""LineShift's laws with slow-downs as chains of states: levels by age, times phases of the camera.

The camera's phases are seen at once, and nobody tells of them. Ages of levels are told apart in a few bands only, from
each to the next of which a level goes at a constant rate: speeds that hold for minutes matter little by their age
(three times as many bands change the bound by less than 1e-4). While a change of level is told, the camera is taken to
stay in its phase.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from agent.replay.laws import Contention, Heat, Levels
from agent.replay.policies.true_law_setting import Setting, nearest, share_evenly
from agent.replay.policies.true_law_solver import Builder, Chain
from agent.replay.trace import Trace

_LEVEL_AGES = np.array((0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.2))  # bands of a dwell, in medians
_SLOW_AGES = np.array((0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7, 2.5, 4.0))
_FACTORS = 16  # slow-downs told apart: each a hundredth wide, half of the noise of service times
_HOT_STEP_S = 30.0


@dataclass(slots=True)
class Phase:
    """What a camera does for a while; `after` (phase, share) and `per_s` of the one exit that nobody tells of."""

    factor: float
    kind: int  # phases of a kind have one factor and one exit
    lasts_s: float = np.inf
    then: int = -1
    after: list[tuple[int, float]] = field(default_factory=list)
    per_s: float = 0.0


class SlowedModel:
    """Levels by age band, times phases."""

    def __init__(self, setting: Setting, levels: Levels, phases: list[Phase], sensitivity: tuple[float, ...]) -> None:
        self._levels, self._phases = levels, phases
        self._bands_s = (_LEVEL_AGES * levels.dwell.median_s).tolist()
        hazards = setting.hazards(levels.dwell, np.array(self._bands_s))
        count, bands, nets = len(levels.levels_ms), len(self._bands_s), len(setting.ladder.nets)
        slowdowns = np.array([phase.factor for phase in phases])[:, None] ** np.array(sensitivity or (1.0,) * nets)
        builder = Builder(nets)
        for limit_ms in levels.levels_ms:
            rates = setting.rates(np.full(len(phases), limit_ms), slowdowns)
            for _, row in product(range(bands), rates):
                builder.state(row)
        for level, place in product(range(count), range(len(phases))):
            others = [self._state(other, 0, place) for other in range(count) if other != level]
            if others:
                change = builder.exit(self._state(level, 0, place), share_evenly(others), setting.told)
                for band, hazard in enumerate(hazards):
                    builder.leave(self._state(level, band, place), change, hazard)
        for level, band in product(range(count), range(bands)):
            self._pass_on(builder, level, band)
        self.chain: Chain = builder.built()

    def _pass_on(self, builder: Builder, level: int, band: int) -> None:
        """From phase to phase and from band to band."""
        exits: dict[int, int] = {}
        for place, phase in enumerate(self._phases):
            state = self._state(level, band, place)
            if phase.then >= 0:
                builder.follow(state, phase.lasts_s, self._state(level, band, phase.then))
            if phase.after and phase.kind not in exits:
                after = [(self._state(level, band, to), share) for to, share in phase.after]
                exits[phase.kind] = builder.exit(state, after, told=False)
            if phase.after:
                builder.leave(state, exits[phase.kind], phase.per_s)
            if band + 1 < len(self._bands_s):
                older = builder.exit(state, [(self._state(level, band + 1, place), 1.0)], told=False)
                builder.leave(state, older, 1.0 / (self._bands_s[band + 1] - self._bands_s[band]))

    def _state(self, level: int, band: int, phase: int) -> int:
        return (level * len(self._bands_s) + band) * len(self._phases) + phase

    def follow(self, trace: Trace, phases: list[tuple[int, float]]) -> SlowedReading:
        """With the phase on which the camera set out in each row, and when."""
        found: list[tuple[int, float]] = []
        for at_s, limit_ms in zip(trace.t_s.tolist(), trace.limit_ms.tolist(), strict=True):
            level = nearest(self._levels.levels_ms, limit_ms)
            found.append(found[-1] if found and found[-1][0] == level else (level, at_s))
        return SlowedReading(self, found, phases)

    def state(self, level: int, level_age_s: float, phase: int, phase_age_s: float) -> int:
        """Of a level of this age, and a camera that set out on this phase so long ago."""
        left_s = phase_age_s
        while left_s >= self._phases[phase].lasts_s - 1e-9:
            left_s -= self._phases[phase].lasts_s
            phase = self._phases[phase].then
        return self._state(level, bisect_right(self._bands_s, level_age_s) - 1, phase)


@dataclass(frozen=True, slots=True)
class SlowedReading:
    """Of each row of a trace: the level and when it began; the phase on which the camera set out, and when."""

    model: SlowedModel
    levels: list[tuple[int, float]]
    phases: list[tuple[int, float]]

    def at(self, row: int, now_s: float) -> int:
        """State at a time within a row of the trace."""
        (level, level_s), (phase, phase_s) = self.levels[row], self.phases[row]
        return self.model.state(level, now_s - level_s, phase, now_s - phase_s)

    def told(self, row: int, coming: int, now_s: float) -> int | None:
        """State in which the line will be when row `coming` begins, if the camera stays in its phase."""
        if self.levels[coming] == self.levels[row]:
            return None
        phase, phase_s = self.phases[row]
        return self.model.state(self.levels[coming][0], 0.0, phase, now_s - phase_s)


class ContentionModel(SlowedModel):
    """Calm, and slow-downs by their factor (told apart in _FACTORS steps) and age."""

    def __init__(self, setting: Setting, law: Contention, sensitivity: tuple[float, ...]) -> None:
        low, high = law.factor
        self._factors = (low + (high - low) * (np.arange(_FACTORS) + 0.5) / _FACTORS).tolist()
        ages_s = _SLOW_AGES * law.lasts.median_s
        hazards = Setting(setting.ladder, setting.noise, 0.0).hazards(law.lasts, ages_s)
        starts = [1 + len(ages_s) * cell for cell in range(_FACTORS)]
        phases = [Phase(1.0, 0, after=share_evenly(starts), per_s=1.0 / law.every.mean_s)]
        for kind, factor in enumerate(self._factors, 1):
            slow = _aged(factor, kind, ages_s.tolist(), hazards, len(phases))
            for phase in slow:
                phase.after = [(0, 1.0)]
            phases += slow
        self._starts = starts
        super().__init__(setting, law.levels, phases, sensitivity)

    def read(self, trace: Trace) -> SlowedReading:
        """A slow-down sets out with its factor; a change of factor is another one."""
        found: list[tuple[int, float]] = []
        before = math.nan
        for at_s, factor in zip(trace.t_s.tolist(), trace.slowdown.tolist(), strict=True):
            if factor == before:
                found.append(found[-1])
            else:
                found.append((self._starts[nearest(self._factors, factor)] if factor > 1.0 else 0, at_s))
            before = factor
        return self.follow(trace, found)


class HeatModel(SlowedModel):
    """Cool, a chain of warming, hot by age, and a chain of cooling."""

    def __init__(self, setting: Setting, law: Heat, sensitivity: tuple[float, ...]) -> None:
        step_s = law.ramp_s / law.steps
        rise = (law.factor - 1.0) * (np.arange(law.steps) + 1.0) / law.steps
        warm, hot_at = 1, 1 + law.steps
        hot_s = np.append(
            np.arange(law.ramp_s, law.block.low_s, _HOT_STEP_S),
            np.arange(law.block.low_s, law.block.high_s, _HOT_STEP_S),
        )
        hazards = Setting(setting.ladder, setting.noise, 0.0).hazards(law.block, hot_s)
        cool = hot_at + len(hot_s)
        phases = [Phase(1.0, 0, after=[(warm, 1.0)], per_s=1.0 / law.every.mean_s)]
        phases += [Phase(1.0 + up, warm + at, step_s, warm + at + 1) for at, up in enumerate(rise.tolist())]
        hot = _aged(law.factor, hot_at, hot_s.tolist(), hazards, hot_at)
        for phase in hot:
            phase.after = [(cool, 1.0)]
        phases += hot
        phases += [Phase(law.factor - up, cool + at, step_s, cool + at + 1) for at, up in enumerate(rise.tolist())]
        phases[-1].then = 0
        self._warm, self._cool = warm, cool
        super().__init__(setting, law.levels, phases, sensitivity)

    def read(self, trace: Trace) -> SlowedReading:
        """Warming and cooling set out with their first step; the rest follows until it is told apart by the factor."""
        found: list[tuple[int, float]] = []
        before, rising, falling = 1.0, False, False
        for at_s, factor in zip(trace.t_s.tolist(), trace.slowdown.tolist(), strict=True):
            begins_up, begins_down = factor > before and not rising, factor < before and not falling
            if begins_up or begins_down:
                rising, falling = begins_up, begins_down
                found.append((self._warm if begins_up else self._cool, at_s))
            else:
                found.append(found[-1] if found else (0, at_s))
            before = factor
        return self.follow(trace, found)


def _aged(factor: float, kind: int, ages_s: list[float], hazards: list[float], first: int) -> list[Phase]:
    """Phases of one thing by its age; the last is left by its exit only."""
    lasts = [*np.diff(ages_s).tolist(), np.inf]
    return [
        Phase(factor, kind, lasts_s, first + at + 1 if math.isfinite(lasts_s) else -1, per_s=hazard)
        for at, (lasts_s, hazard) in enumerate(zip(lasts, hazards, strict=True))
    ]
