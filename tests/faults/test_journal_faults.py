"""The journal on disks that fail: reads go on, writes are refused whole, and it recovers by itself."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.audit import AuditEntry, ChainCheck
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import Activation, Alarm, StoredAnswer, StoredOperation, SwapOutcome, SwapRecord
from agent.domain.orders import Mode, Orders
from agent.domain.profile import NetProfile
from agent.domain.request import CURRENT, RequestMark
from agent.errors import JournalError
from agent.telemetry.journal import SqliteJournal
from agent.telemetry.salvage import GENERATION_FLOOR, GENERATIONS_APART
from agent.telemetry.thread import PROBE_S
from tests.support.alarms import raise_alarm
from tests.support.journal_faults import Bench, checkpointed, overwrite

Write = Callable[[SqliteJournal], Awaitable[object]]
CLAIM = Claim("c1", "plc", "cam", ClaimKind.MANUAL, Budget(max_latency_ms=50.0))
OTHER = replace(CLAIM, id="c2", camera="side")
NEWER = replace(CLAIM, budget=Budget(max_latency_ms=40.0))
ORDERS = Orders(Mode.MANUAL, "anna")
SWAP = SwapRecord("swap-1", "cam", None, "net-a", "initial", "budget-1", 1_700_000_000_000_000_000)
ACTIVE = Activation("cam", 1, "net-a", "ab" * 32)
RUN = StoredOperation("operations/1", "cam", "profile", 100, False, b"\x00")
NO_ANSWER = StoredAnswer("", "M", "00", b"")
ENTRY = AuditEntry(client="plc", origin="unix", method="SetBudget", outcome="OK")
MARK = RequestMark("r-1", "cam", "SetBudgetRequest", "ab" * 32)

WRITES: dict[str, Write] = {
    "put_claim": lambda journal: journal.put_claim(NEWER, ORDERS, {"c2": "replaced"}),
    "drop_claims": lambda journal: journal.drop_claims({"c1": "released", "c2": "expired"}, ("cam", ORDERS)),
    "put_orders": lambda journal: journal.put_orders("cam", ORDERS),
    "put_operation": lambda journal: journal.put_operation(replace(RUN, done=True)),
    "put_alarms": lambda journal: journal.put_alarms([Alarm(0, "cam", "hot", "45 C", 17)]),
    "acknowledge_alarm": lambda journal: journal.acknowledge_alarm(1, "anna"),
    "begin_swap": lambda journal: journal.begin_swap(replace(SWAP, id="swap-2")),
    "finish_swap": lambda journal: journal.finish_swap(replace(SWAP, outcome=SwapOutcome.FAULTED), ACTIVE),
    "next_generation": lambda journal: journal.next_generation("cam"),
    "store_answer": lambda journal: journal.store_answer(StoredAnswer("r-9", "M", "00", b"answer"), ENTRY),
    "put_profile": lambda journal: journal.put_profile("s", "ab", _profile()),
}
# Those whose row stays as it was when the disk comes back with a write that was refused: see agent.telemetry.undo.
TAKEN_BACK = [name for name in WRITES if name not in {"put_alarms", "next_generation", "put_profile"}]


def _profile() -> NetProfile:
    return NetProfile("net-a", 20, 10.0, 0.1, ((0.5, 1.0),), None, None, "1.0", 1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state" / "journal.sqlite3")


async def prime(journal: SqliteJournal) -> None:
    for claim in (CLAIM, OTHER):
        await journal.put_claim(claim)
    await journal.put_operation(RUN)
    await raise_alarm(journal, "cam", "cold", "5 C")
    await journal.next_generation("cam")
    await journal.finish_swap(replace(SWAP, outcome=SwapOutcome.VERIFIED), ACTIVE)


async def standing(journal: SqliteJournal) -> tuple[object, ...]:
    """What is in force by the journal."""
    return (
        (*await journal.claims("cam"), *await journal.claims("side")),
        await journal.orders("cam"),
        await journal.operations("cam", 9),
        [(one.key, one.acknowledged_by) for one in await journal.alarms(active_only=False)],
        await journal.swaps(None, 9),
        await journal.activation("cam"),
        await journal.stored_answer("r-9"),
        await journal.request_marks("r-1"),
        (await journal.audit(0, 9, None)).entries,
        await journal.profiles("s"),
    )


def rows(path: Path) -> dict[str, int]:
    """How many there are by table, as another process sees it."""
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables}


@pytest.mark.parametrize("fault", ["full", "read_only", "unreachable"])
@pytest.mark.parametrize("name", WRITES)
def test_on_a_bad_disk_a_write_is_refused_whole_reads_go_on_and_it_recovers_alone(
    bench: Bench, name: str, fault: str
) -> None:
    async def story(journal: SqliteJournal) -> None:
        await prime(journal)
        before = await standing(journal)
        bench.disk.fail(**{fault: True})
        CURRENT.set(MARK)
        for _ in range(2):
            with pytest.raises(JournalError):
                await WRITES[name](journal)
            assert await standing(journal) == before
        journal.note_gap("swap-1", 2.5)
        bench.disk.fail(**{fault: False})
        await asyncio.sleep(PROBE_S + 1)
        assert bench.writable == [True, False, True]
        assert all(state.readable for state in bench.states)
        await WRITES[name](journal)
        assert await standing(journal) != before or name == "next_generation"
        swap = await journal.swap("swap-1")
        assert swap is not None
        assert (swap.gap_s, journal.lost_notes) == (2.5, 0)

    bench.play(story)


@pytest.mark.parametrize("name", WRITES)
def test_a_commit_that_hangs_is_refused_in_time_and_what_it_changed_is_taken_back(bench: Bench, name: str) -> None:
    async def story(journal: SqliteJournal) -> None:
        await prime(journal)
        before = await standing(journal)
        bench.disk.hang_s = 60.0
        CURRENT.set(MARK)
        began_ns = bench.clock.now_ns()
        with pytest.raises(JournalError, match="no answer of the disk within 5 s"):
            await WRITES[name](journal)
        assert bench.clock.now_ns() - began_ns == 5_000_000_000
        with pytest.raises(JournalError, match="no answer of the disk"):
            await journal.put_claim(replace(CLAIM, id="c2"))
        assert bench.clock.now_ns() - began_ns == 5_000_000_000, "a write behind a stuck one is refused at once"
        assert len(await journal.swaps(None, 9)) >= 1, "a read goes past it"
        assert bench.writable == [True, False]
        journal.note_gap("swap-1", 2.5)
        await asyncio.sleep(60)
        assert bench.writable == [True, False, True]
        if name in TAKEN_BACK:
            assert await standing(journal) == (*before[:4], _gap(before[4]), *before[5:])
        assert await journal.request_marks("r-1") == ()
        await WRITES[name](journal)

    bench.play(story)
    bench.again().play(_nothing)


def _gap(swaps: object) -> object:
    assert isinstance(swaps, tuple)
    return tuple(replace(swap, gap_s=2.5) for swap in swaps)


async def _nothing(journal: SqliteJournal) -> None:
    await journal.claims("cam")


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_a_write_that_was_refused_while_it_hung_is_not_in_force_after_the_agent_was_killed_in_it(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    killed = tmp_path / "killed"
    found: list[tuple[object, ...]] = []

    async def before(journal: SqliteJournal) -> None:
        await prime(journal)
        found.append(await standing(journal))
        bench.disk.hang_s = 60.0
        CURRENT.set(MARK)
        with pytest.raises(JournalError):
            await WRITES[name](journal)
        shutil.copytree(bench.path.parent, killed)  # what a killed process leaves: the commit is in the log
        await asyncio.sleep(60)

    async def after(journal: SqliteJournal) -> None:
        assert await standing(journal) == found[0]

    bench.play(before)
    left = Bench(killed / bench.path.name, seed=2)
    assert (killed / (bench.path.name + "-refused")).exists()
    left.disk.read_only = True
    copy = shutil.copytree(killed, tmp_path / "on a read-only disk")
    Bench(copy / bench.path.name, seed=3).play(after)
    left.disk.fail(read_only=False)
    left.play(after)
    left.again().play(after)
    assert not (killed / (bench.path.name + "-refused")).exists()


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_a_commit_that_failed_after_it_was_on_the_disk_is_taken_back(bench: Bench, name: str) -> None:
    async def story(journal: SqliteJournal) -> None:
        await prime(journal)
        before = await standing(journal)
        bench.disk.commit_fails = True
        CURRENT.set(MARK)
        with pytest.raises(JournalError, match="disk I/O error"):
            await WRITES[name](journal)
        await asyncio.sleep(PROBE_S + 1)
        assert await standing(journal) == before

    bench.play(story)


def test_all_writes_of_a_commit_that_hangs_share_its_fate(bench: Bench) -> None:
    async def story(journal: SqliteJournal) -> None:
        bench.disk.hang_s = 7.0
        writes = (journal.put_claim(CLAIM), journal.put_orders("cam", ORDERS))
        assert [type(one) for one in await asyncio.gather(*writes, return_exceptions=True)] == [JournalError] * 2
        await asyncio.sleep(5)
        assert (await journal.claims("cam"), await journal.orders("cam")) == ((), Orders())
        await journal.put_claim(CLAIM)
        assert await journal.claims("cam") == (CLAIM,)

    bench.play(story)


def test_a_write_that_still_waits_behind_a_stuck_one_is_never_written(bench: Bench) -> None:
    async def story(journal: SqliteJournal) -> None:
        bench.disk.hang_s = 5.5
        stuck = asyncio.ensure_future(journal.put_orders("cam", ORDERS))
        await asyncio.sleep(1)
        waits = asyncio.ensure_future(journal.put_claim(CLAIM))
        found = await asyncio.gather(stuck, waits, return_exceptions=True)
        assert isinstance(found[0], JournalError)
        assert found[1] is None, "the disk was back before its time was over"
        assert (await journal.claims("cam"), await journal.orders("cam")) == ((CLAIM,), Orders())
        bench.disk.hang_s = 7.0
        stuck = asyncio.ensure_future(journal.put_orders("cam", ORDERS))
        await asyncio.sleep(1)
        waits = asyncio.ensure_future(journal.drop_claims({"c1": "released"}))
        found = await asyncio.gather(stuck, waits, return_exceptions=True)
        assert [type(one) for one in found] == [JournalError, JournalError]
        await asyncio.sleep(5)
        assert await journal.claims("cam") == (CLAIM,)

    bench.play(story)


def test_a_disk_that_was_full_at_the_start_is_no_reason_not_to_start(bench: Bench) -> None:
    bench.play(prime)
    later = bench.again()
    later.disk.fail(read_only=True)

    async def story(journal: SqliteJournal) -> None:
        assert later.writable == [False]
        assert "readonly" in later.states[-1].error
        assert await journal.claims("cam") == (CLAIM,)
        assert await journal.interrupted_swaps("cam") == ()
        with pytest.raises(JournalError):
            await journal.put_claim(NEWER)
        later.disk.fail(read_only=False)
        await asyncio.sleep(PROBE_S + 1)
        await journal.put_claim(NEWER)
        assert later.writable == [False, True]

    later.play(story)


def test_a_swap_that_was_interrupted_is_known_once_though_it_cannot_be_marked_yet(bench: Bench) -> None:
    async def crashed(journal: SqliteJournal) -> None:
        await journal.begin_swap(SWAP)

    bench.play(crashed)
    later = bench.again()
    later.disk.fail(full=True, read_only=True)

    async def story(journal: SqliteJournal) -> None:
        assert [swap.id for swap in await journal.interrupted_swaps("cam")] == ["swap-1"]
        assert await journal.interrupted_swaps("cam") == ()
        later.disk.fail(full=False, read_only=False)
        await asyncio.sleep(PROBE_S + 1)
        assert [swap.outcome for swap in await journal.swaps(None, 9)] == [SwapOutcome.INTERRUPTED]

    later.play(story)


def test_notes_wait_for_a_better_disk_and_only_the_oldest_are_lost(bench: Bench) -> None:
    async def story(journal: SqliteJournal) -> None:
        bench.disk.fail(read_only=True)
        for burst in range(3):
            for index in range(1000):
                journal.note_step("swap-1", f"{burst}-{index}", 0.0, None)
            await asyncio.sleep(PROBE_S + 1)
        assert journal.lost_notes == 3000 - 2048
        bench.disk.fail(read_only=False)
        await asyncio.sleep(PROBE_S + 1)
        kept = [step.step for step in await journal.steps("swap-1")]
        assert (len(kept), kept[-1]) == (2048, "2-999")
        assert bench.states[-1].lost_notes == 952

    bench.play(story)


def test_a_note_that_can_never_be_written_holds_nobody_up(bench: Bench) -> None:
    async def story(journal: SqliteJournal) -> None:
        await journal._ask(lambda db: db.execute("DROP TABLE steps"))
        journal.note_step("swap-1", "stop", 0.0, None)
        await journal.put_claim(CLAIM)
        journal.note_step("swap-1", "stop", 0.0, None)
        await asyncio.sleep(3 * PROBE_S)
        assert await journal.claims("cam") == (CLAIM,)
        assert journal.lost_notes == 2
        assert bench.states[-1].writable

    bench.play(story)


@pytest.mark.parametrize("gone", [("",), ("-wal",), ("", "-wal", "-shm")])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_removed_or_replaced_in_use_is_restored_whole(
    bench: Bench, gone: tuple[str, ...], replaced: bool
) -> None:
    async def story(journal: SqliteJournal) -> None:
        await prime(journal)
        before = await standing(journal)
        for suffix in gone:
            bench.path.with_name(bench.path.name + suffix).unlink()
        if replaced and "" in gone:
            bench.path.write_bytes(b"something else")
        assert await journal.next_generation("cam") == 2
        after = await standing(journal)
        assert after[:8] == before[:8]
        assert [entry.method for entry in after[8]] == ["Swap", "JournalRestored"]  # type: ignore[attr-defined]
        assert bench.states[-1].recovered_from is not None

    async def later(journal: SqliteJournal) -> None:
        assert await journal.next_generation("cam") == 3
        assert await journal.claims("cam") == (CLAIM,)

    bench.play(story)
    bench.again().play(later)


def test_a_folder_that_is_removed_in_use_is_made_again(bench: Bench) -> None:
    async def story(journal: SqliteJournal) -> None:
        await prime(journal)
        shutil.rmtree(bench.path.parent)
        await journal.put_claim(NEWER)
        assert await journal.claims("cam") == (NEWER,)

    bench.play(story)
    assert rows(bench.path)["claims"] == 2


def test_a_file_that_is_no_database_is_moved_aside_and_generations_go_on_far_above(bench: Bench) -> None:
    bench.path.parent.mkdir()
    bench.path.write_bytes(b"not a database, but long enough to be looked at" * 40)

    async def story(journal: SqliteJournal) -> None:
        assert await journal.next_generation("cam") == GENERATION_FLOOR + 1
        assert await journal.next_generation("other") == GENERATION_FLOOR + 1

    async def again(journal: SqliteJournal) -> None:
        assert await journal.next_generation("cam") == 2 * GENERATION_FLOOR + 1

    bench.play(story)
    aside = bench.states[-1].recovered_from
    assert aside is not None
    assert aside.read_bytes().startswith(b"not a database")
    bench.path.write_bytes(b"again not a database" * 100)
    later = bench.again()
    later.play(again)
    for _ in range(3):
        bench.path.write_bytes(b"again not a database" * 100)
        later = later.again()
        later.play(_nothing)
    kept = sorted(path.name.split(".damaged-")[1].split("-")[0] for path in bench.path.parent.glob("*.damaged-*"))
    assert kept == ["3", "4", "5"]


async def history(journal: SqliteJournal) -> None:
    """Enough rows that every table has pages of its own."""
    await prime(journal)
    for first in range(0, 300, 100):
        await asyncio.gather(*(_activated(journal, index) for index in range(first, first + 100)))


async def _activated(journal: SqliteJournal, index: int) -> None:
    camera = f"cam-{index % 7}"
    journal.note_step(f"s{index}", "stop", 0.1, "z" * 100)
    _, _, generation = await asyncio.gather(
        journal.put_claim(replace(CLAIM, id=f"h{index}", camera=camera, client=f"{index}" + "x" * 100)),
        journal.store_answer(NO_ANSWER, replace(ENTRY, asked="y" * 100)),
        journal.next_generation(camera),
    )
    done = replace(SWAP, id=f"s{index}", camera=camera, outcome=SwapOutcome.VERIFIED, generation=generation)
    await journal.finish_swap(done, Activation(camera, generation, "net-a", "00"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "journal.sqlite3"
    Bench(path).play(history)
    checkpointed(path)
    return path


def _lists_tables(path: Path) -> bool:
    """Whether the list of tables is whole, which has more pages than the first."""
    with closing(sqlite3.connect(path)) as db:
        try:
            return bool(db.execute("SELECT name FROM sqlite_master").fetchall())
        except sqlite3.DatabaseError:
            return False


@pytest.mark.parametrize("seed", range(12))
def test_of_a_damaged_file_all_is_kept_that_can_be_read_and_no_generation_comes_again(
    bench: Bench, written: Path, seed: int
) -> None:
    bench.path.parent.mkdir()
    shutil.copy(written, bench.path)
    before = rows(written)
    pages = bench.path.stat().st_size // 4096
    # The first page says where all tables are: it is damaged in one case at least, in the others any other one.
    first = 0 if seed == 0 else 1 + (seed * 37) % (pages - 3)
    damaged = range(first, first + (1 if seed % 2 else 3))
    with closing(sqlite3.connect(bench.path)) as db:
        roots = dict(db.execute("SELECT name, rootpage - 1 FROM sqlite_master WHERE type = 'table'"))
    overwrite(bench.path, damaged, seed)
    lists_tables = _lists_tables(bench.path)

    async def story(journal: SqliteJournal) -> None:
        for camera in [f"cam-{index}" for index in range(7)]:
            assert await journal.next_generation(camera) > 43, "300 activations of 7 cameras"
        await journal.put_claim(CLAIM)
        assert len(await journal.claims("cam-1")) <= 43

    bench.play(story)
    found = rows(bench.path)
    if lists_tables:
        # What hangs on a damaged root cannot be reached; of all else only what was on the damaged pages is lost.
        reached = [table for table in ("claims", "audit", "swaps", "steps") if roots[table] not in damaged]
        lost = {table: before[table] - found[table] for table in reached}
        assert sum(count > 0 for count in lost.values()) <= 3
        assert sum(lost.values()) < 150, f"{lost}: {len(damaged)} pages of {pages} were damaged"


def test_damage_that_is_met_while_it_runs_is_salvaged_and_what_was_asked_is_answered(bench: Bench) -> None:
    async def story(journal: SqliteJournal) -> None:
        await history(journal)
        await journal._ask(lambda db: None)
        pages = checkpointed(bench.path)
        await journal._ask(lambda db: db.execute("PRAGMA cache_size = 1"))
        overwrite(bench.path, range(5, pages), seed=7)
        await journal.swaps(None, 10_000)
        assert bench.states[-1].recovered_from is not None
        assert await journal.next_generation("cam-1") >= GENERATIONS_APART
        await journal.put_claim(CLAIM)
        assert CLAIM in await journal.claims("cam")
        page = await journal.audit(None, 1, None)
        assert page.entries[0].method == "JournalSalvaged"
        assert bench.states[-1].writable

    bench.play(story)


def test_the_chain_goes_on_after_a_salvage_and_shows_where_entries_were_lost(bench: Bench, written: Path) -> None:
    bench.path.parent.mkdir()
    shutil.copy(written, bench.path)
    with closing(sqlite3.connect(bench.path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'claims'").fetchone()
    overwrite(bench.path, range(root - 1, root), seed=3)

    async def story(journal: SqliteJournal) -> None:
        page = await journal.audit(0, 1000, None)
        assert ChainCheck(page.anchor_sha256).take(page.entries) is None
        assert [entry.method for entry in page.entries[-1:]] == ["JournalSalvaged"]
        assert '"incomplete":["claims"]' in page.entries[-1].asked
        assert await journal.claims("cam") == ()

    bench.play(story)


@pytest.mark.parametrize("left", ["salvage", "ready", "ready with the old log"])
def test_a_recovery_that_is_cut_short_is_begun_again_or_ended_at_the_next_start(bench: Bench, left: str) -> None:
    bench.play(prime)
    good = bench.path.read_bytes()
    if left == "salvage":
        bench.path.with_name(bench.path.name + "-salvage").write_bytes(b"half a file")
        bench.path.write_bytes(b"damaged" * 1000)
    else:
        bench.path.with_name(bench.path.name + "-ready").write_bytes(good)
        bench.path.unlink()
        if "log" in left:
            bench.path.with_name(bench.path.name + "-wal").write_bytes(b"log of the old file")

    async def story(journal: SqliteJournal) -> None:
        claims = await journal.claims("cam")
        assert claims == (() if left == "salvage" else (CLAIM,))
        await journal.put_claim(CLAIM)

    bench.again().play(story)
    assert not bench.path.with_name(bench.path.name + "-ready").exists()
