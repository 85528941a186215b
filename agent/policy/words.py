"""A decision in words: one line, for a reader who knows the line and the camera but not the rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.domain.budget import Budget
from agent.domain.decision import Action, Reason
from agent.policy.candidates import Judged, Limits
from agent.policy.delivery import whole_periods_ms
from agent.policy.timing import Basis
from agent.policy.verdict import Case, Verdict


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to tell, by sub-net; `figures` by their names."""

    judged: Mapping[str, Judged]
    figures: Mapping[str, Mapping[str, float]]
    limits: Limits
    basis: Mapping[str, Basis]


def words(case: Case, found: Verdict, known: Known) -> str:
    """One line."""
    return _Words(case, found, known).text()


class _Words:
    def __init__(self, case: Case, found: Verdict, known: Known) -> None:
        self._case = case
        self._found = found
        self._known = known
        self._budget = case.sight.demand.effective.budget
        self._active = case.sight.active
        self._stands = case.sight.scene.stopped

    def text(self) -> str:
        found, active = self._found, self._active
        if active is not None and active.retired:
            return self._retired()
        if found.reason is Reason.INFEASIBLE or (not found.feasible and self._case.best is None):
            return self._infeasible()
        by_action: dict[Action, Callable[[], str]] = {
            Action.SWAP: self._swap,
            Action.HOLD: self._hold,
            Action.KEEP: self._keep,
        }
        return by_action[found.action]()

    def _retired(self) -> str:
        found, active = self._found, self._active
        name = "" if active is None else active.id
        over = ""
        if active is not None and not active.fits:
            over = f": its service time of {active.bound_ms:.1f} ms is too long for {_asked(self._budget)}"
        if found.action is Action.SWAP:
            return f"swap {name} (no longer in the library) for {self._named(found.target)}{over}"
        return f"keep {name}, which is no longer in the library{over}"

    def _infeasible(self) -> str:
        found, active = self._found, self._active
        why = f"no usable sub-net meets {_asked(self._budget)}; {self._within_reach()}"
        if found.action is Action.SWAP:
            return f"{why}; swap to {self._named(found.target)}, the most likely to meet it"
        if active is None:
            return why
        held = "hold" if self._case.infeasible == "hold" else "keep"
        return f"{held} {self._named(active.id)}: {why}"

    def _within_reach(self) -> str:
        """What the budget could be at most, in each respect that it names."""
        limits, asked = self._known.limits, self._budget
        usable = [one.candidate for one in self._known.judged.values() if one.usable]
        told = []
        if not usable:
            return "no sub-net may be uploaded"
        if asked.parts_per_minute is not None:
            fastest_ms = min(one.service_bound_ms for one in usable)
            if limits.free_running:
                fastest_ms = whole_periods_ms(fastest_ms, limits.period_ms)
            told.append(f"at most {60_000.0 / fastest_ms:.0f} parts/min can be kept up")
        if asked.max_latency_ms is not None:
            told.append(f"the least latency is {min(one.latency_bound_ms for one in usable):.1f} ms")
        if asked.min_accuracy is not None:
            told.append(f"the best accuracy is {max(one.accuracy for one in usable):.3f}")
        return ", ".join(told)

    def _swap(self) -> str:
        found, active = self._found, self._active
        if active is None:
            return f"start with {self._named(found.target)}"
        swap = f"swap {active.id} for {self._named(found.target)}"
        if found.reason is Reason.GUARDED:
            return f"{swap}: held all the time, it would have earned more lately than the swaps that were made"
        if not active.fits:
            promise = self._case.promise
            promised = ""
            if promise is not None and found.reason is Reason.MEASURED:
                promised = f" (promised {promise.service_bound_ms:.1f} ms)"
            return f"{swap}: {self._why_not(active.id)}{promised}"
        if self._stands:
            return f"{swap} while the line stands: no part is lost{self._expected(found.target)}"
        coming = self._change()
        return f"{swap}: {coming}" if coming else f"{swap}: {self._weighed(found.target)}"

    def _hold(self) -> str:
        found, active = self._found, self._active
        name = "" if active is None else active.id
        if found.reason is Reason.MEASURED:
            why_not = self._why_not(name)
            return f"measure {self._named(name)} before it is swapped for {self._named(found.target)}: {why_not}"
        if found.starts_s is not None:
            left_s = max(0.0, found.starts_s - self._case.view.now_s)
            if found.reason is Reason.DWELL:
                why = self._change() or self._weighed(found.target)
                return f"wait {left_s:.1f} s of min_dwell, then swap {name} for {self._named(found.target)}: {why}"
            why = self._change() or "the line is on its way to another speed"
            return f"in {left_s:.1f} s swap {name} for {self._named(found.target)}: {why}"
        if found.reason is Reason.GUARDED:
            return f"hold {self._named(name)}: {self._why_not(name)}, but {_GUARDED}"
        return f"hold {self._named(name)}: {self._why_not(name)}, but {self._not_worth(found.target)}"

    def _keep(self) -> str:
        found, active = self._found, self._active
        name = found.target if active is None else active.id
        kept = f"keep {self._named(name)}"
        if found.reason is Reason.BEST_ALREADY:
            return f"{kept}: the most accurate that meets {_asked(self._budget)}"
        if found.reason is Reason.GUARDED:
            return f"{kept}: {_GUARDED}"
        best = self._case.best
        return f"{kept}: {self._not_worth(None if best is None else self._case.ladder.ids[best])}"

    def _change(self) -> str:
        """Of an announced change, as far as it calls for the target."""
        view, target = self._case.view, self._found.target
        coming = [one for one in view.announced if one.at_s > view.now_s]
        if not coming:
            return ""
        gap_s = self._figure(target, "gap")
        takes = "" if gap_s is None else f", and the swap takes {gap_s:.1f} s"
        return f"a change is announced for in {coming[0].at_s - view.now_s:.1f} s{takes}"

    def _not_worth(self, target: str | None) -> str:
        if self._stands:
            wins = self._figure(target, "swap_now_wins")
            less = "" if wins is None else f" (by {abs(wins):.1f} correct parts)"
            return f"the line stands, and by what it has asked for after earlier stops {target} is worth less{less}"
        wins = self._figure(target, "swap_now_wins")
        yet = "not yet" if wins is not None and wins > 0.0 else "not"
        return f"a swap to {target} is {yet} worth its gap: {self._weighed(target)}"

    def _weighed(self, target: str | None) -> str:
        """What a swap costs, wins, and when it has paid."""
        gap_s, pays_s = self._figure(target, "gap"), self._figure(target, "pays_after")
        if gap_s is None:
            return "it is not one of the sub-nets that swaps are weighed between"
        told = f"{gap_s:.1f} s without results"
        more = self._more(target)
        if pays_s is None:
            told += f", then {more:+.1f} correct parts/min"
        else:
            chance = self._figure(target, "lasts_so_long") or 0.0
            told += f", then {more:+.1f} correct parts/min, which pays if the line stays so for {_seconds(pays_s)}"
            told += f" (chance {'over 99' if chance > 99.0 else f'{chance:.0f}'} %)"
        return told + self._on_balance(target)

    def _on_balance(self, target: str | None) -> str:
        wins, chosen = self._figure(target, "swap_now_wins"), self._found.chosen
        if wins is None or chosen is None:
            return ""
        parts = f"{abs(wins):.1f} correct parts {'more' if wins > 0.0 else 'less'} than waiting"
        told = f"; with what is likely to follow, swapping now is worth {parts}"
        if self._found.action is not Action.SWAP and 0.0 < wins <= chosen.margin:
            told += f", and it takes {chosen.margin:.1f}"
        elif self._found.action is not Action.SWAP and wins > chosen.margin:
            told += ", which is too little while the line is not better known"
        return told

    def _expected(self, target: str | None) -> str:
        """Where a line that stands is not expected to go on as its budget says."""
        best = self._case.best
        if best is None or self._case.ladder.ids[best] == target or self._case.view.announced:
            return ""
        return ", and it is worth most by what the line has asked for after earlier stops"

    def _more(self, target: str | None) -> float:
        """Correct parts a minute more than with the active net."""
        active = self._active
        after = self._figure(target, "correct_parts_per_minute") or 0.0
        before = None if active is None else self._figure(active.id, "correct_parts_per_minute")
        if before is None:
            before = 0.0 if active is None else active.gain * 60.0
        return after - before

    def _figure(self, subnet_id: str | None, name: str) -> float | None:
        return self._known.figures.get(subnet_id or "", {}).get(name)

    def _why_not(self, subnet_id: str | None) -> str:
        judged = self._known.judged.get(subnet_id or "")
        if judged is None:
            return "it is not in the library"
        return judged.candidate.why_not or "it is just over the budget"

    def _named(self, subnet_id: str | None) -> str:
        judged = self._known.judged.get(subnet_id or "")
        if judged is None:
            return str(subnet_id)
        one = judged.candidate
        basis = "predicted"
        if one.measured:
            profiled = self._known.basis.get(one.subnet_id) == "profile"
            basis = f"profile of {one.measured} results" if profiled else f"{one.measured} results"
        return (
            f"{one.subnet_id} (accuracy {one.accuracy:.3f}, service {one.service_bound_ms:.1f} ms, "
            f"latency {one.latency_bound_ms:.1f} ms, {basis})"
        )


_GUARDED = "held all the time, it would have earned more lately than the swaps that were made"


def _asked(budget: Budget) -> str:
    parts = []
    if budget.parts_per_minute is not None:
        parts.append(f"{budget.parts_per_minute:g} parts/min")
    if budget.max_latency_ms is not None:
        parts.append(f"{budget.max_latency_ms:g} ms")
    if budget.min_accuracy is not None:
        parts.append(f"accuracy {budget.min_accuracy:g}")
    return f"{' and '.join(parts)} for {budget.quantile * 100.0:g} % of results"


def _seconds(span_s: float) -> str:
    """`36 s`, `12 min`, `5 h`."""
    if span_s < 600.0:
        return f"{span_s:.0f} s"
    return f"{span_s / 60.0:.0f} min" if span_s < 36_000.0 else f"{span_s / 3600.0:.0f} h"
