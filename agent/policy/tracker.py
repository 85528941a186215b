"""Which regime the line is in, and since when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agent.policy.regimes import DOWN, STILL, UP, Floats, Regimes

Flags = NDArray[np.bool_]
HEADROOM = float(np.log(1.08))  # of a limit over the level of a rung that counts as fast enough for it
JUMP = 0.02  # of the logarithm of the limit: a change of the line, not the camera's slow-down crossing a rung
PATIENCE_S = 0.5  # until a slow-down that has crossed a rung counts
HYSTERESIS = 0.01
DRIFT_WINDOW_S = 2.0
DRIFT_LEAST = 0.003
DRIFT_JUMP = 0.05
DRIFT_SHARE = 0.7  # of a whole change in one step: that is no drift
_LEAST_S = 1e-6


@dataclass(frozen=True, slots=True)
class Scene:
    """The line at one moment, as the rungs see it.

    `edges`: logarithms of the limits in ms from which on one more rung counts as fast enough, rising; `gains`: what
    each rung earns a second (correct parts, less the cost of late ones); `fits`: may be chosen under the budget;
    `rate`: parts a second.
    """

    log_limit: float
    edges: Floats
    gains: Floats
    fits: Flags
    rate: float
    stopped: bool = False

    @property
    def level(self) -> int:
        """How many rungs are fast enough."""
        return int(self.edges.searchsorted(self.log_limit, side="right"))

    def level_at(self, slack: float) -> int:
        """The same if the limit were so much (of its logarithm) looser."""
        return int(self.edges.searchsorted(self.log_limit + slack, side="right"))


class Tracker:
    """See the module docstring. Tells `Regimes` what ended and what followed."""

    def __init__(self, regimes: Regimes) -> None:
        self._regimes = regimes
        self.regime = -1
        self.since_s = 0.0
        self.stopped = False
        self._limit_at_change = 0.0
        self._crossed_s: float | None = None
        self._recent: deque[tuple[float, float]] = deque()

    def update(self, now_s: float, scene: Scene) -> bool:
        """Take in the line at `now_s`; True where the regime is another from here on."""
        if scene.stopped:
            return self._stand(now_s)
        regime = self._seen(now_s, scene)
        if self.stopped:
            self._regimes.resume(self.regime, regime)
        elif self.regime < 0:
            self._regimes.begin(regime)
        elif regime == self.regime:
            return False
        else:
            self._regimes.end(self.regime, now_s - self.since_s, regime)
        self.regime, self.since_s, self.stopped = regime, now_s, False
        self._limit_at_change, self._crossed_s = scene.log_limit, None
        return True

    def _stand(self, now_s: float) -> bool:
        if self.stopped:
            return False
        if self.regime >= 0:
            self._regimes.end(self.regime, now_s - self.since_s, self._regimes.stopped)
        self.stopped = True
        self._recent.clear()
        return True

    def _seen(self, now_s: float, scene: Scene) -> int:
        drift, level = self._drift(now_s, scene.log_limit), scene.level
        if self.regime < 0 or self.stopped:
            return self._regimes.of(level, drift)
        before = self._regimes.level(self.regime)
        if level == before or abs(scene.log_limit - self._limit_at_change) >= JUMP:
            self._crossed_s = None
        elif scene.level_at(-HYSTERESIS) <= before <= scene.level_at(HYSTERESIS):
            self._crossed_s, level = None, before
        elif self._crossed_s is None or now_s - self._crossed_s < PATIENCE_S - _LEAST_S:
            self._crossed_s = now_s if self._crossed_s is None else self._crossed_s
            level = before
        return self._regimes.of(level, drift)

    def _drift(self, now_s: float, log_limit: float) -> int:
        recent = self._recent
        if not recent or recent[-1][1] != log_limit:
            recent.append((now_s, log_limit))
        while len(recent) > 1 and recent[1][0] <= now_s - DRIFT_WINDOW_S:
            recent.popleft()
        if len(recent) < 3:
            return STILL
        total = log_limit - recent[0][1]
        if abs(total) < DRIFT_LEAST:
            return STILL
        limits = [limit for _, limit in recent]
        largest = max(abs(after - before) for before, after in pairwise(limits))
        if largest > DRIFT_JUMP or largest > DRIFT_SHARE * abs(total):
            return STILL
        return UP if total > 0 else DOWN
