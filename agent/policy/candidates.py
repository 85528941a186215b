"""Every sub-net against a budget: bounds, whether it fits, how far it is off, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.budget import Budget
from agent.domain.decision import Candidate
from agent.domain.subnet import Catalogue, Subnet
from agent.policy.delivery import GRID_TOLERANCE as EXACT
from agent.policy.delivery import whole_periods_ms
from agent.policy.timing import LatencyModel

GRID_TOLERANCE = 5e-3  # frame periods are measured; n of them must not miss a rate of exactly n frames by their noise
LONGEST_MS, LEAST_MS = 1e7, 1e-3  # stand for no limit, and for one that nothing meets


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, and whether it may be uploaded."""

    candidate: Candidate
    usable: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """A budget on the frame grid of a camera; `period_ms` is None where no frames flow yet.

    `results_wait`: a result travels with a later frame. It does not where it comes as an event or with its own frame.
    """

    budget: Budget
    period_ms: float | None
    free_running: bool
    results_wait: bool = True

    @property
    def wait_period_ms(self) -> float | None:
        """Period of the frames that results wait for; None where they wait for none."""
        return self.period_ms if self.results_wait else None

    def longest_service_ms(self, model: LatencyModel) -> float:
        """The service time up to which neither `service` nor `latency` has a word to say."""
        longest_ms = min(LONGEST_MS, self.budget.service_limit_ms())
        if self.free_running and self.period_ms:
            longest_ms = _whole_ms(longest_ms * (1.0 + GRID_TOLERANCE), self.period_ms)
        if self.budget.max_latency_ms is not None:
            waits_ms = self.wait_period_ms
            room_ms = self.budget.max_latency_ms - model.delivered_ms(0.0, self.budget.quantile, waits_ms)
            longest_ms = min(longest_ms, _whole_ms(room_ms, waits_ms) if waits_ms else room_ms)
        return max(longest_ms, LEAST_MS)

    def service(self, service_ms: float) -> str:
        """How a service time breaks the part rate, in words; empty where it does not."""
        allowed = self.budget.service_limit_ms()
        counted = whole_periods_ms(service_ms, self.period_ms) if self.free_running else service_ms
        tolerance = GRID_TOLERANCE if self.free_running and self.period_ms else 0.0
        if counted <= allowed * (1.0 + tolerance):
            return ""
        frames = "" if counted == service_ms else f" = {counted:.1f} ms in whole frames"
        rate = f"({self.budget.parts_per_minute:g} parts/min)"
        return f"service {_over(service_ms, allowed)} ms{frames} > {allowed:.1f} ms {rate}"

    def latency(self, latency_ms: float) -> str:
        """How a result latency breaks its limit, in words; empty where it does not."""
        allowed = self.budget.max_latency_ms
        if allowed is None or latency_ms <= allowed:
            return ""
        return f"latency {_over(latency_ms, allowed)} ms > {allowed:.1f} ms"

    def accuracy(self, accuracy: float) -> str:
        """How an accuracy falls short, in words; empty where it does not."""
        wanted = self.budget.min_accuracy
        if wanted is None or accuracy >= wanted:
            return ""
        return f"accuracy {accuracy:.3f} < {wanted:.3f}"


def judge_all(
    catalogue: Catalogue, active_id: str | None, model: LatencyModel, limits: Limits, quarantined: Mapping[str, str]
) -> tuple[Judged, ...]:
    """One verdict per sub-net, in catalogue order. The active net needs no upload, so no quarantine stops it."""
    bounds_ms = model.service_bound_each_ms([subnet.id for subnet in catalogue.subnets], limits.budget.quantile)
    return tuple(
        _judge(
            subnet,
            bounds_ms.get(subnet.id, subnet.predicted_ms),  # none: the library was replaced since the decision
            model,
            limits,
            "" if subnet.id == active_id else quarantined.get(subnet.id, ""),
        )
        for subnet in catalogue.subnets
    )


def _judge(subnet: Subnet, service: float, model: LatencyModel, limits: Limits, quarantine: str) -> Judged:
    latency = model.delivered_ms(service, limits.budget.quantile, limits.wait_period_ms)
    verdicts = (limits.service(service), limits.latency(latency), limits.accuracy(subnet.accuracy.top1))
    reasons = [words for words in verdicts if words]
    if quarantine:
        reasons.insert(0, f"quarantined: {quarantine}")
    candidate = Candidate(
        subnet_id=subnet.id,
        accuracy=subnet.accuracy.top1,
        service_bound_ms=service,
        latency_bound_ms=latency,
        measured=model.measured(subnet.id),
        feasible=not reasons,
        why_not="; ".join(reasons),
    )
    return Judged(candidate, not quarantine)


def _whole_ms(span_ms: float, period_ms: float) -> float:
    """The whole frame periods that a time has room for."""
    return math.floor(span_ms / period_ms + EXACT) * period_ms


def _over(value: float, allowed: float) -> str:
    """`value` with one digit after the point, rounded up so that it never reads as equal to what it exceeds."""
    shown = math.ceil(value * 10.0) / 10.0 if f"{value:.1f}" == f"{allowed:.1f}" else value
    return f"{shown:.1f}"
