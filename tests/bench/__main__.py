"""`make bench`: measures, prints a table and writes `bench.json`. Exit status 1 where a goal is missed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench import api, builder, decide
from tests.bench.figures import Figure, row, write

ROOMS = {"api": api, "builder": builder, "decide": decide}


def main() -> int:
    """Measure the rooms that are asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"what to measure, by default all: {', '.join(ROOMS)}")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    unknown = sorted(set(options.rooms) - set(ROOMS))
    if unknown:
        parser.error(f"unknown room {unknown[0]!r}; known: {', '.join(ROOMS)}")
    missed = 0
    for name in options.rooms or ROOMS:
        found = ROOMS[name].figures()
        write(options.out, found)
        sys.stdout.write("".join(f"{row(figure)}\n" for figure in found))
        missed += sum(isinstance(figure, Figure) and figure.met is False for figure in found)
    sys.stdout.write(f"written to {options.out}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
