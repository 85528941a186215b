"""The one thread that writes the journal."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from agent.clock import Clock
from agent.domain.audit_entries import broken_entry
from agent.domain.journal import JournalState
from agent.errors import JournalError
from agent.logs import event, logger
from agent.telemetry import audit_rows, rows, schema, undo
from agent.telemetry.audit_check import check_tail
from agent.telemetry.audit_head import HeadKeeper
from agent.telemetry.file import JournalFile
from agent.telemetry.mailbox import NOTES, Batch, Job, Mailbox, Outcome
from agent.telemetry.salvage import damaged

_log = logger("journal")
_DAY_NS = 86_400_000_000_000
PRUNE_EVERY_S = 3600.0
PROBE_S = 5.0  # how soon it is seen that a disk can be written again, though nobody writes
PROBE_BYTES = 65_536  # free space that is worth calling a disk writable
_ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    msgspec.MsgspecError,
    OverflowError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the thread tells: that it has opened, what it can do from now on, and that it has ended."""

    opened: Callable[[Outcome], None]
    state: Callable[[JournalState], None]
    ended: Callable[[], None]


class JournalThread:
    """Body of the thread. Everything but `mailbox`, `file.refused.write_down` and the counts belongs to the thread.

    What waits together is committed together, with one fsync; reads follow and do not share the fate of writes. A job
    whose row is no row fails alone. When the disk fails, all of that commit does: awaited writes are refused, notes
    wait on, and the file is opened anew for the next attempt, which comes by itself.
    """

    def __init__(self, file: JournalFile, clock: Clock, run_id: str, journal_days: float) -> None:
        self.mailbox = Mailbox(clock)
        self.lost_notes = 0  # written only here, read anywhere
        self.last_swap_seq = 0  # swaps up to here are of earlier runs
        self.last_run: Mapping[str, object] = {}  # how it ended; see audit_rows.last_run
        self.file = file
        self._heads = HeadKeeper(file.path, clock)
        self._audit_broken = ""
        self._clock = clock
        self._run_id = run_id
        self._keep_ns = round(journal_days * _DAY_NS)
        self._pruned_ns: int | None = None
        self._tried_ns = 0
        self._held: list[Job] = []  # notes that wait for a better disk
        self._suspect = False  # those notes may be at fault themselves
        self._trouble = ""  # why the last write failed; empty after one that did not
        self._unreadable = ""
        self._state: JournalState | None = None

    def run(self, told: Told) -> None:
        """Open the file, tell, and serve until the mailbox is closed and empty."""
        try:
            outcome = self._begin()
            told.opened(outcome)
            if outcome.error is None:
                self._tell(told)
                self._serve_all(told)
        finally:
            self.file.disconnect()
            told.ended()

    def retell(self) -> None:
        """The loop has said something else of the state meanwhile; the thread tells it again after its next batch."""
        self._state = None

    def _begin(self) -> Outcome:
        """A file that can at least be read is enough: writes are tried again and again."""
        try:
            connection = self.file.writing()
            self.last_swap_seq = rows.last_swap_seq(connection)
            self._look_at_audit(connection)
            self._begin_run(connection)
            self._prune(connection)
            self._heads.keep(connection, now=True)
        except JournalError as exc:
            return Outcome(error=exc)
        except (sqlite3.Error, OSError) as exc:
            return self._begin_reading(exc)
        return Outcome()

    def _begin_run(self, connection: sqlite3.Connection) -> None:
        """What earlier runs left is put right together with the row of this one."""
        wall_ns = self._clock.wall_ns()
        connection.execute("BEGIN IMMEDIATE")
        undo.begin(connection)
        rows.put_run(connection, self._run_id, wall_ns)
        audit_rows.put_left(connection, self._run_id, wall_ns)
        if self._audit_broken:
            audit_rows.put_audit(connection, broken_entry(self._audit_broken), wall_ns)
        connection.execute("COMMIT")

    def _look_at_audit(self, connection: sqlite3.Connection) -> None:
        """A chain that does not hold is told and goes on: the line must not stand still for it."""
        self.last_run = audit_rows.last_run(connection)
        self._audit_broken = check_tail(connection, self._heads.file).why
        if self._audit_broken:
            event(_log, logging.ERROR, "audit_broken", journal=self.file.path, why=self._audit_broken)

    def _begin_reading(self, why: Exception) -> Outcome:
        self.file.failed(why)
        failure = self._failure(why)
        try:
            with self.file.reading() as connection:
                self.last_swap_seq = rows.last_swap_seq(connection)
                self._look_at_audit(connection)
        except JournalError as exc:
            return Outcome(error=exc)
        except (sqlite3.Error, OSError):
            return Outcome(error=failure)
        self._trouble = str(failure)
        return Outcome()

    def _serve_all(self, told: Told) -> None:
        while True:
            batch = self.mailbox.take(PROBE_S if self._trouble or self._unreadable else self._heads.wait_s())
            last = self.mailbox.closed and not batch.jobs
            self._serve(batch, last=last)
            self._tell(told)
            if last:
                self.lost_notes += len(self._held)
                self._recover()  # a file that was removed since the last write is not left so
                self._keep_head(now=True)
                return
            self._prune_when_due()
            self._keep_head()

    def _serve(self, batch: Batch, *, last: bool = False) -> None:
        name = f"{self._run_id}:{batch.number}"
        writes = [*self._held, *(job for job in batch.jobs if not job.reads)]
        self._held = [job for job in writes if job.done is None]
        outcomes = self._written(name, writes) if batch.awaited or self._due(last=last) else {}
        if self.mailbox.settle(batch):
            self._heads.changed()
            for job, outcome in outcomes.items():
                if job.done is not None:
                    job.done(outcome)
        else:
            self._take_back(name)
        self._hold()
        for job in batch.reads:
            self._answer(job)

    def _due(self, *, last: bool) -> bool:
        """Whether to write though nobody waits for it; a disk that was found wanting a moment ago is left alone."""
        if not (self._trouble or self._unreadable):
            return bool(self._held)
        return last or self._clock.now_ns() >= self._tried_ns + round(PROBE_S * 1e9)

    def _written(self, name: str, writes: list[Job]) -> dict[Job, Outcome]:
        """The outcomes of those that are awaited, and of the notes beside them as far as they could be written."""
        awaited = [job for job in writes if job.done is not None]
        try:
            outcomes = self._commit(name, writes)
        except Exception as exc:  # noqa: BLE001  # supervised loop: the thread outlives whatever a disk does
            failure = self._failed(exc)
            if not self._held and not damaged(exc):
                return {job: Outcome(error=failure) for job in awaited}
        else:
            self._held = []
            return outcomes
        try:
            outcomes = self._commit(undo.second(name), awaited)
        except Exception as exc:  # noqa: BLE001
            failure = self._failed(exc)
            return {job: Outcome(error=failure) for job in awaited}
        self._suspect = True
        return outcomes

    def _hold(self) -> None:
        """Notes that failed where the writes beside them did not get one more try and are lost, being at fault.

        Others wait for a better disk, the newest as many as there is room for.
        """
        if self._suspect:
            self._suspect = False
            try:
                self._commit("", self._held)
            except Exception as exc:  # noqa: BLE001
                self.file.failed(exc)
                self.lost_notes += len(self._held)
            self._held = []
        over = len(self._held) - NOTES
        if over > 0:
            del self._held[:over]
            self.lost_notes += over

    def _commit(self, name: str, jobs: Sequence[Job]) -> dict[Job, Outcome]:
        self._tried_ns = self._clock.now_ns()
        connection = self.file.writing()
        if self._trouble:
            self._probe(connection)
        connection.execute("BEGIN IMMEDIATE")
        undo.begin(connection)
        if len(jobs) == 1:
            outcomes = {jobs[0]: self._attempt_alone(connection, jobs[0])}
        else:
            outcomes = {job: self._attempt(connection, job) for job in jobs}
        undo.name(connection, name)
        try:
            connection.execute("COMMIT")
        except BaseException:
            self.file.refused.add(name)  # it may be found complete all the same
            raise
        self._trouble = self._unreadable = ""
        self.lost_notes += sum(job.done is None and outcome.error is not None for job, outcome in outcomes.items())
        return outcomes

    def _attempt(self, connection: sqlite3.Connection, job: Job) -> Outcome:
        connection.execute("SAVEPOINT job")
        try:
            outcome = Outcome(job.work(connection))
        except _ROW_ERRORS as exc:
            connection.execute("ROLLBACK TO job")
            outcome = Outcome(error=self._row_refused(exc))
        connection.execute("RELEASE job")
        return outcome

    def _attempt_alone(self, connection: sqlite3.Connection, job: Job) -> Outcome:
        """The same where nothing else is in the transaction: every statement costs a turn of the interpreter."""
        try:
            return Outcome(job.work(connection))
        except _ROW_ERRORS as exc:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            undo.begin(connection)
            return Outcome(error=self._row_refused(exc))

    def _probe(self, connection: sqlite3.Connection) -> None:
        """Whether there is room again; a small row may fit where there is none."""
        put = "INSERT OR REPLACE INTO about (name, value) VALUES ('probe', zeroblob(?))"
        for statement, values in ((put, (PROBE_BYTES,)), ("DELETE FROM about WHERE name = 'probe'", ())):
            connection.execute(statement, values)

    def _take_back(self, name: str) -> None:
        """The batch was refused while it was written."""
        self.file.refused.add(name)
        self.file.refused.add(undo.second(name))
        self._state = None  # the loop has called the journal stuck meanwhile
        try:
            self.file.take_back()
        except Exception as exc:  # noqa: BLE001  # the next connection does it, before anything else
            self._failed(exc)

    def _answer(self, job: Job) -> None:
        """One read; a file that turns out to be damaged is recovered and read again."""
        assert job.done is not None
        for attempt in (1, 2):
            try:
                with self.file.reading() as connection:
                    outcome = Outcome(job.work(connection))
                self._unreadable = ""
                break
            except _ROW_ERRORS as exc:
                outcome = Outcome(error=self._row_refused(exc))
                break
            except Exception as exc:  # noqa: BLE001
                outcome = Outcome(error=self._failed(exc, reading=True))
                if attempt == 1 and damaged(exc):
                    self._recover()
        job.done(outcome)

    def _recover(self) -> None:
        try:
            self.file.writing()
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)

    def _tell(self, told: Told) -> None:
        """What it can do now, where that is new."""
        error = self._trouble or self._unreadable
        lost = self.lost_notes + self.mailbox.dropped
        state = JournalState(
            not self._trouble, not self._unreadable, error, self.file.recovered_from, lost, self._audit_broken
        )
        if state != self._state:
            self._state = state
            told.state(state)

    def _prune_when_due(self) -> None:
        due_ns = 0 if self._pruned_ns is None else self._pruned_ns + round(PRUNE_EVERY_S * 1e9)
        if self._trouble or self._clock.now_ns() < due_ns:
            return
        try:
            self._prune(self.file.writing())
        except Exception as exc:  # noqa: BLE001
            self.file.failed(exc)  # the next write tells, if it still fails then

    def _prune(self, connection: sqlite3.Connection) -> None:
        self._pruned_ns = self._clock.now_ns()
        schema.prune(connection, self._clock.wall_ns() - self._keep_ns)

    def _keep_head(self, *, now: bool = False) -> None:
        """Of what is durable and was not refused: of a batch that was, nothing is left by now."""
        if self._trouble or self._unreadable or self.file.refused.names():
            return
        try:
            self._heads.keep(self.file.writing(), now=now)
        except Exception as exc:  # noqa: BLE001
            self.file.failed(exc)  # as for pruning

    def _failed(self, exc: Exception, *, reading: bool = False) -> JournalError:
        self.file.failed(exc)
        failure = exc if isinstance(exc, JournalError) else self._failure(exc)
        if reading:
            self._unreadable = str(failure)
        else:
            self._trouble = str(failure)
        return failure

    def _failure(self, exc: Exception) -> JournalError:
        return JournalError(
            f"journal {self.file.path}: {type(exc).__name__}: {exc}; nothing was written: "
            "check free space, permissions and the disk"
        )

    def _row_refused(self, exc: Exception) -> JournalError:
        return JournalError(f"journal {self.file.path}: row refused: {type(exc).__name__}: {exc}")
