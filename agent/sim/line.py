"""The production line: parts come when the integral of the rate reaches k + .5 (design/interfaces.md section 7)."""

from __future__ import annotations

import math

_NS_PER_MINUTE = 60e9


class ProductionLine:
    """Arrival times of parts at a rate that may change. Owner: the device, under its lock.

    Only questions about times after the last change of the rate are answered; the device advances its own
    state up to now before it changes the rate.
    """

    def __init__(self, parts_per_minute: float, start_ns: int) -> None:
        self.parts_per_minute = parts_per_minute
        self._since_ns = start_ns
        self._passed = 0.0

    def set_rate(self, parts_per_minute: float, now_ns: int) -> None:
        """From `now_ns` on parts come at this rate; 0 stops the line."""
        self._passed = self.passed(now_ns)
        self._since_ns = now_ns
        self.parts_per_minute = parts_per_minute

    def passed(self, at_ns: int) -> float:
        """Integral of the rate, in parts."""
        return self._passed + self.parts_per_minute * (at_ns - self._since_ns) / _NS_PER_MINUTE

    def arrival_ns(self, part: int) -> int | None:
        """When `part` reaches the camera; None while the line is stopped."""
        if self.parts_per_minute <= 0:
            return None
        left = part + 0.5 - self._passed
        return self._since_ns + max(0, math.ceil(left * _NS_PER_MINUTE / self.parts_per_minute))
