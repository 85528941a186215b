"""How much is read of whom: bytes by time, and a pause for each call that was refused unread.

A call that is refused costs the event loop, which all share, a third of a millisecond, and whoever sends one after the
other sends hundreds in what is read at once. So whoever is refused is not read for a while: what it sends waits in its
own machine. The rest of the agent does not notice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from typing import Protocol

from agent.api.limits import ApiLimits

MOST_KEPT = 1024


class Reading(Protocol):
    """Something that reads, and waits while it may not."""

    def turn(self) -> None:
        """It may read once more."""
        ...


class Allowance:
    """What may be read of one client, or of one machine, on all its connections. Owner of those that wait, which get
    their turn one after the other. Event loop only."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, per_s: float, burst: float, refused_s: float, longest_s: float
    ) -> None:
        """Bytes; `refused_s`: the pause for a refused call, `longest_s`: the longest of all."""
        self._loop = loop
        self._per_s = per_s
        self._burst = burst
        self._refused = refused_s * per_s
        self._least = -longest_s * per_s
        self._left = burst
        self._at_s = loop.time()
        self._waiting: OrderedDict[Reading, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def spent(self) -> bool:
        """Whether nothing may be read now."""
        now_s = self._loop.time()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._left <= 0.0

    def spend(self, count: float) -> None:
        """So many bytes were read."""
        self._left = max(self._least, self._left - count)

    def refused(self) -> None:
        """A call was refused unread."""
        self.spend(self._refused)

    def wait(self, reading: Reading) -> None:
        """Give it a turn when there is something left."""
        self._waiting[reading] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._wait_s(), self._turn)

    def leave(self, reading: Reading) -> None:
        """It does not wait any more; idempotent."""
        self._waiting.pop(reading, None)

    def _wait_s(self) -> float:
        return max(1e-3, -self._left / self._per_s)

    def _turn(self) -> None:
        self._timer = None
        while self._waiting and not self.spent:
            reading, _ = self._waiting.popitem(last=False)
            reading.turn()
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_later(self._wait_s(), self._turn)


class Allowances:
    """Owner of the allowances, by whose they are. The one that was asked for longest ago is forgotten first."""

    def __init__(self, limits: ApiLimits, longest_s: float) -> None:
        self._limits = limits
        self._longest_s = longest_s
        self._kept: OrderedDict[Hashable, Allowance] = OrderedDict()

    def of(self, whose: Hashable) -> Allowance:
        """That one's; the same for the same."""
        found = self._kept.pop(whose, None)
        if found is None:
            loop, limits = asyncio.get_running_loop(), self._limits
            found = Allowance(loop, limits.bytes_per_s, limits.bytes_burst, limits.refused_s, self._longest_s)
        self._kept[whose] = found
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found
