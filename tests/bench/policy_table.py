"""What many runs of policies say together: means with 95 % intervals over seeds, and the worst of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

TRUE_LAW = "true_law"  # the best without foresight, in the scenarios where it can be computed
BELOW_FIXED = 0.005  # of U*: a run that is further below the best fixed net is counted
# Student's t at .975 for 1, 2 ... 30 degrees of freedom; beyond, the normal's
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_Z = 1.960
_COLUMNS = (
    *("mean", "+-95%", "of law", "worst scen", "worst run", "to fixed", "its worst", "runs < -.5%"),
    *("skill", "in time %", "settled %", "swaps/h", "gaps %", "miss run"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One policy on one hour. `to_fixed` is its distance to the best fixed net in shares of U*."""

    policy: str
    scenario: str
    seed: int
    ratio: float
    to_fixed: float
    skill: float | None
    attainment: float | None
    settled_attainment: float | None
    swaps: int
    gap_share: float
    longest_miss_run: int


class Row(TypedDict):
    """One policy over all hours; `interval` is half the width of the 95 % interval of `ratio` over seeds.

    `worst_scenario` is the least of the scenarios' means, `worst_run` of all runs. `attainment` and `skill` are means
    over the runs that have one. `of_true_law`: share of what the best policy without foresight has, mean over the runs
    of the scenarios where that is known; U* is for the same hour.
    """

    policy: str
    ratio: float
    interval: float | None
    scenarios: dict[str, float]
    intervals: dict[str, float | None]
    of_true_law: float | None
    worst_scenario: float
    worst_run: float
    to_fixed: float
    worst_to_fixed: float
    runs_below_fixed: int
    skill: float | None
    attainment: float | None
    settled_attainment: float | None
    swaps_per_hour: float
    gap_share: float
    longest_miss_run: int


def interval(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % t-interval of the mean; None for one value."""
    if len(values) < 2:
        return None
    freedom = len(values) - 1
    t = _T[freedom - 1] if freedom <= len(_T) else _Z
    return t * statistics.stdev(values) / math.sqrt(len(values))


def summary(cells: Sequence[Cell]) -> list[Row]:
    """One row for each policy, in the order of their first run."""
    by_policy: dict[str, list[Cell]] = {}
    for cell in cells:
        by_policy.setdefault(cell.policy, []).append(cell)
    bounds = {(cell.scenario, cell.seed): cell.ratio for cell in cells if cell.policy == TRUE_LAW}
    return [_row(policy, found, bounds) for policy, found in by_policy.items()]


def table(rows: Sequence[Row], scenarios: Sequence[str]) -> str:
    """Two aligned tables: ratios by scenario, and what else a user asks."""
    width = max(len("policy"), *(len(row["policy"]) for row in rows)) + 2
    head = f"{'policy':{width}}" + "".join(f"{name:>11}" for name in scenarios)
    lines = ["", "U/U*, mean over seeds", head]
    for row in rows:
        lines.append(
            f"{row['policy']:{width}}" + "".join(f"{_told(row['scenarios'].get(name), 4):>11}" for name in scenarios)
        )
    lines += ["", f"{'policy':{width}}" + "".join(f"{name:>12}" for name in _COLUMNS)]
    for row in rows:
        cells = (
            *(
                f"{row['ratio']:.4f}",
                _told(row["interval"], 4),
                _told(row["of_true_law"], 4),
                f"{row['worst_scenario']:.4f}",
            ),
            *(f"{row['worst_run']:.4f}", f"{100 * row['to_fixed']:+.2f}", f"{100 * row['worst_to_fixed']:+.2f}"),
            *(str(row["runs_below_fixed"]), _told(row["skill"], 3), _told(row["attainment"], 3, 100.0)),
            _told(row["settled_attainment"], 3, 100.0),
            *(f"{row['swaps_per_hour']:.0f}", f"{100 * row['gap_share']:.2f}", str(row["longest_miss_run"])),
        )
        lines.append(f"{row['policy']:{width}}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join([*lines, "", ""])


def _row(policy: str, cells: Sequence[Cell], bounds: Mapping[tuple[str, int], float]) -> Row:
    by_scenario: dict[str, list[float]] = {}
    by_seed: dict[int, list[float]] = {}
    for cell in cells:
        by_scenario.setdefault(cell.scenario, []).append(cell.ratio)
        by_seed.setdefault(cell.seed, []).append(cell.ratio)
    scenarios = {name: statistics.fmean(values) for name, values in by_scenario.items()}
    return Row(
        policy=policy,
        ratio=statistics.fmean(cell.ratio for cell in cells),
        interval=interval([statistics.fmean(values) for values in by_seed.values()]),
        scenarios=scenarios,
        intervals={name: interval(values) for name, values in by_scenario.items()},
        of_true_law=_mean([cell.ratio / bounds[at] for cell in cells if (at := (cell.scenario, cell.seed)) in bounds]),
        worst_scenario=min(scenarios.values()),
        worst_run=min(cell.ratio for cell in cells),
        to_fixed=statistics.fmean(cell.to_fixed for cell in cells),
        worst_to_fixed=min(cell.to_fixed for cell in cells),
        runs_below_fixed=sum(cell.to_fixed < -BELOW_FIXED for cell in cells),
        skill=_mean([cell.skill for cell in cells]),
        attainment=_mean([cell.attainment for cell in cells]),
        settled_attainment=_mean([cell.settled_attainment for cell in cells]),
        swaps_per_hour=statistics.fmean(cell.swaps for cell in cells),
        gap_share=statistics.fmean(cell.gap_share for cell in cells),
        longest_miss_run=max(cell.longest_miss_run for cell in cells),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found else None


def _told(value: float | None, digits: int, scale: float = 1.0) -> str:
    return "-" if value is None else f"{scale * value:.{digits}f}"


def by_scenario(cells: Sequence[Cell]) -> Mapping[str, Mapping[str, list[float]]]:
    """Ratios by policy and scenario."""
    found: dict[str, dict[str, list[float]]] = {}
    for cell in cells:
        found.setdefault(cell.policy, {}).setdefault(cell.scenario, []).append(cell.ratio)
    return found
