"""The audit chain in rows: run by the journal thread, inside its transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import fields

from agent.domain.audit import GENESIS_SHA256, AuditEntry, AuditPage

_NAMES = tuple(f.name for f in fields(AuditEntry))
_ENTRY = ", ".join(_NAMES)


def put_audit(db: sqlite3.Connection, entry: AuditEntry, wall_ns: int) -> None:
    """Append it to the chain."""
    seq, sha256 = _last(db)
    chained = entry.chained(seq + 1, wall_ns, sha256)
    marks = ", ".join(f":{name}" for name in _NAMES)
    db.execute(f"INSERT INTO audit ({_ENTRY}) VALUES ({marks})", {name: getattr(chained, name) for name in _NAMES})


def audit(db: sqlite3.Connection, after: int | None, limit: int, camera: str | None) -> AuditPage:
    """See Journal.audit."""
    order = "seq > :after AND (:camera IS NULL OR camera = :camera) ORDER BY seq " + (
        "" if after is not None else "DESC"
    )
    found = db.execute(
        f"SELECT {_ENTRY} FROM audit WHERE {order} LIMIT :limit",
        {"after": after or 0, "camera": camera, "limit": limit},
    )
    entries = tuple(AuditEntry(**dict(zip(_NAMES, row, strict=True))) for row in found)
    return AuditPage(entries, _anchor(db)[1], _last(db)[0])


def _last(db: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the newest entry, or of the last one that retention removed."""
    row = db.execute("SELECT seq, sha256 FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return (int(row[0]), str(row[1])) if row else _anchor(db)


def _anchor(db: sqlite3.Connection) -> tuple[int, str]:
    row = db.execute("SELECT seq, sha256 FROM audit_anchor").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, GENESIS_SHA256)
