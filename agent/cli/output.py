"""What commands print: JSON, tables of at most 80 columns on a terminal, aligned plain lines elsewhere."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import click

WIDTH = 80


def print_json(value: object, indent: int | None = 2) -> None:
    """One JSON value on stdout; numbers that JSON cannot hold become null."""
    click.echo(json_line(value, indent))


def json_line(value: object, indent: int | None = None) -> str:
    """One JSON value, by default without line breaks; numbers that JSON cannot hold become null."""
    return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)


def print_json_line(value: object) -> None:
    """One JSON value on one line, flushed, for streams."""
    print_json(value, None)
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Columns with headings; the first `left` ones are text, the others are aligned as numbers."""
    if sys.stdout.isatty():
        _rich_table(headings, rows, left)
        return
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    for row in (headings, *rows):
        click.echo("  ".join(_aligned(row, widths, left)).rstrip())


def _aligned(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    pairs = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in pairs]


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=min(WIDTH, Console().width), highlight=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """A figure for a table; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}{unit}"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def size(size_bytes: int) -> str:
    """Bytes as kB or MB (powers of ten, as the manifest)."""
    return f"{size_bytes / 1e6:.2f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value
