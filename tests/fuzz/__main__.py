"""`make fuzz`: broken input for every reader, counted in `reliability.json` (item 9). Exit status 1 where one failed.

python -m tests.fuzz [TARGET...] --cases 1000000 --seed 1
python -m tests.fuzz TARGET --seed 1 --case 4711 [--keep NAME]     one case again; kept, `make test` plays it too
python -m tests.fuzz --coverage                                    guided by what the cases reach; needs atheris
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import children, guided
from tests.fuzz.counted import part_of
from tests.fuzz.play import FOUND, TARGETS, case_of, checked, quiet, target_of
from tests.reliability.catalogue import ITEMS, SLOW_TARGETS
from tests.reliability.ledger import Ledger
from tests.reliability.part import Part

ITEM = "9"


def main() -> int:
    """Play what is asked for."""
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"by default all: {', '.join(TARGETS)}")
    parser.add_argument("--cases", type=int, default=1_000_000, help="of each target (wire: a 20th, golden: a half)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", type=int, help="only this one, once, in this process")
    parser.add_argument("--keep", metavar="NAME", help="write that case to tests/fuzz/found/TARGET/NAME")
    parser.add_argument("--coverage", action="store_true", help="guided by coverage instead of seeded alone")
    parser.add_argument("--out", type=Path, default=Path("reliability.json"))
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in TARGETS and ":" not in name]
    if unknown:
        parser.error(f"unknown target {unknown[0]!r}; known: {', '.join(TARGETS)}")
    if options.case is not None:
        return _one(parser, options)
    if options.coverage and not guided.present():
        sys.stdout.write("coverage-guided fuzzing left out: atheris is not installed (extra `fuzz`)\n")
        return 0
    return 1 if sum(_all(options, _say)) else 0


def _all(options: argparse.Namespace, told: Callable[[str], None]) -> list[int]:
    failures = []
    ledger = Ledger(options.out, {item.key: item for item in ITEMS})
    for name in options.targets or TARGETS:
        cases = max(1, options.cases // SLOW_TARGETS.get(name, 1))
        runs = guided.run if options.coverage else children.run
        unit = f"{name} guided" if options.coverage else name
        when, load = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), os.getloadavg()[0]
        ledger.put(ITEM, unit, Part(when=when))
        outcome = runs(name, options.seed, cases, options.jobs, told)
        part = part_of(unit, outcome)
        part.when, part.load, part.command = when, (load, os.getloadavg()[0]), _command(name, options)
        ledger.put(ITEM, unit, part)
        told(
            f"{unit:16} {outcome.cases} cases, seed {outcome.seed}, {len(outcome.failures)} failures,"
            f" {outcome.seconds:.1f} s ({outcome.cases / max(outcome.seconds, 1e-9):.0f}/s)"
        )
        failures.append(len(outcome.failures))
    told(f"written to item {ITEM} of {options.out}")
    return failures


def _command(name: str, options: argparse.Namespace) -> str:
    guidance = " --coverage" if options.coverage else ""
    return f"python -m tests.fuzz {name} --cases {options.cases} --seed {options.seed}{guidance}"


def _one(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if len(options.targets) != 1:
        parser.error("one case is of one target; name it")
    (name,) = options.targets
    target = target_of(name)
    case = case_of(target, options.seed, options.case)
    if options.keep:
        path = FOUND / name / options.keep
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case)
    with quiet():
        words = checked(target, case)
    target.close()
    _say(f"{len(case)} bytes: {case[:200]!r}{' ...' if len(case) > 200 else ''}")
    _say(words or "read as it should be")
    return 1 if words else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
