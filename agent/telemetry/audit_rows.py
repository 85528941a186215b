"""The audit chain in rows: run by the journal thread, inside its transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

import msgspec

from agent.domain.audit import GENESIS_SHA256, AuditEntry, AuditPage, Head
from agent.domain.audit_entries import UNANSWERED
from agent.domain.request import Audited
from agent.telemetry import undo

NEWEST = "audit_newest"  # in `about`: the highest number that was ever given
_NAMES = tuple(f.name for f in fields(AuditEntry))
_ENTRY = ", ".join(_NAMES)
_BYTES = ", ".join(f"CAST({name} AS BLOB)" for name in _NAMES)  # whatever somebody may have made of them
_PUT = f"INSERT INTO audit ({_ENTRY}) VALUES ({', '.join('?' * len(_NAMES))})"
_NEWEST = (
    f"SELECT seq, CAST(sha256 AS BLOB), (SELECT value FROM about WHERE name = '{NEWEST}') "
    "FROM audit ORDER BY seq DESC LIMIT 1"
)
_PAGE = 500


def put_audit(db: sqlite3.Connection, entry: AuditEntry, wall_ns: int) -> None:
    """Append it to the chain. A number that was given is not given again, also where its entry is gone: that shows."""
    row = db.execute(_NEWEST).fetchone()
    last, given = (Head(int(row[0]), _text(row[1])), row[2]) if row else (anchor(db), newest(db))
    seq = max(last.seq, given if isinstance(given, int) else 0) + 1
    chained = entry.chained(seq, wall_ns, last.sha256)
    undo.keep_new(db, "audit", str(seq))
    db.execute(_PUT, [getattr(chained, name) for name in _NAMES])
    db.execute("INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)", (NEWEST, seq))


def audit(db: sqlite3.Connection, after: int | None, limit: int, camera: str | None) -> AuditPage:
    """See Journal.audit."""
    order = "seq > :after AND (:camera IS NULL OR camera = :camera) ORDER BY seq " + (
        "" if after is not None else "DESC"
    )
    found = db.execute(
        f"SELECT {_BYTES} FROM audit WHERE {order} LIMIT :limit",
        {"after": after or 0, "camera": camera, "limit": limit},
    )
    entries = tuple(_entry(row, "replace") for row in found)
    return AuditPage(entries, anchor(db).sha256, head(db).seq)


def stored(db: sqlite3.Connection, after: int = -(2**63)) -> Iterator[AuditEntry]:
    """The entries with a higher number as they stand in the file, oldest first, also those that were tampered with."""
    while True:
        query = f"SELECT {_BYTES} FROM audit NOT INDEXED WHERE seq > ? ORDER BY seq LIMIT {_PAGE}"
        page = db.execute(query, (after,)).fetchall()
        yield from (_entry(row, "surrogateescape") for row in page)
        if len(page) < _PAGE:
            return
        after = int(page[-1][0])


def head(db: sqlite3.Connection) -> Head:
    """The newest entry, or the last one that retention removed."""
    row = db.execute("SELECT seq, CAST(sha256 AS BLOB) FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(int(row[0]), _text(row[1])) if row else anchor(db)


def anchor(db: sqlite3.Connection) -> Head:
    """The last entry that retention removed."""
    row = db.execute("SELECT seq, CAST(sha256 AS BLOB) FROM audit_anchor").fetchone()
    return Head(int(row[0]), _text(row[1])) if row else Head(0, GENESIS_SHA256)


def newest(db: sqlite3.Connection) -> int | None:
    """The highest number that was ever given; None where that is not said."""
    row = db.execute("SELECT value FROM about WHERE name = ?", (NEWEST,)).fetchone()
    return row[0] if row is not None and isinstance(row[0], int) else None


def put_pending(db: sqlite3.Connection, change: Audited, run_id: str) -> None:
    """A change is made whose entry follows with its answer. The first one of a change stays."""
    body = msgspec.json.encode(change.entry).decode()
    put = "INSERT OR IGNORE INTO audit_pending (id, run, body) VALUES (?, ?, ?)"
    if db.execute(put, (change.id, run_id, body)).rowcount:
        undo.keep_new(db, "audit_pending", change.id)


def drop_pending(db: sqlite3.Connection, change: Audited) -> None:
    """Its entry is written, in this transaction."""
    undo.keep(db, "audit_pending", change.id)
    db.execute("DELETE FROM audit_pending WHERE id = ?", (change.id,))


def put_left(db: sqlite3.Connection, run_id: str, wall_ns: int) -> int:
    """Entries of changes that were made by runs which died before they could answer; returns how many."""
    left = db.execute("SELECT id, body FROM audit_pending WHERE run != ? ORDER BY rowid", (run_id,)).fetchall()
    for change_id, body in left:
        entry = msgspec.json.decode(body, type=AuditEntry)
        put_audit(db, replace(entry, outcome=UNANSWERED), wall_ns)
        db.execute("DELETE FROM audit_pending WHERE id = ?", (change_id,))
    return len(left)


def last_run(db: sqlite3.Connection) -> Mapping[str, object]:
    """How the run before ended, as far as the entries tell; empty for the first one."""
    row = db.execute(
        "SELECT CAST(method AS BLOB), CAST(asked AS BLOB) FROM audit "
        "WHERE method IN ('AgentStarted', 'AgentStopped') ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return {}
    try:
        told = json.loads(_text(row[1]))
    except ValueError:
        told = None
    known = {key: told.get(key) for key in ("config_sha256", "version")} if isinstance(told, dict) else {}
    return {**known, "ended": "stopped" if _text(row[0]) == "AgentStopped" else "died"}


def _entry(row: tuple[bytes | None, ...], errors: str) -> AuditEntry:
    texts = [_text(value, errors) for value in row]
    values: dict[str, str | int] = dict(zip(_NAMES, texts, strict=True))
    for name in ("seq", "wall_ns"):
        text = str(values[name])
        # What is no number as it was written is not one that was hashed.
        values[name] = int(text) if text.lstrip("-").isdecimal() and len(text) < 21 else -1
    return AuditEntry(**values)  # type: ignore[arg-type]


def _text(value: bytes | None, errors: str = "replace") -> str:
    """What stands in a file that somebody tampered with need be neither text nor there."""
    return (value or b"").decode(errors=errors)
