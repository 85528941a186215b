"""What the policies of a replay share: estimates of how slow the camera is, and the base that keeps them.

A policy here knows the ladder (accuracies, profiled service times, swap times) and what it observes; those that are
given the whole line say so by their place in `foresight.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from agent.replay.ladder import Ladder
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import Floats, LineState

WINDOW = 200  # results; the p99 of fewer is their maximum
TIE = 1e-9
JUMP = 0.08  # relative; four standard deviations of usual jitter (2 %): a step, not noise
JUMP_RUN = 4


class RecentRatios:
    """The last ratios of service to profiled time, and their upper quantile. A run of jumps starts it anew."""

    def __init__(self, quantile: float = 0.99) -> None:
        self._quantile = quantile
        self._arrived: deque[float] = deque()
        self._ordered: list[float] = []
        self._odd: list[float] = []
        self.upper = 1.0

    def add(self, ratio: float) -> None:
        ordered, arrived = self._ordered, self._arrived
        middle = ordered[len(ordered) // 2] if ordered else 1.0
        self._odd = [*self._odd, ratio] if abs(ratio / middle - 1.0) > JUMP else []
        if len(self._odd) >= JUMP_RUN:
            arrived.clear()
            ordered.clear()
            arrived.extend(self._odd)
            ordered.extend(sorted(self._odd))
            self._odd = []
        else:
            arrived.append(ratio)
            insort(ordered, ratio)
            if len(arrived) > WINDOW:
                del ordered[bisect_left(ordered, arrived.popleft())]
        self.upper = ordered[min(len(ordered) - 1, math.ceil(self._quantile * (len(ordered) + 1)) - 1)]


class LadderPolicy:
    """Base of the baselines: feeds each observed ratio to `add`; the nets that fit by the p99 of the recent ones.

    Without announcement: what the line will do is not looked at.
    """

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.nets = range(len(ladder.nets))
        self.top1: list[float] = ladder.top1.tolist()
        self.profiled_ms: list[float] = ladder.service_ms.tolist()
        self.swap_s: list[float] = ladder.swap_s.tolist()
        self.fastest = ladder.by_speed[0]
        self.ratios = RecentRatios()

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        return self.best(state.limit_ms)

    def observe(self, net: int, service_ms: Floats) -> None:
        for ratio in (service_ms / self.profiled_ms[net]).tolist():
            self.add(ratio)

    def add(self, ratio: float) -> None:
        self.ratios.add(ratio)

    def decide(self, moment: Moment) -> int:
        raise NotImplementedError

    def fits(self, net: int, limit_ms: float) -> bool:
        """Whether the p99 of this net, profiled times the recent ratios', is within the limit."""
        return self.profiled_ms[net] * self.ratios.upper <= limit_ms * (1.0 + TIE)

    def best(self, limit_ms: float) -> int:
        """The most accurate that fits, else the fastest."""
        fitting = [net for net in self.nets if self.fits(net, limit_ms)]
        return max(fitting, key=self.top1.__getitem__, default=self.fastest)

    def gains(self, limit_ms: float) -> list[float]:
        """Accuracy of each net for a part now: 0 where it does not fit."""
        return [self.top1[net] if self.fits(net, limit_ms) else 0.0 for net in self.nets]
