"""From what the rule prefers to what is decided: the cases that come before economics, and those that overrule it.

no net runs          the best to start with
retired              a net that vanished from the library stays while its results meet the budget
unproven             a net that was taken over at the start is measured before it is given up for its prior
fail-safe            a net that fits, at once
hold                 in that mode an infeasible budget swaps nothing
all else             what the rule prefers, a net that fits not before min_dwell
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from agent.domain.decision import Action, Reason
from agent.domain.line import View
from agent.policy.chooser import Chosen
from agent.policy.sight import ActiveSight, Ladder, Sight

LEAST_RELIEF = 0.1  # share of the parts that a swap must save for min_dwell not to matter where nothing fits
InfeasibleMode = Literal["best_effort", "hold"]


@dataclass(frozen=True, slots=True)
class Promise:
    """The budget that the active net was last found to meet, and the service bound it was found to have then."""

    budget_id: str
    service_bound_ms: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`feasible`: a net meets the budget, and it is the target. `chosen`: the numbers, where there are any."""

    action: Action
    reason: Reason
    target: str | None
    feasible: bool
    chosen: Chosen | None = None
    starts_s: float | None = None


@dataclass(frozen=True)
class Case:
    """One decision in the making."""

    view: View
    sight: Sight
    ladder: Ladder
    promise: Promise | None
    infeasible: InfeasibleMode
    min_dwell_s: float
    unproven: bool

    @property
    def fail_safe(self) -> bool:
        return self.sight.demand.effective.fail_safe

    @cached_property
    def best(self) -> int | None:
        """The most accurate rung of those that fit, which is the last of them; None where none does."""
        places = self.sight.scene.fits.nonzero()[0]
        return int(places[-1]) if len(places) else None

    def dwell_left_s(self) -> float:
        """Seconds until a swap for a gain is allowed; 0 when it is."""
        if self.view.activated_s is None:
            return 0.0
        return max(0.0, self.min_dwell_s - (self.view.now_s - self.view.activated_s))

    def cause(self, otherwise: Reason) -> Reason:
        """Why a swap is due: the fail-safe, another budget than the active net was chosen for, or `otherwise`."""
        if self.fail_safe:
            return Reason.FAIL_SAFE
        changed = self.promise is None or self.promise.budget_id != self.sight.demand.effective.id
        return Reason.BUDGET if changed else otherwise


def without_rungs(ladder: Ladder, quarantined: Mapping[str, str], active_id: str | None) -> Verdict | None:
    """Where there is nothing to choose from."""
    if not len(ladder):
        return Verdict(Action.NONE, Reason.EMPTY, None, False)
    if quarantined and active_id not in ladder.row_of and all(name in quarantined for name in ladder.row_of):
        return Verdict(Action.NONE, Reason.QUARANTINED, None, False)
    return None


def verdict(case: Case, chosen: Chosen) -> Verdict:
    """`chosen`: what the rule prefers for this view."""
    active, best = case.sight.active, case.best
    if active is not None and active.retired:
        return _retired(case, active)
    if best is None:
        return _infeasible(case, active, chosen)
    if active is None:
        first = best if chosen.target is None else chosen.target
        return _of_rung(case, Action.SWAP, Reason.INITIAL, first, chosen)
    if case.fail_safe:
        return _fail_safe(case, active, chosen)
    if not active.fits and case.unproven:
        return _of_rung(case, Action.HOLD, Reason.MEASURED, best, chosen)
    return _stay(case, active, chosen) if chosen.target is None else _leave(case, active, chosen.target, chosen)


def _leave(case: Case, active: ActiveSight, target: int, chosen: Chosen) -> Verdict:
    """The rule prefers another rung: at once, or after min_dwell where the active net fits and parts come."""
    left_s = case.dwell_left_s()
    if active.fits and left_s > 0.0 and not case.sight.scene.stopped:
        held = _of_rung(case, Action.HOLD, Reason.DWELL, target, chosen)
        return replace(held, starts_s=round(case.view.now_s + left_s, 3))
    reason = case.cause(Reason.MORE_ACCURATE if active.fits else Reason.MEASURED)
    return _of_rung(case, Action.SWAP, Reason.GUARDED if chosen.guarded else reason, target, chosen)


def _of_rung(case: Case, action: Action, reason: Reason, rung: int, chosen: Chosen | None) -> Verdict:
    return Verdict(action, reason, case.ladder.ids[rung], bool(case.sight.scene.fits[rung]), chosen)


def _retired(case: Case, active: ActiveSight) -> Verdict:
    if not active.fits and case.best is not None:
        return _of_rung(case, Action.SWAP, case.cause(Reason.RETIRED), case.best, None)
    return Verdict(Action.KEEP, Reason.RETIRED, active.id, active.fits)


def _infeasible(case: Case, active: ActiveSight | None, chosen: Chosen) -> Verdict:
    """No rung fits: another net of the library may; else what the rule prefers, or what runs."""
    view, budget = case.view, case.sight.demand.effective.budget
    if active is not None and active.fits:
        return Verdict(Action.KEEP, Reason.BEST_ALREADY, active.id, True, chosen)
    other = case.ladder.best_of_all(budget, case.sight.limit_ms, view.quarantined)
    if other is not None:
        return _no_rung(case, active, chosen, other)
    if active is not None and (
        case.infeasible == "hold" or chosen.target is None or _idle(case, active, chosen.target)
    ):
        return Verdict(Action.KEEP, Reason.INFEASIBLE, active.id, False, chosen)
    usable = [place for place, name in enumerate(case.ladder.ids) if name not in view.quarantined]
    target = chosen.target
    if target is None or target not in usable:
        if not usable:
            return _last_resort(case, active)
        target = max(usable, key=lambda place: (float(case.sight.scene.gains[place]), -place))
    if active is not None and case.ladder.ids[target] == active.id:
        return Verdict(Action.KEEP, Reason.INFEASIBLE, active.id, False, chosen)
    reason = Reason.FAIL_SAFE if case.fail_safe else Reason.INFEASIBLE
    return _of_rung(case, Action.SWAP, reason, target, chosen)


def _no_rung(case: Case, active: ActiveSight | None, chosen: Chosen, other: str) -> Verdict:
    """A net that is no rung fits; it may be what runs, by what that has shown since the last look."""
    if active is not None and other == active.id:
        return Verdict(Action.KEEP, Reason.BEST_ALREADY, other, True, chosen)
    return Verdict(Action.SWAP, case.cause(Reason.INITIAL if active is None else Reason.MEASURED), other, True)


def _idle(case: Case, active: ActiveSight, target: int) -> bool:
    """Where nothing is earned a swap seems to cost nothing: it is not made back and forth, nor for what may come.

    Not for the fail-safe budget either, which else need not wait for min_dwell: of two nets that both are much too
    slow, either is better than the other by some measure, and swapping for that would leave no time for results.
    """
    scene = case.sight.scene
    if scene.stopped or case.view.announced:
        return False
    gained = float(scene.gains[target]) - active.gain
    return gained <= 0.0 or (case.dwell_left_s() > 0.0 and gained < LEAST_RELIEF * scene.rate)


def _last_resort(case: Case, active: ActiveSight | None) -> Verdict:
    """Every rung is quarantined: keep what runs, else start the fastest net that may be uploaded."""
    if active is not None:
        return Verdict(Action.KEEP, Reason.INFEASIBLE, active.id, False)
    rows = case.ladder.usable(case.view.quarantined)
    if not len(rows):
        return Verdict(Action.NONE, Reason.QUARANTINED, None, False)
    return Verdict(Action.SWAP, Reason.INFEASIBLE, case.ladder.fastest(rows), False)


def _fail_safe(case: Case, active: ActiveSight, chosen: Chosen) -> Verdict:
    """The plant's client is gone: what fits is run at once, and is left only for what the rule prefers."""
    if active.fits and chosen.target is None:
        return _stay(case, active, chosen)
    rung = chosen.target if chosen.target is not None else case.best
    if rung is None or case.ladder.ids[rung] == active.id:
        return _stay(case, active, chosen)
    return _of_rung(case, Action.SWAP, Reason.FAIL_SAFE, rung, chosen)


def _stay(case: Case, active: ActiveSight, chosen: Chosen) -> Verdict:
    """The active net stays: because it is best, because no swap is worth its gap, or until an announced change."""
    best = case.best
    if chosen.later is not None and case.ladder.ids[chosen.later] != active.id:
        later = case.ladder.ids[chosen.later]
        starts_s = round(case.view.now_s + chosen.later_in_s, 3)  # the same at each look
        return Verdict(Action.HOLD, Reason.ANNOUNCED, later, active.fits or best is not None, chosen, starts_s)
    reason = Reason.GUARDED if chosen.guarded else Reason.NOT_WORTH
    if not active.fits and best is not None:
        return _of_rung(case, Action.HOLD, reason, best, chosen)
    if best is None or case.ladder.top1[best] <= active.top1 or case.ladder.ids[best] == active.id:
        reason = Reason.BEST_ALREADY
    return Verdict(Action.KEEP, reason, active.id, True, chosen)
