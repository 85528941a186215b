"""Every sub-net against a budget: bounds, whether it fits, how far it is off, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.budget import Budget
from agent.domain.decision import Candidate
from agent.domain.subnet import Catalogue, Subnet
from agent.policy.delivery import whole_periods_ms
from agent.policy.timing import LatencyModel

GRID_TOLERANCE = 5e-3  # frame periods are measured; n of them must not miss a rate of exactly n frames by their noise


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, how far it is off the budget (0 = fits, .2 = 20 % too slow) and whether it may be uploaded.

    `keeps_pace`: it answers each part before the next one comes. A late answer is still one; a part that passes while
    the network is busy has none.
    """

    candidate: Candidate
    excess: float
    usable: bool
    keeps_pace: bool = True


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

    def service(self, service_ms: float) -> tuple[float, str]:
        """Relative excess over the part rate, and the words for it."""
        allowed = self.budget.service_limit_ms()
        counted = whole_periods_ms(service_ms, self.period_ms) if self.free_running else service_ms
        tolerance = GRID_TOLERANCE if self.free_running and self.period_ms else 0.0
        if counted <= allowed * (1.0 + tolerance):
            return 0.0, ""
        frames = "" if counted == service_ms else f" = {counted:.1f} ms in whole frames"
        rate = f"({self.budget.parts_per_minute:g} parts/min)"
        return counted / allowed - 1.0, f"service {_over(service_ms, allowed)} ms{frames} > {allowed:.1f} ms {rate}"

    def latency(self, latency_ms: float) -> tuple[float, str]:
        """Relative excess over the latency limit, and the words for it."""
        allowed = self.budget.max_latency_ms
        if allowed is None or latency_ms <= allowed:
            return 0.0, ""
        return latency_ms / allowed - 1.0, f"latency {_over(latency_ms, allowed)} ms > {allowed:.1f} ms"

    def accuracy(self, accuracy: float) -> tuple[float, str]:
        """Relative shortfall of accuracy, and the words for it."""
        wanted = self.budget.min_accuracy
        if wanted is None or accuracy >= wanted:
            return 0.0, ""
        return 1.0 - accuracy / wanted, f"accuracy {accuracy:.3f} < {wanted:.3f}"


def judge_all(
    catalogue: Catalogue, active_id: str | None, model: LatencyModel, limits: Limits, quarantined: Mapping[str, str]
) -> tuple[Judged, ...]:
    """One verdict per sub-net, in catalogue order. The active net needs no upload, so no quarantine stops it."""
    return tuple(
        _judge(subnet, model, limits, "" if subnet.id == active_id else quarantined.get(subnet.id, ""))
        for subnet in catalogue.subnets
    )


def _judge(subnet: Subnet, model: LatencyModel, limits: Limits, quarantine: str) -> Judged:
    quantile = limits.budget.quantile
    try:
        service = model.service_bound_ms(subnet.id, quantile)
    except KeyError:  # a decision that is read after its library was replaced
        service = subnet.predicted_ms
    latency = model.delivered_ms(service, quantile, limits.wait_period_ms)
    verdicts = (limits.service(service), limits.latency(latency), limits.accuracy(subnet.accuracy.top1))
    reasons = [words for _, words in verdicts if words]
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
    return Judged(candidate, max(excess for excess, _ in verdicts), not quarantine, not verdicts[0][1])


def _over(value: float, allowed: float) -> str:
    """`value` with one digit after the point, rounded up so that it never reads as equal to what it exceeds."""
    shown = math.ceil(value * 10.0) / 10.0 if f"{value:.1f}" == f"{allowed:.1f}" else value
    return f"{shown:.1f}"
