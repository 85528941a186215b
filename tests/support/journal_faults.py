"""Real SQLite on a disk that fails as told: connections that hang, files that are full, read-only or damaged."""

from __future__ import annotations

import random
import resource
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.clock import VirtualClock, run_virtual
from agent.domain.journal import JournalState
from agent.telemetry import schema
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal

PAGE = 4096


class _Slow(sqlite3.Connection):
    """A connection that asks the disk before a transaction begins, and waits for it at its end."""

    disk: Disk

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE":
            self.disk.before_writing(super().execute)
        cursor = super().execute(sql, *values)
        if sql == "COMMIT":
            self.disk.after_commit()
        return cursor


@dataclass
class Disk:
    """What becomes of the journal's connections; a fault holds, also for open ones, until it is taken away.

    `full`: nothing can be written to any file of this process (RLIMIT_FSIZE). `hang_s`: the next commit is on the disk
    at once and returns only after that time, as a stuck fsync does. `commit_fails`: it is on the disk, and fails.
    """

    clock: VirtualClock
    full: bool = False
    read_only: bool = False
    unreachable: bool = False
    hang_s: float = 0.0
    commit_fails: bool = False
    connected: int = 0
    commits: int = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        if self.unreachable:
            raise sqlite3.OperationalError("unable to open database file")
        self.connected += 1
        connection = sqlite3.connect(path, timeout=0.1, isolation_level=None, factory=_Slow)
        connection.disk = self
        try:
            for pragma in ("auto_vacuum = INCREMENTAL", "journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA query_only = {int(self.read_only)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def fail(self, **faults: bool) -> None:
        """From now on."""
        for name, value in faults.items():
            setattr(self, name, value)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if self.full else most, most))

    def before_writing(self, execute: Callable[[str], object]) -> None:
        if self.unreachable:
            raise sqlite3.OperationalError("disk I/O error")
        execute(f"PRAGMA query_only = {int(self.read_only)}")

    def after_commit(self) -> None:
        self.commits += 1
        hang_s, self.hang_s = self.hang_s, 0.0
        self.clock.sleep(hang_s)
        if self.commit_fails:
            self.commit_fails = False
            raise sqlite3.OperationalError("disk I/O error")


@dataclass
class Bench:
    """A journal in virtual time on such a disk, and the states that it told."""

    path: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    seed: int = 1
    states: list[JournalState] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = Disk(self.clock)

    def play(self, story: Callable[[SqliteJournal], Awaitable[None]]) -> None:
        """One life of the agent; a clock serves one life only."""
        journal = SqliteJournal(self.path, self.clock, SeededIds(self.seed), connect=self.disk.connect)

        async def life() -> None:
            journal.on_state(self.states.append)
            await journal.open()
            try:
                await story(journal)
            finally:
                await journal.close()

        try:
            run_virtual(self.clock, life())
        finally:
            self.disk.fail(full=False)

    def again(self) -> Bench:
        """The next life with the same files, on a good disk."""
        return Bench(self.path, seed=self.seed + 1)

    @property
    def writable(self) -> list[bool]:
        """Whether it could write, each time that this changed."""
        told = [state.writable for state in self.states]
        return [now for before, now in zip([None, *told], told, strict=False) if now != before]


def overwrite(path: Path, pages: range, seed: int) -> None:
    """Random bytes over these pages (from 0) of a file that nobody has open."""
    noise = random.Random(seed)
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(noise.randbytes(PAGE))


def checkpointed(path: Path) -> int:
    """Bring everything into the file itself; returns its pages."""
    connection = schema.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    connection.close()
    return pages
