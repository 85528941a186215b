"""SQLite with a record behind its files: a VFS for apsw, and the connections of `sqlite3` on top of it."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import apsw

from tests.faults.crash_states.record import Record

Rewrite = Callable[[str], str]
_BASE = "unix"
# SQLite's own `unix` VFS syncs the folder at the first sync of a file that it opens so (os_unix.c, UNIXFILE_DIRSYNC).
_NAMED_AT_SYNC = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
_ERRORS: dict[int, type[sqlite3.Error]] = {
    apsw.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    apsw.SQLITE_CORRUPT: sqlite3.DatabaseError,
    apsw.SQLITE_NOTADB: sqlite3.DatabaseError,
}


class _File(apsw.VFSFile):
    """One file of SQLite, recorded."""

    def __init__(self, record: Record, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._record = record
        self._path = path if path is not None and record.covers(path) else None
        known = record.node_at(path) if self._path is not None else None
        there = path is not None and os.path.exists(path)
        super().__init__(_BASE, name, flags)
        self._node = known
        if self._path is not None and known is None and not there:
            self._node = record.created(path)
        self._names_at_sync = bool(flags[0] & _NAMED_AT_SYNC and flags[0] & apsw.SQLITE_OPEN_CREATE)

    def xWrite(self, data: Any, offset: int) -> None:
        super().xWrite(data, offset)
        if self._node is not None:
            self._record.wrote(self._node, offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        if self._node is not None:
            self._record.truncated(self._node, size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        if self._node is not None and self._path is not None:
            self._record.synced(self._node)
            if self._names_at_sync:
                self._record.synced_folder_of(self._path)
                self._names_at_sync = False


class _Vfs(apsw.VFS):
    def __init__(self, name: str, record: Record, seed: int) -> None:
        super().__init__(name, _BASE)
        self.name = name
        self._record = record
        self._random = random.Random(seed)

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        return _File(self._record, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        found = os.lstat(name) if os.path.lexists(name) else None
        super().xDelete(name, sync_folder)
        if self._record.covers(name) and found is not None:
            self._record.forget(found)
            self._record.removed(name)
            if sync_folder:
                self._record.synced_folder_of(name)

    def xRandomness(self, count: int) -> bytes:
        """Seeded: the salts of a log are part of what is recorded."""
        return self._random.randbytes(count)


class Connection:
    """What the agent uses of `sqlite3.Connection`, on that VFS."""

    def __init__(self, name: str, vfs: str, flags: int, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        with _translated():
            self._db = apsw.Connection(name, flags=flags, vfs=vfs)
        self._db.set_busy_timeout(2000)
        self.text_factory: Any = str

    def execute(self, sql: str, values: Any = ()) -> _Rows:
        with _translated():
            return _Rows(self._db.execute(self._rewrite(sql), values or None))

    def executemany(self, sql: str, rows: Any) -> _Rows:
        with _translated():
            return _Rows(self._db.executemany(sql, rows))

    def executescript(self, sql: str) -> None:
        with _translated():
            self._db.execute(self._rewrite(sql)).fetchall()

    def backup(self, target: Connection) -> None:
        with _translated(), target._db.backup("main", self._db, "main") as copy:
            copy.step()

    def set_progress_handler(self, handler: Callable[[], Any] | None, count: int) -> None:
        self._db.set_progress_handler(handler, count)

    @property
    def in_transaction(self) -> bool:
        return bool(self._db.in_transaction)

    @property
    def total_changes(self) -> int:
        return int(self._db.total_changes())

    def close(self) -> None:
        with contextlib.suppress(apsw.IOError):  # of a lock that a connection that only reads cannot have: as sqlite3
            self._db.close()


class _Rows:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._db = cursor.connection

    @property
    def lastrowid(self) -> int:
        return int(self._db.last_insert_rowid())

    @property
    def rowcount(self) -> int:
        return int(self._db.changes())

    def fetchone(self) -> Any:
        with _translated():
            return self._cursor.fetchone()

    def fetchall(self) -> Sequence[Any]:
        with _translated():
            found: Sequence[Any] = self._cursor.fetchall()
            return found

    def __iter__(self) -> Iterator[Any]:
        with _translated():
            yield from self._cursor


@contextmanager
def recorded_sqlite(record: Record, seed: int, rewrite: Rewrite = str) -> Iterator[None]:
    """`sqlite3.connect` records what is below the record's folder; `rewrite` may alter statements."""
    vfs = _Vfs(f"recorded-{seed}-{id(record)}", record, seed)
    genuine = sqlite3.connect

    def connect(database: Any, *values: Any, **options: Any) -> Any:
        name, flags = os.fspath(database), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if options.get("uri"):
            mode = parse_qs(urlsplit(name).query).get("mode", ["rwc"])[0]
            name = unquote(urlsplit(name).path)
            flags = {"ro": apsw.SQLITE_OPEN_READONLY, "rw": apsw.SQLITE_OPEN_READWRITE}.get(mode, flags)
        if name == ":memory:" or not record.covers(name):
            return genuine(database, *values, **options)
        return Connection(name, vfs.name, flags, rewrite)

    sqlite3.connect = connect
    try:
        yield
    finally:
        sqlite3.connect = genuine
        vfs.unregister()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        code = int(getattr(error, "extendedresult", 0))
        made = _ERRORS.get(code & 0xFF, sqlite3.OperationalError)(str(error))
        made.sqlite_errorcode = code  # type: ignore[attr-defined,unused-ignore]
        raise made from error
