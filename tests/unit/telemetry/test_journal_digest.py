"""Two runs that did the same have the same digest."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.errors import JournalError
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.alarms import raise_alarm
from tests.support.journal_digest import journal_digest


def a_run(folder: Path, seed: int = 1, start_wall_ns: int = 1_700_000_000_000_000_000, step_s: float = 0.25) -> str:
    """A short life with a swap, a claim and an alarm; the digest of its journal."""
    clock, ids = VirtualClock(start_wall_ns), SeededIds(seed)
    path = folder / "journal.db"
    journal = SqliteJournal(path, clock, ids)

    async def life() -> None:
        await journal.open()
        swap = SwapRecord(ids.uuid(), "cam", None, "net-a", "initial", ids.uuid(), clock.wall_ns())
        claim = Claim(
            ids.uuid(), "plc", "cam", ClaimKind.LEASE, Budget(max_latency_ms=50.0), 9.0, 77, f"boot-{folder.name}"
        )
        await journal.put_claim(claim)
        await journal.begin_swap(swap)
        await asyncio.sleep(step_s)
        journal.note_step(swap.id, "upload", clock.now_ns() / 1e9, f"{folder}/blob.bin: slow")
        await journal.finish_swap(replace(swap, outcome=SwapOutcome.FAULTED, error=f"no {folder}/x"), None)
        await raise_alarm(journal, "cam", "faulted", f"see {folder}/journal.db", clock.wall_ns())
        await journal.next_generation("cam")
        await journal.close()

    run_virtual(clock, life())
    return journal_digest(path)


def test_the_same_seed_elsewhere_and_later_gives_the_same_digest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = a_run(tmp_path / "a")
    assert a_run(tmp_path / "b", start_wall_ns=1_800_000_000_000_000_000) == first
    assert len(first) == 64


def test_another_seed_or_another_elapsed_time_gives_another_digest(tmp_path: Path) -> None:
    digests = set()
    for index, (seed, step_s) in enumerate([(1, 0.25), (2, 0.25), (1, 0.5)]):
        folder = tmp_path / str(index)
        folder.mkdir()
        digests.add(a_run(folder, seed, step_s=step_s))
    assert len(digests) == 3


def test_a_missing_file_is_a_journal_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        journal_digest(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
