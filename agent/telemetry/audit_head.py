"""The head of the audit, written where somebody who cuts the journal short has to come by as well.

journal-head   one line `SEQ:SHA256`; may be older than the newest entry, never newer than what is durable
system log     `audit_head seq= sha256=` at the start, every hour and at the end
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from agent.clock import Clock
from agent.domain.audit import Head
from agent.logs import event, logger
from agent.telemetry import audit_rows

_log = logger("journal")
WRITE_EVERY_S = 1.0
LOG_EVERY_S = 3600.0
_LONGEST = 100  # bytes; 19 digits, a colon, 64 digits


class HeadFile:
    """Beside a journal; any thread or process may read it."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + "-head")

    def read(self) -> Head | None:
        """None where there is none; raises ValueError for one that says no head."""
        try:
            with self.path.open("rb") as file:
                text = file.read(_LONGEST).decode("ascii", errors="replace")
        except OSError:
            return None
        found = Head.parse(text.removesuffix("\n"))
        if found is None or not text.endswith("\n"):
            raise ValueError(f"{self.path.name} says {text[:40]!r}, which is no SEQ:SHA256")
        return found

    def write(self, head: Head) -> None:
        """Durable when it returns: the old one or the new one, whatever happens. Raises OSError."""
        new = self.path.with_name(self.path.name + ".new")
        with new.open("wb") as file:
            file.write(f"{head}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.path)


class HeadKeeper:
    """Owner of the head file of a journal that is written. All of it belongs to the journal thread."""

    def __init__(self, journal: Path, clock: Clock) -> None:
        self.file = HeadFile(journal)
        self._clock = clock
        self._kept: Head | None = None
        self._changed = False
        self._written_ns: int | None = None
        self._logged_ns: int | None = None

    def changed(self) -> None:
        """There may be another head now, and it is durable."""
        self._changed = True

    def wait_s(self) -> float | None:
        """Seconds until the file is due; None where it says what is there."""
        if not self._changed:
            return None
        due_ns = 0 if self._written_ns is None else self._written_ns + round(WRITE_EVERY_S * 1e9)
        return max(0.0, (due_ns - self._clock.now_ns()) / 1e9)

    def keep(self, db: sqlite3.Connection, *, now: bool = False) -> None:
        """Write and log what is due, or `now`. A disk that does not take it is asked again."""
        wait_s = self.wait_s()
        if now or (wait_s is not None and wait_s <= 0):
            self._write(audit_rows.head(db))
        due_ns = 0 if self._logged_ns is None else self._logged_ns + round(LOG_EVERY_S * 1e9)
        if now or self._clock.now_ns() >= due_ns:
            self._logged_ns = self._clock.now_ns()
            head = audit_rows.head(db)
            if head.seq:  # there is something to witness
                event(_log, logging.INFO, "audit_head", seq=head.seq, sha256=head.sha256)

    def _write(self, head: Head) -> None:
        self._written_ns = self._clock.now_ns()
        if head != self._kept:
            with contextlib.suppress(OSError):
                self.file.write(head)
                self._kept = head
        self._changed = self._kept != head
