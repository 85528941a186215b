"""Which regime the line is in, and since when; and whether it is on a ramp from one speed to another."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agent.policy.dwell import Floats
from agent.policy.regimes import CALM, HECTIC, SHORT_S, Regimes

Flags = NDArray[np.bool_]
HEADROOM = float(np.log(1.08))  # of a limit over the level of a rung that counts as fast enough for it
JUMP = 0.02  # of the logarithm of the limit: a change of the line, not the camera's slow-down crossing a rung
PATIENCE_S = 0.5  # until a slow-down that has crossed a rung counts
HYSTERESIS = 0.01
RAMP_WINDOW_S = 2.0
RAMP_STEPS = 3  # changes in one direction within the window: a ramp
RAMP_LEAST = 0.003
RAMP_JUMP = 0.06  # a larger step of the logarithm is a jump
RAMP_SHARE = 0.6  # of the whole change in one step: that is no ramp
RAMP_OVER_S = 1.25
_LEAST_S = 1e-6


@dataclass(frozen=True, slots=True)
class Scene:
    """The line at one moment, as the rungs see it.

    `edges`: logarithms of the limits in ms from which on one more rung counts as fast enough, rising; `gains`: what
    each rung earns a second (correct parts, and the cost of misses that it spares); `fits`: may be chosen under the
    budget; `rate`: parts a second; `usable`: may be uploaded, None where all may; `rated`: the rate is known, and not
    only assumed.
    """

    log_limit: float
    edges: Floats
    gains: Floats
    fits: Flags
    rate: float
    stopped: bool = False
    usable: Flags | None = None
    rated: bool = True

    @property
    def allowed(self) -> Flags:
        """What may be swapped to: what fits where anything does, else all that may be uploaded."""
        return self.fits if self.fits.any() else self.may_run

    @property
    def may_run(self) -> Flags:
        """What may be uploaded."""
        return np.ones(len(self.fits), dtype=np.bool_) if self.usable is None else self.usable

    @property
    def level(self) -> int:
        """How many rungs are fast enough."""
        return int(self.edges.searchsorted(self.log_limit, side="right"))

    def level_at(self, slack: float) -> int:
        """The same if the limit were so much (of its logarithm) looser."""
        return int(self.edges.searchsorted(self.log_limit + slack, side="right"))


@dataclass(frozen=True, slots=True)
class Ramp:
    """The line is changing steadily. `slope_per_s`: of the factor on the speed that it has now; `left_s`: expected."""

    slope_per_s: float
    left_s: float


class Tracker:
    """See the module docstring. Tells `Regimes` what ended and what followed."""

    def __init__(self, regimes: Regimes) -> None:
        self._regimes = regimes
        self.regime = -1
        self.before = -1  # the level before this regime
        self.since_s = 0.0
        self.stopped = False
        self._limit_at_change = 0.0
        self._crossed_s: float | None = None
        self._recent: deque[tuple[float, float]] = deque()
        self._ramp_since_s: float | None = None
        self._left: tuple[int, float] | None = None  # the regime that the ramp has ended, and its age

    @property
    def ramping(self) -> bool:
        return self._ramp_since_s is not None

    def update(self, now_s: float, scene: Scene) -> bool:
        """Take in the line at `now_s`; True where the regime is another from here on, or a ramp begins or ends."""
        if scene.stopped:
            return self._stand(now_s)
        since_s = self._moving(now_s, scene.log_limit)
        if since_s is not None and not self.stopped and self.regime >= 0:
            return self._ramp(now_s, since_s, scene)
        if self._ramp_since_s is not None:
            return self._arrive(now_s, scene)
        level = self._seen(now_s, scene)
        if self.stopped or self.regime < 0:
            return self._resume(now_s, scene, level)
        if level == self._regimes.level(self.regime):
            return False
        self._end(now_s - self.since_s, now_s, level, scene)
        return True

    def ramp(self, now_s: float) -> Ramp | None:
        """The ramp that the line is on; None without one."""
        if self._ramp_since_s is None or len(self._recent) < RAMP_STEPS:
            return None
        (first_s, first), (last_s, last) = self._recent[0], self._recent[-1]
        if last_s - first_s < _LEAST_S:
            return None
        slope_per_s = (1.0 - float(np.exp(last - first))) / (last_s - first_s)  # speed is the inverse of the limit
        return Ramp(slope_per_s, self._regimes.ramp_left_s(now_s - self._ramp_since_s))

    def _ramp(self, now_s: float, since_s: float, scene: Scene) -> bool:
        if self._ramp_since_s is not None:
            self._follow(now_s, scene)
            return False
        age_s = max(0.0, since_s - self.since_s)
        if self._left is None:
            self._left = (self.regime, age_s)
        self._ramp_since_s = since_s
        self._follow(now_s, scene)
        return True

    def _follow(self, now_s: float, scene: Scene) -> None:
        """On a ramp, what the line is like now."""
        level = scene.level
        if level != self._regimes.level(self.regime):
            self.regime, self.since_s = self._regimes.of(level, CALM), now_s

    def _arrive(self, now_s: float, scene: Scene) -> bool:
        """The ramp is over: what it led to began with its last step."""
        last_s = self._recent[-1][0]
        if self._ramp_since_s is not None:
            self._regimes.end_ramp(max(0.0, last_s - self._ramp_since_s))
        left, self._left, self._ramp_since_s = self._left, None, None
        if left is not None:
            before, age_s = left
            level = scene.level
            if level == self._regimes.level(before):
                self.regime, self.since_s = before, min(now_s, last_s) - age_s  # it went nowhere
            else:
                self.regime = before
                self._end(age_s, min(now_s, last_s), level, scene)
        return True

    def _stand(self, now_s: float) -> bool:
        if self.stopped:
            return False
        if self._left is not None:
            before, age_s = self._left
            self._regimes.end(before, age_s, self._regimes.stopped)
            self.regime = before
        elif self.regime >= 0:
            self._regimes.end(self.regime, now_s - self.since_s, self._regimes.stopped)
        self.stopped, self._left, self._ramp_since_s, self.before = True, None, None, -1
        self._recent.clear()
        return True

    def _resume(self, now_s: float, scene: Scene, level: int) -> bool:
        regime = self._regimes.of(level, CALM)
        if self.stopped:
            self._regimes.resume(self.regime, regime)
        else:
            self._regimes.begin(regime)
        self._enter(now_s, regime, scene)
        return True

    def _end(self, age_s: float, at_s: float, level: int, scene: Scene) -> None:
        following = self._regimes.of(level, HECTIC if age_s < SHORT_S else CALM)
        self._regimes.end(self.regime, age_s, following, self.before)
        self.before = self._regimes.level(self.regime)
        self._enter(at_s, following, scene)

    def _enter(self, at_s: float, regime: int, scene: Scene) -> None:
        self.regime, self.since_s, self.stopped = regime, at_s, False
        self._limit_at_change, self._crossed_s = scene.log_limit, None

    def _seen(self, now_s: float, scene: Scene) -> int:
        """How many rungs are fast enough; a slow-down that crosses a rung counts after a while."""
        level = scene.level
        if self.regime < 0 or self.stopped:
            return level
        before = self._regimes.level(self.regime)
        if level == before or abs(scene.log_limit - self._limit_at_change) >= JUMP:
            self._crossed_s = None
        elif scene.level_at(-HYSTERESIS) <= before <= scene.level_at(HYSTERESIS):
            self._crossed_s, level = None, before
        elif self._crossed_s is None or now_s - self._crossed_s < PATIENCE_S - _LEAST_S:
            self._crossed_s = now_s if self._crossed_s is None else self._crossed_s
            level = before
        return level

    def _moving(self, now_s: float, log_limit: float) -> float | None:
        """Since when the line changes steadily; None where it does not."""
        recent = self._recent
        if not recent or recent[-1][1] != log_limit:
            recent.append((now_s, log_limit))
        while len(recent) > 1 and recent[1][0] <= now_s - RAMP_WINDOW_S:
            recent.popleft()
        if len(recent) <= RAMP_STEPS or now_s - recent[-1][0] > RAMP_OVER_S:
            return None
        total = log_limit - recent[0][1]
        steps = [after[1] - before[1] for before, after in pairwise(recent)]
        largest = max(map(abs, steps))
        steady = all(step * total > 0.0 for step in steps)
        if not steady or abs(total) < RAMP_LEAST or largest > RAMP_JUMP or largest > RAMP_SHARE * abs(total):
            return None
        return self._ramp_since_s if self._ramp_since_s is not None else recent[1][0]
