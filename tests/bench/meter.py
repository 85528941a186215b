"""What it costs to count: the hook that every result passes, and a scrape."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from agent.clock import SystemClock
from agent.domain.meter import Bounds
from agent.domain.result import InferenceResult
from agent.telemetry.metrics import Metrics, Watched
from agent.telemetry.metrics.catalogue import TIME_BOUNDS_S
from tests.bench.figures import Figure, Left
from tests.support.fake_control import FakeControl, a_result

REPEATS = 7
RESULTS = 50_000
SCRAPES = 50
RATE_PER_S = 60.0  # a result for each frame of one camera
HOOK_GOAL_S = 3e-6
SCRAPE_GOAL_S = 0.015
SCRAPE_EVERY_S = 15.0
CAMERAS = 4


def figures() -> list[Figure | Left]:
    """Measure. Takes about ten seconds."""
    return [_hook(), _scrape()]


def _hook() -> Figure:
    meter = Metrics(SystemClock()).camera("station-1")
    meter.asked("budget-1", Bounds(0.08, 0.075))
    plain = _plain()
    results = [_one(number) for number in range(100)]
    costs, plains = [], []
    for _ in range(REPEATS):
        costs.append(_each_s(meter.result, results))
        plains.append(_each_s(plain, results))
    parts = {"us": sorted(costs)[REPEATS // 2] * 1e6, "prometheus_client_us": sorted(plains)[REPEATS // 2] * 1e6}
    return Figure(
        "metrics.result",
        "counting one result",
        f"{HOOK_GOAL_S * 1e6:g} us, {HOOK_GOAL_S * RATE_PER_S:.3%} of a core at {RATE_PER_S:g} results a second",
        tuple(cost / HOOK_GOAL_S for cost in costs),
        1.0,
        parts,
    )


def _scrape() -> Figure:
    """The loop stands still for one scrape: nothing else is answered meanwhile."""
    names = [f"station-{number}" for number in range(CAMERAS)]
    metrics = Metrics(SystemClock(), Watched({name: FakeControl(name) for name in names}))
    for name in names:
        metrics.camera(name).result(a_result(1))
    costs, sizes = [], set[int]()
    for _ in range(REPEATS):
        begun = time.perf_counter()
        for _ in range(SCRAPES):
            sizes.add(len(metrics.exposition()[0]))
        costs.append((time.perf_counter() - begun) / SCRAPES)
    parts = {"ms": sorted(costs)[REPEATS // 2] * 1e3, "bytes": float(max(sizes))}
    return Figure(
        "metrics.scrape",
        f"answering one scrape of {CAMERAS} cameras",
        f"{SCRAPE_GOAL_S * 1e3:g} ms, {SCRAPE_GOAL_S / SCRAPE_EVERY_S:.2%} of a core every {SCRAPE_EVERY_S:g} s",
        tuple(cost / SCRAPE_GOAL_S for cost in costs),
        1.0,
        parts,
    )


def _one(number: int) -> InferenceResult:
    result = a_result(number)
    spread = result.inference._replace(service_ms=20.0 + number, latency_ms=30.0 + number)
    return result._replace(inference=spread)


def _each_s(count: Callable[[InferenceResult], None], results: list[InferenceResult]) -> float:
    begun = time.perf_counter()
    for _ in range(RESULTS // len(results)):
        for result in results:
            count(result)
    return (time.perf_counter() - begun) / RESULTS


def _plain() -> Callable[[InferenceResult], None]:
    """The same with prometheus_client's own counters and histograms."""
    registry = CollectorRegistry()
    results = Counter("results", "-", ["camera", "outcome"], registry=registry).labels("a", "published")
    broken = Counter("broken", "-", ["camera", "bound"], registry=registry).labels("a", "latency")
    service, latency = (
        Histogram(name, "-", ["camera"], registry=registry, buckets=TIME_BOUNDS_S).labels("a")
        for name in ("service", "latency")
    )

    def count(result: InferenceResult) -> None:
        inference = result.inference
        results.inc()
        latency.observe(inference.latency_ms * 1e-3)
        service.observe((inference.service_ms or 0.0) * 1e-3)
        if inference.latency_ms > 80.0:
            broken.inc()

    return count
