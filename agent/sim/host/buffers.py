"""Stream buffers that images hold, and the port through which the TL stream map shows them."""

from __future__ import annotations

import itertools
import threading
from collections import deque

from agent.errors import AgentError
from agent.sim.buffers import StreamCounts
from agent.sim.link import DeviceLink


class Buffers:
    """Which images live, and which of them hold a buffer of this acquisition. Thread-safe.

    Buffers are new with every acquisition, so images of an earlier one hold none. `forget` runs in finalizers, which
    may run anywhere: it takes no lock; the device hears of it with the next call of the host.
    """

    def __init__(self) -> None:
        self.count = 0
        self.held: set[int] = set()
        self._numbers = itertools.count()
        self._first = 0
        self._returned: deque[int] = deque()
        self._lock = threading.RLock()  # a finalizer may end the acquisition
        self._link: DeviceLink | None = None
        self._counts = StreamCounts()

    def begin(self, link: DeviceLink, count: int) -> None:
        """An acquisition with `count` new buffers."""
        with self._lock:
            self.count, self._link, self._first = count, link, next(self._numbers)
            self._returned.clear()

    def end(self) -> None:
        """The acquisition is over: the statistics read last stay, its buffers are gone."""
        with self._lock:
            self._link, self._first = None, next(self._numbers)

    def take(self) -> int:
        """The number of an image that holds a buffer from now on."""
        number = next(self._numbers)
        self.held.add(number)
        return number

    def forget(self, number: int) -> None:
        """An image is gone. Lock-free."""
        self.held.discard(number)
        self._returned.append(number)

    def give_back(self, number: int) -> None:
        """An image was released."""
        self.forget(number)
        self.flush()

    def flush(self) -> None:
        """Tell the device which buffers are free again."""
        with self._lock:
            link, first = self._link, self._first
            mine = [n for n in self._taken() if n >= first]
        if mine and link is not None:
            link.return_buffers(len(mine))

    def exhausted(self) -> bool:
        """Whether images hold all buffers of this acquisition."""
        return sum(number >= self._first for number in tuple(self.held)) >= self.count

    def counts(self) -> StreamCounts:
        """Live statistics while streaming, the last ones after that."""
        self.flush()
        link = self._link
        if link is not None:
            try:
                self._counts = link.stream_counts()
            except AgentError:  # the camera is gone: its statistics end here
                return self._counts
        return self._counts

    def _taken(self) -> list[int]:
        numbers = []
        while self._returned:
            numbers.append(self._returned.popleft())
        return numbers
