"""The USB port: whether the camera is on the bus, how fast the bus is, and what is due to happen there."""

from __future__ import annotations

import heapq
import itertools
from typing import Literal, NamedTuple

from agent.sim.faults import FaultSpec


class PortEvent(NamedTuple):
    """Something that happens without a host's doing; `number` keeps the order of equal times."""

    at_ns: int
    number: int
    what: Literal["replug", "reset"] | FaultSpec


class UsbPort:
    """State of the port. Owner: the device, under its lock."""

    def __init__(self) -> None:
        self.plugged = True
        # The camera boots until then.
        self.back_ns = 0
        self._due: list[PortEvent] = []
        self._numbers = itertools.count()
        self._factor, self._slow_until_ns = 1.0, 0

    def on_bus(self, now_ns: int) -> bool:
        return self.plugged and now_ns >= self.back_ns

    def slowness(self, now_ns: int) -> float:
        """How many times longer a transfer takes."""
        return self._factor if now_ns < self._slow_until_ns else 1.0

    def slow_down(self, factor: float, until_ns: int) -> None:
        """Transfers take `factor` times as long."""
        self._factor, self._slow_until_ns = factor, until_ns

    def schedule(self, at_ns: int, what: Literal["replug", "reset"] | FaultSpec) -> None:
        """Let `what` happen at `at_ns`."""
        heapq.heappush(self._due, PortEvent(at_ns, next(self._numbers), what))

    def schedule_resets(self, fault: FaultSpec, at_ns: int, reset_ns: int) -> None:
        """The resets of a reset loop after its first one at `at_ns`; the camera is away `reset_ns` each time."""
        for k in range(1, fault.times):
            self.schedule(at_ns + k * (reset_ns + round(fault.seconds * 1e9)), "reset")

    def take_due(self, now_ns: int) -> PortEvent | None:
        """The next event that is due by `now_ns`."""
        return heapq.heappop(self._due) if self._due and self._due[0].at_ns <= now_ns else None
