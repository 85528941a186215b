"""Orders, operations, marks, alarms and the audit chain: the same promises in SQLite and in the tests' own journal."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.audit import GENESIS_SHA256, AuditEntry, ChainCheck
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import Alarm, Journal, StoredAnswer, StoredOperation, SwapRecord
from agent.domain.orders import Inhibit, Mode, Orders, Pin
from agent.domain.request import CURRENT, RequestMark
from agent.telemetry import schema
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.memory_journal import MemoryJournal

DAY_S = 86_400.0
Story = Callable[[Journal], Awaitable[None]]
ORDERS = Orders(Mode.MANUAL, "anna", Pin("net-a", "anna", 17, rollback=True), (Inhibit("plc", "maintenance", 5.0, 9),))
RUN = StoredOperation("operations/1", "cam", "profile", 100, False, b"\x00\xff")
NO_ANSWER = StoredAnswer("", "M", "00", b"")
ENTRY = AuditEntry(client="plc", origin="unix:uid=0", method="SetBudget", camera="cam", outcome="OK", asked='{"a":1}')
MARK = RequestMark("r-1", "cam", "SetBudgetRequest", "ab" * 32)
CLAIM = Claim("c1", "plc", "cam", ClaimKind.MANUAL, Budget(max_latency_ms=50.0))


def in_memory(story: Story, path: Path) -> None:
    asyncio.run(_ended(story(MemoryJournal())))


def in_sqlite(story: Story, path: Path) -> None:
    """One daemon's life, in virtual time."""
    clock = VirtualClock()
    journal = SqliteJournal(path, clock, SeededIds(1))

    async def life() -> None:
        await journal.open()
        try:
            await story(journal)
        finally:
            await journal.close()

    run_virtual(clock, life())


async def _ended(story: Awaitable[None]) -> None:
    await story


both = pytest.mark.parametrize("play", [in_memory, in_sqlite])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@both
def test_the_orders_of_a_camera_are_those_put_last_and_the_defaults_before(
    play: Callable[[Story, Path], None], path: Path
) -> None:
    async def story(journal: Journal) -> None:
        assert await journal.orders("cam") == Orders()
        await journal.put_orders("cam", replace(ORDERS, mode=Mode.MAINTENANCE))
        await journal.put_orders("cam", ORDERS)
        assert await journal.orders("cam") == ORDERS
        assert await journal.orders("other") == Orders()

    play(story, path)


@both
def test_an_operation_is_found_by_name_and_by_camera_newest_first(
    play: Callable[[Story, Path], None], path: Path
) -> None:
    async def story(journal: Journal) -> None:
        other = replace(RUN, name="operations/2", kind="capture", body=b"")
        for stored in (RUN, other, replace(other, name="operations/3", camera="station-2")):
            await journal.put_operation(stored)
        done = replace(RUN, done=True, body=b"end")
        await journal.put_operation(done)
        assert await journal.operation("operations/1") == done
        assert await journal.operation("operations/9") is None
        assert list(await journal.operations("cam", 9)) == [other, done]
        assert list(await journal.operations("cam", 1)) == [other]

    play(story, path)


@both
def test_a_swap_is_found_by_its_id(play: Callable[[Story, Path], None], path: Path) -> None:
    async def story(journal: Journal) -> None:
        swap = SwapRecord("swap-1", "cam", None, "net-a", "initial", "budget-1", 17)
        await journal.begin_swap(swap)
        assert await journal.swap("swap-1") == swap
        assert await journal.swap("swap-2") is None

    play(story, path)


WRITES: dict[str, Callable[[Journal], Awaitable[object]]] = {
    "put_claim": lambda journal: journal.put_claim(CLAIM),
    "drop_claims": lambda journal: journal.drop_claims({"c1": "released"}),
    "put_orders": lambda journal: journal.put_orders("cam", ORDERS),
    "put_operation": lambda journal: journal.put_operation(RUN),
    "acknowledge_alarm": lambda journal: journal.acknowledge_alarm(1, "anna"),
    "put_alarms": lambda journal: journal.put_alarms([Alarm(0, "cam", "hot", "hot", 17)]),
}


@both
@pytest.mark.parametrize("name", WRITES)
def test_what_a_request_changes_carries_its_mark_and_nothing_else_does(
    play: Callable[[Story, Path], None], path: Path, name: str
) -> None:
    async def story(journal: Journal) -> None:
        await WRITES[name](journal)
        assert list(await journal.request_marks("r-1")) == []
        for mark in (MARK, replace(MARK, camera="station-2"), replace(MARK, method="another")):
            token = CURRENT.set(mark)
            await WRITES[name](journal)
            CURRENT.reset(token)
        assert list(await journal.request_marks("r-1")) == [MARK, replace(MARK, camera="station-2")]
        assert list(await journal.request_marks("r-2")) == []

    play(story, path)


def test_a_change_that_is_refused_leaves_no_mark(path: Path) -> None:
    async def story(journal: Journal) -> None:
        CURRENT.set(MARK)
        with contextlib.suppress(OSError):
            await journal.put_operation(replace(RUN, started_wall_ns=2**70))
        assert list(await journal.request_marks("r-1")) == []

    in_sqlite(story, path)


@both
def test_alarms_are_put_together_and_known_by_id_by_when_they_were_raised_or_by_being_active(
    play: Callable[[Story, Path], None], path: Path
) -> None:
    hot = Alarm(0, "cam", "hot", "45 C", 100)

    async def story(journal: Journal) -> None:
        first, cold = await journal.put_alarms([hot, replace(hot, key="cold")])
        assert (first, cold.id != first.id) == (replace(hot, id=first.id), True)
        (again,) = await journal.put_alarms([replace(hot, raised_wall_ns=200, text="46 C", count=2, last_wall_ns=200)])
        assert again == replace(first, text="46 C", count=2, last_wall_ns=200)
        (cleared,) = await journal.put_alarms([replace(again, cleared_wall_ns=300)])
        (same,) = await journal.put_alarms([replace(hot, text="47 C", cleared_wall_ns=300)])
        assert (cleared.id, same.id) == (first.id, first.id)
        (new,) = await journal.put_alarms([replace(hot, raised_wall_ns=400)])
        assert new.id not in {first.id, cold.id}
        (given,) = await journal.put_alarms([replace(hot, id=77, key="far")])
        (other,) = await journal.put_alarms([replace(hot, id=77, key="near")])
        assert (given.id, other.id) == (77, 78)
        assert [alarm.id for alarm in await journal.alarms(active_only=False)] == [first.id, cold.id, new.id, 77, 78]

    play(story, path)


@both
def test_the_audit_is_a_chain_that_is_read_in_pages_from_either_end(
    play: Callable[[Story, Path], None], path: Path
) -> None:
    async def story(journal: Journal) -> None:
        assert (await journal.audit(0, 9, None)).newest == 0
        for index in range(5):
            await journal.store_answer(
                NO_ANSWER, replace(ENTRY, camera=f"cam-{index % 2}", asked="\u00e9\n\x7f" * index)
            )
        journal.note_audit(replace(ENTRY, outcome="ABORTED", reason="STALE_ETAG"))
        await journal.store_answer(StoredAnswer("r-1", "M", "00", b""), replace(ENTRY, request_id="r-1"))
        check = ChainCheck(GENESIS_SHA256)
        for after, limit in ((0, 3), (3, 3), (6, 3)):
            page = await journal.audit(after, limit, None)
            assert (check.take(page.entries), page.anchor_sha256, page.newest) == (None, GENESIS_SHA256, 7)
        assert check.checked == 7
        assert [entry.seq for entry in (await journal.audit(None, 2, None)).entries] == [7, 6]
        assert [entry.seq for entry in (await journal.audit(1, 9, "cam-0")).entries] == [3, 5]
        assert [entry.seq for entry in (await journal.audit(None, 9, "cam-1")).entries] == [4, 2]

    play(story, path)


def test_a_changed_a_missing_and_a_moved_entry_break_the_chain() -> None:
    entries = [ENTRY.chained(1, 5, GENESIS_SHA256)]
    for seq in (2, 3):
        entries.append(ENTRY.chained(seq, 5, entries[-1].sha256))
    forged = replace(entries[1], client="somebody else")
    resealed = replace(forged, sha256=forged.digest())
    broken = {
        "altered": ([entries[0], forged, entries[2]], 2),
        "follows on": ([entries[0], resealed, entries[2]], 3),
        "entry 2 is missing": ([entries[0], entries[2]], 3),
        "the entry before it": (entries[1:], 2),
    }
    for why, (chain, seq) in broken.items():
        found = ChainCheck(GENESIS_SHA256).take(chain)
        assert found is not None
        assert why in found.why
        assert found.seq == seq
    assert ChainCheck(GENESIS_SHA256).take(entries) is None


def test_the_bytes_that_are_hashed_are_those_of_the_documented_example() -> None:
    entry = replace(ENTRY, request_id="r-1", after="e2", before="e1").chained(7, 1_700_000_000_000_000_001, "0" * 64)
    assert entry.canonical() == (
        b'{"after":"e2","asked":"{\\"a\\":1}","before":"e1","camera":"cam","client":"plc","format":1,"method":"SetBudget",'
        b'"origin":"unix:uid=0","outcome":"OK","previous_sha256":"' + b"0" * 64 + b'","reason":"","request_id":"r-1",'
        b'"seq":"7","wall_ns":"1700000000000000001"}'
    )


def test_the_chain_holds_after_its_old_end_was_removed(path: Path) -> None:
    async def story(journal: Journal) -> None:
        for _ in range(3):
            await journal.store_answer(NO_ANSWER, ENTRY)
        await asyncio.sleep(20 * DAY_S)
        await journal.store_answer(NO_ANSWER, ENTRY)
        await asyncio.sleep(11 * DAY_S)
        await journal.claims("cam")  # the thread clears up after what it serves
        page = await journal.audit(0, 9, None)
        assert [entry.seq for entry in page.entries] == [4]
        assert ChainCheck(page.anchor_sha256).take(page.entries) is None
        assert ChainCheck(GENESIS_SHA256).take(page.entries) is not None
        await asyncio.sleep(20 * DAY_S)
        await journal.claims("cam")
        page = await journal.audit(0, 9, None)
        assert (page.entries, page.newest) == ((), 4)
        await journal.store_answer(NO_ANSWER, ENTRY)
        page = await journal.audit(0, 9, None)
        assert [entry.seq for entry in page.entries] == [5]
        assert ChainCheck(page.anchor_sha256).take(page.entries) is None

    in_sqlite(story, path)


def test_marks_and_ended_operations_go_after_journal_days(path: Path) -> None:
    async def story(journal: Journal) -> None:
        CURRENT.set(MARK)
        await journal.put_orders("cam", ORDERS)
        await journal.put_operation(replace(RUN, done=True))
        await journal.put_operation(replace(RUN, name="operations/2", started_wall_ns=1))
        await asyncio.sleep(31 * DAY_S)
        await journal.claims("cam")
        assert await journal.request_marks("r-1") == ()
        assert [stored.name for stored in await journal.operations("cam", 9)] == ["operations/2"]
        assert await journal.orders("cam") == ORDERS

    in_sqlite(story, path)


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_is_taken_over_with_what_is_in_it(path: Path, version: int) -> None:
    old = schema.connect(path)
    for statement in (one for statements in schema._VERSIONS[:version] for one in statements):
        old.execute(statement)
    old.execute("INSERT INTO alarms (camera, key, text, raised_wall_ns) VALUES ('cam', 'hot', '45 C', 17)")
    old.execute("INSERT INTO generations VALUES ('cam', 41)")
    old.execute(f"PRAGMA user_version = {version}")
    old.close()

    async def story(journal: Journal) -> None:
        assert await journal.alarms(active_only=True) == (Alarm(1, "cam", "hot", "45 C", 17),)
        assert await journal.next_generation("cam") == 42
        await journal.put_orders("cam", ORDERS)

    in_sqlite(story, path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
