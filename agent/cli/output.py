"""What commands print: JSON, and tables and lines that fit the terminal; elsewhere they are whole."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import click

from agent.cli.fit import cells, clean, clip, clip_apart, left, right

WIDTH = 80
_NARROWEST = 40  # below it nothing is of use any more
_LEAST_TEXT = 8  # columns of text that are kept while others can give
_WHOLE = frozenset(
    {"", "id", "UTC", "began", "fits", "work", "kind", "class"}
)  # headings of what says nothing when cut
_NAMES = frozenset({"sub-net", "from", "to", "camera", "name", "key", "policy"})
_SAME = frozenset({"from", "to"})  # names of one kind
_GAP = "  "
_INDENT = 4  # of what follows where a line has no place for it
_LEAD = re.compile(r" *\S+ {2,}|  \S{1,9} |   *")  # `  budget    `, `  inhibited `, an indent


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
    """Columns with headings; the first `left` ones are text, the others are aligned as numbers.

    Within `width_shown` texts are cut and marked, the longest column first, and figures only where that is not enough.
    """
    shown = [[clean(cell) for cell in row] for row in (headings, *rows)]
    widths = _fitted([max(map(cells, column)) for column in zip(*shown, strict=True)], shown[0], left, width_shown())
    cut = [list(row) for row in shown]
    for index, column in enumerate(list(zip(*shown[1:], strict=True))[:left]):
        for row, cell in zip(cut[1:], _cut(column, widths[index], shown, headings[index]), strict=True):
            row[index] = cell
    for index, row in enumerate(cut):
        line = _GAP.join(_aligned(row, widths, left)).rstrip()
        click.echo(click.style(line, bold=True) if index == 0 and _is_coloured() else line)


def print_lines(lines: Iterable[str]) -> None:
    """Lines of text; within `width_shown` broken between words, and what follows stands below what it belongs to."""
    width = width_shown()
    for line in lines:
        for part in [line] if width is None or cells(line) <= width else _wrapped(line, width):
            click.echo(part)


def width_shown() -> int | None:
    """Columns that output has to fit into: of the terminal, or what COLUMNS says; None where there is no bound."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return max(int(given), _NARROWEST)
    if not sys.stdout.isatty():
        return None
    return max(os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH, _NARROWEST)


def _fitted(widths: list[int], headings: Sequence[str], left: int, most: int | None) -> list[int]:
    """Widths of columns that are together at most `most`, as far as the headings and the figures allow."""
    if most is None:
        return widths
    fitted, room = list(widths), most - len(_GAP) * (len(widths) - 1)
    names = [i for i in range(left) if headings[i] not in _WHOLE]
    for columns, least in ((names, _LEAST_TEXT), (names, 3), (range(left), 3), (range(len(widths)), 1)):
        floor = {i: min(widths[i], max(least, cells(headings[i]))) for i in columns}
        while sum(fitted) > room and (wide := [i for i in columns if fitted[i] > floor[i]]):
            fitted[max(wide, key=lambda i: fitted[i])] -= 1
    return fitted


def _cut(column: Sequence[str], width: int, shown: Sequence[Sequence[str]], heading: str) -> list[str]:
    """Names so that they still differ, from those in columns of the same kind as well; other words at their end."""
    if heading not in _NAMES:
        return [clip(cell, width) for cell in column]
    same = {i for i, one in enumerate(shown[0]) if one == heading or {one, heading} <= _SAME}
    return clip_apart(column, width, {row[i] for row in shown[1:] for i in same})


def _aligned(row: Sequence[str], widths: Sequence[int], text: int) -> list[str]:
    pairs = enumerate(zip(row, widths, strict=True))
    return [left(cell, width) if i < text else right(cell, width) for i, (cell, width) in pairs]


def _wrapped(line: str, width: int) -> list[str]:
    lead = _LEAD.match(line)
    indent = len(lead[0]) if lead is not None and len(lead[0]) <= width // 3 else _INDENT
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False, drop_whitespace=True)


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """A figure for a table; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}{unit}"


def percent(share: float | None, unit: str = " %") -> str:
    return "-" if share is None else f"{100 * share:.1f}{unit}"


def megabytes(size_bytes: int) -> str:
    """Bytes for a column in MB (powers of ten, as the manifest)."""
    return f"{size_bytes / 1e6:.3f}" if size_bytes < 1e6 else f"{size_bytes / 1e6:.2f}"


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
