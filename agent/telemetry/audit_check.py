"""Whether the audit in a journal holds, and which witness says that it does not.

Witnesses: the chain itself, the anchor (where retention ended), the highest number ever given (`about`), the head file.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from agent.domain.audit import Break, ChainCheck, Head, short
from agent.telemetry import audit_rows
from agent.telemetry.audit_head import HeadFile

_FIRST_WITH_NUMBER = 4  # version of the tables
TAIL = 1000  # entries that are looked at when the agent starts: some 20 ms


@dataclass(frozen=True, slots=True)
class Checked:
    """How many entries hold, up to which head, and what does not."""

    entries: int
    head: Head
    broken: Break | None = None

    @property
    def why(self) -> str:
        """In one line; empty where all holds."""
        return "" if self.broken is None else f"entry {self.broken.seq} {self.broken.why}"


def check_tail(db: sqlite3.Connection, head_file: HeadFile, most: int = TAIL) -> Checked:
    """The newest entries and all witnesses. Raises sqlite3.Error for a file that cannot be read."""
    before = db.execute("SELECT seq FROM audit ORDER BY seq DESC LIMIT 1 OFFSET ?", (most,)).fetchone()
    return _check(db, head_file, after=None if before is None else int(before[0]))


def check_whole(db: sqlite3.Connection, head_file: HeadFile) -> Checked:
    """All entries and all witnesses; in a transaction of the caller. Raises sqlite3.Error."""
    return _check(db, head_file, after=None)


def _check(db: sqlite3.Connection, head_file: HeadFile, after: int | None) -> Checked:
    anchor = audit_rows.anchor(db)
    if after is None:
        check, entries = ChainCheck(anchor.sha256, anchor.seq), audit_rows.stored(db)
    else:
        check, entries = ChainCheck(_sha256(db, after) or "", after), audit_rows.stored(db, after)
    broken = check.take(entries)
    head = Head(check.last or 0, check.sha256)
    if broken is None:
        broken = _number_witness(db, head) or _head_witness(db, head_file, anchor, head)
    return Checked(check.checked, head, broken)


def _number_witness(db: sqlite3.Connection, head: Head) -> Break | None:
    newest = audit_rows.newest(db)
    if newest is None and int(db.execute("PRAGMA user_version").fetchone()[0]) < _FIRST_WITH_NUMBER:
        return None
    if newest is None:
        return Break(head.seq, "is the newest one, and the journal does not say any more which number it gave last")
    if newest == head.seq:
        return None
    if newest > head.seq:
        why = f"is the newest one, but number {newest} was given: {newest - head.seq} entries after it were cut off"
    else:
        why = f"is the newest one, but the journal says that it gave no number above {newest}: entries were put in"
    return Break(head.seq, why)


def _head_witness(db: sqlite3.Connection, file: HeadFile, anchor: Head, head: Head) -> Break | None:
    try:
        noted = file.read()
    except ValueError as error:
        return Break(head.seq, f"cannot be compared: {error}")
    if noted is None:
        return None  # of a version that wrote none, or not written yet
    if noted.seq > head.seq:
        cut = f"{noted.seq - head.seq} entries after it were cut off, or the chain is another one"
        return Break(head.seq, f"is the newest one, but {file.path.name} has seen entry {noted.seq}: {cut}")
    known = anchor.sha256 if noted.seq == anchor.seq else _sha256(db, noted.seq)
    if noted.seq < anchor.seq or known == noted.sha256:
        return None
    found = "is not there" if known is None else f"has {short(known)}"
    return Break(noted.seq, f"{found}, {file.path.name} has seen {short(noted.sha256)}: the chain is another one")


def _sha256(db: sqlite3.Connection, seq: int) -> str | None:
    row = db.execute("SELECT CAST(sha256 AS BLOB) FROM audit WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else bytes(row[0] or b"").decode(errors="replace")
