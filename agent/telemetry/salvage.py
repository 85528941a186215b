"""What can still be read of a damaged journal, table by table and row by row, into a new one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.telemetry import schema

# In the order in which they are missed: what is in force first, what is only looked at last.
TABLES = (
    *("generations", "trust", "activations", "claims", "orders", "alarms", "operations", "answers", "marks", "swaps"),
    *("audit_anchor", "audit", "audit_pending", "about", "runs", "profiles", "learned"),
    *("steps", "decisions", "line_history", "slowdowns"),
)
GENERATIONS_APART = 1000  # more than can be in what a damaged log lost
GENERATION_FLOOR = 1_000_000_000  # for each time that the numbers themselves were lost
_ROWS = 500
_LAST_ROWID = 2**63 - 1
_DAMAGED = {11, 26}  # SQLITE_CORRUPT, SQLITE_NOTADB


@dataclass
class Salvaged:
    """Rows that were taken over by table, and the tables that were not read whole."""

    rows: dict[str, int] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)


def damaged(error: BaseException) -> bool:
    """Whether it says that the file itself is not sound."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = getattr(error, "sqlite_errorcode", None)  # from Python 3.11 on
    if code is not None:
        return code & 0xFF in _DAMAGED
    return "malformed" in str(error) or "not a database" in str(error)


def salvage(old: Path, new: Path, losses: int, in_time: Callable[[], bool]) -> Salvaged:
    """Fill a new journal with what can be read of the old one; generations go on above all that were seen.

    `losses`: how often a file was lost before. What is not read while `in_time` holds is left. Raises sqlite3.Error
    where the new file cannot be written.
    """
    found = Salvaged()
    with closing(schema.connect(new)) as target, contextlib.ExitStack() as stack:
        schema.migrate(target, new)
        source: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.Error):
            source = stack.enter_context(closing(schema.connect_reading(old)))
            source.text_factory = lambda data: data.decode(errors="replace")
        target.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            whole = source is not None and _copy(source, target, table, found, in_time)
            if not whole:
                found.incomplete.append(table)
        _raise_generations(target, losses, whole="generations" not in found.incomplete)
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return found


def rescue(source: sqlite3.Connection, new: Path) -> None:
    """A whole copy of an open journal whose file is gone."""
    with closing(sqlite3.connect(new)) as target:
        source.backup(target)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, found: Salvaged, in_time: Callable[[], bool]
) -> bool:
    """Take over the rows of one table from both of its ends; True where it was read whole."""
    try:
        have = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        return False
    columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})") if row[1] in have]
    if not columns:
        return not have and _opens(source)
    before = target.total_changes
    put = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    reader = _Reader(source, f"SELECT rowid, {', '.join(columns)} FROM {table} NOT INDEXED", in_time)
    for rows in reader.forward():
        target.executemany(put, rows)
    if not reader.whole:
        for rows in reader.backward():
            target.executemany(put, rows)
    found.rows[table] = target.total_changes - before
    return reader.whole


def _opens(source: sqlite3.Connection) -> bool:
    """Whether its list of tables can be read: then a table that is not there was never made."""
    try:
        return source.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
    except sqlite3.Error:
        return False


class _Reader:
    """Reads a table by row number; behind a row that cannot be read it tries on at growing distances."""

    def __init__(self, source: sqlite3.Connection, select: str, in_time: Callable[[], bool]) -> None:
        self._source = source
        self._select = select
        self._in_time = in_time
        self.whole = True

    def forward(self) -> Iterator[list[Sequence[Any]]]:
        return self._read("rowid > ? ORDER BY rowid", -1, 1)

    def backward(self) -> Iterator[list[Sequence[Any]]]:
        return self._read("rowid < ? ORDER BY rowid DESC", _LAST_ROWID, -1)

    def _read(self, where: str, start: int, step: int) -> Iterator[list[Sequence[Any]]]:
        at, stride = start, 1
        while 0 <= at + 1 <= _LAST_ROWID + 1:
            rows: list[Sequence[Any]] = []
            try:
                for row in self._source.execute(f"{self._select} WHERE {where} LIMIT {_ROWS}", (at,)):
                    rows.append(row)
            except (sqlite3.Error, OverflowError):
                self.whole = False
            else:
                if len(rows) < _ROWS:
                    yield [row[1:] for row in rows]
                    return
            if not self._in_time():
                self.whole = False
                return
            if rows:
                yield [row[1:] for row in rows]
                at, stride = int(rows[-1][0]), 1
            else:
                at, stride = at + step * stride, stride * 2


def _raise_generations(db: sqlite3.Connection, losses: int, *, whole: bool) -> None:
    """No number that an activation may have had is used again: a jump for known ones, a higher one for lost ones."""
    seen = dict(db.execute("SELECT camera, last FROM generations").fetchall())
    for table in ("swaps", "activations"):
        for camera, last in db.execute(f"SELECT camera, MAX(generation) FROM {table} GROUP BY camera"):
            seen[camera] = max(seen.get(camera, 0), last or 0)
    floor = db.execute("SELECT MAX(value) FROM about WHERE name = 'generation_floor'").fetchone()[0] or 0
    if not whole:
        floor = max([losses + 1, *((last // GENERATION_FLOOR) + 1 for last in (floor, *seen.values()))])
        floor *= GENERATION_FLOOR
        db.execute("INSERT OR REPLACE INTO about (name, value) VALUES ('generation_floor', ?)", (floor,))
    for camera, last in seen.items():
        raised = max(last + GENERATIONS_APART, floor)
        db.execute("INSERT OR REPLACE INTO generations (camera, last) VALUES (?, ?)", (camera, raised))
