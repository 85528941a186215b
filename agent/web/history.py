"""The last ten minutes of one camera in small buckets: what was measured against what was asked for. Pure but for the
buckets it owns.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from agent.domain.budget import Budget
from agent.domain.result import InferenceResult
from agent.telemetry.figures import nearest_rank
from agent.web.seen import Json, Moment

BUCKET_S = 5.0
BUCKETS = 120
MOST_RESULTS = 512  # of one bucket; at more than 100 a second the last ones stand for all


@dataclass(frozen=True, slots=True)
class Bucket:
    """`end_ns` on the monotonic clock; quantiles None where nothing was measured, limits where none was asked for.

    `inspected`: a verified network inferred all the time, as far as it was looked at.
    """

    end_ns: int
    count: int
    latency_p99_ms: float | None
    service_p99_ms: float | None
    latency_limit_ms: float | None
    service_limit_ms: float | None
    inspected: bool


@dataclass
class History:
    """Owner of the buckets; `add` for every result, `look` about once a second."""

    _start_ns: int
    _buckets: deque[Bucket] = field(default_factory=lambda: deque(maxlen=BUCKETS))
    _latency_ms: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RESULTS))
    _service_ms: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RESULTS))
    _count: int = 0
    _inspected: bool = True
    _budget: Budget | None = None

    def add(self, result: InferenceResult) -> None:
        """One more result."""
        inference = result.inference
        self._count += 1
        self._latency_ms.append(inference.latency_ms)
        if inference.service_ms is not None:
            self._service_ms.append(inference.service_ms)

    def look(self, now_ns: int, budget: Budget, inspects: bool) -> bool:
        """What holds now; whether a bucket was closed. A look that comes late leaves empty ones for the time before."""
        self._budget, self._inspected = budget, self._inspected and inspects
        bucket_ns = round(BUCKET_S * 1e9)
        late = (now_ns - self._start_ns) // bucket_ns
        if late < 1:
            return False
        for _ in range(min(late, BUCKETS)):
            self._close(self._start_ns + bucket_ns)
        self._start_ns = now_ns - (now_ns - self._start_ns) % bucket_ns
        return True

    def json(self, moment: Moment) -> Json:
        """Columns, oldest first; `end_s` of the last one, each is `bucket_s` long."""
        buckets = list(self._buckets)
        return {
            "bucket_s": BUCKET_S,
            "buckets": BUCKETS,
            "end_s": None if not buckets else moment.of_mono(buckets[-1].end_ns),
            "count": [one.count for one in buckets],
            "latency": [_short(one.latency_p99_ms) for one in buckets],
            "service": [_short(one.service_p99_ms) for one in buckets],
            "latency_limit": [_short(one.latency_limit_ms) for one in buckets],
            "service_limit": [_short(one.service_limit_ms) for one in buckets],
            "inspected": [one.inspected for one in buckets],
        }

    def _close(self, end_ns: int) -> None:
        budget = self._budget
        rated = budget is not None and budget.parts_per_minute is not None
        self._buckets.append(
            Bucket(
                end_ns,
                self._count,
                _p99(self._latency_ms),
                _p99(self._service_ms),
                None if budget is None else budget.max_latency_ms,
                budget.service_limit_ms() if budget is not None and rated else None,
                self._inspected,
            )
        )
        self._count, self._inspected = 0, True
        self._latency_ms.clear()
        self._service_ms.clear()


def _p99(values: deque[float]) -> float | None:
    return nearest_rank(sorted(values), 0.99) if values else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
