"""Pictures for whoever looks: taps on the running stream, each with a rate and a bounded queue of its own.

The worker thread copies a frame only where a tap is due, once for all of them, and never waits for a reader.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from agent.camera.mailbox import post
from agent.camera.nodes import Nodes
from agent.clock import Clock
from agent.domain.device import Picture

_READINGS_AGE_S = 0.5  # exposure and gain cost a register read each; an automatic one moves in steps of frames


class Pace:
    """On average at most one in `every_s`, and never two within half of it.

    Frames jitter about their period: an exact minimum distance would take every second one of a line whose period is
    `every_s` itself.
    """

    def __init__(self, every_s: float) -> None:
        self._every_ns = round(every_s * 1e9)
        self._due_ns: int | None = None

    def due(self, now_ns: int) -> bool:
        return self._due_ns is None or now_ns >= self._due_ns

    def took(self, now_ns: int) -> None:
        """One was taken now."""
        next_ns = now_ns + self._every_ns if self._due_ns is None else self._due_ns + self._every_ns
        self._due_ns = max(next_ns, now_ns + self._every_ns // 2)


class Tap:
    """One reader's pictures; see agent.domain.device.PictureTap. The newest stay: the oldest are lost and counted."""

    def __init__(self, owner: Pictures, every_s: float, capacity: int, on_picture: Callable[[], None]) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._on_picture = on_picture
        self._mutex = threading.Lock()
        self._queue: deque[Picture] = deque(maxlen=capacity)
        self._closed = False
        self.missed = 0
        self.pace = Pace(every_s)

    def take(self) -> list[Picture]:
        with self._mutex:
            pictures = list(self._queue)
            self._queue.clear()
            return pictures

    def close(self) -> None:
        self._closed = True
        self._owner.forget(self)
        self.take()

    def put(self, picture: Picture) -> None:
        """Worker thread; the reader is told once until it takes."""
        with self._mutex:
            first = not self._queue
            self.missed += len(self._queue) == self._queue.maxlen
            self._queue.append(picture)
        if first:
            post(self._loop, self._tell)

    def miss(self) -> None:
        """Worker thread: one was due and its pixels could not be read."""
        with self._mutex:
            self.missed += 1

    def _tell(self) -> None:
        if not self._closed:
            self._on_picture()


class Pictures:
    """The taps of one camera; they outlive its connections and acquisitions. `add` and `forget`: event loop, the rest:
    worker thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taps: tuple[Tap, ...] = ()  # replaced as a whole: the two sides never wait for each other
        self._due: tuple[Tap, ...] = ()

    def add(self, every_s: float, capacity: int, on_picture: Callable[[], None]) -> Tap:
        tap = Tap(self, every_s, capacity, on_picture)
        self._taps = (*self._taps, tap)
        return tap

    def forget(self, tap: Tap) -> None:
        self._taps = tuple(known for known in self._taps if known is not tap)

    def wanted(self) -> bool:
        """Whether the frame that is at hand is to be kept: `put` or `miss` follows."""
        if not self._taps:
            return False
        now_ns = self._clock.now_ns()
        self._due = tuple(tap for tap in self._taps if tap.pace.due(now_ns))
        for tap in self._due:
            tap.pace.took(now_ns)
        return bool(self._due)

    def put(self, picture: Picture) -> None:
        for tap in self._due:
            tap.put(picture)

    def miss(self) -> None:
        for tap in self._due:
            tap.miss()


class Readings:
    """Exposure time and gain of the running acquisition, read again after half a second. Worker thread only."""

    def __init__(self, nodes: Nodes, clock: Clock) -> None:
        self._nodes = nodes
        self._clock = clock
        self._read_ns: int | None = None
        self._values: tuple[float | None, float | None] = (None, None)

    def read(self) -> tuple[float | None, float | None]:
        """us and dB; None where the camera does not tell."""
        now_ns = self._clock.now_ns()
        if self._read_ns is None or now_ns - self._read_ns >= _READINGS_AGE_S * 1e9:
            self._read_ns = now_ns
            self._values = (self._nodes.try_float("ExposureTime"), self._nodes.try_float("Gain"))
        return self._values
