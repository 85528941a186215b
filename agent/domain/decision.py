"""A decision that explains itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

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
    PINNED = "pinned"
    BEST_ALREADY = "best_already_active"
    DWELL = "min_dwell"
    NOT_WORTH = "not_worth_its_gap"
    ANNOUNCED = "announced_change"
    GUARDED = "guarded"
    QUARANTINED = "quarantined"
    EMPTY = "no_usable_subnet"
    MODE = "mode"  # a swap is wanted, and the mode leaves it to a command
    INHIBITED = "swap_inhibited"
    WINDOW = "swap_window"
    CANCELLED = "swap_cancelled"  # somebody ended a swap lately, and nobody has asked for anything since


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
class Account:
    """How a decision came about: every candidate, the words, and further figures."""

    candidates: tuple[Candidate, ...]
    text: str
    figures: tuple[Figure, ...] = ()


class Decision:
    """What to do now, for which budget, and how every candidate fared.

    `starts_s`: when a swap that is held back is meant to begin, on the clock of decisions; None where that is open.
    `account` may be a function: many decisions are made that nobody reads, so it is called when first looked at. It
    is no part of what makes two decisions equal.
    """

    __slots__ = ("_account", "action", "active", "budget", "feasible", "reason", "starts_s", "target")

    def __init__(
        self,
        action: Action,
        reason: Reason,
        target: str | None,
        active: str | None,
        budget: EffectiveBudget,
        feasible: bool,
        account: Account | Callable[[], Account],
        starts_s: float | None = None,
    ) -> None:
        self.action: Final = action
        self.reason: Final = reason
        self.target: Final = target
        self.active: Final = active
        self.budget: Final = budget
        self.feasible: Final = feasible
        self.starts_s: Final = starts_s
        self._account = account

    @property
    def account(self) -> Account:
        if not isinstance(self._account, Account):
            self._account = self._account()
        return self._account

    @property
    def is_for_fail_safe(self) -> bool:
        """It waits for no window and cannot be cancelled: whose clients vanished gets no permit. A pin is not: who
        pins is there, and can permit.
        """
        return self.budget.fail_safe and self.reason is not Reason.PINNED

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.account.candidates

    @property
    def text(self) -> str:
        return self.account.text

    @property
    def figures(self) -> tuple[Figure, ...]:
        return self.account.figures

    def _key(self) -> tuple[object, ...]:
        return self.action, self.reason, self.target, self.active, self.budget, self.feasible, self.starts_s

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Decision) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Decision({self.action.value} {self.target or '-'}, {self.reason.value}, active {self.active or '-'})"
