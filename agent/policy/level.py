"""The level of the net that runs: a Kalman filter on logarithms of service times that knows a step from a spike."""

from __future__ import annotations

import math
from typing import NamedTuple

from agent.policy.learned import SavedLevel

# Share of a result in the level once it has settled. The error that it leaves, a third of the jitter, widens a bound at
# .99 by .3 %; LineShift's ramps of 25 % in a minute are followed .2 to .4 % behind.
GAIN = 0.12
SETTLED = 1.0 / GAIN - 1.0  # weight of the level against one result then
NEAR = 2.5  # standard deviations: beyond, a result counts no more than this (Huber)
FAR = 3.5  # beyond, it is a spike, or the first of a step
REFERENCE = 0.75  # standard deviations: half of the least step that the CUSUM is to see (Page, 1954)
WINSOR = 3.0
# For a mean run of some 200 000 results between false alarms (Siegmund, 1985, approximation); two spikes add 4.5.
ALARM = 7.0


class Followed(NamedTuple):
    """Residuals of results from what was expected of each, as of a settled level; those of results that made up a step
    are `lost`."""

    residuals: list[float]
    lost: list[float]
    stepped: bool


class LevelFilter:
    """Follows the logarithm of one net's service times, a result at a time; mutable, owned by its latency model.

    `weight`: how many results the level is worth; the variance of the level is that of the noise over it. A step is a
    run of results that are all far off to one side, or an alarm of a CUSUM on winsorised residuals.
    """

    def __init__(self) -> None:
        self.level = 0.0
        self.weight = SETTLED
        self.block_sum = 0.0
        self.block_count = 0
        self._run: list[tuple[float, float]] = []  # results far off, and their residuals
        self._up = self._down = 0.0
        self._ups = self._downs = 0

    def start(self, level: float, weight: float) -> None:
        """Another net, or another level."""
        self.level = level
        self.weight = min(SETTLED, weight)
        self._run.clear()
        self._up = self._down = 0.0
        self._ups = self._downs = 0
        self.begin_block()

    def shift(self, by: float) -> None:
        """The same level, counted from elsewhere."""
        self.level += by
        self._run.clear()
        self.begin_block()

    def begin_block(self) -> None:
        """Sum up anew."""
        self.block_sum, self.block_count = 0.0, 0

    def saved(self) -> SavedLevel:
        return SavedLevel(
            self.level,
            self.weight,
            self.block_sum,
            self.block_count,
            list(self._run),
            self._up,
            self._down,
            self._ups,
            self._downs,
        )

    def restore(self, saved: SavedLevel) -> None:
        """What was saved, in place of what is known."""
        self.level, self.weight = saved.level, saved.weight
        self.block_sum, self.block_count = saved.block_sum, saved.block_count
        self._run = list(saved.run)
        self._up, self._down, self._ups, self._downs = saved.up, saved.down, saved.ups, saved.downs

    def follow(self, logs: list[float], sigma: float, needed: int) -> Followed:
        """Take in logarithms of service times, oldest first.

        `sigma` is the standard deviation of residuals of a settled level. `needed`: results that make a run. A result
        that is far off is told with the one that shows what it was.
        """
        residuals: list[float] = []
        lost: list[float] = []
        stepped = False
        near, reference, alarm = NEAR * sigma, REFERENCE * sigma, ALARM * sigma
        level, up, down, ups, downs = self.level, self._up, self._down, self._ups, self._downs
        run, settled = self._run, self.weight >= SETTLED
        total, count = self.block_sum, self.block_count
        for value in logs:
            residual = value - level
            if settled and not run and -near < residual < near:
                residuals.append(residual)
                level += GAIN * residual
                counted = residual
                total += value
                count += 1
            else:
                self.level, self.block_sum, self.block_count = level, total, count
                counted, step = self._unusual(value, residual, sigma, needed, residuals, lost)
                level, total, count, settled = self.level, self.block_sum, self.block_count, self.weight >= SETTLED
                if step:
                    stepped, up, down, ups, downs = True, 0.0, 0.0, 0, 0
                    continue
            up += counted - reference
            ups += 1
            if up < 0.0:
                up, ups = 0.0, 0
            down -= counted + reference
            downs += 1
            if down < 0.0:
                down, downs = 0.0, 0
            if up > alarm or down > alarm:
                self.level = level
                level = (
                    self._alarmed(up / ups + reference, ups)
                    if up > alarm
                    else self._alarmed(-down / downs - reference, downs)
                )
                settled = self.weight >= SETTLED
                stepped, up, down, ups, downs = True, 0.0, 0.0, 0, 0
                total, count = 0.0, 0
        self.level, self._up, self._down, self._ups, self._downs = level, up, down, ups, downs
        self.block_sum, self.block_count = total, count
        return Followed(residuals, lost, stepped)

    def _unusual(
        self, value: float, residual: float, sigma: float, needed: int, residuals: list[float], lost: list[float]
    ) -> tuple[float, bool]:
        """A result of a level that is not settled, or one that is off: (what counts for the CUSUM, step)."""
        widened = math.sqrt((1.0 + 1.0 / self.weight) / (1.0 + 1.0 / SETTLED))  # a fresh level predicts worse
        scale = sigma * widened
        if abs(residual) > FAR * scale:
            if self._run and (self._run[-1][1] > 0) != (residual > 0):
                self._end_run(residuals)
            self._run.append((value, residual / widened))
            if len(self._run) >= needed:
                lost.extend(off for _, off in self._run)
                self._reseed()
                return 0.0, True
        else:
            self._end_run(residuals)
            residuals.append(residual / widened)
        limit = NEAR * scale
        clipped = max(-limit, min(limit, residual))
        self.block_sum += self.level + clipped
        self.block_count += 1
        self.level += clipped / (1.0 + self.weight)
        self.weight = min(SETTLED, self.weight + 1.0)
        winsor = WINSOR * sigma
        return max(-winsor, min(winsor, residual / widened)), False

    def _alarmed(self, mean_residual: float, count: int) -> float:
        """The level after a shift that was `count` results in showing, of which it has followed a part already."""
        left = (1.0 - GAIN) ** count
        self.weight = min(SETTLED, max(1.0, 0.5 * count))
        self._run.clear()
        return self.level + mean_residual * count * GAIN * left / (1.0 - left)

    def _end_run(self, residuals: list[float]) -> None:
        """They were spikes."""
        residuals.extend(residual for _, residual in self._run)
        self._run.clear()

    def _reseed(self) -> None:
        values = [value for value, _ in self._run]
        self.start(sum(values) / len(values), float(len(values)))
