"""The journal's size on the disk: bounded by what is kept, not by how long it runs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.audit import AuditEntry, ChainCheck
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.telemetry import rows, schema
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal

DAY_S = 86_400.0
SWAP = SwapRecord("s", "cam", None, "net-a", "budget", "budget-1", 0, outcome=SwapOutcome.VERIFIED)
ENTRY = AuditEntry(client="plc", origin="unix", method="SetBudget", outcome="OK", asked="x" * 200)


def size(path: Path) -> int:
    """Of the file and its log."""
    return sum(one.stat().st_size for one in path.parent.glob(path.name + "*") if not one.name.endswith("-shm"))


async def a_day(journal: SqliteJournal, clock: VirtualClock, day: int, swaps: int) -> None:
    """Swaps with their steps and what else comes with each."""
    for index in range(swaps):
        name = f"{day}-{index}"
        for step in range(6):
            journal.note_step(name, f"step-{step}", 0.1, None)
        journal.note_audit(replace(ENTRY, request_id=name))
        journal._note(_swap(replace(SWAP, id=name, started_wall_ns=clock.wall_ns())))
    await asyncio.sleep(DAY_S)
    await journal.claims("cam")  # the thread clears up after what it serves


def _swap(swap: SwapRecord) -> Callable[[sqlite3.Connection], None]:
    return lambda db: rows.put_swap(db, swap)


def play(path: Path, days: int, swaps: int, journal_days: float) -> list[int]:
    """The size at the end of each day."""
    clock = VirtualClock()
    sizes = []

    async def life() -> None:
        journal = SqliteJournal(path, clock, SeededIds(1), journal_days)
        await journal.open()
        for day in range(days):
            await a_day(journal, clock, day, swaps)
            sizes.append(size(path))
        page = await journal.audit(0, 1000, None)
        assert ChainCheck(page.anchor_sha256).take(page.entries) is None
        await journal.close()

    run_virtual(clock, life())
    return sizes


def test_a_daemon_that_never_stops_swapping_keeps_what_it_is_told_to_and_no_more(tmp_path: Path) -> None:
    sizes = play(tmp_path / "journal.db", days=14, swaps=150, journal_days=3)
    assert sizes[0] < sizes[2], "it grows while nothing is old yet"
    assert max(sizes[4:]) <= 1.1 * max(sizes[3:5]), f"and then no more: {sizes}"


def test_what_a_burst_took_is_given_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    play(path, days=1, swaps=250, journal_days=1)
    burst = size(path)
    sizes = play(path, days=3, swaps=1, journal_days=1)
    assert sizes[-1] < burst / 2, f"{burst}, then {sizes}"


@pytest.mark.parametrize("table", ["swaps", "audit"])
def test_the_newest_rows_are_kept_where_there_are_too_many(
    tmp_path: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    monkeypatch.setitem(schema.KEPT_ROWS, table, 20)
    play(path, days=1, swaps=100, journal_days=30)
    with closing(sqlite3.connect(path)) as db:
        kept = [row[0] for row in db.execute(f"SELECT seq FROM {table} ORDER BY seq")]
        assert kept == list(range(81, 101))
        steps = db.execute("SELECT COUNT(*) FROM steps").fetchone()[0]
    assert steps == (120 if table == "swaps" else 600)


def test_a_file_of_an_older_version_gives_pages_back_from_now_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as old:
        for statement in (one for statements in schema._VERSIONS[:2] for one in statements):
            old.execute(statement)
        old.execute("PRAGMA user_version = 2")
        old.commit()
    play(path, days=1, swaps=1, journal_days=1)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
