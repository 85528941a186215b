"""The camera's clock on the host's."""

from __future__ import annotations

from agent.camera.nodes import Nodes
from agent.clock import Clock
from agent.errors import CameraError, CameraGone


class ClockMap:
    """Maps the camera's clock to the host's, by TimestampLatch (facts 1.5).

    The latch lies between the two host times of its execution; of several round trips the shortest is the best.
    """

    def __init__(self, clock: Clock, nodes: Nodes) -> None:
        self._clock = clock
        self._nodes = nodes
        self._usable = nodes.writable("TimestampLatch") and nodes.first("TimestampLatchValue") is not None
        self.offset_ns = 0  # host = camera + offset
        self.measured_ns: int | None = None  # host time of the last measurement

    def measure(self, round_trips: int) -> None:
        """Two transactions each; without a latch the offset comes from `observe`."""
        if not self._usable:
            return
        best: tuple[int, int] | None = None
        for _ in range(round_trips):
            before_ns = self._clock.now_ns()
            self._nodes.execute("TimestampLatch")
            after_ns = self._clock.now_ns()
            camera_ns = self._nodes.get_int("TimestampLatchValue")
            trip = (after_ns - before_ns, (before_ns + after_ns) // 2 - camera_ns)
            best = trip if best is None else min(best, trip)
        if best is not None:
            self.offset_ns, self.measured_ns = best[1], self._clock.now_ns()

    def observe(self, timestamp_ns: int) -> None:
        """A frame arrived just now: without a latch, the fastest arrival so far bounds the offset."""
        if self._usable:
            return
        offset_ns = self._clock.now_ns() - timestamp_ns
        if self.measured_ns is None or offset_ns < self.offset_ns:
            self.offset_ns, self.measured_ns = offset_ns, self._clock.now_ns()

    def refresh(self, after_s: float, round_trips: int) -> None:
        """Measure again once the clocks may have drifted apart; a failure keeps the old offset for another turn."""
        if not self._usable or self.measured_ns is None:
            return
        if self._clock.now_ns() - self.measured_ns < after_s * 1e9:
            return
        try:
            self.measure(round_trips)
        except CameraGone:
            raise
        except CameraError:
            # Whether the latch works while streaming is unknown; the stream must not end for it.
            self.measured_ns = self._clock.now_ns()
