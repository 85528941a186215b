"""Commands that wait for the disk together: one transaction, one fsync, and each its own outcome."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from agent.domain.audit import AuditEntry
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import Answered, StoredAnswer
from agent.domain.orders import Mode, Orders
from agent.domain.request import CURRENT, RequestMark
from agent.errors import JournalError
from agent.telemetry import rows, schema
from agent.telemetry.journal import SqliteJournal
from agent.telemetry.mailbox import NOTES_AT_ONCE, NOTES_S
from tests.support.journal_faults import Bench

ENTRY = AuditEntry(client="plc", origin="unix", method="SetBudget", outcome="OK")


def claim(name: str, client: str = "plc") -> Claim:
    return Claim(name, client, "cam", ClaimKind.LEASE, Budget(max_latency_ms=80.0), 60.0, 1, "boot-1")


def answered(request_id: str) -> Answered:
    return Answered(StoredAnswer(request_id, "SetBudgetRequest", "ab" * 32, request_id.encode()), ENTRY)


def test_of_commands_in_one_commit_each_hears_its_own_outcome(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    unwritable = Claim("c4", "hmi", "cam", ClaimKind.MANUAL, cast("Any", object()))

    async def story(journal: SqliteJournal) -> None:
        assert await journal.answer_claim(claim("c1"), answered("r-1"))
        CURRENT.set(RequestMark("r-2", "cam"))
        await journal.put_orders("cam", Orders(Mode.MANUAL, "anna"))
        CURRENT.set(None)
        bench.disk.hang_s = 2.0
        first = asyncio.ensure_future(journal.next_generation("cam"))
        await asyncio.sleep(0.5)  # the thread is at that one: what comes now waits for the next commit together
        begun = bench.disk.commits
        found = await asyncio.gather(
            journal.answer_claim(claim("c2", "a"), answered("r-3")),
            journal.answer_claim(claim("c3", "b"), answered("r-1")),
            journal.answer_claim(claim("c5", "c"), answered("r-2")),
            journal.answer_claim(unwritable, answered("r-4")),
            journal.answer_claim(claim("c6", "d"), answered("")),
            return_exceptions=True,
        )
        assert await first == 1
        assert bench.disk.commits - begun == 1, "all that waited behind it, together"
        assert [one if isinstance(one, bool) else type(one) for one in found] == [
            True, False, False, JournalError, True,
        ]  # fmt: skip

    async def afterwards(journal: SqliteJournal) -> None:
        assert [one.id for one in await journal.claims("cam")] == ["c1", "c2", "c6"]
        kept = [await journal.stored_answer(f"r-{number}") for number in range(1, 5)]
        assert [one is not None for one in kept] == [True, False, True, False]
        assert len((await journal.audit(0, 99, None)).entries) == 3

    bench.play(story)
    bench.again().play(afterwards)


def test_notes_alone_wait_a_moment_for_a_write_that_they_can_share_a_commit_with(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")

    async def story(journal: SqliteJournal) -> None:
        await asyncio.sleep(1.0)
        begun = bench.disk.commits
        journal.note_audit(ENTRY)
        await asyncio.sleep(NOTES_S / 2)
        assert bench.disk.commits == begun
        await journal.next_generation("cam")
        assert bench.disk.commits == begun + 1
        journal.note_audit(ENTRY)
        await asyncio.sleep(NOTES_S + 0.01)
        assert bench.disk.commits == begun + 2
        for _ in range(NOTES_AT_ONCE):
            journal.note_audit(ENTRY)
        await asyncio.sleep(0.01)
        assert bench.disk.commits == begun + 3

    bench.play(story)


@pytest.mark.parametrize("fault", ["hang_s", "commit_fails"])
def test_commands_whose_commit_is_lost_are_all_refused_and_leave_nothing(tmp_path: Path, fault: str) -> None:
    bench = Bench(tmp_path / "journal.db")

    async def story(journal: SqliteJournal) -> None:
        await journal.answer_claim(claim("c1"), answered("r-1"))
        setattr(bench.disk, fault, 7.0)
        found = await asyncio.gather(
            journal.answer_claim(claim("c2"), answered("r-2")),
            journal.answer_claim(claim("c3", "hmi"), answered("r-3")),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [JournalError, JournalError]
        await asyncio.sleep(10.0)
        assert await journal.claims("cam") == (claim("c1"),)
        assert await journal.stored_answer("r-2") is None
        assert await journal.answer_claim(claim("c2"), answered("r-2"))

    async def afterwards(journal: SqliteJournal) -> None:
        assert [one.id for one in await journal.claims("cam")] == ["c2"]
        assert [one.seq for one in (await journal.audit(0, 99, None)).entries] == [1, 2]

    bench.play(story)
    bench.again().play(afterwards)


def test_a_new_claim_costs_the_same_however_many_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(schema.connect(path)) as db:
        schema.migrate(db, path)

        def cost(name: str) -> int:
            """In tens of steps of SQLite's machine."""
            count = [0]
            db.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 10)
            rows.put_claim(db, claim(name), 1)
            db.set_progress_handler(None, 0)
            return count[0]

        few = [cost(f"few-{number}") for number in range(5)][-1]
        db.execute("BEGIN")
        for number in range(500):
            rows.put_claim(db, claim(f"old-{number}"), 1)
        db.execute("COMMIT")
        assert cost("new") <= few + 2
