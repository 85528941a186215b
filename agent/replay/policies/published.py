"""Run-time switchers as published: rules that take a switch as free, or as little more than that."""

from __future__ import annotations

from collections import deque
from statistics import NormalDist, fmean

from agent.replay.ladder import Ladder
from agent.replay.policies.base import LadderPolicy
from agent.replay.simulation import Moment
from agent.replay.trace import Floats

_NORMAL = NormalDist()


class DynamicOfa(LadderPolicy):
    """Dynamic-OFA (Lou et al., CVPR workshops 2021, arXiv:2105.03596): one level down when the mean of the last 20
    latencies is over the limit, else climb; a level that failed is not climbed to again until the limit changes."""

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(ladder)
        self._levels = sorted(self.nets, key=lambda net: self.profiled_ms[net])
        self._recent: deque[float] = deque(maxlen=20)
        self._failed = len(self._levels)
        self._limit_ms = 0.0

    def observe(self, net: int, service_ms: Floats) -> None:  # noqa: ARG002
        self._recent.extend(service_ms.tolist())

    def decide(self, moment: Moment) -> int:
        limit_ms, level = moment.state.limit_ms, self._levels.index(moment.active)
        if limit_ms != self._limit_ms:
            self._limit_ms, self._failed = limit_ms, len(self._levels)
        if not self._recent:
            return moment.active
        if fmean(self._recent) > limit_ms:
            if level == 0:
                return moment.active
            self._failed, level = level, level - 1
        elif len(self._recent) == self._recent.maxlen and level + 1 < self._failed:
            level += 1
        else:
            return moment.active
        self._recent.clear()
        return self._levels[level]


class Alert(LadderPolicy):
    """ALERT (Wan et al., USENIX ATC 2020, section 3): one global slow-down by an adaptive Kalman filter; the net with
    the greatest expected accuracy, that is accuracy times the probability of meeting the deadline."""

    # The least noise is the one that served it best on tuning seeds; more makes it flap between equals.
    ALPHA, MEASURED_VARIANCE, LEAST_NOISE = 0.3, 0.001, 1e-6

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(ladder)
        self._mean, self._variance, self._noise, self._gain = 1.0, 0.1, 0.1, 0.5

    def add(self, ratio: float) -> None:
        surprise = ratio - self._mean
        drift = self.ALPHA * self._noise + (1.0 - self.ALPHA) * (self._gain * surprise) ** 2
        self._noise = max(self.LEAST_NOISE, drift)
        spread = (1.0 - self._gain) * self._variance + self._noise
        self._gain = spread / (spread + self.MEASURED_VARIANCE)
        self._mean += self._gain * surprise
        self._variance = spread

    def decide(self, moment: Moment) -> int:
        limit_ms, sigma = moment.state.limit_ms, self._variance**0.5
        if limit_ms == float("inf"):
            return self.best(limit_ms)

        def expected(net: int) -> tuple[float, float]:
            met = _NORMAL.cdf((limit_ms / self.profiled_ms[net] - self._mean) / sigma)
            return self.top1[net] * met, -self.profiled_ms[net]

        return max(self.nets, key=expected)


class GreedyP99(LadderPolicy):
    """The most accurate net whose p99 meets the limit: SlackFit (SuperServe, NSDI 2025) and Model-Switching (HotCloud
    2020) at batch 1."""

    def decide(self, moment: Moment) -> int:
        return self.best(moment.state.limit_ms)


class AdaMls(LadderPolicy):
    """AdaMLS (Kulkarni et al., ASE 2023, arXiv:2308.09960): each net has the range of rates at which it is best; a
    switch when the rate has been out of the active net's range for .25 s."""

    OUT_S = 0.25

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(ladder)
        self._in_range_s = 0.0

    def decide(self, moment: Moment) -> int:
        wanted = self.best(moment.state.limit_ms)
        if wanted == moment.active:
            self._in_range_s = moment.now_s
        return wanted if moment.now_s - self._in_range_s > self.OUT_S else moment.active


class GreedyCooldown(GreedyP99):
    """Greedy with the usual cure for flapping: at most one swap in 30 s."""

    COOLDOWN_S = 30.0

    def decide(self, moment: Moment) -> int:
        cool = moment.now_s - moment.since_s >= self.COOLDOWN_S
        return super().decide(moment) if cool else moment.active


class InfAdapter(LadderPolicy):
    """InfAdapter (Salmani et al., EuroMLSys 2023, arXiv:2304.10892): accuracy less beta times the loading cost of what
    is not loaded yet (its time over the longest), among the nets that meet the limit."""

    def __init__(self, ladder: Ladder, beta: float) -> None:
        super().__init__(ladder)
        longest_s = max(self.swap_s) or 1.0
        self._costs = [beta * swap_s / longest_s for swap_s in self.swap_s]

    def decide(self, moment: Moment) -> int:
        gains = self.gains(moment.state.limit_ms)
        if not any(gains):
            return moment.active
        return max(self.nets, key=lambda net: gains[net] - (0.0 if net == moment.active else self._costs[net]))
