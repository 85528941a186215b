"""`library diff`: what another version of a library would change."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.output import number, percent, print_json, size

if TYPE_CHECKING:
    from agent.library.difference import Change
    from agent.library.report import SubnetRow

_LIBRARY = click.Path(path_type=Path)
# More digits of a digest than two builds will ever share.
_SHOWN_DIGITS = 12


@click.command()
@click.argument("old", type=_LIBRARY)
@click.argument("new", type=_LIBRARY)
@JSON
def diff(old: Path, new: Path, as_json: bool) -> int:
    """What changes from library OLD to library NEW: rungs added, removed and changed, labels, input."""
    from agent.library.difference import diff_libraries

    found = diff_libraries(old, new)
    if as_json:
        print_json(dataclasses.asdict(found))
        return DONE
    if found.equal:
        click.echo("no difference")
    for change in found.library:
        click.echo(_line("", change))
    for mark, rows in (("-", found.removed), ("+", found.added)):
        for row in rows:
            click.echo(f"{mark} {row.id}: {_rung(row)}")
    for rung in found.changed:
        for change in rung.changes:
            click.echo(_line(f"~ {rung.id}: ", change))
    return DONE


def _rung(row: SubnetRow) -> str:
    return f"{percent(row.top1)}, {number(row.predicted_ms, 1, ' ms')}, {size(row.size_bytes)}"


def _line(start: str, change: Change) -> str:
    return f"{start}{change.key}: {_word(change.old)} -> {_word(change.new)}"


def _word(value: object) -> str:
    """A value for a line; digests are cut."""
    if value is None:
        return "none"
    text = str(value)
    return text[:_SHOWN_DIGITS] if len(text) == 64 and text.isalnum() else text
