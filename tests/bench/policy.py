"""`make bench-policy`: every policy on LineShift, beside the optimum and the best fixed net in hindsight.

Prints a table, writes `bench-policy.json` and, where matplotlib is there, two plots beside it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from agent.replay.compare import Row, compare
from agent.replay.lineshift import FIRST_TUNING_SEED, LAWS, SCENARIOS, VERSION, lineshift
from agent.replay.optimum import optimum
from agent.replay.policies import BEST_FIXED, ORACLES, POLICIES, SHIPPED, known
from agent.replay.policies.true_law import TrueLaw
from agent.replay.score import outcome
from agent.replay.simulation import simulate
from agent.replay.trace import write_trace
from tests.bench.policy_table import TRUE_LAW, Cell, summary, table

NOTICED = (SHIPPED,)  # with notice too; the others take none


@dataclass(frozen=True, slots=True)
class Task:
    """One line and what to run on it."""

    scenario: str
    seed: int
    policies: tuple[str, ...]
    notice_s: float


def run(task: Task) -> list[Cell]:
    """All policies on one line."""
    line = lineshift(task.scenario, task.seed)
    rows = compare(line, task.policies, task.notice_s)
    if task.scenario in LAWS and not task.notice_s:
        law_run = simulate(line, TrueLaw(line.ladder, LAWS[task.scenario]))
        first = rows[0]
        rows.append(Row(TRUE_LAW, law_run, outcome(line, law_run), first.value_fixed, first.value_star))
    suffix = f"+{task.notice_s:g}s" if task.notice_s else ""
    return [
        Cell(
            policy=row.policy + suffix,
            scenario=task.scenario,
            seed=task.seed,
            ratio=row.ratio or 0.0,
            to_fixed=(row.outcome.value - row.value_fixed) / row.value_star,
            skill=row.skill,
            attainment=row.outcome.attainment,
            settled_attainment=row.outcome.settled_attainment,
            swaps=row.outcome.swaps,
            gap_share=row.outcome.gap_share,
            longest_miss_run=row.outcome.longest_miss_run,
        )
        for row in rows
    ]


def main() -> int:
    """Run all scenarios and seeds."""
    options = _options()
    policies = known(options.policy.split(","))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.traces is not None:
        return _write_traces(options.traces, seeds)
    tasks = [Task(scenario, seed, policies, 0.0) for scenario in SCENARIOS for seed in seeds]
    noticed = tuple(name for name in policies if name in NOTICED)
    tasks += [Task(task.scenario, task.seed, noticed, options.notice) for task in tasks if noticed and options.notice]
    with ProcessPoolExecutor(options.jobs) as pool:
        cells = list(itertools.chain.from_iterable(pool.map(run, tasks)))
    rows = summary(cells)
    told = {
        "benchmark": f"LineShift {VERSION}",
        "seeds": list(seeds),
        "notice_s": options.notice,
        "policies": rows,
        "seconds_per_policy_hour": _timed(policies),
        "runs": [asdict(cell) for cell in cells],
    }
    options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"LineShift {VERSION}: {len(SCENARIOS)} scenarios, seeds {seeds[0]} to {seeds[-1]}\n")
    sys.stdout.write(table(rows, tuple(SCENARIOS)))
    sys.stdout.write(f"written to {options.out}\n{_plots(cells, options.out, options.first_seed)}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-policy", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help=f"from {FIRST_TUNING_SEED} on: for tuning")
    parser.add_argument("--policy", default="all")
    parser.add_argument("--notice", type=float, default=5.0, help="seconds, for the policies that take notice; 0: none")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("bench-policy.json"))
    parser.add_argument("--traces", type=Path, help="only write the traces (CSV) into this folder")
    options = parser.parse_args()
    if options.seeds < 1 or options.first_seed < 0 or options.jobs < 1:
        parser.error("--seeds and --jobs are at least 1, --first-seed at least 0")
    return options


def _write_traces(folder: Path, seeds: range) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for scenario, seed in itertools.product(SCENARIOS, seeds):
        write_trace(lineshift(scenario, seed).trace, folder / f"{scenario}-{seed}.csv", f"LineShift {VERSION}")
    sys.stdout.write(f"{len(SCENARIOS) * len(seeds)} traces in {folder}\n")
    return 0


def _timed(policies: tuple[str, ...]) -> dict[str, float]:
    """Seconds for an hour of line, one process, the arrays of the line computed before."""
    line = lineshift("steps30s", FIRST_TUNING_SEED)
    started = perf_counter()
    outcome(line, optimum(line))
    found = {"optimum": perf_counter() - started}
    for name in policies:
        if name in POLICIES:
            started = perf_counter()
            outcome(line, simulate(line, POLICIES[name](line)))
            found[name] = perf_counter() - started
    return {name: round(seconds, 3) for name, seconds in found.items()}


def _plots(cells: list[Cell], out: Path, seed: int) -> str:
    try:
        from tests.bench.policy_plots import draw_ratios, draw_timeline
    except ImportError as exc:
        return f"no plots: {exc} (pip install matplotlib)"
    shown = [name for name in POLICIES if name not in ORACLES]
    ratios, timeline = out.with_suffix(".ratios.png"), out.with_suffix(".timeline.png")
    draw_ratios([cell for cell in cells if cell.policy.split("+")[0] in shown], ratios)
    line = lineshift("bursts", seed)
    draw_timeline(line, {name: simulate(line, POLICIES[name](line)) for name in (SHIPPED, BEST_FIXED)}, timeline)
    return f"plots: {ratios}, {timeline}"


if __name__ == "__main__":
    sys.exit(main())
