"""What a camera is like at the moment of a scrape, read from its snapshot: what is not known has no series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from agent.domain.budget import ClaimKind, EffectiveBudget, Priority
from agent.domain.snapshot import CameraSnapshot, LatencyFigures
from agent.domain.states import CameraState, Degraded
from agent.domain.subnet import Catalogue
from agent.telemetry.metrics import catalogue as of

if TYPE_CHECKING:
    from agent.telemetry.metrics.scrape import Scrape

_STATES = tuple(state.value for state in CameraState)
_DEGRADED = tuple(reason.value for reason in Degraded)
_SOURCES = tuple(priority.name.lower() for priority in Priority)


def tell_camera(scrape: Scrape, now: CameraSnapshot, library: Catalogue | None, boottime_ns: int) -> None:
    """All gauges of one camera; `boottime_ns` is the clock by which leases end."""
    camera, is_up = now.camera, now.info is not None
    scrape.put(of.UP, is_up, camera)
    scrape.choose(of.STATE, _STATES, [now.state.value], camera)
    scrape.choose(of.DEGRADED, _DEGRADED, [reason.value for reason in now.degraded], camera)
    scrape.put(of.INSPECTING, now.verified, camera)
    scrape.put(of.LINE_STOPPED, now.line.stopped, camera)
    if is_up and now.health is not None and now.health.temperature_c is not None:
        scrape.put(of.TEMPERATURE, now.health.temperature_c, camera)
    if is_up and now.load is not None:
        scrape.put(of.LOAD, now.load, camera)
    if is_up and now.latency is not None:
        _figures(scrape, now.latency, camera)
    _network(scrape, now, library)
    _budget(scrape, now.budget, camera)
    if now.decision is not None and library is not None:
        scrape.put(of.FEASIBLE, now.decision.feasible, camera)
    _claims(scrape, now, boottime_ns)


def _figures(scrape: Scrape, figures: LatencyFigures, camera: str) -> None:
    scrape.put(of.LATENCY_P50, figures.latency_p50_ms / 1e3, camera)
    scrape.put(of.LATENCY_P99, figures.latency_p99_ms / 1e3, camera)
    if figures.service_p50_ms > 0:  # 0: none was measured
        scrape.put(of.INFERENCE_P50, figures.service_p50_ms / 1e3, camera)
        scrape.put(of.INFERENCE_P99, figures.service_p99_ms / 1e3, camera)


def _network(scrape: Scrape, now: CameraSnapshot, library: Catalogue | None) -> None:
    if library is not None:
        scrape.put(of.LIBRARY, 1, now.camera, library.name, str(library.version))
    if now.active_subnet is None or now.generation is None:
        return
    scrape.put(of.SUBNET, 1, now.camera, now.active_subnet, str(now.generation))
    subnet = None if library is None or Degraded.RETIRED in now.degraded else library.get(now.active_subnet)
    if subnet is not None:
        scrape.put(of.ACCURACY, subnet.accuracy.top1, now.camera)


def _budget(scrape: Scrape, effective: EffectiveBudget, camera: str) -> None:
    budget = effective.budget
    if budget.max_latency_ms is not None:
        scrape.put(of.BUDGET, budget.max_latency_ms / 1e3, camera, "latency")
    if budget.service_limit_ms() < math.inf:
        scrape.put(of.BUDGET, budget.service_limit_ms() / 1e3, camera, "rate")
    scrape.put(of.BUDGET_QUANTILE, budget.quantile, camera)
    scrape.choose(of.BUDGET_SOURCE, _SOURCES, [effective.priority.name.lower()], camera)
    scrape.put(of.FAIL_SAFE, effective.fail_safe, camera)


def _claims(scrape: Scrape, now: CameraSnapshot, boottime_ns: int) -> None:
    for kind in ClaimKind:
        scrape.put(of.CLAIMS, sum(claim.kind is kind for claim in now.claims), now.camera, kind.value)
    ends_ns = [
        claim.expires_boot_ns
        for claim in now.claims
        if claim.kind is ClaimKind.LEASE and claim.expires_boot_ns is not None
    ]
    if ends_ns:
        scrape.put(of.LEASE_REMAINING, max(0.0, (min(ends_ns) - boottime_ns) / 1e9), now.camera)
