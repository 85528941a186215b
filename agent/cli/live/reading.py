"""What a live table shows: the daemon's answers, and since when there are none."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1 import orders_pb2
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

HISTORY = 120  # shares of a limit that are kept for each camera


@dataclass(frozen=True, slots=True)
class Lost:
    """The daemon does not answer any more; what it said last was said at `since`."""

    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest answers; by camera, `swaps` are operations of running swaps and `shares` the past of Bound.share."""

    cameras: tuple[pb.CameraStatus, ...] = ()
    alarms: tuple[pb.Alarm, ...] = ()
    swaps: Mapping[str, orders_pb2.SwapMetadata] = field(default_factory=dict)
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    version: str = ""
    lost: Lost | None = None

    def without_answer(self, at: datetime, why: str) -> Reading:
        """The same, doubted; `at` is when it was true. The first doubt says since when."""
        return replace(self, lost=Lost(at if self.lost is None else self.lost.since, why))


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound of the budget in force beside what was measured, both in milliseconds."""

    kind: str  # latency or service
    limit_ms: float
    measured_ms: float | None

    @property
    def share(self) -> float | None:
        """Measured over allowed; above 1 the budget is broken."""
        return None if self.measured_ms is None else self.measured_ms / self.limit_ms


def bounds(status: pb.CameraStatus) -> list[Bound]:
    """The bounds that there are, the one that is closest to being broken first."""
    asked, took = status.budget.budget, status.latency
    known = status.HasField("latency") and took.count > 0
    found = []
    if asked.max_latency_ms > 0:
        found.append(Bound("latency", asked.max_latency_ms, took.latency_p99_ms if known else None))
    if asked.parts_per_minute > 0:
        found.append(Bound("service", 60_000 / asked.parts_per_minute, took.service_p99_ms if known else None))
    return sorted(found, key=lambda one: (-(one.share or 0.0), one.limit_ms))


class Shares:
    """The last shares of each camera's budget that were measured. Owner of them."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[float]] = {}

    def add(self, cameras: tuple[pb.CameraStatus, ...]) -> Mapping[str, tuple[float, ...]]:
        """One more of each camera that has one; those of cameras that are no more are forgotten."""
        names = {one.camera for one in cameras}
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}
        for one in cameras:
            share = next((bound.share for bound in bounds(one)), None)
            if share is not None:
                self._kept.setdefault(one.camera, deque(maxlen=HISTORY)).append(share)
        return {name: tuple(kept) for name, kept in self._kept.items()}
