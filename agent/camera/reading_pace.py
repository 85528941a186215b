"""How often the camera is asked for its InferenceTime: a transaction on the bus, dearer than all else of a result.

    every one of the first results, of those after the rhythm changed, and after a slow one the next one too;
    else one in STEADY_S

Results come with whole frames. A network that becomes slower or faster by more than a frame changes how many frames a
result takes, and that is seen without asking. One that becomes slower by less is found by the next reading: while one
after the other is slow, each result is read, so that the policy's fifteen are soon of the new speed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

FIRST = 256  # of an acquisition: quantiles rest on order statistics from 200 on (agent.policy.delivery)
AFTER_CHANGE = 32  # a step shows in the policy once 8 of 15 are new
STEADY_S = 0.1
SLOW = 0.9  # of the last FIRST readings were quicker: a tenth of the steady readings cost one more
_KNOWN = 2  # a service time of about n frames takes n and n + 1 in turn


class ReadingPace:
    """Of one camera; `begin` with each acquisition, then ask it for each result in order. Worker thread only, but for
    `each`: whether all are to be read, because they are what is wanted.
    """

    def __init__(self) -> None:
        self.each = False
        self._known: deque[int] = deque(maxlen=_KNOWN)
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []
        self.begin()

    def begin(self) -> None:
        self._known.clear()
        self._newest.clear()
        self._sorted.clear()
        self._every = FIRST
        self._due_ns = 0

    def due(self, frames: int, now_ns: int) -> bool:
        """Whether the service time of a result that took so many frames is to be read."""
        if self.each:
            return True
        if frames not in self._known:
            self._known.append(frames)
            self._every = max(self._every, AFTER_CHANGE)
        if self._every > 0:
            self._every -= 1
            return True
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + round(STEADY_S * 1e9)
        return True

    def was(self, service_ms: float) -> None:
        """What a result that was read took: where that is slow, the next is read too."""
        known = len(self._sorted)
        if known == FIRST:
            if service_ms > self._sorted[round(SLOW * FIRST)]:
                self._every = max(self._every, 1)
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]
        self._newest.append(service_ms)
        insort(self._sorted, service_ms)
