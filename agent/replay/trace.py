"""A trace of a line: what it asked for and how slow the camera was, as a step function of time.

CSV with a header (interfaces.md section 7):

    t_s,parts_per_minute,max_latency_ms,slowdown,stopped

One row per change, times increasing from 0; an empty cell keeps the value of the row before; the last row ends the
trace. Lines that start with `#` are comments.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInput, shown

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

COLUMNS = ("t_s", "parts_per_minute", "max_latency_ms", "slowdown", "stopped")
_REQUIRED = ("t_s", "parts_per_minute")
# What an empty cell of the first row means; the rate has no default.
_DEFAULTS = {"max_latency_ms": math.inf, "slowdown": 1.0, "stopped": 0.0}
_LEAST = {"t_s": 0.0, "parts_per_minute": 0.0, "max_latency_ms": 0.0, "slowdown": 0.0, "stopped": 0.0}
_MOST = {"t_s": 1e8, "parts_per_minute": 1e6, "max_latency_ms": math.inf, "slowdown": 1e3, "stopped": 1.0}
_ABOVE_LEAST = ("max_latency_ms", "slowdown")
MAX_ROWS = 5_000_000
MAX_PARTS = 50_000_000


class TraceInvalid(BadInput):
    """A trace that cannot be replayed; the message is `FILE:LINE: KEY: reason`."""

    def __init__(self, where: str, key: str, message: str) -> None:
        super().__init__(f"{where}: {shown(key)}", shown(message))


@dataclass(frozen=True, slots=True)
class LineState:
    """What a client of the camera knows of the line: its rate, its latency limit, and whether it stands."""

    parts_per_minute: float
    max_latency_ms: float
    stopped: bool

    @property
    def limit_ms(self) -> float:
        """Longest service time of a part in time: of the part interval and the latency limit the shorter."""
        return min(60_000.0 / self.parts_per_minute if self.parts_per_minute > 0 else math.inf, self.max_latency_ms)

    @property
    def parts_per_s(self) -> float:
        """Parts that really come."""
        return 0.0 if self.stopped else self.parts_per_minute / 60.0


@dataclass(frozen=True)
class Trace:
    """Row r holds from `t_s[r]` (inclusive) until `t_s[r + 1]`; the trace ends at `end_s`."""

    t_s: Floats
    parts_per_minute: Floats
    max_latency_ms: Floats
    slowdown: Floats
    stopped: NDArray[np.bool_]
    end_s: float

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Trace:
        """From complete rows in the order of COLUMNS; the last one only ends the trace."""
        table = np.asarray(rows, dtype=np.float64)
        body = table[:-1]
        at, rate, limit, slowdown = (body[:, place].copy() for place in range(4))
        return cls(at, rate, limit, slowdown, body[:, 4] > 0, float(table[-1, 0]))

    @cached_property
    def limit_ms(self) -> Floats:
        """Longest service time of a part in time, for each row."""
        with np.errstate(divide="ignore"):
            return np.minimum(60_000.0 / self.parts_per_minute, self.max_latency_ms)

    @cached_property
    def states(self) -> tuple[LineState, ...]:
        """What a client knows, for each row."""
        cells = zip(self.parts_per_minute, self.max_latency_ms, self.stopped, strict=True)
        return tuple(LineState(float(rate), float(limit), bool(stopped)) for rate, limit, stopped in cells)

    @cached_property
    def parts(self) -> tuple[Floats, Indices]:
        """Time of each part and its row: part k comes when the integral of the rate is k + .5.

        Exact for rates constant between rows. A part due exactly at the end, or when the line stops, does not come
        then: rows hold from their time on.
        """
        per_s = np.where(self.stopped, 0.0, self.parts_per_minute / 60.0)
        spans = np.diff(np.append(self.t_s, self.end_s))
        due = np.concatenate(([0.0], np.cumsum(per_s * spans)))
        count = max(0, math.ceil(due[-1] - 0.5))
        if count > MAX_PARTS:
            raise BadInput("trace", f"{count} parts, at most {MAX_PARTS}")
        numbers = np.arange(count) + 0.5
        rows = np.minimum(np.searchsorted(due, numbers, side="right") - 1, len(per_s) - 1)
        times = self.t_s[rows] + (numbers - due[rows]) / per_s[rows]
        return times, rows


def read_trace(path: Path) -> Trace:
    """Read and check a trace file. Raises TraceInvalid (`FILE:LINE: KEY: reason`)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise TraceInvalid(str(path), "-", f"cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise TraceInvalid(str(path), "-", f"is not UTF-8 text: {exc.reason} at byte {exc.start}") from exc
    return parse_trace(text.splitlines(), str(path))


def parse_trace(lines: Iterable[str], name: str = "trace") -> Trace:
    """As `read_trace`, from lines; `name` stands for the file in errors."""
    numbered = [(at, line) for at, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    if not numbered:
        raise TraceInvalid(f"{name}:1", "header", f"is missing; expected {','.join(COLUMNS)}")
    if len(numbered) > MAX_ROWS:
        raise TraceInvalid(f"{name}:{numbered[MAX_ROWS][0]}", "-", f"more than {MAX_ROWS} rows")
    header = _header(numbered[0][1], f"{name}:{numbered[0][0]}")
    rows: list[list[float]] = []
    before: Mapping[str, float] = {}
    for at, line in numbered[1:]:
        where = f"{name}:{at}"
        before = _row(header, line, before, where)
        if rows and before["t_s"] <= rows[-1][0]:
            raise TraceInvalid(where, "t_s", f"{before['t_s']:g} is not after the row before ({rows[-1][0]:g})")
        if not rows and before["t_s"] != 0.0:
            raise TraceInvalid(where, "t_s", f"{before['t_s']:g}; the first row is at 0")
        rows.append([before[key] for key in COLUMNS])
    if len(rows) < 2:
        last = numbered[-1][0]
        raise TraceInvalid(f"{name}:{last}", "t_s", "two rows are the least: the last row only ends the trace")
    return Trace.of(rows)


def write_trace(trace: Trace, path: Path, comment: str = "") -> None:
    """Write a trace that `read_trace` gives back."""
    columns = (trace.t_s, trace.parts_per_minute, trace.max_latency_ms, trace.slowdown)
    with path.open("w", encoding="utf-8", newline="") as file:
        if comment:
            file.write(f"# {comment}\n")
        file.write(",".join(COLUMNS) + "\n")
        for *values, stopped in zip(*columns, trace.stopped, strict=True):
            cells = [repr(float(value)) for value in values]
            file.write(",".join([*cells, str(int(stopped))]) + "\n")
        file.write(f"{trace.end_s!r},,,,\n")


def _header(line: str, where: str) -> list[str]:
    names = [cell.strip() for cell in _cells(line, where)]
    for name in names:
        if name not in COLUMNS:
            raise TraceInvalid(where, name or "header", f"is no column; the columns are {','.join(COLUMNS)}")
        if names.count(name) > 1:
            raise TraceInvalid(where, name, "is there twice")
    for name in _REQUIRED:
        if name not in names:
            raise TraceInvalid(where, name, "this column is missing")
    return names


def _cells(line: str, where: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as exc:
        raise TraceInvalid(where, "-", f"is no CSV: {exc}") from exc


def _row(header: Sequence[str], line: str, before: Mapping[str, float], where: str) -> dict[str, float]:
    cells = _cells(line, where)
    if len(cells) != len(header):
        raise TraceInvalid(where, "-", f"{len(cells)} cells, the header has {len(header)}")
    row = {**_DEFAULTS, **before}
    for key, cell in zip(header, cells, strict=True):
        text = cell.strip()
        if text:
            row[key] = _number(key, text, where)
        elif key == "t_s":
            raise TraceInvalid(where, key, "is empty")
        elif key not in row:
            raise TraceInvalid(where, key, "is empty, and there is no row before to keep it from")
    return row


def _number(key: str, text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise TraceInvalid(where, key, f"{text!r} is not a number") from None
    if math.isnan(value) or not _LEAST[key] <= value <= _MOST[key] or (key in _ABOVE_LEAST and value <= _LEAST[key]):
        least = "above" if key in _ABOVE_LEAST else "at least"
        raise TraceInvalid(where, key, f"{text} is out of range ({least} {_LEAST[key]:g}, at most {_MOST[key]:g})")
    if key == "stopped" and value not in (0.0, 1.0):
        raise TraceInvalid(where, key, f"{text} is neither 0 nor 1")
    return value
