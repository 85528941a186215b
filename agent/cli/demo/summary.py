"""The closing summary of the demo: the JSON object, the lines, and why a run was not good. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.cli.demo.score import PhaseScore, Score
from agent.cli.output import number, percent

PHASE_HEADINGS = ("parts/min", "sub-net", "results", "budget", "p99", "service", "limit", "accuracy")

_BUSY = 1.5  # load of a core; the demo by itself stays below


@dataclass(frozen=True, slots=True)
class SwapLine:
    """A finished swap as the journal has it; `from_subnet` and `gap_s` None for the first network."""

    id: str
    from_subnet: str | None
    to_subnet: str
    reason: str
    budget_id: str
    gap_s: float | None
    outcome: str

    def text(self) -> str:
        gap = f"gap {self.gap_s:.2f} s" if self.gap_s is not None else "no network before"
        ended = "" if self.outcome == "verified" else f", {self.outcome}"
        return f"swap {self.from_subnet or 'nothing'} -> {self.to_subnet}: {self.reason}, {gap}{ended}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run showed. `problems` is empty where it went well."""

    score: Score
    swaps: tuple[SwapLine, ...]
    dropped: int
    problems: tuple[str, ...]


def judge(score: Score, swaps: Sequence[SwapLine], dropped: int, least_swaps: int) -> Outcome:
    """Add what is wrong with a run, one line each."""
    problems = [f"{score.wrong_attributions} results of another sub-net: {score.wrong_examples}"]
    problems = problems if score.wrong_attributions else []
    if not score.parts.inspected:
        problems.append("no result was received")
    caused = budget_swaps(score, swaps)
    if caused < least_swaps:
        problems.append(f"{caused} swaps caused by a budget, expected at least {least_swaps}")
    if dropped:
        problems.append(f"the observer missed {dropped} results")
    problems += [_over_budget(one) for one in score.phases if not one.within]
    problems += _not_rising(score.phases)
    ended = tuple(swap for swap in swaps if swap.outcome != "running")
    return Outcome(score, ended, dropped, tuple(problems))


def budget_swaps(score: Score, swaps: Sequence[SwapLine]) -> int:
    """Verified swaps that a change of the budget led to."""
    asked = {one.phase.budget_id for one in score.phases}
    caused = {swap.budget_id for swap in swaps if swap.outcome == "verified" and swap.from_subnet is not None}
    return len(asked & caused)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """The object of `demo --json` (interfaces.md section 2, and more)."""
    parts = outcome.score.parts
    return {
        "ok": not outcome.problems,
        "problems": list(outcome.problems),
        "swaps": [
            {"from": s.from_subnet, "to": s.to_subnet, "reason": s.reason, "gap_s": s.gap_s, "outcome": s.outcome}
            for s in outcome.swaps
        ],
        "parts": {
            "seen": parts.seen,
            "inspected": parts.inspected,
            "missed_gap": parts.missed_gap,
            "missed_busy": parts.missed_busy,
            "late": parts.late,
        },
        "accuracy": outcome.score.accuracy,
        "phases": [_phase_json(one) for one in outcome.score.phases],
        "wrong_attributions": outcome.score.wrong_attributions,
        "dropped": outcome.dropped,
    }


def phase_row(one: PhaseScore) -> tuple[str, ...]:
    """A row under PHASE_HEADINGS."""
    return (
        f"{one.phase.parts_per_minute:g}",
        one.phase.subnet_id + ("" if one.phase.feasible else " (infeasible)"),
        str(one.results),
        number(one.phase.budget_ms, 0, " ms"),
        number(one.p99_ms, 1),
        number(one.service_p99_ms, 1),
        number(one.service_limit_ms, 1),
        percent(one.accuracy),
    )


def closing_lines(outcome: Outcome) -> list[str]:
    """The summary in words."""
    parts, found = outcome.score.parts, outcome.score
    gaps = [swap.gap_s for swap in outcome.swaps if swap.gap_s is not None]
    lines = [
        f"parts: {parts.seen} seen, {parts.inspected} inspected, {parts.late} of them late",
        f"missed: {parts.missed_gap} in the gaps of swaps, {parts.missed_busy} while the camera was busy",
        f"accuracy of the inspected parts: {percent(found.accuracy)}",
        f"swaps: {len(outcome.swaps)}, {budget_swaps(found, outcome.swaps)} caused by a budget"
        + (f", gaps {min(gaps):.2f} to {max(gaps):.2f} s" if gaps else ""),
        f"results checked against the camera's own record: {parts.inspected}, "
        f"{found.wrong_attributions} wrongly attributed",
    ]
    return [*lines, *(f"NOT WELL: {problem}" for problem in outcome.problems)]


def busy_line(load: float, cores: int) -> str | None:
    """What to do where a run was not good and the machine had more to do than this; None where it had not."""
    if load <= _BUSY * cores:
        return None
    return (
        f"this machine was busy (load {load:.1f} on {cores} cores), and the simulated camera computes its networks on"
        " it: close what else runs and try again"
    )


def _phase_json(one: PhaseScore) -> dict[str, Any]:
    return {
        "parts_per_minute": one.phase.parts_per_minute,
        "budget_ms": one.phase.budget_ms,
        "p99_ms": one.p99_ms,
        "service_limit_ms": one.service_limit_ms,
        "service_p99_ms": one.service_p99_ms,
        "feasible": one.phase.feasible,
        "accuracy": one.accuracy,
        "subnet": one.phase.subnet_id,
        "results": one.results,
        "late": one.late,
    }


def _over_budget(one: PhaseScore) -> str:
    return (
        f"{one.phase.parts_per_minute:g} parts/min: p99 {number(one.p99_ms)} ms over the budget of "
        f"{number(one.phase.budget_ms)} ms ({one.results} results)"
    )


def _not_rising(phases: Sequence[PhaseScore]) -> list[str]:
    """Accuracy must be higher under the loosest budget than under the tightest."""
    judged = [one for one in phases if one.phase.feasible and one.accuracy is not None]
    if len(judged) < 2:
        return []
    loosest = max(judged, key=lambda one: one.phase.budget_ms)
    tightest = min(judged, key=lambda one: one.phase.budget_ms)
    if (loosest.accuracy or 0) > (tightest.accuracy or 0):
        return []
    return [f"accuracy {percent(loosest.accuracy)} at the loosest budget, {percent(tightest.accuracy)} at the tightest"]
