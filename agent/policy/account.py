"""A decision in words and figures: every candidate, what it promises, what a swap to it would win and cost."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.budget import Budget
from agent.domain.decision import Account, Action, Candidate, Figure, Reason
from agent.policy.candidates import Judged, Limits, judge_all
from agent.policy.chooser import Chooser
from agent.policy.timing import LatencyModel
from agent.policy.verdict import Case, Verdict

FOREVER_S = 1e6


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long the line is expected to stay as it is."""

    lasted_s: float
    expected_s: float


def dwell(chooser: Chooser, place: tuple[int, float]) -> Dwell:
    """Mean of what is left of the regime at that age, by the learned hazards."""
    regime, age_s = place
    return Dwell(age_s, min(FOREVER_S, chooser.values.remaining_s(regime, age_s)))


def account(
    case: Case, found: Verdict, model: LatencyModel, limits: Limits, lasts: Dwell | None, swap_s: dict[str, float]
) -> Account:
    """`swap_s`: seconds that a swap to each rung takes; `lasts`: None where nothing was weighed."""
    active_id = None if case.sight.active is None else case.sight.active.id
    judged = judge_all(case.ladder.catalogue, active_id, model, limits, case.view.quarantined)
    words = _Words(case, found, {one.candidate.subnet_id: one for one in judged}, lasts, swap_s)
    candidates = tuple(words.with_figures(one.candidate) for one in judged)
    figures: tuple[Figure, ...] = ()
    if lasts is not None:
        figures = (
            Figure("lasted", lasts.lasted_s, "s"),
            Figure("expected_to_last", lasts.expected_s, "s"),
            Figure("slow_down", model.slowdown, ""),
        )
    return Account(candidates, words.text(), figures)


class _Words:
    def __init__(
        self, case: Case, found: Verdict, judged: dict[str, Judged], lasts: Dwell | None, swap_s: dict[str, float]
    ) -> None:
        self._case = case
        self._found = found
        self._judged = judged
        self._lasts = lasts
        self._swap_s = swap_s
        self._budget = case.sight.demand.effective.budget
        self._active = case.sight.active

    def with_figures(self, candidate: Candidate) -> Candidate:
        """What it earns, what a swap to it costs, and for how long the line must stay for that."""
        place = self._case.ladder.place_of.get(candidate.subnet_id)
        if place is None:
            return candidate
        sight = self._case.sight
        figures = [
            Figure("in_time", float(sight.met[place]) * 100.0, "%"),
            self._earned(float(sight.scene.gains[place])),
        ]
        if self._active is not None and candidate.subnet_id != self._active.id:
            figures += self._swap_figures(candidate.subnet_id, float(sight.scene.gains[place]))
        return Candidate(
            candidate.subnet_id,
            candidate.accuracy,
            candidate.service_bound_ms,
            candidate.latency_bound_ms,
            candidate.measured,
            candidate.feasible,
            candidate.why_not,
            tuple(figures),
        )

    def _earned(self, gain: float) -> Figure:
        return Figure("correct_parts_per_minute", gain * 60.0, "")

    def _swap_figures(self, subnet_id: str, gain: float) -> list[Figure]:
        gap_s = self._swap_s.get(subnet_id)
        if gap_s is None or self._active is None:
            return []
        figures = [Figure("gap", gap_s, "s")]
        if gain > self._active.gain:
            figures.append(Figure("pays_after", gap_s * gain / (gain - self._active.gain), "s"))
        return figures

    def text(self) -> str:
        """One line."""
        found, active = self._found, self._active
        if found.action is Action.NONE:
            return self._nothing()
        if active is not None and active.retired:
            return self._retired()
        if found.reason is Reason.INFEASIBLE or not found.feasible:
            return self._infeasible()
        words = {Action.SWAP: self._swap, Action.HOLD: self._hold, Action.KEEP: self._keep}
        return words[found.action]()

    def _nothing(self) -> str:
        nets = len(self._case.ladder.catalogue.subnets)
        return "the library has no sub-net" if not nets else f"all {nets} sub-nets are quarantined"

    def _retired(self) -> str:
        found, active = self._found, self._active
        name = "" if active is None else active.id
        over = (
            "" if active is None or active.fits else f": service {active.bound_ms:.1f} ms breaks {_asked(self._budget)}"
        )
        if found.action is Action.SWAP:
            return f"swap {name} (no longer in the library) for {self._named(found.target)}{over}"
        return f"keep {name}, which is no longer in the library{over}"

    def _infeasible(self) -> str:
        found, active = self._found, self._active
        fastest_ms = float(self._case.sight.bounds_ms.min())
        sustained = f"at most {60_000.0 / fastest_ms:.0f} parts/min can be kept up"
        why = f"no usable sub-net meets {_asked(self._budget)}; {sustained}"
        if found.action is Action.SWAP:
            return f"{why}; swap to {self._named(found.target)}, nearest to it: {self._why_not(found.target)}"
        if active is None:
            return why
        held = "hold" if self._case.infeasible == "hold" else "keep"
        return f"{held} {self._named(active.id)}: {why}"

    def _swap(self) -> str:
        found, active = self._found, self._active
        if active is None:
            return f"start with {self._named(found.target)}"
        if not active.fits:
            promise = self._case.promise
            promised = ""
            if promise is not None and found.reason is Reason.MEASURED:
                promised = f" (promised {promise.service_bound_ms:.1f} ms)"
            return f"swap {active.id} for {self._named(found.target)}: {self._why_not(active.id)}{promised}"
        if self._case.sight.scene.stopped:
            return f"swap {active.id} for {self._named(found.target)} while the line stands: no part is lost"
        if found.reason is Reason.GUARDED:
            return f"swap {active.id} for {self._named(found.target)}: it would have earned more all along"
        return f"swap {active.id} for {self._named(found.target)}: {self._worth(found.target)}"

    def _hold(self) -> str:
        found, active, now_s = self._found, self._active, self._case.view.now_s
        name = "" if active is None else active.id
        if found.reason is Reason.MEASURED:
            why_not = self._why_not(name)
            return f"measure {self._named(name)} before it is swapped for {self._named(found.target)}: {why_not}"
        if found.starts_s is not None:
            left_s = max(0.0, found.starts_s - now_s)
            if found.reason is Reason.DWELL:
                return f"wait {left_s:.1f} s of min_dwell, then swap {name} for {self._named(found.target)}"
            return f"an announced change: swap {name} for {self._named(found.target)} in {left_s:.1f} s"
        return f"hold {self._named(name)}: {self._why_not(name)}, but {self._not_worth(found.target)}"

    def _keep(self) -> str:
        found, active = self._found, self._active
        name = found.target if active is None else active.id
        if found.reason is Reason.BEST_ALREADY:
            return f"keep {self._named(name)}: the most accurate that fits {_asked(self._budget)}"
        best = self._case.best
        other = None if best is None else self._case.ladder.ids[best]
        if found.reason is Reason.GUARDED:
            return f"keep {self._named(name)}: over the last hour it would have earned more than swapping"
        return f"keep {self._named(name)}: {self._not_worth(other)}"

    def _worth(self, target: str | None) -> str:
        return f"{self._gain(target)}, and the line is expected to stay so for {self._expected()}"

    def _not_worth(self, target: str | None) -> str:
        return f"a swap to {target} is not worth its gap: {self._gain(target)}; expected to stay so: {self._expected()}"

    def _gain(self, target: str | None) -> str:
        active, place = self._active, self._case.ladder.place_of.get(target or "")
        if active is None or place is None or target is None:
            return "it fits"
        gain, gap_s = float(self._case.sight.scene.gains[place]), self._swap_s.get(target, 0.0)
        per_minute = (gain - active.gain) * 60.0
        if gain <= active.gain:
            return f"{per_minute:+.1f} correct parts/min for a gap of {gap_s:.1f} s"
        pays_s = gap_s * gain / (gain - active.gain)
        return f"{per_minute:+.1f} correct parts/min for a gap of {gap_s:.1f} s, which pays after {pays_s:.0f} s"

    def _expected(self) -> str:
        if self._lasts is None:
            return "unknown"
        expected_s = self._lasts.expected_s
        return f"{expected_s:.0f} s" if expected_s < 600.0 else f"{expected_s / 60.0:.0f} min"

    def _why_not(self, subnet_id: str | None) -> str:
        judged = self._judged.get(subnet_id or "")
        if judged is None:
            return "it is not in the library"
        return judged.candidate.why_not or "it is just over the budget"

    def _named(self, subnet_id: str | None) -> str:
        judged = self._judged.get(subnet_id or "")
        if judged is None:
            return str(subnet_id)
        one = judged.candidate
        basis = f"{one.measured} results" if one.measured else "predicted"
        return (
            f"{one.subnet_id} (accuracy {one.accuracy:.3f}, service {one.service_bound_ms:.1f} ms, "
            f"latency {one.latency_bound_ms:.1f} ms, {basis})"
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
