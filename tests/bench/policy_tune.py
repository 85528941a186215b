"""`python -m tests.bench.policy_tune`: the shipped policy alone, fast, for choosing its constants on tuning seeds.

U* and the best fixed nets are kept in a file, so that another run computes only what changed: the policy.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

import agent.replay
from agent.replay.benchmark import QUANTILE, Variant, Yardsticks, play_hour, yardsticks
from agent.replay.lineshift import FIRST_TUNING_SEED, SCENARIOS, VERSION, lineshift
from agent.replay.policies import SHIPPED
from agent.replay.score import outcome
from tests.bench.policy_jobs import in_order
from tests.bench.policy_runs import Cell, cell
from tests.bench.policy_statistics import BELOW_FIXED

MODES = {"cold": (False, 0.0), "warm": (True, 0.0), "cold+5": (False, 5.0), "warm+5": (True, 5.0)}
# What a yardstick rests on: another text of these makes it another one.
_SOURCES = ("lineshift.py", "trace.py", "line.py", "ladder.py", "optimum.py", "simulation.py")
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Task:
    """One hour, and the variants to run on it."""

    scenario: str
    seed: int
    variants: tuple[Variant, ...]
    quantile: float
    marks: Yardsticks | None


def run(task: Task) -> tuple[_Key, Yardsticks, list[Cell], float]:
    """Also the seconds for one hour of one variant."""
    line = lineshift(task.scenario, task.seed)
    marks = task.marks or yardsticks(line)
    cells, started = [], process_time()
    for variant in task.variants:
        found = outcome(line, play_hour(variant, task.scenario, task.seed, line, task.quantile))
        cells.append(cell(variant.name, task.scenario, task.seed, found, marks))
    hours = sum(1 + variant.warm for variant in task.variants)
    return (task.scenario, task.seed), marks, cells, (process_time() - started) / max(1, hours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print one table."""
    options = _options(arguments)
    variants = tuple(Variant(options.policy, MODES[mode][1], MODES[mode][0]) for mode in options.modes)
    kept = _Kept(options.cache)
    tasks = [
        Task(scenario, seed, variants, options.quantile, kept.found.get((scenario, seed)))
        for seed in options.seeds
        for scenario in options.scenarios
    ]
    cells, seconds = [], []
    for key, marks, found, spent_s in in_order(run, tasks, options.jobs):
        kept.found[key] = marks
        cells += found
        seconds.append(spent_s)
    kept.write()
    sys.stdout.write(table(cells, options.scenarios))
    sys.stdout.write(f"quantile {options.quantile:g}; {statistics.fmean(seconds):.2f} s for an hour of line\n")
    if options.runs:
        worst = sorted(cells, key=lambda one: one.to_fixed)[: options.runs]
        sys.stdout.write("".join(f"{one.policy:16}{one.scenario:12}{one.seed:5}{_points(one)}\n" for one in worst))
    return 0


def table(cells: Sequence[Cell], scenarios: Sequence[str]) -> str:
    """U/U* of each scenario, and what a choice of constants is judged by."""
    names = list(dict.fromkeys(one.policy for one in cells))
    width = max(map(len, names)) + 1
    heads = (
        *(name[:9] for name in scenarios),
        "mean",
        "worst",
        "to fixed",
        "below",
        "kept %",
        "held %",
        "beyond",
        "/h",
    )
    lines = [" " * width + "".join(f"{head:>10}" for head in heads)]
    for name in names:
        mine = [one for one in cells if one.policy == name]

        def by(scenario: str, mine: Sequence[Cell] = mine) -> float:
            return statistics.fmean(one.ratio for one in mine if one.scenario == scenario)

        figures = [by(scenario) for scenario in scenarios]
        kept = [one.kept_attainment for one in mine if one.kept_attainment is not None]
        bounded = sum(one.settled_bounded for one in mine)
        told = (
            *(f"{one:.4f}" for one in (*figures, statistics.fmean(figures), min(figures))),
            f"{100 * min(one.to_fixed for one in mine):+.2f}",
            f"{sum(one.to_fixed < -BELOW_FIXED for one in mine)}/{len(mine)}",
            f"{100 * statistics.fmean(kept):.3f}",
            f"{100 * statistics.fmean(one.held_share for one in mine):.2f}",
            f"{sum(one.settled_beyond for one in mine) / bounded:.5f}" if bounded else "-",
            f"{statistics.fmean(one.swaps for one in mine):.1f}",
        )
        lines.append(f"{name:{width}}" + "".join(f"{one:>10}" for one in told))
    return "\n".join([*lines, ""])


class _Kept:
    """The yardsticks of earlier runs, by scenario and seed; those of another generator are not taken."""

    def __init__(self, folder: Path) -> None:
        room = Path(agent.replay.__file__).parent
        digest = hashlib.sha256(b"".join((room / name).read_bytes() for name in _SOURCES)).hexdigest()[:12]
        self._file = folder / f"lineshift-{VERSION}-{digest}.json"
        self.found: dict[_Key, Yardsticks] = {}
        if self._file.exists():
            for scenario, seed, values in json.loads(self._file.read_text(encoding="utf-8")):
                self.found[scenario, seed] = Yardsticks(**values)

    def write(self) -> None:
        rows = [(scenario, seed, asdict(marks)) for (scenario, seed), marks in sorted(self.found.items())]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(rows), encoding="utf-8")


def _points(one: Cell) -> str:
    return f"  U/U* {one.ratio:.4f}  to best fixed {100 * one.to_fixed:+.2f}  swaps {one.swaps}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.policy_tune", description=__doc__)
    parser.add_argument("--seeds", default="100,101", help=f"numbers or ranges (100-104), from {FIRST_TUNING_SEED} on")
    parser.add_argument("--scenarios", default="all")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--policy", default=SHIPPED)
    parser.add_argument("--quantile", type=float, default=QUANTILE)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--runs", type=int, default=0, metavar="N", help="also the N runs furthest below the best fixed"
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "lineshift")
    options = parser.parse_args(arguments)
    options.seeds = _parsed(parser, _seeds, options.seeds)
    options.scenarios = list(SCENARIOS) if options.scenarios == "all" else options.scenarios.split(",")
    options.modes = options.modes.split(",")
    for given, known in ((options.scenarios, SCENARIOS), (options.modes, MODES)):
        unknown = sorted(set(given) - set(known))
        if unknown:
            parser.error(f"{unknown[0]!r} is unknown; known: {', '.join(known)}")
    if min(options.seeds) < FIRST_TUNING_SEED:
        parser.error(f"seeds below {FIRST_TUNING_SEED} are for reports, not for tuning")
    return options


def _seeds(text: str) -> list[int]:
    """`100,102-104` is 100, 102, 103 and 104."""
    spans = [[int(end) for end in word.split("-")] for word in text.split(",")]
    return [seed for span in spans for seed in range(span[0], span[-1] + 1)]


def _parsed(parser: argparse.ArgumentParser, parse: Callable[[str], list[int]], text: str) -> list[int]:
    try:
        return parse(text)
    except ValueError as exc:
        parser.error(str(exc))


if __name__ == "__main__":
    sys.exit(main())
