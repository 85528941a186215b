"""One reading of all clocks: what a message that tells of times is made at."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent.clock import Clock

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """`now_ns` of the clock of decisions, CLOCK_BOOTTIME, and the wall clock, which only messages know."""

    now_ns: int
    boot_ns: int
    wall_ns: int

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        return cls(clock.now_ns(), clock.boottime_ns(), clock.wall_ns())

    def until_boot(self, boot_ns: int) -> Duration:
        """Time until that moment of CLOCK_BOOTTIME; 0 once it has passed."""
        return nanoseconds(max(0, boot_ns - self.boot_ns))

    def at_boot(self, boot_ns: int) -> Timestamp:
        """That moment of CLOCK_BOOTTIME on the wall clock as it stands."""
        return timestamp(self.wall_ns + boot_ns - self.boot_ns)

    def until(self, at_s: float) -> Duration:
        """Time until that second of the clock of decisions; 0 once it has passed."""
        return nanoseconds(max(0, round(at_s * _NS) - self.now_ns))

    def at(self, at_s: float) -> Timestamp:
        """That second of the clock of decisions on the wall clock as it stands."""
        return timestamp(self.wall_ns + round(at_s * _NS) - self.now_ns)

    def after(self, seconds: float) -> Timestamp:
        """That many seconds from now."""
        return timestamp(self.wall_ns + round(seconds * _NS))


def timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // _NS, nanos=wall_ns % _NS)


def nanoseconds(duration_ns: int) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(duration_ns)
    return duration
