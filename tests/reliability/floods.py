"""Item 10: what clients feel beside a slow-loris, a ping flood and a thousand half-open connections, over real TLS.

    python -m tests.reliability.floods [--scale 0.4]

A ratio is of two p99 of the same repeat, see tests/bench/hostile.py; of each the median over the repeats is held to the
goal.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys

from tests.bench.figures import p99
from tests.bench.hostile import CALLS, FLOODS, WORST, flooded
from tests.reliability.part import Part
from tests.reliability.proofs import Told

REPEATS = 3


def part(scale: float, told: Told) -> Part:
    """Measure; about a minute and a half in full. Not ended: that is for who has called."""
    found = Part()
    for flood, pairs in flooded(math.ceil(REPEATS * scale)).items():
        if not all(pair.attacks for pair in pairs):
            found.fail(f"{flood}: nothing was attacked", "python -m tests.reliability.floods")
        found.count("repeats", len(pairs))
        found.count(flood, round(sum(pair.attacks for pair in pairs)))
        for call, what in CALLS.items():
            ratio = statistics.median(
                [p99(pair.beside.latencies[call]) / p99(pair.alone.latencies[call]) for pair in pairs]
            )
            found.measure(f"p99 of {call} beside {flood} over undisturbed", ratio, WORST)
            told(f"{ratio:5.2f}  p99 of {what} beside {FLOODS[flood]}, over the same server undisturbed")
    return found


def main() -> int:
    """Print what is measured. Exit status 1 where a ratio is above the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    found = part(parser.parse_args().scale, print)
    return 1 if found.failures or any(max(one.values) > one.most for one in found.measured.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
