"""What the camera tells about frames and inferences.

What is made for each result is a named tuple: one takes a fraction of the time of a frozen dataclass to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Box:
    """One detection, in image pixels (facts/firefly-dl.md section 2)."""

    class_id: int
    confidence: float
    left: int
    top: int
    right: int
    bottom: int


class RawInference(NamedTuple):
    """One new inference as the stream saw it; `generation` is that of the acquisition it counts for.

    `captured_ns` is the camera's timestamp of the inferred frame (end of exposure), `latency_ms` the time from then
    to this record on the host, `service_ms` the camera's own InferenceTime (plus ScalingTime where readable), or the
    inference period in saturation where the firmware has none; None where what was read may be another inference's, or
    nothing was read, because the times before it were steady.
    `carried_ns` is the camera's timestamp of the frame whose chunk data brought the result: until then the result could
    not reach the host, so `carried_ns - captured_ns` is waiting for a frame and the rest of `latency_ms` is transfer.
    It equals `captured_ns` where the result came as an event or with its own frame: nothing was waited for.
    `part` is the number of the triggered frame within this run of the daemon, None in free-running acquisition.
    `host_ns` is the host's time when `latency_ms` was over, which may be a while before somebody looks at the record;
    None: just now.
    """

    generation: int
    frame_id: int
    captured_ns: int
    carried_ns: int
    class_id: int
    confidence: float
    service_ms: float | None
    latency_ms: float
    part: int | None = None
    boxes: tuple[Box, ...] = ()
    host_ns: int | None = None

    @property
    def transfer_ms(self) -> float:
        """Latency beyond the wait for the carrying frame: exposure end of that frame to publication."""
        return max(0.0, self.latency_ms - (self.carried_ns - self.captured_ns) / 1e6)


class LatencySample(NamedTuple):
    """What the latency model learns from one result of one sub-net, ms; `service_ms` None where it was not measured."""

    service_ms: float | None
    latency_ms: float
    transfer_ms: float


class InferenceResult(NamedTuple):
    """An inference with the sub-net that made it: what WatchResults publishes."""

    sequence: int
    camera: str
    subnet_id: str
    budget_id: str
    inference: RawInference


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """Counters of one camera since it was opened; all only grow.

    `frames` grabbed, `incomplete` images counted and dropped, `repeated` chunk results seen again, `stale` results
    that count for no generation (interfaces.md section 3), `dropped` records that no reader took in time.
    """

    frames: int = 0
    incomplete: int = 0
    results: int = 0
    repeated: int = 0
    stale: int = 0
    dropped: int = 0
