"""What the meter of a camera has to be told of budgets: the bounds that each result is held to."""

from __future__ import annotations

import math

from agent.domain.budget import Budget
from agent.domain.decision import Decision
from agent.domain.line import Demand
from agent.domain.meter import NO_BOUNDS, Bounds, CameraMeter
from agent.policy.candidates import GRID_TOLERANCE

ROUNDING = 1e-6  # of floats: a service time of exactly n frames takes n


def tell_budget(meter: CameraMeter, decision: Decision, demand: Demand, free_running: bool, measuring: bool) -> None:
    """The budget that parts are inspected for from now on; what is measured on purpose is held to none."""
    period_ms = demand.frame_period_ms if free_running else None
    meter.asked(decision.budget.id, NO_BOUNDS if measuring else bounds_of(decision.budget.budget, period_ms))


def bounds_of(budget: Budget, frame_period_ms: float | None = None) -> Bounds:
    """A budget as bounds on one result. With `frame_period_ms` a service time counts in whole frames, so that the
    longest one is the last whole frame within the rate's limit."""
    longest_ms = budget.service_limit_ms()
    if frame_period_ms is not None and frame_period_ms > 0 and longest_ms < math.inf:
        frames = math.floor(longest_ms * (1.0 + GRID_TOLERANCE) / frame_period_ms)
        longest_ms = frames * frame_period_ms * (1.0 + ROUNDING)
    latency_ms = math.inf if budget.max_latency_ms is None else budget.max_latency_ms
    return Bounds(latency_ms / 1e3, longest_ms / 1e3)
