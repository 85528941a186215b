"""The page on the journal has the tables, the bounds and the version that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from agent.telemetry import schema
from agent.telemetry.mailbox import NOTES

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "journal.md").read_text(encoding="utf-8")
SOURCE = Path(schema.__file__).read_text(encoding="utf-8")
ROWS = [row.strip("| ").split(" | ") for row in re.findall(r"^\| `.*$", PAGE, re.MULTILINE)]


def test_every_table_of_the_journal_stands_on_the_page_and_no_other() -> None:
    told = [name for row in ROWS for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(told) == sorted(re.findall(r"CREATE TABLE (\w+)", SOURCE))


def test_the_page_says_how_many_rows_are_kept_at_most() -> None:
    told = {
        name: int(most[1].replace(" ", ""))
        for row in ROWS
        if (most := re.search(r"at most ([\d ]+\d)", row[2]))
        for name in re.findall(r"`(\w+)`", row[0])
    }
    assert {name: told.get(name) for name in schema.KEPT_ROWS} == schema.KEPT_ROWS


def test_the_page_names_the_version_of_the_file_and_the_length_of_the_queue() -> None:
    assert f"brought to the present one ({schema.VERSION}) at the first start" in PAGE
    assert f"up to\n  {NOTES} of them" in PAGE
