"""A journal that is damaged, or removed while it is in use, and recovered: recorded, and what must be there then."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import Activation, StoredAnswer, SwapOutcome, SwapRecord
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.faults.crash_states.journal_run import PLACE
from tests.faults.crash_states.python_files import recorded
from tests.faults.crash_states.record import Record
from tests.faults.crash_states.sqlite_files import recorded_sqlite
from tests.faults.crash_states.states import State

CAMERA = "cam-1"
DAMAGE, RECOVERED, LATER = 1, 2, 3  # steps: before the first all is sound, after the second all is sound again
CLAIMS = [
    Claim(f"c{number}", f"plc-{number}", CAMERA, ClaimKind.MANUAL, Budget(max_latency_ms=50.0 + number))
    for number in range(30)
]
AFTER = Claim("after", "plc-after", CAMERA, ClaimKind.MANUAL, Budget(max_latency_ms=20.0))
SWAP = SwapRecord("swap-1", CAMERA, None, "net-a", "initial", "b-1", 1_700_000_000 * 10**9, SwapOutcome.VERIFIED, 7)


def play(root: Path, removed: bool, seed: int) -> Record:
    """The file's list of decisions is damaged between two lives; or `removed`: the file goes in the middle of one."""
    record = Record(root)
    with recorded(record), recorded_sqlite(record, seed):
        if removed:
            _live(record.root, seed, lambda journal: _lose_and_go_on(journal, record))
            return record
        _live(record.root, seed, _fill)
        record.step(DAMAGE, done=False)
        _damage(record.root / PLACE)
        record.step(DAMAGE, done=True)
        record.step(RECOVERED, done=False)
        _live(record.root, seed + 1, lambda journal: _go_on(journal, record))
    return record


def fault(state: State, folder: Path, removed: bool) -> str:
    """No claim is lost and no generation comes again, whenever the power fails from the damage on.

    What a hand has `removed` is there again with the next write that is acknowledged, and not sooner.
    """
    state.write(folder)
    if state.done < (LATER if removed else DAMAGE):
        _live(folder, 99, _nothing)
        return ""
    found: list[str] = []

    async def look(journal: SqliteJournal) -> None:
        claims = list(await journal.claims(CAMERA))
        wanted = [*CLAIMS, AFTER] if state.done >= LATER else CLAIMS
        rest = [claim.id for claim in claims if claim not in [*CLAIMS, AFTER]]
        lost = [claim.id for claim in wanted if claim not in claims]
        generation = await journal.next_generation(CAMERA)
        if lost or rest or generation <= 3:
            found.append(f"lost {lost}, never asked {rest}, next generation {generation}")

    _live(folder, 99, look)
    return "; ".join(found)


def _live(folder: Path, seed: int, story: Callable[[SqliteJournal], Awaitable[None]]) -> None:
    clock = VirtualClock()
    journal = SqliteJournal(folder / PLACE, clock, SeededIds(seed), journal_days=36_500.0)

    async def life() -> None:
        await journal.open()
        try:
            await story(journal)
        finally:
            await journal.close()

    run_virtual(clock, life())


async def _fill(journal: SqliteJournal) -> None:
    for claim in CLAIMS:
        await journal.put_claim(claim)
    for _ in range(3):
        await journal.next_generation(CAMERA)
    await journal.finish_swap(SWAP, Activation(CAMERA, 3, "net-a", "ab" * 32))
    await journal.store_answer(StoredAnswer("r-1", "SetBudget", "00", bytes(20_000)))  # has the last pages


async def _nothing(journal: SqliteJournal) -> None:
    """It opens."""


async def _go_on(journal: SqliteJournal, record: Record) -> None:
    record.step(RECOVERED, done=True)
    record.step(LATER, done=False)
    await journal.put_claim(AFTER)
    record.step(LATER, done=True)
    await asyncio.sleep(2.0)


async def _lose_and_go_on(journal: SqliteJournal, record: Record) -> None:
    """A hand removes it; the connection still has all that was in it, and the next write brings it back."""
    await _fill(journal)
    record.step(DAMAGE, done=False)
    record.step(DAMAGE, done=True)
    path = record.root / PLACE
    aside = path.with_name("aside")
    os.rename(path, aside)
    record.step(RECOVERED, done=False)
    await _go_on(journal, record)


def _damage(path: Path) -> None:
    """Noise over the last page of the file, which is an answer's; on the disk at once."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size - 4096)
        file.write(b"\xa5" * 4096)
        file.flush()
        os.fsync(file.fileno())
