"""`python -m tests.security [ID...]`: each row's test with its control in place, and with it taken away.

Prints the table; exit status 1 where a test fails with the control, or passes without it.
"""

from __future__ import annotations

import argparse
import sys

from tests.security.judge import all_judged
from tests.security.threats import THREATS


def main() -> int:
    """Judge the rows that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.security", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="rows; by default all")
    options = parser.parse_args()
    rows = [threat for threat in THREATS if not options.ids or threat.id in options.ids]
    wrong = 0
    for threat, verdict in all_judged(rows):
        wrong += not verdict.holds
        sys.stdout.write(f"{'ok ' if verdict.holds else 'BAD'} {threat.id:22} {threat.control:52} {verdict}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(rows)} rows, {wrong} of them wrong\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
