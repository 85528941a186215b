"""`make bench`: measures, prints a table and writes `bench.json`. Exit status 1 where a goal is missed.

Each figure is compared with that of the last committed run (`tests/bench/baseline.json`); `--accept` puts what
`bench.json` holds in its place. Of the three figures that are worst against their goals, profiles are kept.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

from tests.bench import baseline, machine, profiles
from tests.bench.figures import Figure, Left, row, write

# Each is a module here with `figures()`, and with `profiled()` where something of it runs in one process.
ROOMS = (
    "api",
    "builder",
    "cameras",
    "day",
    "decide",
    "frame",
    "gap",
    "growth",
    "hostile",
    "lineshift",
    "meter",
    "page",
    "start",
)
PROFILES = Path("build/bench")


class Room(Protocol):
    """A module that measures."""

    def figures(self) -> list[Figure | Left]: ...


def room(name: str) -> Room:
    """The module; loaded when it is needed: some load what others must not have in memory."""
    return cast(Room, importlib.import_module(f"tests.bench.{name}"))


def profiled(name: str) -> Mapping[str, Callable[[], None]]:
    """Of some of its figures a run to profile, by key."""
    offer = getattr(room(name), "profiled", None)
    return offer() if offer is not None else {}


def main() -> int:
    """Measure the rooms that are asked for."""
    options = _options()
    if options.accept:
        measured = json.loads(options.out.read_text(encoding="utf-8"))
        baseline.COMMITTED.write_text(baseline.accepted(measured, baseline.read()), encoding="utf-8")
        sys.stdout.write(f"{baseline.COMMITTED.name}: {options.out} is what later runs are compared with\n")
        return 0
    known = baseline.read()
    measured_here: list[Figure] = []
    sys.stdout.write(f"{machine.words(machine.describe())}\n")
    for name in options.rooms or ROOMS:
        here = machine.describe()
        found = room(name).figures()
        write(options.out, found, here)
        for figure in found:
            compared = known[figure.key].words(figure) if isinstance(figure, Figure) and figure.key in known else ""
            sys.stdout.write(f"{row(figure, compared)}\n")
            measured_here += [figure] if isinstance(figure, Figure) else []
        sys.stdout.flush()
    sys.stdout.write(f"written to {options.out}\n")
    if options.profile:
        _profile(options.rooms or ROOMS, measured_here)
    return 1 if any(one.met is False for one in measured_here) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"what to measure, by default all: {', '.join(ROOMS)}")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("--accept", action="store_true", help="measure nothing: --out goes into the baseline")
    parser.add_argument("--no-profile", dest="profile", action="store_false", help="keep no profiles")
    options = parser.parse_args()
    unknown = sorted(set(options.rooms) - set(ROOMS))
    if unknown:
        parser.error(f"unknown room {unknown[0]!r}; known: {', '.join(ROOMS)}")
    if options.accept and not options.out.exists():
        parser.error(f"{options.out} is not there: measure first")
    return options


def _profile(rooms: list[str] | tuple[str, ...], figures: list[Figure]) -> None:
    offered = {key: run for name in rooms for key, run in profiled(name).items()}
    for key in profiles.worst(figures, offered):
        sys.stdout.write(f"profile of {key}: {profiles.keep(key, offered[key], PROFILES)}\n")


if __name__ == "__main__":
    sys.exit(main())
