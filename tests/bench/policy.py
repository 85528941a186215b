"""`make bench-policy`: every policy on LineShift, beside the optimum, the true law and the best fixed net in hindsight.

Prints tables and the goals, writes `bench-policy.json` and, where matplotlib is there, two plots beside it. Equal seeds
give equal figures whatever the number of jobs; only seconds differ.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

from agent.errors import BadInput
from agent.replay.benchmark import QUANTILE, TRUE_LAW, Variant, learns, maker, play_hour, yardsticks
from agent.replay.lineshift import FIRST_TUNING_SEED, SCENARIOS, VERSION, lineshift
from agent.replay.optimum import optimum
from agent.replay.policies import BEST_FIXED, OPTIMUM, ORACLES, SHIPPED, known
from agent.replay.score import outcome
from agent.replay.simulation import Run
from agent.replay.trace import write_trace
from tests.bench.policy_goals import text as goals_text
from tests.bench.policy_goals import verdicts
from tests.bench.policy_jobs import in_order
from tests.bench.policy_runs import Cell, cell
from tests.bench.policy_statistics import Row, summary
from tests.bench.policy_table import markdown, table

LEAST_SEEDS = 10  # of a report


@dataclass(frozen=True, slots=True)
class Task:
    """One hour, and what to run on it."""

    scenario: str
    seed: int
    variants: tuple[Variant, ...]
    quantile: float


def run(task: Task) -> list[Cell]:
    """All variants on one hour."""
    line = lineshift(task.scenario, task.seed)
    marks = yardsticks(line)
    cells = []
    for variant in task.variants:
        found = outcome(line, play_hour(variant, task.scenario, task.seed, line, task.quantile))
        cells.append(cell(variant.name, task.scenario, task.seed, found, marks))
    return cells


def variants_of(names: Iterable[str], notice_s: float) -> tuple[Variant, ...]:
    """The rows of the table: baselines, the best fixed net, what ships and one's own, and then those that know more."""
    asked = tuple(names)
    own = tuple(name for name in asked if ":" in name)
    last = (BEST_FIXED, SHIPPED, *own, TRUE_LAW, *ORACLES)
    ordered = [*(name for name in asked if name not in last), *(name for name in last if name in asked)]
    found: list[Variant] = []
    for name in ordered:
        notices = (0.0, notice_s) if notice_s and name in (SHIPPED, *own, TRUE_LAW) else (0.0,)
        ways = (False, True) if name in (SHIPPED, *own) and learns(name) else (False,)
        found += [Variant(name, notice, warm) for notice in notices for warm in ways]
    return tuple(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all scenarios and seeds that are asked for."""
    options = _options(arguments)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.traces is not None:
        return _write_traces(options.traces, options.scenarios, seeds)
    variants = variants_of(options.policies, options.notice)
    tasks = [Task(scenario, seed, variants, options.quantile) for seed in seeds for scenario in options.scenarios]
    cells = list(itertools.chain.from_iterable(in_order(run, tasks, options.jobs)))
    rows = summary(cells)
    found = verdicts(rows, options.quantile)
    told = {
        "benchmark": f"LineShift {VERSION}",
        "scenarios": options.scenarios,
        "seeds": list(seeds),
        "notice_s": options.notice,
        "quantile": options.quantile,
        "goals": [one.to_json() for one in found],
        "policies": rows,
        "seconds_per_policy_hour": _timed(variants, options.quantile),
        "runs": [asdict(one) for one in cells],
    }
    options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(_head(options.scenarios, seeds, options.quantile))
    sys.stdout.write(table(rows, options.scenarios, options.quantile))
    sys.stdout.write(goals_text(found, rows) if found else "")
    sys.stdout.write(markdown(rows) if options.markdown else "")
    sys.stdout.write(f"written to {options.out}\n")
    if not options.no_plots:
        sys.stdout.write(f"{_plots(rows, variants, options)}\n")
    return 0


def _head(scenarios: Sequence[str], seeds: range, quantile: float) -> str:
    head = f"LineShift {VERSION}: {len(scenarios)} scenarios, seeds {seeds[0]} to {seeds[-1]}, quantile {quantile:g}\n"
    if len(scenarios) < len(SCENARIOS):
        head += f"not the whole benchmark: that has {len(SCENARIOS)} scenarios\n"
    if seeds[-1] >= FIRST_TUNING_SEED:
        head += f"not a report: seeds from {FIRST_TUNING_SEED} on are for tuning\n"
    elif len(seeds) < LEAST_SEEDS:
        head += f"not a report: that takes {LEAST_SEEDS} seeds or more\n"
    return head


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-policy", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help=f"from {FIRST_TUNING_SEED} on: for tuning")
    parser.add_argument("--scenario", default="all", help="names with commas between")
    parser.add_argument("--policy", default="all", help=f"names with commas between, {TRUE_LAW} or MODULE:CLASS")
    parser.add_argument("--notice", type=float, default=5.0, help="seconds, for the policies that take notice; 0: none")
    parser.add_argument("--quantile", type=float, default=QUANTILE, help="share of results that must be in time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("bench-policy.json"))
    parser.add_argument("--timeline", default="bursts", choices=list(SCENARIOS), help="which hour is drawn")
    parser.add_argument("--markdown", action="store_true", help="also the figures of the reference page")
    parser.add_argument("--no-plots", action="store_true", help="figures only")
    parser.add_argument("--traces", type=Path, help="only write the traces (CSV) into this folder")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.first_seed < 0 or options.jobs < 1:
        parser.error("--seeds and --jobs are at least 1, --first-seed at least 0")
    if not 0.5 <= options.quantile <= 0.9999 or options.notice < 0:
        parser.error("--quantile is from 0.5 to 0.9999, --notice at least 0")
    options.scenarios = list(SCENARIOS) if options.scenario == "all" else options.scenario.split(",")
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"scenario {name!r} is unknown; known: {', '.join(SCENARIOS)}")
    try:
        options.policies = _policies(options.policy.split(","))
    except BadInput as exc:
        parser.error(str(exc))
    return options


def _policies(asked: Sequence[str]) -> list[str]:
    """`all` spelt out. Raises BadInput for one that is not there; the optimum is a yardstick and no row."""
    found: dict[str, None] = {}
    for name in asked:
        if ":" in name:
            maker(name)
        own = name == TRUE_LAW or ":" in name
        found |= dict.fromkeys([name] if own else known([name])) | ({TRUE_LAW: None} if name == "all" else {})
    return [name for name in found if name != OPTIMUM]


def _write_traces(folder: Path, scenarios: Sequence[str], seeds: range) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for scenario, seed in itertools.product(scenarios, seeds):
        write_trace(lineshift(scenario, seed).trace, folder / f"{scenario}-{seed}.csv", f"LineShift {VERSION}")
    sys.stdout.write(f"{len(scenarios) * len(seeds)} traces in {folder}\n")
    return 0


def _timed(variants: Sequence[Variant], quantile: float) -> dict[str, float]:
    """Seconds of one core for an hour of line, the arrays of the line computed before."""
    scenario, seed = "steps30s", FIRST_TUNING_SEED
    line = lineshift(scenario, seed)
    started = process_time()
    outcome(line, optimum(line))
    found = {OPTIMUM: process_time() - started}
    for variant in variants:
        if not variant.warm:
            started = process_time()
            outcome(line, play_hour(variant, scenario, seed, line, quantile))
            found[variant.name] = process_time() - started
    return {name: round(seconds, 3) for name, seconds in found.items()}


def _plots(rows: Sequence[Row], variants: Sequence[Variant], options: argparse.Namespace) -> str:
    try:
        from tests.bench.policy_plots import draw_ratios, draw_timeline
    except ImportError as exc:
        return f"no plots: {exc} (pip install matplotlib)"
    ratios, timeline = options.out.with_suffix(".ratios.png"), options.out.with_suffix(".timeline.png")
    draw_ratios(rows, options.scenarios, ratios)
    seed, scenario = options.first_seed, options.timeline
    line = lineshift(scenario, seed)
    shown = [one for one in variants if not one.warm and (":" in one.policy or one.policy in (BEST_FIXED, SHIPPED))]
    runs: dict[str, Run] = {one.name: play_hour(one, scenario, seed, line, options.quantile) for one in shown}
    draw_timeline(line, runs | {OPTIMUM: optimum(line)}, f"{scenario}, seed {seed}", timeline)
    return f"plots: {ratios}, {timeline}"


if __name__ == "__main__":
    sys.exit(main())
