"""A journal at work, recorded; and what must be in it after a power loss."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from agent.clock import VirtualClock, run_virtual
from agent.domain.audit import AuditEntry, ChainCheck
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import (
    Activation,
    Alarm,
    Answered,
    JournalState,
    StoredAnswer,
    StoredOperation,
    SwapOutcome,
    SwapRecord,
)
from agent.domain.orders import Mode, Orders, Pin
from agent.domain.profile import NetProfile
from agent.domain.request import CURRENT, RequestMark
from agent.telemetry import schema
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.faults.crash_states.python_files import recorded
from tests.faults.crash_states.record import Record
from tests.faults.crash_states.sqlite_files import Rewrite, recorded_sqlite
from tests.faults.crash_states.states import State

Dump: TypeAlias = dict[str, list[tuple[object, ...]]]
PLACE = Path("state") / "journal.sqlite3"  # the folder is not there at first
CAMERAS = ("cam-1", "cam-2")
_EVERY_PAGES = 24  # written back into the file after so many, not after 1000: a short run has many of these
_OF_ITSELF = ("runs", "images")  # rows about the file, not of what was asked
_FAR_DAYS = 36_500.0


@dataclass
class Played:
    """A recorded run: what was in the journal after each step, from 0 on."""

    record: Record
    dumps: list[Dump] = field(default_factory=list)


def play(root: Path, seed: int, lives: int, steps: int, rewrite: Rewrite = str) -> Played:
    """Run the real journal below `root` through some lives of the agent, each of so many steps."""
    record = Record(root)
    played = Played(record)

    def often(sql: str) -> str:
        return rewrite(f"{sql}; PRAGMA wal_autocheckpoint = {_EVERY_PAGES}" if "synchronous" in sql else sql)

    with recorded(record), recorded_sqlite(record, seed, often):
        for life in range(lives):
            clock = VirtualClock()
            journal = SqliteJournal(record.root / PLACE, clock, SeededIds(seed + life), journal_days=_FAR_DAYS)
            run_virtual(clock, _live(journal, _Asker(journal, random.Random(f"{seed}-{life}"), life), played, steps))
    return played


async def _live(journal: SqliteJournal, asker: _Asker, played: Played, steps: int) -> None:
    async def step(work: Callable[[], Awaitable[object]]) -> None:
        number = len(played.dumps)
        played.record.step(number, done=False)
        await work()
        found = await journal._read(dump)
        played.record.step(number, done=True)
        played.dumps.append(found)

    if not played.dumps:
        played.dumps.append({})
    await step(journal.open)
    if not played.dumps[0]:
        played.dumps[0] = played.dumps[1]  # opened for the first time it is empty, before as after
    for camera in CAMERAS:
        await step(partial(journal.interrupted_swaps, camera))
    for _ in range(steps):
        await step(asker.one)
        await asyncio.sleep(asker.chance.choice((0.0, 0.0, 0.3, 1.5)))  # what is due by time comes in between
    await journal.close()


def dump(db: sqlite3.Connection) -> Dump:
    """All that was asked for, by table."""
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    kept = sorted(table for table in tables if table not in _OF_ITSELF and not table.startswith("sqlite_"))
    return {table: sorted(map(tuple, db.execute(f"SELECT * FROM {table}").fetchall()), key=repr) for table in kept}


class _Asker:
    """Seeded calls of the journal, each one transaction."""

    def __init__(self, journal: SqliteJournal, chance: random.Random, life: int) -> None:
        self._journal = journal
        self.chance = chance
        self._life = life
        self._count = 0
        self._swaps: list[SwapRecord] = []
        self._calls = (
            self._claim, self._claim, self._drop, self._orders, self._begin, self._generation, self._finish,
            self._answer, self._answered, self._answered, self._operation, self._alarm, self._acknowledge,
            self._profile, self._note,
        )  # fmt: skip

    async def one(self) -> None:
        self._count += 1
        CURRENT.set(RequestMark(self._id("r"), self._camera(), "SetBudgetRequest", "ab" * 32))
        await self.chance.choice(self._calls)()

    async def _claim(self) -> None:
        claim = Claim(
            f"c{self.chance.randrange(4)}", f"plc-{self.chance.randrange(3)}", self._camera(), ClaimKind.MANUAL,
            Budget(max_latency_ms=float(self.chance.randrange(10, 90))),
        )  # fmt: skip
        orders = self.chance.choice((None, Orders(Mode.MANUAL, self._id("anna"))))
        await self._journal.put_claim(claim, orders, self._ended("replaced", but=claim.id))

    async def _drop(self) -> None:
        orders = (self._camera(), Orders(Mode.AUTO, self._id("bert")))
        await self._journal.drop_claims(self._ended("released"), self.chance.choice((None, orders)))

    def _ended(self, why: str, but: str = "") -> dict[str, str]:
        """Up to two claims."""
        ids = {f"c{self.chance.randrange(4)}" for _ in range(2)} - {but}
        return dict.fromkeys(sorted(ids), why)

    async def _orders(self) -> None:
        pin = Pin(self._id("net"), "anna", 17)
        await self._journal.put_orders(self._camera(), Orders(self.chance.choice(list(Mode)), "anna", pin))

    async def _begin(self) -> None:
        swap = SwapRecord(self._id("swap"), self._camera(), None, "net-a", "policy", "budget-1", 1_700_000_000 * 10**9)
        self._swaps.append(swap)
        await self._journal.begin_swap(swap)

    async def _generation(self) -> None:
        await self._journal.next_generation(self._camera())

    async def _finish(self) -> None:
        if not self._swaps:
            return await self._begin()
        swap, number = self._swaps.pop(), self._count
        active = Activation(swap.camera, number, "net-a", f"{number:064x}")
        await self._journal.finish_swap(replace(swap, outcome=SwapOutcome.VERIFIED, generation=number), active)
        return None

    async def _answer(self) -> None:
        answer = StoredAnswer(
            self._id("r"), "SetBudget", "cd" * 32, self.chance.randbytes(self.chance.choice((40, 6000)))
        )
        await self._journal.store_answer(answer, self._entry("SetBudget"))

    async def _answered(self) -> None:
        """A claim together with its answer; one in three comes again."""
        request = self._id("r") if self.chance.randrange(3) else f"r-{self._life}-{self.chance.randrange(self._count)}"
        answer = StoredAnswer(request, "SetBudget", "cd" * 32, self.chance.randbytes(self.chance.choice((40, 6000))))
        claim = Claim(
            self._id("a"), f"plc-{self.chance.randrange(3)}", self._camera(), ClaimKind.LEASE,
            Budget(max_latency_ms=float(self.chance.randrange(10, 90))), 60.0, 100, "boot-1",
        )  # fmt: skip
        await self._journal.answer_claim(claim, Answered(answer, self._entry("SetBudget")))

    async def _operation(self) -> None:
        body = self.chance.randbytes(200)
        name = f"operations/{self.chance.randrange(3)}"
        await self._journal.put_operation(StoredOperation(name, self._camera(), "profile", 100, False, body))

    async def _alarm(self) -> None:
        await self._journal.put_alarms([Alarm(0, camera, self._id("hot"), "45 C", 17) for camera in CAMERAS])

    async def _acknowledge(self) -> None:
        await self._journal.acknowledge_alarm(1 + self.chance.randrange(3), self._id("anna"))

    async def _profile(self) -> None:
        profile = NetProfile("net-a", 20, 10.0 + self._count, 0.1, ((0.5, 1.0),), None, None, "1.0", 1)
        await self._journal.put_profile("serial", "ab" * 32, profile)

    async def _note(self) -> None:
        """Written by itself before anything that is asked later."""
        self._journal.note_audit(self._entry("Refused"))

    def _entry(self, method: str) -> AuditEntry:
        return AuditEntry(client="plc", origin="unix", method=method, outcome="OK", asked=self._id("r"))

    def _camera(self) -> str:
        return self.chance.choice(CAMERAS)

    def _id(self, kind: str) -> str:
        return f"{kind}-{self._life}-{self._count}"


def fault(state: State, folder: Path, dumps: list[Dump]) -> str:
    """What is wrong with the journal that the agent opens on that disk; empty where nothing is."""
    state.write(folder)
    clock = VirtualClock()
    journal = SqliteJournal(folder / PLACE, clock, SeededIds(1), journal_days=_FAR_DAYS, connect=_hasty)
    return run_virtual(clock, _fault(journal, dumps[state.done], dumps[state.begun]))


async def _fault(journal: SqliteJournal, old: Dump, new: Dump) -> str:
    told: list[JournalState] = []
    journal.on_state(told.append)
    await journal.open()
    try:
        found = await journal._read(dump)
        if any(one.recovered_from or one.audit_broken or not one.writable for one in told):
            return f"it was not sound: {told}"
        if found not in (old, new):
            return f"neither old nor new: {_differences(found, old)} (of the old), {_differences(found, new)} (the new)"
        return await _audit_fault(journal) or await _use_fault(journal, found)
    finally:
        await journal.close()


async def _audit_fault(journal: SqliteJournal) -> str:
    page = await journal.audit(0, 10_000, None)
    broken = ChainCheck(page.anchor_sha256).take(page.entries)
    return "" if broken is None else f"audit: entry {broken.seq} {broken.why}"


async def _use_fault(journal: SqliteJournal, found: Dump) -> str:
    """It goes on: a claim is taken, and generations grow."""
    last = {str(camera): number for camera, number in found["generations"]}
    for camera in CAMERAS:
        number = await journal.next_generation(camera)
        if number != last.get(camera, 0) + 1:  # type: ignore[operator]
            return f"generation {number} of {camera} follows on {last.get(camera, 0)}"
    claim = Claim("after", "plc", "cam-1", ClaimKind.MANUAL, Budget(max_latency_ms=50.0))
    await journal.put_claim(claim)
    return "" if claim in await journal.claims("cam-1") else "it takes no claim any more"


def _differences(found: Dump, wanted: Dump) -> str:
    tables = [table for table in {*found, *wanted} if found.get(table) != wanted.get(table)]
    return ", ".join(
        f"{table} {len(found.get(table, ()))} for {len(wanted.get(table, ()))}" for table in sorted(tables)
    )


def _hasty(path: Path) -> sqlite3.Connection:
    """As the agent connects, but nobody cuts the power of the one who looks."""
    connection = schema.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    return connection
