"""The page on the simulated camera lists what the code has: no quirk and no check is missing, none is made up."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from agent.camera.commission import CHECKS
from agent.sim.quirks import PESSIMISTIC, Quirks

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "simulator.md"


def table(heading: str) -> list[list[str]]:
    """Rows of the table below `heading`, cells stripped of blanks and code marks."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| `", line)]
    return [[cell.strip(" `|") for cell in row] for row in rows]


def test_every_quirk_stands_on_the_page_with_its_two_values() -> None:
    default = Quirks()
    wanted = [[f.name, str(getattr(default, f.name)), str(getattr(PESSIMISTIC, f.name))] for f in fields(Quirks)]
    assert table("What is decided by a quirk") == wanted


def test_the_checks_of_the_page_are_those_that_commissioning_makes() -> None:
    rows = table("What the first hour with a real camera must check")
    told = [(row[0], row[1], row[2], row[3]) for row in rows]
    assert told == [(c.id, "" if c.unknown is None else str(c.unknown), c.question, c.assumed) for c in CHECKS]
