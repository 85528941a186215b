"""The goals of the shipped policy (design/goals.md, `policy.*`), each held against the row that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.replay.policies import SHIPPED
from tests.bench.policy_statistics import BELOW_FIXED, Row

NOTICE_S = 5.0
COVERED_WITHIN = 2.0  # miscoverage may be this factor beside its target, to either side
_COLD, _WARM = SHIPPED, f"{SHIPPED} warm"
_COLD_NOTICE, _WARM_NOTICE = f"{_COLD} +{NOTICE_S:g}s", f"{_WARM} +{NOTICE_S:g}s"
_ROWS = (_COLD, _WARM, _COLD_NOTICE, _WARM_NOTICE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal on one row: `figure` is to be at least `least`, and at most `most` where there is one."""

    goal: str
    policy: str
    figure: float | None
    least: float
    most: float | None = None

    @property
    def missed_by(self) -> float:
        """0 where the goal is met; infinite where there is no figure to hold against it."""
        if self.figure is None:
            return float("inf")
        return max(0.0, self.least - self.figure, 0.0 if self.most is None else self.figure - self.most)

    @property
    def verdict(self) -> str:
        """`met`, `missed by ...` or `not measured`."""
        if self.figure is None:
            return "not measured"
        return f"missed by {self.missed_by:.5f}" if self.missed_by > 0 else "met"

    def to_json(self) -> dict[str, object]:
        """Entry of the JSON file."""
        found: dict[str, object] = {"goal": self.goal, "policy": self.policy, "figure": self.figure}
        return found | {"least": self.least, "most": self.most, "verdict": self.verdict}


def verdicts(rows: Sequence[Row], quantile: float) -> list[Verdict]:
    """Each goal whose row was run. Attainment and miscoverage are of `quantile`."""
    by_name = {row["policy"]: row for row in rows}
    return [*_worth(by_name), *_promises(by_name, quantile)]


def text(found: Sequence[Verdict], rows: Sequence[Row]) -> str:
    """One line for each, and what is counted without a goal."""
    lines = ["", f"{'what':44}{'policy':16}{'figure':>10}{'goal':>18}"]
    for one in found:
        figure = "-" if one.figure is None else f"{one.figure:.5f}"
        bounds = f">= {one.least:g}" if one.most is None else f"{one.least:g} to {one.most:g}"
        lines.append(f"{one.goal:44}{one.policy:16}{figure:>10}{bounds:>18}  {one.verdict}")
    for row in rows:
        if row["policy"] in (_COLD, _COLD_NOTICE):
            below = f"{row['runs_below_fixed']}/{row['runs']}"
            lines.append(f"{'runs more than .5 % below best fixed':44}{row['policy']:16}{below:>10}{'counted':>18}")
    return "\n".join([*lines, "", ""])


def _worth(rows: Mapping[str, Row]) -> Iterator[Verdict]:
    def each(goal: str, names: Sequence[str], least: float, figure: Callable[[Row], float | None]) -> Iterator[Verdict]:
        yield from (Verdict(goal, name, figure(rows[name]), least) for name in names if name in rows)

    noticed = (_COLD_NOTICE, _WARM_NOTICE)
    yield from each("mean U/U*", noticed, 0.9955, lambda row: row["ratio"]["mean"])
    yield from each("worst scenario's U/U*", noticed, 0.985, lambda row: row["worst_scenario"])
    yield from each("mean U/U*", (_WARM,), 0.990, lambda row: row["ratio"]["mean"])
    yield from each("mean U/U*", (_COLD,), 0.9885, lambda row: row["ratio"]["mean"])
    warm = (_WARM, _WARM_NOTICE)
    yield from each("worst run to best fixed", warm, -BELOW_FIXED, lambda row: row["worst_to_fixed"])
    yield from each("share of the true law", warm, 0.998, lambda row: row["of_law"])


def _promises(rows: Mapping[str, Row], quantile: float) -> Iterator[Verdict]:
    target = 1.0 - quantile
    least, most = target / COVERED_WITHIN, target * COVERED_WITHIN
    for name in _ROWS:
        if name not in rows:
            continue
        row = rows[name]
        yield Verdict("attainment, settling and holds left out", name, row["kept_attainment"], quantile)
        for scenario, found in row["miscoverage"].items():
            yield Verdict(f"miscoverage, settled, {scenario}", name, found["settled"], least, most)
