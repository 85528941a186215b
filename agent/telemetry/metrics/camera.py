"""What is counted of one camera since the process started; a reload or another connection changes none of it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.meter import NO_BOUNDS, Bounds
from agent.domain.result import InferenceResult, StreamCounts
from agent.telemetry.metrics import catalogue as of
from agent.telemetry.metrics.distribution import Distribution

if TYPE_CHECKING:
    from agent.telemetry.metrics.scrape import Scrape

KEPT_BUDGETS = 64  # results of an older one can no longer be on their way
_REASONS = frozenset(reason.value for reason in of.SWAP_REASONS)


class CameraCounts:
    """Owner of the counts of one camera; implements agent.domain.meter.CameraMeter. Event-loop side only."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._bounds: OrderedDict[str, Bounds] = OrderedDict()
        self._published = self._unattributed = 0
        self._latency_broken = self._rate_broken = self._both_broken = 0
        self._inference = Distribution(of.TIME_BOUNDS_S)
        self._latency = Distribution(of.TIME_BOUNDS_S)
        self._read: tuple[int, float] = (0, 0.0)  # generation and service time, s, of the newest one that was read
        self._streamed = self._last = StreamCounts()
        self._connections = 0
        self._swaps = Counter(
            {(reason.value, result.value): 0 for reason in of.SWAP_REASONS for result in of.SWAP_RESULTS}
        )
        self._duration = Distribution(of.GAP_BOUNDS_S)
        self._gap = Distribution(of.GAP_BOUNDS_S)
        self._last_gap: tuple[float, float] | None = None
        self._overruns = 0
        self._leases_expired = 0

    def asked(self, budget_id: str, bounds: Bounds) -> None:
        if self._bounds.get(budget_id) != bounds:
            self._bounds[budget_id] = bounds
            if len(self._bounds) > KEPT_BUDGETS:
                self._bounds.popitem(last=False)

    def result(self, result: InferenceResult) -> None:
        inference = result.inference
        latency_s, service_ms = inference.latency_ms * 1e-3, inference.service_ms
        bounds = self._bounds.get(result.budget_id, NO_BOUNDS)
        self._published += 1
        self._latency.observe(latency_s)
        if service_ms is not None:
            self._read = inference.generation, service_ms * 1e-3
            self._inference.observe(self._read[1])
        # One that was not read is as the one before it: they are left out where they are steady.
        service_s = self._read[1] if self._read[0] == inference.generation else 0.0
        if latency_s > bounds.latency_s:
            if service_s > bounds.service_s:
                self._both_broken += 1
            else:
                self._latency_broken += 1
        elif service_s > bounds.service_s:
            self._rate_broken += 1

    def unattributed(self) -> None:
        self._unattributed += 1

    def streamed(self, counts: StreamCounts) -> None:
        last, self._last, so_far = self._last, counts, self._streamed
        if counts.frames < last.frames:  # they began anew
            last = StreamCounts()
        each = zip(_all(counts), _all(last), _all(so_far), strict=True)
        self._streamed = StreamCounts(*(max(0, now - before) + kept for now, before, kept in each))

    def connected(self) -> None:
        self._connections += 1

    def swap_ended(self, record: SwapRecord, promised_s: float | None) -> None:
        reason = record.reason if record.reason in _REASONS else of.OTHER
        self._swaps[reason, record.outcome.value] += 1
        touched = record.outcome not in (SwapOutcome.REFUSED, SwapOutcome.INTERRUPTED)
        if touched and record.duration_s is not None:
            self._duration.observe(record.duration_s)
            self._overruns += promised_s is not None and record.duration_s > of.OVERRUN * promised_s

    def gap_ended(self, gap_s: float, promised_s: float) -> None:
        self._gap.observe(gap_s)
        self._last_gap = (gap_s, promised_s)

    def lease_expired(self) -> None:
        self._leases_expired += 1

    def tell(self, scrape: Scrape) -> None:
        """All of it."""
        camera = self._camera
        self._tell_results(scrape)
        scrape.put(of.RECONNECTS, max(0, self._connections - 1), camera)
        scrape.put(of.LEASE_EXPIRED, self._leases_expired, camera)
        for (reason, result), count in self._swaps.items():
            scrape.put(of.SWAPS, count, camera, reason, result)
        scrape.spread(of.SWAP_DURATION, self._duration, camera)
        scrape.spread(of.SWAP_GAP, self._gap, camera)
        scrape.put(of.OVERRUNS, self._overruns, camera)
        for metric, value_s in zip((of.LAST_GAP, of.LAST_PROMISE), self._last_gap or (), strict=False):
            scrape.put(metric, value_s, camera)

    def _tell_results(self, scrape: Scrape) -> None:
        camera, streamed = self._camera, self._streamed
        scrape.spread(of.INFERENCE, self._inference, camera)
        scrape.spread(of.LATENCY, self._latency, camera)
        broken = (self._latency_broken, self._rate_broken, self._both_broken)
        results = (self._published, streamed.stale, streamed.repeated, streamed.dropped, self._unattributed)
        for metric, names, counts in (
            (of.VIOLATIONS, of.BOUNDS, broken),
            (of.RESULTS_TOTAL, of.RESULTS, results),
            (of.FRAMES_TOTAL, of.FRAMES, (streamed.frames, streamed.incomplete)),
        ):
            for name, count in zip(names, counts, strict=True):
                scrape.put(metric, count, camera, name)


def _all(counts: StreamCounts) -> tuple[int, ...]:
    return counts.frames, counts.incomplete, counts.results, counts.repeated, counts.stale, counts.dropped
