"""The audit read from a journal's file, by whoever has it: read-only, also while the daemon writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.domain.audit import AuditEntry, Break, Head
from agent.errors import JournalError
from agent.telemetry import audit_rows, schema, undo
from agent.telemetry.audit_check import check_whole
from agent.telemetry.audit_head import HeadFile

NAME = "journal.sqlite3"
_FIRST_WITH_AUDIT = 3


@dataclass(frozen=True, slots=True)
class StoredAudit:
    """The audit of a file that is open, all of one moment."""

    db: sqlite3.Connection
    anchor: Head
    _head_file: HeadFile

    def entries(self) -> Iterator[AuditEntry]:
        """As they stand in the file, oldest first."""
        return audit_rows.stored(self.db)

    def broken(self) -> Break | None:
        """What does not hold by the chain and by the journal's own witnesses."""
        return check_whole(self.db, self._head_file).broken


@contextmanager
def stored_audit(journal: Path) -> Iterator[StoredAudit]:
    """`journal`: the file, or the folder that it is in. Raises JournalError where it cannot be read or is damaged."""
    path = journal / NAME if journal.is_dir() else journal
    if not path.is_file():
        raise JournalError(f"journal {path}: is not there; give the file, or the state_dir of a daemon")
    refused = undo.RefusedBatches(path).names()
    try:
        with closing(schema.connect_reading(path)) as opened:
            opened.execute("BEGIN")
            _check_version(opened, path)
            with undo.without(opened, refused) as db:
                yield StoredAudit(db, audit_rows.anchor(db), HeadFile(path))
    except (sqlite3.Error, UnicodeDecodeError) as exc:  # a name of a table that is no text any more
        raise JournalError(f"journal {path}: is damaged or cannot be read: {exc}") from exc


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if not _FIRST_WITH_AUDIT <= version <= schema.VERSION:
        known = f"{_FIRST_WITH_AUDIT} to {schema.VERSION}"
        raise JournalError(f"journal {path}: schema version {version}, this ofa-agent reads the audit of {known}")
