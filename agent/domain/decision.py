"""A decision that explains itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.domain.budget import EffectiveBudget


class Action(Enum):
    KEEP = "keep"
    SWAP = "swap"
    HOLD = "hold"  # another net is wanted, but something (dwell, mode, permit) says not now
    NONE = "none"  # nothing to choose from


class Reason(Enum):
    """Why a decision or a swap came about; stable strings, also a metric label."""

    INITIAL = "initial"
    BUDGET = "budget"
    MEASURED = "measured_latency"
    MORE_ACCURATE = "more_accurate"
    FAIL_SAFE = "fail_safe"
    INFEASIBLE = "infeasible"
    RETIRED = "retired"
    RECOVERY = "recovery"
    PROFILE = "profile"  # to be measured on the camera
    BEST_ALREADY = "best_already_active"
    DWELL = "min_dwell"
    QUARANTINED = "quarantined"
    EMPTY = "no_usable_subnet"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that a decision rests on, under a stable lower-case name; `unit` is empty for a bare number."""

    name: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sub-net as the decision saw it; bounds are upper bounds at the budget's quantile."""

    subnet_id: str
    accuracy: float
    service_bound_ms: float
    latency_bound_ms: float
    measured: int  # how many results of this net the bound rests on; 0 = the manifest's prediction
    feasible: bool
    why_not: str = ""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, for which budget, and how every candidate fared.

    `starts_s`: when a swap that is held back is meant to begin, on the clock of decisions; None where that is open.
    """

    action: Action
    reason: Reason
    target: str | None
    active: str | None
    budget: EffectiveBudget
    feasible: bool
    candidates: tuple[Candidate, ...]
    text: str
    starts_s: float | None = None
    figures: tuple[Figure, ...] = ()
