"""The production line: parts come when the integral of the rate reaches k + .5 (design/interfaces.md section 7)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from agent.sim.spec import LineStop

_NS_PER_MINUTE = 60e9


class ProductionLine:
    """Arrival times of parts at a rate that may change. Owner: the device, under its lock.

    `stops` are times, from the start on, at which the line stands whatever its rate is. Only questions about times
    after the last change of the rate are answered; the device advances its own state up to now before it changes it.
    """

    def __init__(self, parts_per_minute: float, start_ns: int, stops: Iterable[LineStop] = ()) -> None:
        self.parts_per_minute = parts_per_minute
        self._since_ns = start_ns
        self._passed = 0.0
        self._stops = tuple(
            (start_ns + round(stop.from_s * 1e9), start_ns + round(stop.until_s * 1e9))
            for stop in sorted(stops, key=lambda one: one.from_s)
        )

    def set_rate(self, parts_per_minute: float, now_ns: int) -> None:
        """From `now_ns` on parts come at this rate; 0 stops the line."""
        self._passed = self.passed(now_ns)
        self._since_ns = now_ns
        self.parts_per_minute = parts_per_minute

    def stands(self, at_ns: int) -> bool:
        """Whether nothing moves."""
        return self.parts_per_minute <= 0 or any(begin <= at_ns < end for begin, end in self._stops)

    def passed(self, at_ns: int) -> float:
        """Integral of the rate, in parts."""
        return self._passed + self.parts_per_minute * (at_ns - self._since_ns - self._stood_ns(at_ns)) / _NS_PER_MINUTE

    def arrival_ns(self, part: int) -> int | None:
        """When `part` reaches the camera; None while the line is stopped by its rate."""
        if self.parts_per_minute <= 0:
            return None
        left = part + 0.5 - self._passed
        at_ns = self._since_ns + max(0, math.ceil(left * _NS_PER_MINUTE / self.parts_per_minute))
        for begin_ns, end_ns in self._stops:
            if begin_ns >= at_ns:
                break
            at_ns += max(0, end_ns - max(begin_ns, self._since_ns))
        return at_ns

    def _stood_ns(self, at_ns: int) -> int:
        """Time between the last change of the rate and `at_ns` that lies in stops."""
        return sum(max(0, min(end, at_ns) - max(begin, self._since_ns)) for begin, end in self._stops)
