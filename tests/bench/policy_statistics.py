"""What many runs of policies say together: means with 95 % intervals over seeds, and the worst of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict

from agent.replay.benchmark import TRUE_LAW
from tests.bench.policy_runs import Cell

BELOW_FIXED = 0.005  # of U*: a run that is further below the best fixed net is counted
# Student's t at .975 for 1, 2 ... 30 degrees of freedom
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_Z = 1.959964


class Mean(TypedDict):
    """A mean over seeds; `interval` is half the width of its 95 % t-interval, None for one seed."""

    mean: float
    interval: float | None


class Miscoverage(TypedDict):
    """Shares of the parts under a published bound that took longer than it: of all, and without the settling ones."""

    every: float | None
    settled: float | None


class Row(TypedDict):
    """One policy over all hours.

    `ratio` is U/U* (of each seed's mean over scenarios), `worst_scenario` the least of the scenarios' means,
    `worst_run` that of all runs. `of_law` is the share of what the true law's policy has under the same notice, hour by
    hour, over `law_hours` hours. `to_fixed`: distance to the best fixed net in shares of U*. Attainments, shares and
    `skill` are means over the runs that have one; `kept_worst_scenario` is the least of the scenarios' means.
    """

    policy: str
    runs: int
    ratio: Mean
    scenarios: dict[str, Mean]
    worst_scenario: float
    worst_run: float
    of_law: float | None
    law_hours: int
    to_fixed: Mean
    to_fixed_scenarios: dict[str, Mean]
    worst_to_fixed: float
    runs_below_fixed: int
    skill: float | None
    attainment: float | None
    settled_attainment: float | None
    kept_attainment: float | None
    kept_scenarios: dict[str, float | None]
    kept_worst_scenario: float | None
    settling_share: float
    held_share: float
    miscoverage: dict[str, Miscoverage]
    swaps_per_hour: float
    gap_share: float
    longest_miss_run: int
    longest_avoidable_run: int


def student_t(freedom: int) -> float:
    """The .975 quantile of Student's t: from the table, beyond it by the expansion in 1/freedom (error below 1e-4)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    first, second = (_Z**3 + _Z) / 4, (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    return _Z + first / freedom + second / freedom**2


def interval(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % t-interval of the mean; None for one value."""
    if len(values) < 2:
        return None
    return student_t(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


def over_seeds(cells: Iterable[Cell], figure: Callable[[Cell], float]) -> Mean:
    """Mean and interval over the seeds' means: hours of one seed are not taken as independent draws."""
    by_seed: dict[int, list[float]] = {}
    for one in cells:
        by_seed.setdefault(one.seed, []).append(figure(one))
    means = [statistics.fmean(values) for values in by_seed.values()]
    return Mean(mean=statistics.fmean(means), interval=interval(means))


def summary(cells: Sequence[Cell]) -> list[Row]:
    """One row for each policy, in the order of their first run."""
    by_policy: dict[str, list[Cell]] = {}
    for one in cells:
        by_policy.setdefault(one.policy, []).append(one)
    return [_row(policy, found, _law(policy, by_policy)) for policy, found in by_policy.items()]


def _law(policy: str, by_policy: Mapping[str, Sequence[Cell]]) -> dict[tuple[str, int], float]:
    """U/U* of the true law by scenario and seed, with notice for a policy that has it."""
    notice = policy.partition(" +")[2]
    name = f"{TRUE_LAW} +{notice}" if notice else TRUE_LAW
    return {(one.scenario, one.seed): one.ratio for one in by_policy.get(name, ())}


def _row(policy: str, cells: Sequence[Cell], law: Mapping[tuple[str, int], float]) -> Row:
    by_scenario: dict[str, list[Cell]] = {}
    for one in cells:
        by_scenario.setdefault(one.scenario, []).append(one)
    scenarios = {name: over_seeds(found, _ratio) for name, found in by_scenario.items()}
    of_law = [one.ratio / law[at] for one in cells if (at := (one.scenario, one.seed)) in law]
    kept = {name: _mean(one.kept_attainment for one in found) for name, found in by_scenario.items()}
    return Row(
        policy=policy,
        runs=len(cells),
        ratio=over_seeds(cells, _ratio),
        scenarios=scenarios,
        worst_scenario=min(one["mean"] for one in scenarios.values()),
        worst_run=min(one.ratio for one in cells),
        of_law=_mean(of_law),
        law_hours=len(of_law),
        to_fixed=over_seeds(cells, _to_fixed),
        to_fixed_scenarios={name: over_seeds(found, _to_fixed) for name, found in by_scenario.items()},
        worst_to_fixed=min(one.to_fixed for one in cells),
        runs_below_fixed=sum(one.to_fixed < -BELOW_FIXED for one in cells),
        skill=_mean(one.skill for one in cells),
        attainment=_mean(one.attainment for one in cells),
        settled_attainment=_mean(one.settled_attainment for one in cells),
        kept_attainment=_mean(one.kept_attainment for one in cells),
        kept_scenarios=kept,
        kept_worst_scenario=min((one for one in kept.values() if one is not None), default=None),
        settling_share=statistics.fmean(one.settling_share for one in cells),
        held_share=statistics.fmean(one.held_share for one in cells),
        miscoverage={name: _miscoverage(found) for name, found in by_scenario.items()},
        swaps_per_hour=statistics.fmean(one.swaps for one in cells),
        gap_share=statistics.fmean(one.gap_share for one in cells),
        longest_miss_run=max(one.longest_miss_run for one in cells),
        longest_avoidable_run=max(one.longest_avoidable_run for one in cells),
    )


def _ratio(one: Cell) -> float:
    return one.ratio


def _to_fixed(one: Cell) -> float:
    return one.to_fixed


def _miscoverage(cells: Sequence[Cell]) -> Miscoverage:
    """Of the parts of all seeds together: single hours have too few beyond a bound for a mean of shares."""
    every, settled = sum(one.bounded for one in cells), sum(one.settled_bounded for one in cells)
    return Miscoverage(
        every=sum(one.beyond for one in cells) / every if every else None,
        settled=sum(one.settled_beyond for one in cells) / settled if settled else None,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found else None
