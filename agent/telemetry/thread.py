"""The one thread that owns the journal's connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.errors import JournalError
from agent.telemetry import rows, schema
from agent.telemetry.mailbox import Job, Mailbox, Outcome

Connect = Callable[[Path], sqlite3.Connection]
_DAY_NS = 86_400_000_000_000
_ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    msgspec.MsgspecError,
    OverflowError,
    TypeError,
    ValueError,
)


class JournalThread:
    """Body of the thread. Owner of the connection; everything but `mailbox` and the counts belongs to the thread.

    What waits together is committed together, with one fsync. A job whose row is no row fails alone; when the
    disk fails, everything of that commit does, and the file is opened anew for the next one.
    """

    def __init__(self, path: Path, clock: Clock, run_id: str, connect: Connect, journal_days: float) -> None:
        self.mailbox = Mailbox(clock)
        self.lost_notes = 0  # written only here, read anywhere
        self.last_swap_seq = 0  # swaps up to here are of earlier runs
        self._path = path
        self._clock = clock
        self._run_id = run_id
        self._connect = connect
        self._keep_ns = round(journal_days * _DAY_NS)
        self._connection: sqlite3.Connection | None = None
        self._pruned_ns = 0

    def run(self, opened: Callable[[Outcome], None], ended: Callable[[], None]) -> None:
        """Open the file, tell, and serve until the mailbox is closed and empty."""
        try:
            outcome = self._begin()
            opened(outcome)
            while outcome.error is None and (batch := self.mailbox.take()):
                self._serve(batch)
                self._prune_when_due()
        finally:
            self._disconnect()
            ended()

    def _begin(self) -> Outcome:
        try:
            connection = self._connected()
            self.last_swap_seq = rows.last_swap_seq(connection)
            rows.put_run(connection, self._run_id, self._clock.wall_ns())
            self._prune(connection)
        except JournalError as exc:
            return Outcome(error=exc)
        except (sqlite3.Error, OSError) as exc:
            return Outcome(error=self._failure(exc))
        return Outcome()

    def _serve(self, batch: list[Job]) -> None:
        try:
            outcomes = self._commit(batch)
        except Exception as exc:  # noqa: BLE001  # supervised loop: the thread outlives whatever a disk does
            self._disconnect()
            failure = exc if isinstance(exc, JournalError) else self._failure(exc)
            outcomes = [Outcome(error=failure)] * len(batch)
        for job, outcome in zip(batch, outcomes, strict=True):
            if job.done is not None:
                job.done(outcome)
            elif outcome.error is not None:
                self.lost_notes += 1

    def _commit(self, batch: list[Job]) -> list[Outcome]:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [self._attempt(connection, job) for job in batch]
        connection.execute("COMMIT")
        return outcomes

    def _attempt(self, connection: sqlite3.Connection, job: Job) -> Outcome:
        connection.execute("SAVEPOINT job")
        try:
            outcome = Outcome(job.work(connection))
        except _ROW_ERRORS as exc:
            connection.execute("ROLLBACK TO job")
            outcome = Outcome(error=JournalError(f"journal {self._path}: row refused: {type(exc).__name__}: {exc}"))
        connection.execute("RELEASE job")
        return outcome

    def _prune_when_due(self) -> None:
        if self._connection is None or self._clock.now_ns() - self._pruned_ns < _DAY_NS:
            return
        try:
            self._prune(self._connection)
        except sqlite3.Error:
            self._disconnect()  # the next write tells, if it still fails then

    def _prune(self, connection: sqlite3.Connection) -> None:
        self._pruned_ns = self._clock.now_ns()
        schema.prune(connection, self._clock.wall_ns() - self._keep_ns)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connect(self._path)
            try:
                schema.migrate(connection, self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        """Also rolls back what was begun."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _failure(self, exc: Exception) -> JournalError:
        return JournalError(
            f"journal {self._path}: {type(exc).__name__}: {exc}; nothing was written: "
            "check free space, permissions and the disk"
        )
