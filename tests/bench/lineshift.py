"""`policy.*`: what the shipped policy loses on LineShift, over what its goals let it lose.

Three of the benchmark's ten seeds; a report is `make bench-policy`, with all seeds and baselines.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

from agent.replay.benchmark import QUANTILE, TRUE_LAW
from agent.replay.lineshift import SCENARIOS
from agent.replay.policies import SHIPPED
from tests.bench.figures import Figure, Left
from tests.bench.policy import Task, run, variants_of
from tests.bench.policy_goals import NOTICE_S, Verdict, verdicts
from tests.bench.policy_jobs import in_order
from tests.bench.policy_runs import Cell
from tests.bench.policy_statistics import summary

SEEDS = range(3)
_WORDS = {
    "mean U/U*": "mean",
    "worst scenario's U/U*": "worst_scenario",
    "worst run to best fixed": "to_fixed",
    "share of the true law": "of_law",
    "attainment, settling and holds left out": "attainment",
}
_WAYS = {f" warm +{NOTICE_S:g}s": "notice_warm", " warm": "warm", f" +{NOTICE_S:g}s": "notice", "": "cold"}


def figures() -> list[Figure | Left]:
    """Measure. Takes about four minutes on two cores; equal seeds give equal figures."""
    variants = variants_of((SHIPPED, TRUE_LAW), NOTICE_S)
    tasks = [Task(scenario, seed, variants, QUANTILE) for seed in SEEDS for scenario in SCENARIOS]
    return [*of_cells(list(chain.from_iterable(in_order(run, tasks, os.cpu_count() or 1))))]


def of_cells(cells: Sequence[Cell]) -> list[Figure]:
    """A figure for each goal; its values are those of the seeds."""
    found: dict[str, list[Verdict]] = {}
    for seed in dict.fromkeys(one.seed for one in cells):
        for verdict in verdicts(summary([one for one in cells if one.seed == seed]), QUANTILE):
            key = _key(verdict)
            if key is not None and verdict.figure is not None:
                found.setdefault(key, []).append(verdict)
    return [_figure(key, seeds) for key, seeds in found.items()]


def _key(verdict: Verdict) -> str | None:
    word, way = _WORDS.get(verdict.goal), _WAYS.get(verdict.policy.removeprefix(SHIPPED))
    return None if word is None or way is None else f"policy.{word}_{way}"


def _figure(key: str, seeds: Sequence[Verdict]) -> Figure:
    """What is lost of all that could be had. Of the distance to the best fixed network, 0 is what could be lost."""
    goal = seeds[0]
    whole = 0.0 if goal.least < 0 else 1.0
    figures = [one.figure for one in seeds if one.figure is not None]
    return Figure(
        key,
        f"{goal.goal} of the policy, {goal.policy}: what it is short of {whole:g}",
        f"what the goal lets it be short: {whole - goal.least:g}",
        tuple((whole - one) / (whole - goal.least) for one in figures),
        1.0,
        {"figure": sorted(figures)[len(figures) // 2], "least": goal.least},
    )
