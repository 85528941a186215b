"""Several policies on one line, each against the best fixed net and the optimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.replay.ladder import Ladder
from agent.replay.line import Line
from agent.replay.optimum import optimum
from agent.replay.policies import BEST_FIXED, OPTIMUM, POLICIES, SHIPPED, USUAL, Terms
from agent.replay.score import Outcome, best_fixed, outcome, ratio, skill
from agent.replay.simulation import Run
from agent.replay.warm import play

DEFAULT_POLICIES = (SHIPPED, BEST_FIXED, "always_fastest")


@dataclass(frozen=True, slots=True)
class Row:
    """One policy: what it did, what that was worth, and the yardsticks of the same line."""

    policy: str
    run: Run
    outcome: Outcome
    value_fixed: float
    value_star: float

    @property
    def ratio(self) -> float | None:
        return ratio(self.outcome.value, self.value_star)

    @property
    def skill(self) -> float | None:
        return skill(self.outcome.value, self.value_fixed, self.value_star)

    @property
    def to_fixed(self) -> float | None:
        """How far above the best fixed net, in shares of U*."""
        return ratio(self.outcome.value - self.value_fixed, self.value_star)

    def to_json(self, ladder: Ladder) -> dict[str, object]:
        """The keys of interfaces.md section 7, and counts of parts."""
        found = self.outcome
        served = {net.id: count for net, count in zip(ladder.nets, found.served, strict=True) if count}
        return {
            "U": found.value,
            "U_star": self.value_star,
            "ratio": self.ratio,
            "skill": self.skill,
            "attainment": found.attainment,
            "swaps": found.swaps,
            "gap_share": found.gap_share,
            "longest_miss_run": found.longest_miss_run,
            "parts": {
                "in_time": found.in_time,
                "late": found.late,
                "in_gap": found.in_gap,
                "judged": found.judged,
                "settling": found.settling,
                "held": found.held,
                "by_subnet": served,
            },
            "kept_attainment": found.kept_attainment,
            "miscoverage": found.coverage.miscovered,
            "settled_miscoverage": found.settled_coverage.miscovered,
        }


def compare(
    line: Line, policies: Sequence[str], terms: Terms = USUAL, before: Mapping[str, Line] | None = None
) -> list[Row]:
    """One row for each policy, in this order; the optimum is computed whether it is asked for or not.

    `before` maps policies that keep what they learn to the line that they meet first; see `warm.play` for its errors.
    """
    best = optimum(line)
    star = outcome(line, best)
    value_fixed = outcome(line, Run(best_fixed(line), ())).value
    rows = []
    for name in policies:
        run = best if name == OPTIMUM else play(POLICIES[name], line, terms, (before or {}).get(name))
        scored = star if name == OPTIMUM else outcome(line, run)
        rows.append(Row(name, run, scored, value_fixed, star.value))
    return rows
