"""Taking back what was refused and got onto the disk all the same.

A commit that hangs in the disk, or fails in it, may be found complete at the next start, though its callers were told
that nothing was written. So every transaction keeps an image of the rows that it replaces, under its batch's name; a
batch that was refused is named in memory and in a small file beside the journal, which is not waited for; and before
anything else is read or written its images are put back. Each transaction drops the images of the one before: that one
was either confirmed or taken back by then. What only ever grows (generations, profiles) has no images, and what is true
whoever was told of it neither: that an alarm came or went, how long a gap was.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

_COLUMNS = {  # of the tables that have images, the column that names a row
    "claims": "id",
    "orders": "camera",
    "operations": "name",
    "swaps": "id",
    "activations": "camera",
    "marks": "request_id",
    "answers": "request_id",
    "audit": "seq",
    "audit_pending": "id",
    "alarms": "id",
    "trust": "name",
}

_NO_ROWS = msgspec.msgpack.encode([])


def keep(db: sqlite3.Connection, table: str, identity: str) -> None:
    """Keep an image of the rows of that identity, before they are changed."""
    keep_read(db, table, identity, db.execute(f"SELECT * FROM {table} WHERE {_COLUMNS[table]} = ?", (identity,)))


def keep_read(db: sqlite3.Connection, table: str, identity: str, rows: Iterable[tuple[object, ...]]) -> None:
    """The same where all columns of these rows have been read."""
    body = msgspec.msgpack.encode(list(rows))
    db.execute("INSERT INTO images (held, identity, body) VALUES (?, ?, ?)", (table, identity, body))


def keep_new(db: sqlite3.Connection, table: str, identity: str) -> None:
    """The same for a row that is not there yet, or that this transaction has just made."""
    db.execute("INSERT INTO images (held, identity, body) VALUES (?, ?, ?)", (table, identity, _NO_ROWS))


def begin(db: sqlite3.Connection) -> None:
    """The first thing in a transaction."""
    db.execute("DELETE FROM images")


def name(db: sqlite3.Connection, batch: str) -> None:
    """The last thing in a transaction."""
    db.execute("UPDATE images SET batch = ?", (batch,))


@contextmanager
def without(db: sqlite3.Connection, batches: Collection[str]) -> Iterator[sqlite3.Connection]:
    """The same, or a copy in memory in which these batches are taken back: for reads while that cannot be done."""
    held = {row[0] for row in db.execute("SELECT DISTINCT batch FROM images")} if batches else set()
    if held.isdisjoint(batches):
        yield db
        return
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        db.backup(copy)
        take_back(copy, batches)
        yield copy


def take_back(db: sqlite3.Connection, batches: Collection[str]) -> int:
    """Put the images of these batches back, in a transaction of its own; returns how many there were."""
    db.execute("BEGIN IMMEDIATE")
    found = db.execute("SELECT batch, held, identity, body FROM images ORDER BY seq DESC").fetchall()
    refused = [image for image in found if image[0] in batches]
    for _, table, identity, body in refused:
        db.execute(f"DELETE FROM {table} WHERE {_COLUMNS[table]} = ?", (identity,))
        for row in msgspec.msgpack.decode(body):
            db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    entries = [int(identity) for _, table, identity, _ in refused if table == "audit"]
    if entries:  # their numbers are free again: nobody was told of them
        db.execute("UPDATE about SET value = ? WHERE name = 'audit_newest'", (min(entries) - 1,))
    db.execute("DELETE FROM images")
    db.execute("COMMIT")
    return len(refused)


def second(batch: str) -> str:
    """The name of a batch's second attempt: the first one may be on the disk too, and is refused then."""
    return batch + "+"


class RefusedBatches:
    """Names of batches that were refused and may be on the disk. Any thread may call `write_down` and `names`."""

    def __init__(self, journal: Path) -> None:
        self._file = journal.with_name(journal.name + "-refused")
        self._names: set[str] = set()

    def add(self, batch: str) -> None:
        """This attempt: known to this run from now on, and written down."""
        self._names.add(batch)
        self._append(batch)

    def write_down(self, batch: str) -> None:
        """Both attempts, for the next run."""
        self._append(batch, second(batch))

    def names(self) -> frozenset[str]:
        """Those of this run and of earlier ones."""
        try:
            earlier = self._file.read_text(encoding="ascii", errors="replace").split()
        except OSError:
            earlier = []
        return frozenset(self._names) | frozenset(earlier)

    def clear(self) -> None:
        """They have been taken back."""
        self._names.clear()
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _append(self, *names: str) -> None:
        """Blocks as the disk does, but waits for no fsync: the page cache outlives a killed agent."""
        with contextlib.suppress(OSError), self._file.open("a", encoding="ascii") as file:
            file.write("".join(name + "\n" for name in names))
