"""Which sub-net a camera should run now: the most accurate that fits, with hysteresis.

Every rule is a function of the judged candidates and the context, and `decide` only orders them:
nothing to choose from, the active net is retired, nothing fits, no net runs, it does not fit, a better one waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agent.domain.budget import Budget, EffectiveBudget
from agent.domain.decision import Action, Candidate, Decision, Reason
from agent.domain.subnet import Catalogue
from agent.policy.candidates import Judged, Limits, judge_all, likely_fits
from agent.policy.latency import LatencyModel
from agent.policy.window import SPREAD_FROM

InfeasibleMode = Literal["best_effort", "hold"]


@dataclass(frozen=True, slots=True)
class Promise:
    """The budget that the active net was last found to meet, and the service bound it was found to have then."""

    budget_id: str
    service_bound_ms: float


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision depends on beside measurements; times in seconds of one monotonic clock.

    `quarantined` maps nets that must not be uploaded to the reason. `promise` tells a changed budget from a changed
    measurement; without one the active net was taken over from an earlier run. `results_wait`: results travel with a
    later frame. `min_gain` is the least accuracy worth
    a swap (policy.md: h about .2 %), `min_relief` the least share by which another net must be nearer to an infeasible
    budget.
    """

    now_s: float
    activated_s: float | None = None
    min_dwell_s: float = 5.0
    quarantined: Mapping[str, str] = field(default_factory=dict)
    infeasible_mode: InfeasibleMode = "best_effort"
    promise: Promise | None = None
    results_wait: bool = True
    min_gain: float = 0.002
    min_relief: float = 0.02

    def dwell_left_s(self) -> float:
        """Seconds until a swap for a gain in accuracy is allowed; 0 when it is."""
        if self.activated_s is None:
            return 0.0
        return max(0.0, self.min_dwell_s - (self.now_s - self.activated_s))


@dataclass(frozen=True, slots=True)
class _Case:
    """One decision in the making."""

    effective: EffectiveBudget
    active_id: str | None
    judged: tuple[Judged, ...]
    context: Context
    unproven: bool  # the active net runs by no decision of this run and has too few results to be judged by

    def settle(self, action: Action, reason: Reason, target: str | None, text: str) -> Decision:
        candidates = tuple(verdict.candidate for verdict in self.judged)
        fits = any(c.subnet_id == target and c.feasible for c in candidates)
        return Decision(action, reason, target, self.active_id, self.effective, fits, candidates, text)

    def cause(self, otherwise: Reason) -> Reason:
        """Why a swap is due: the fail-safe, another budget than the active net was chosen for, or `otherwise`."""
        if self.effective.fail_safe:
            return Reason.FAIL_SAFE
        promise = self.context.promise
        return Reason.BUDGET if promise is None or promise.budget_id != self.effective.id else otherwise


def decide(
    catalogue: Catalogue,
    active_id: str | None,
    model: LatencyModel,
    effective: EffectiveBudget,
    frame_period_ms: float | None,
    free_running: bool,
    context: Context,
) -> Decision:
    """The decision under the budget in force; `frame_period_ms` None where no frames flow yet."""
    limits = Limits(effective.budget, frame_period_ms, free_running, context.results_wait)
    known = model.with_predictions({subnet.id: subnet.predicted_ms for subnet in catalogue.subnets})
    judged = judge_all(catalogue, active_id, known, limits, context.quarantined)
    case = _Case(effective, active_id, judged, context, _unproven(catalogue, active_id, known, limits, context))
    fitting = [verdict.candidate for verdict in judged if verdict.candidate.feasible]
    active = next((verdict for verdict in judged if verdict.candidate.subnet_id == active_id), None)
    if not any(verdict.usable for verdict in judged):
        return _nothing(case)
    if active_id is not None and active is None:
        return _retired(case, active_id, known, limits, fitting)
    if not fitting:
        return _infeasible(case, active)
    best = min(fitting, key=_preference)
    if active is None:
        return case.settle(Action.SWAP, Reason.INITIAL, best.subnet_id, f"start with {_named(best)}")
    return _compare(case, active.candidate, best)


def promise_of(decision: Decision, before: Promise | None = None) -> Promise | None:
    """What the active net promises once `decision` is carried out; `before` stays while nothing new is promised."""
    if decision.action not in (Action.KEEP, Action.SWAP) or not decision.feasible:
        return before
    chosen = next((c for c in decision.candidates if c.subnet_id == decision.target), None)
    return Promise(decision.budget.id, chosen.service_bound_ms) if chosen else before


def _unproven(
    catalogue: Catalogue, active_id: str | None, model: LatencyModel, limits: Limits, context: Context
) -> bool:
    """A net that was taken over at the start is worth a second of measuring before it is given up for its prior."""
    if active_id is None or context.promise is not None or model.measured(active_id) >= SPREAD_FROM:
        return False
    subnet = catalogue.get(active_id)
    return subnet is not None and likely_fits(subnet, model, limits)


def _nothing(case: _Case) -> Decision:
    if not case.judged:
        return case.settle(Action.NONE, Reason.EMPTY, None, "the library has no sub-net")
    return case.settle(Action.NONE, Reason.QUARANTINED, None, f"all {len(case.judged)} sub-nets are quarantined")


def _retired(
    case: _Case, active_id: str, model: LatencyModel, limits: Limits, fitting: Sequence[Candidate]
) -> Decision:
    """An active net that vanished from the library stays, unless its measured times break the budget."""
    over = ""
    if model.measured(active_id):
        service_ms = model.service_bound_ms(active_id, 0.0, limits.budget.quantile)
        latency_ms = model.delivered_ms(service_ms, limits.budget.quantile, limits.wait_period_ms)
        over = limits.service(service_ms)[1] or limits.latency(latency_ms)[1]
    if over and fitting:
        best = min(fitting, key=_preference)
        text = f"swap {active_id} (no longer in the library) for {_named(best)}: {over}"
        return case.settle(Action.SWAP, case.cause(Reason.RETIRED), best.subnet_id, text)
    text = f"keep {active_id}, which is no longer in the library{': ' if over else ''}{over}"
    kept = case.settle(Action.KEEP, Reason.RETIRED, active_id, text)
    return replace(kept, feasible=not over)


def _infeasible(case: _Case, active: Judged | None) -> Decision:
    """Nothing fits: the net nearest to the budget, or what runs already."""
    asked = _asked(case.effective.budget)
    if active is not None and case.context.infeasible_mode == "hold":
        text = f"hold {active.candidate.subnet_id}: no usable sub-net meets {asked}"
        return case.settle(Action.KEEP, Reason.INFEASIBLE, active.candidate.subnet_id, text)
    nearest = min((verdict for verdict in case.judged if verdict.usable), key=_nearness)
    why = f"no usable sub-net meets {asked}; nearest is {_named(nearest.candidate)}: {nearest.candidate.why_not}"
    if active is not None and not _relieves(nearest, active, case.context.min_relief):
        text = f"keep {active.candidate.subnet_id}: {why}"
        return case.settle(Action.KEEP, Reason.INFEASIBLE, active.candidate.subnet_id, text)
    reason = Reason.FAIL_SAFE if case.effective.fail_safe else Reason.INFEASIBLE
    return case.settle(Action.SWAP, reason, nearest.candidate.subnet_id, why)


def _compare(case: _Case, active: Candidate, best: Candidate) -> Decision:
    """A net runs, and `best` is the most accurate that fits."""
    if not active.feasible:
        if case.unproven and not case.effective.fail_safe:
            text = f"measure {_named(active)} before it is swapped for {_named(best)}: {active.why_not}"
            return case.settle(Action.HOLD, Reason.MEASURED, best.subnet_id, text)
        return _leave(case, active, best)
    if active.subnet_id == best.subnet_id:
        text = f"keep {_named(best)}: the most accurate that fits {_asked(case.effective.budget)}"
        return case.settle(Action.KEEP, Reason.BEST_ALREADY, best.subnet_id, text)
    return _improve(case, active, best)


def _leave(case: _Case, active: Candidate, best: Candidate) -> Decision:
    """The active net does not fit: exempt from dwell."""
    reason = case.cause(Reason.MEASURED)
    promise = case.context.promise
    promised = f" (promised {promise.service_bound_ms:.1f} ms)" if promise and reason is Reason.MEASURED else ""
    text = f"swap {active.subnet_id} for {_named(best)}: {active.why_not}{promised}"
    return case.settle(Action.SWAP, reason, best.subnet_id, text)


def _improve(case: _Case, active: Candidate, best: Candidate) -> Decision:
    """The active net fits and a more accurate one does too."""
    gain = best.accuracy - active.accuracy
    if gain < case.context.min_gain:
        text = f"keep {_named(active)}: {best.subnet_id} is only {gain:.4f} more accurate"
        return case.settle(Action.KEEP, Reason.BEST_ALREADY, active.subnet_id, text)
    left_s = case.context.dwell_left_s()
    if left_s > 0 and not case.effective.fail_safe:
        text = f"wait {left_s:.1f} s of min_dwell, then swap {active.subnet_id} for {_named(best)}"
        return case.settle(Action.HOLD, Reason.DWELL, best.subnet_id, text)
    asked = _asked(case.effective.budget)
    text = f"swap {active.subnet_id} for {_named(best)}: {gain:.4f} more accurate and fits {asked}"
    return case.settle(Action.SWAP, case.cause(Reason.MORE_ACCURATE), best.subnet_id, text)


def _preference(candidate: Candidate) -> tuple[float, float, str]:
    return (-candidate.accuracy, candidate.service_bound_ms, candidate.subnet_id)


def _nearness(verdict: Judged) -> tuple[bool, float, float, float, str]:
    """A part that passes a busy network is not inspected at all, so pace comes before lateness."""
    return (not verdict.keeps_pace, verdict.excess, *_preference(verdict.candidate))


def _relieves(nearest: Judged, active: Judged, least: float) -> bool:
    """Whether `nearest` is so much nearer to an infeasible budget than the active net that a swap is worth it."""
    if nearest.keeps_pace and not active.keeps_pace:
        return True
    return (1.0 + active.excess) / (1.0 + nearest.excess) - 1.0 >= least


def _named(candidate: Candidate) -> str:
    basis = f"{candidate.measured} results" if candidate.measured else "predicted"
    return (
        f"{candidate.subnet_id} (accuracy {candidate.accuracy:.3f}, service {candidate.service_bound_ms:.1f} ms, "
        f"latency {candidate.latency_bound_ms:.1f} ms, {basis})"
    )


def _asked(budget: Budget) -> str:
    parts = []
    if budget.parts_per_minute is not None:
        parts.append(f"{budget.parts_per_minute:g} parts/min")
    if budget.max_latency_ms is not None:
        parts.append(f"{budget.max_latency_ms:g} ms")
    if budget.min_accuracy is not None:
        parts.append(f"accuracy {budget.min_accuracy:g}")
    return f"{' and '.join(parts)} at quantile {budget.quantile:g}"
