"""`make soak`: plays the reliability list, to `reliability.json`. Exit status 1 where an item fails or falls short.

python -m tests.reliability                     all of it: hours
python -m tests.reliability 3 6                 these items
python -m tests.reliability --scale 0.01        the same code on a hundredth of the cases of the list
python -m tests.reliability --tell              what `reliability.json` says, and nothing is played
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.reliability.catalogue import ITEMS, PROOFS
from tests.reliability.item import Item
from tests.reliability.ledger import Ledger
from tests.reliability.part import Part
from tests.reliability.proofs import OTHERS, Found, Interrupted, Proof, Terminated, Told
from tests.reliability.table import fell_short, table

BY_KEY = {item.key: item for item in ITEMS}
LISTED = [key for key in BY_KEY if key != OTHERS]  # of the others some take their time at any scale
INTERRUPTED = 130


def main() -> int:
    """Play what is asked for."""
    parser = argparse.ArgumentParser(
        prog="make soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("items", nargs="*", metavar="ITEM", help=f"by default all: {', '.join(BY_KEY)}")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the cases to play, 0 to 1")
    parser.add_argument("--tell", action="store_true", help="only print what was found last")
    parser.add_argument("--out", type=Path, default=Path("reliability.json"))
    options = parser.parse_args()
    unknown = [key for key in options.items if key not in BY_KEY]
    if unknown:
        parser.error(f"unknown item {unknown[0]!r}; known: {', '.join(BY_KEY)}")
    if not 0.0 < options.scale <= 1.0:
        parser.error(f"--scale {options.scale:g}, allowed is more than 0 and at most 1")
    items = [BY_KEY[key] for key in options.items or (BY_KEY if options.scale == 1.0 else LISTED)]
    signal.signal(signal.SIGTERM, _terminated)
    ledger = Ledger(options.out, BY_KEY)
    ended = options.tell or play(chosen(items, PROOFS), ledger, options.scale, _say)
    entries = ledger.read()
    _say(table(items, entries, options.scale))
    _say(f"{'read from' if options.tell else 'written to'} {options.out}")
    if not ended:
        return INTERRUPTED
    return 1 if any(fell_short(item, entries.get(item.key), options.scale) for item in items) else 0


def chosen(items: Sequence[Item], proofs: Sequence[Proof]) -> list[Proof]:
    """The proofs of these items, each once, the short ones first."""
    names = {name for item in items for name in item.proofs}
    return sorted((proof for proof in proofs if proof.name in names), key=lambda proof: proof.minutes)


def play(proofs: Sequence[Proof], ledger: Ledger, scale: float, told: Told) -> bool:
    """Each of them; False where somebody ended the run. What was counted until then is written, as not ended."""
    for number, proof in enumerate(proofs, start=1):
        told(f"-- {number} of {len(proofs)}: {proof.name} (item {', '.join(proof.items)}): {proof.command(scale)}")
        run = _Run(ledger, proof, scale)
        run.put({key: Part() for key in proof.items})
        try:
            run.put(proof.run(scale, told))
        except Interrupted as interrupted:
            run.put(interrupted.found)
            return False
        except KeyboardInterrupt:
            return False
    return True


class _Run:
    """One proof being played, from now on."""

    def __init__(self, ledger: Ledger, proof: Proof, scale: float) -> None:
        self._ledger, self._proof, self._scale = ledger, proof, scale
        self._when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._began_s, self._load = time.monotonic(), os.getloadavg()[0]

    def put(self, found: Found) -> None:
        """What it has come to by now."""
        for key, part in found.items():
            part.when, part.seconds, part.scale = self._when, time.monotonic() - self._began_s, self._scale
            part.load, part.command = (self._load, os.getloadavg()[0]), self._proof.command(self._scale)
            self._ledger.put(key, self._proof.name, part)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
