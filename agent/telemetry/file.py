"""The journal's file and its connections: opened, checked, migrated, and recovered where it is damaged or gone."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.clock import Clock
from agent.domain.audit import AuditEntry
from agent.logs import event, logger
from agent.telemetry import audit_rows, schema, undo
from agent.telemetry.places import Places
from agent.telemetry.salvage import damaged, rescue, salvage

_log = logger("journal")
Connect = Callable[[Path], sqlite3.Connection]
QUICK_CHECK_S = 5.0  # a larger file is checked as far as it goes in this time
SALVAGE_S = 60.0


class JournalFile:
    """Owner of the one connection that writes. All but `refused.write_down` belongs to the journal thread."""

    def __init__(self, path: Path, clock: Clock, connect: Connect) -> None:
        self.path = path
        self.recovered_from: Path | None = None
        self.refused = undo.RefusedBatches(path)
        self._clock = clock
        self._connect = connect
        self._places = Places(path)
        self._connection: sqlite3.Connection | None = None
        self._failed: sqlite3.Connection | None = None  # it could not write the last time
        self._identity: tuple[tuple[int, int] | None, ...] = ()
        self._checked = False

    def writing(self) -> sqlite3.Connection:
        """The connection, to a file that is there and sound. Raises sqlite3.Error, OSError, JournalError."""
        held = self._connection or self._failed
        if held is not None and self._places.identity() != self._identity:
            self._rescue(held)
        if self._connection is None:
            self._connection = self._opened()
            self._identity = self._places.identity()
            _close(self._failed)
            self._failed = None
        return self._connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The same connection, or the one that failed to write; else one that only reads, for the moment.

        What was refused and may be on the disk is not to be seen, also while it cannot be taken back there.
        """
        if self._connection is not None:
            yield self._connection
            return
        if self._failed is not None:
            with undo.without(self._failed, self.refused.names()) as connection:
                yield connection
            return
        with closing(self._connected_reading()) as opened:
            schema.check_version(opened, self.path)
            with undo.without(opened, self.refused.names()) as connection:
                yield connection

    def _connected_reading(self) -> sqlite3.Connection:
        try:
            return schema.connect_reading(self.path)
        except sqlite3.OperationalError:
            return schema.connect_alone(self.path)

    def failed(self, error: BaseException) -> None:
        """Roll back; the next write opens the file anew. Until it can, the old connection serves reads: a new one
        would need room for its own files. A file that the error shows to be damaged is closed and checked again."""
        if damaged(error):
            self._checked = False
            self.disconnect()
        elif self._connection is not None:
            _close(self._failed)
            self._failed, self._connection = _rolled_back(self._connection), None

    def disconnect(self) -> None:
        connections = self._connection, self._failed
        self._connection = self._failed = None
        for connection in connections:
            _close(connection)

    def take_back(self) -> None:
        """Undo what was refused and got onto the disk all the same, of this run and of earlier ones."""
        names = self.refused.names()
        if names:
            count = undo.take_back(self.writing(), names)
            self.refused.clear()
            event(_log, logging.WARNING, "refused_changes_taken_back", journal=self.path, rows=count)

    def _opened(self) -> sqlite3.Connection:
        self._places.make_folder()
        self._places.put_in_place(self._clock.wall_ns())
        try:
            connection = self._sound()
        except sqlite3.DatabaseError as error:
            if not damaged(error):
                raise
            self._salvage(error)
            connection = self._sound()
        self._checked = True
        return connection

    def _sound(self) -> sqlite3.Connection:
        """A connection to tables of this version, with nothing in them that was refused."""
        connection = self._connect(self.path)
        try:
            if not self._checked:
                self._check(connection)
            schema.migrate(connection, self.path)
            names = self.refused.names()
            if names:
                undo.take_back(connection, names)
                self.refused.clear()
        except UnicodeDecodeError as error:  # a name of a table that is no text any more
            connection.close()
            raise sqlite3.DatabaseError(f"database disk image is malformed: {error}") from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """Raises DatabaseError (damaged) for a file that is not sound, as far as that is seen in QUICK_CHECK_S."""
        end_ns = self._clock.now_ns() + round(QUICK_CHECK_S * 1e9)
        connection.set_progress_handler(lambda: self._clock.now_ns() > end_ns, 100_000)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "interrupt" not in str(error):
                raise
            event(_log, logging.INFO, "check_ended_early", journal=self.path, after_s=QUICK_CHECK_S)
            found = "ok"
        finally:
            connection.set_progress_handler(None, 0)
        if found != "ok":
            raise sqlite3.DatabaseError(f"database disk image is malformed: {' '.join(str(found).split())}")

    def _salvage(self, error: sqlite3.DatabaseError) -> None:
        """A new file with what can be read of the damaged one, which is moved aside."""
        end_ns = self._clock.now_ns() + round(SALVAGE_S * 1e9)
        new = self._places.begin()
        found = salvage(self.path, new, self._places.losses(), lambda: self._clock.now_ns() < end_ns)
        told: dict[str, object] = {"damage": str(error), "incomplete": found.incomplete, "rows": found.rows}
        self._put_in_place("JournalSalvaged", told)

    def _rescue(self, connection: sqlite3.Connection) -> None:
        """The file is gone or another one is in its place; the connection still has all that was in it."""
        self._places.make_folder()
        new = self._places.begin()
        rescue(connection, new)
        self.disconnect()
        self._put_in_place("JournalRestored", {"damage": "the file was removed or replaced while it was in use"})

    def _put_in_place(self, method: str, told: dict[str, object]) -> None:
        asked = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        entry = AuditEntry(client="ofa-agent", origin="journal", method=method, outcome="OK", asked=asked)
        with closing(schema.connect(self._places.salvage)) as db:
            undo.take_back(db, self.refused.names())  # what follows in the chain must not follow on what is refused
            db.execute("BEGIN IMMEDIATE")
            audit_rows.put_audit(db, entry, self._clock.wall_ns())
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._places.done()
        moved = self._places.put_in_place(self._clock.wall_ns())
        self.recovered_from = moved or self.path
        event(_log, logging.ERROR, "journal_recovered", journal=self.path, moved_to=moved, told=asked)


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()


def _rolled_back(connection: sqlite3.Connection) -> sqlite3.Connection | None:
    """The connection without a transaction; None where even that failed, and it is closed."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        connection.close()
        return None
    return connection
