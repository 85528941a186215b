"""The journal: what was awaited is there, whatever happens next."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import Clock, SystemClock, VirtualClock, run_virtual
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Notice, Priority
from agent.domain.decision import Account, Action, Candidate, Decision, Reason
from agent.domain.journal import Activation, Journal, StoredAnswer, SwapOutcome, SwapRecord
from agent.errors import JournalError
from agent.telemetry import schema
from agent.telemetry.file import Connect
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from agent.telemetry.mailbox import NOTES, Job, Mailbox
from tests.support.alarms import clear_alarm, raise_alarm

Story = Callable[[SqliteJournal], Awaitable[None]]
SWAP = SwapRecord("swap-1", "cam", None, "net-a", "initial", "budget-1", 1_700_000_000_000_000_000)
DAY_S = 86_400.0


def journal_at(path: Path, clock: Clock, connect: Connect = schema.connect) -> SqliteJournal:
    return SqliteJournal(path, clock, SeededIds(1), connect=connect)


def play(story: Story, path: Path, clock: VirtualClock | None = None, connect: Connect = schema.connect) -> None:
    """One daemon's life with the journal, in virtual time."""
    clock = clock or VirtualClock()
    journal = journal_at(path, clock, connect)

    async def life() -> None:
        await journal.open()
        try:
            await story(journal)
        finally:
            await journal.close()

    run_virtual(clock, life())


def play_for_real(story: Story, path: Path) -> None:
    """The same on the machine's clock."""
    journal = journal_at(path, SystemClock())

    async def life() -> None:
        await journal.open()
        try:
            await asyncio.wait_for(story(journal), 20)
        finally:
            await journal.close()

    asyncio.run(life())


def a_decision(target: str, bound_ms: float = 20.0, budget_id: str = "budget-1") -> Decision:
    effective = EffectiveBudget(budget_id, Budget(max_latency_ms=80.0), Priority.LEASE, ("claim-1",))
    candidate = Candidate(target, 0.8, bound_ms, bound_ms + 12.0, 0, True)
    account = Account((candidate,), f"start with {target}")
    return Decision(Action.SWAP, Reason.BUDGET, target, None, effective, True, account)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.mark.parametrize("run", [play, play_for_real])
def test_a_swap_is_read_back_with_its_steps_gap_and_activation(run: Callable[[Story, Path], None], path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        protocol: Journal = journal
        await protocol.begin_swap(SWAP)
        journal.note_step("swap-1", "stop", 0.25, None)
        journal.note_step("swap-1", "upload", 1.5, "slow")
        generation = await journal.next_generation("cam")
        done = replace(SWAP, outcome=SwapOutcome.VERIFIED, generation=generation, active_subnet="net-a", duration_s=2.5)
        await journal.finish_swap(done, Activation("cam", generation, "net-a", "ab" * 32))
        journal.note_gap("swap-1", 3.25)
        assert await journal.swaps("cam", 5) == (replace(done, gap_s=3.25),)
        assert await journal.swaps(None, 5) == await journal.swaps("cam", 5)
        assert await journal.swaps("other", 5) == ()
        assert [(s.step, s.elapsed_s, s.error) for s in await journal.steps("swap-1")] == [
            ("stop", 0.25, None),
            ("upload", 1.5, "slow"),
        ]
        assert await journal.activation("cam") == Activation("cam", 1, "net-a", "ab" * 32)
        assert journal.lost_notes == 0

    run(story, path)


def test_beginning_a_swap_clears_the_activation_and_a_refused_one_leaves_it(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        active = Activation("cam", 7, "net-a", "00" * 32)
        await journal.finish_swap(replace(SWAP, outcome=SwapOutcome.VERIFIED), active)
        journal.note_gap("swap-1", 2.5)
        await journal.finish_swap(replace(SWAP, outcome=SwapOutcome.VERIFIED), active)
        assert [swap.gap_s for swap in await journal.swaps("cam", 9)] == [2.5]
        await journal.finish_swap(replace(SWAP, id="swap-2", outcome=SwapOutcome.REFUSED), None)
        assert await journal.activation("cam") == active
        await journal.begin_swap(replace(SWAP, id="swap-3"))
        assert await journal.activation("cam") is None

    play(story, path)


def test_what_was_awaited_is_in_a_copy_of_the_files_taken_before_close(path: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"

    async def story(journal: SqliteJournal) -> None:
        await journal.begin_swap(SWAP)
        await journal.next_generation("cam")
        shutil.copytree(path.parent, crashed)

    async def after(journal: SqliteJournal) -> None:
        found = await journal.interrupted_swaps("cam")
        assert [(swap.id, swap.outcome) for swap in found] == [("swap-1", SwapOutcome.INTERRUPTED)]
        assert await journal.interrupted_swaps("cam") == ()
        assert await journal.next_generation("cam") == 2

    play(story, path)
    play(after, crashed / path.name)


def test_what_was_awaited_is_seen_by_another_connection_at_once(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        await journal.begin_swap(SWAP)
        other = sqlite3.connect(path)
        assert other.execute("SELECT id, outcome FROM swaps").fetchall() == [("swap-1", "running")]
        other.close()

    play(story, path)


def test_a_swap_of_this_run_is_not_interrupted(path: Path) -> None:
    async def first(journal: SqliteJournal) -> None:
        await journal.begin_swap(SWAP)
        assert await journal.interrupted_swaps("cam") == ()

    async def second(journal: SqliteJournal) -> None:
        await journal.begin_swap(replace(SWAP, id="swap-2"))
        assert await journal.interrupted_swaps("other") == ()
        assert [swap.id for swap in await journal.interrupted_swaps("cam")] == ["swap-1"]
        assert [swap.outcome for swap in await journal.swaps("cam", 9)] == [
            SwapOutcome.RUNNING,
            SwapOutcome.INTERRUPTED,
        ]

    play(first, path)
    play(second, path)


def test_a_generation_is_never_used_twice_over_restarts_and_cameras_count_alone(path: Path) -> None:
    seen: list[int] = []

    async def story(journal: SqliteJournal) -> None:
        seen.extend([await journal.next_generation("cam") for _ in range(3)])
        assert await journal.next_generation("other") == len(seen) // 3

    for _ in range(3):
        play(story, path)
    assert seen == list(range(1, 10))


def test_claims_survive_a_restart_until_dropped(path: Path) -> None:
    manual = Claim("c1", "plc", "cam", ClaimKind.MANUAL, Budget(parts_per_minute=900.0))
    lease = Claim("c2", "hmi", "cam", ClaimKind.LEASE, Budget(max_latency_ms=50.0), 10.0, 77, "boot")

    async def before(journal: SqliteJournal) -> None:
        for claim in (manual, lease, replace(lease, id="c3", camera="other")):
            await journal.put_claim(claim)
        await journal.put_claim(lease.renewed(1_000, "boot"))

    async def after(journal: SqliteJournal) -> None:
        assert await journal.claims("cam") == (manual, lease.renewed(1_000, "boot"))
        await journal.drop_claims({"c1": "released"})
        await journal.drop_claims({"none such": "released"})
        assert await journal.claims("cam") == (lease.renewed(1_000, "boot"),)
        await journal.put_claim(manual)
        assert len(await journal.claims("cam")) == 2

    play(before, path)
    play(after, path)


def test_a_claim_takes_the_place_of_its_clients_older_one_and_not_of_what_is_announced(path: Path) -> None:
    old = Claim("c1", "plc", "cam", ClaimKind.MANUAL, Budget(parts_per_minute=900.0))
    announced = replace(old, id="c2", notice=Notice("n1", 10, 20))
    others = (replace(old, id="c3", client="hmi"), replace(old, id="c4", camera="other"))

    async def story(journal: SqliteJournal) -> None:
        for claim in (old, announced, *others, replace(old, id="c5")):
            await journal.put_claim(claim)
        assert await journal.claims("cam") == (announced, others[0], replace(old, id="c5"))
        await journal.drop_claims({"c5": "released"})
        assert await journal.claims("cam") == (announced, others[0])
        assert await journal.claims("other") == (others[1],)

    play(story, path)


def test_an_alarm_is_one_row_until_it_is_cleared(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        first = await raise_alarm(journal, "cam", "lease", "lease of plc expired", 1)
        again = await raise_alarm(journal, "cam", "lease", "lease of hmi expired", 2)
        assert (again.id, again.text, again.raised_wall_ns) == (first.id, "lease of hmi expired", first.raised_wall_ns)
        acknowledged = await journal.acknowledge_alarm(first.id, "anna")
        assert acknowledged is not None
        assert acknowledged.acknowledged_by == "anna"
        later = await journal.acknowledge_alarm(first.id, "ben")
        assert later is not None
        assert later.acknowledged_by == "anna"
        assert await journal.acknowledge_alarm(99, "anna") is None
        await clear_alarm(journal, first, 3)
        assert await journal.alarms(active_only=True) == ()
        new = await raise_alarm(journal, "cam", "lease", "again", 4)
        assert new.id != first.id
        assert [alarm.id for alarm in await journal.alarms(active_only=False)] == [first.id, new.id]
        assert await journal.alarms(active_only=True) == (new,)

    play(story, path)


def test_the_first_answer_to_a_request_stays_over_a_restart(path: Path) -> None:
    first = StoredAnswer("r-1", "SetBudget", "aa", b"\x00answer")

    async def before(journal: SqliteJournal) -> None:
        assert await journal.stored_answer("r-1") is None
        await journal.store_answer(first)
        await journal.store_answer(replace(first, answer=b"another"))

    async def after(journal: SqliteJournal) -> None:
        assert await journal.stored_answer("r-1") == first

    play(before, path)
    play(after, path)


def test_a_decision_is_journalled_when_it_differs_in_more_than_figures(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        for decision in (a_decision("a"), a_decision("a", bound_ms=21.0), a_decision("b"), a_decision("a")):
            journal.note_decision("cam", decision)
        journal.note_decision("other", a_decision("a"))
        found = await journal.decisions("cam", 9)
        assert [row.decision for row in found] == [a_decision("a"), a_decision("b"), a_decision("a")]
        assert len(await journal.decisions(None, 9)) == 4

    play(story, path)


def test_old_rows_go_after_journal_days_and_live_ones_stay(path: Path) -> None:
    clock = VirtualClock()
    ended = replace(SWAP, id="ended", outcome=SwapOutcome.VERIFIED)
    claim = Claim("live", "plc", "cam", ClaimKind.MANUAL, Budget(max_latency_ms=50.0))

    async def story(journal: SqliteJournal) -> None:
        await journal.finish_swap(ended, Activation("cam", await journal.next_generation("cam"), "net-a", "00"))
        await journal.begin_swap(replace(SWAP, id="running", camera="other"))
        journal.note_step("ended", "stop", 0.1, None)
        journal.note_decision("cam", a_decision("a"))
        await journal.put_claim(claim)
        await journal.put_claim(replace(claim, id="dropped", client="hmi"))
        await journal.drop_claims({"dropped": "released"})
        old = await raise_alarm(journal, "cam", "old", "cleared", clock.wall_ns())
        await clear_alarm(journal, old, clock.wall_ns())
        await raise_alarm(journal, "cam", "still", "active", clock.wall_ns())
        await journal.store_answer(StoredAnswer("r-1", "SetBudget", "aa", b""))
        await asyncio.sleep(29 * DAY_S)
        await journal.claims("cam")
        assert len(await journal.swaps(None, 9)) == 2
        await asyncio.sleep(2 * DAY_S)
        await journal.claims("cam")  # the thread clears up after what it serves
        assert [swap.id for swap in await journal.swaps(None, 9)] == ["running"]
        assert await journal.steps("ended") == ()
        assert await journal.decisions(None, 9) == ()
        assert await journal.claims("cam") == (claim,)
        assert [alarm.key for alarm in await journal.alarms(active_only=False)] == ["still"]
        assert await journal.stored_answer("r-1") is None
        assert await journal.activation("cam") is not None
        assert await journal.next_generation("cam") == 2

    play(story, path, clock)


class _FailingDisk:
    """Connections to a file that may not grow, then two to one that may not be written, then to a good one."""

    def __init__(self) -> None:
        self._left = ["full", "read-only", "read-only"]

    def __call__(self, path: Path) -> sqlite3.Connection:
        connection = schema.connect(path)
        fault = self._left.pop(0) if self._left else None
        if fault == "full":
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        elif fault == "read-only":
            connection.execute("PRAGMA query_only = 1")
        return connection


def test_a_full_or_read_only_disk_is_a_journal_error_and_the_journal_works_again_after(path: Path) -> None:
    big = StoredAnswer("big", "SetBudget", "aa", bytes(200_000))

    async def story(journal: SqliteJournal) -> None:
        with pytest.raises(JournalError, match=r"journal\.db: OperationalError: database or disk is full.*check free"):
            await journal.store_answer(big)
        journal.note_gap("swap-1", 1.0)
        with pytest.raises(JournalError, match="readonly"):
            await journal.next_generation("cam")
        assert [swap.gap_s for swap in await journal.swaps(None, 9)] == [None]
        await journal.store_answer(big)
        assert await journal.stored_answer("big") == big
        assert await journal.next_generation("cam") == 1
        assert [swap.gap_s for swap in await journal.swaps(None, 9)] == [1.0]
        assert journal.lost_notes == 0

    play(_primed, path)
    play(story, path, connect=_FailingDisk())


def test_a_row_that_cannot_be_stored_fails_alone(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        bad = replace(SWAP, id="bad", started_wall_ns=2**70)
        journal.note_step("swap-1", "stop", 0.1, None)
        refused, good = await asyncio.gather(
            journal.begin_swap(bad), journal.next_generation("cam"), return_exceptions=True
        )
        assert isinstance(refused, JournalError)
        assert "row refused: OverflowError" in str(refused)
        assert good == 1
        assert len(await journal.steps("swap-1")) == 1
        assert await journal.swaps(None, 9) == ()

    play(story, path)


async def _primed(journal: SqliteJournal) -> None:
    await journal.begin_swap(SWAP)


def test_a_newer_file_is_refused_with_both_versions_and_what_to_do(path: Path) -> None:
    play(_primed, path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(JournalError, match=rf"version 9, this ofa-agent knows up to {schema.VERSION}; run the version"):
        play(_primed, path)


def test_a_journal_that_is_not_open_refuses_writes_and_counts_notes(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        await journal.open()  # harmless when open
        await journal.close()
        await journal.close()
        journal.note_gap("swap-1", 1.0)
        assert journal.lost_notes == 1
        with pytest.raises(JournalError, match="not open"):
            await journal.next_generation("cam")
        await journal.open()
        assert await journal.next_generation("cam") == 1

    play(story, path)


def test_opening_that_is_given_up_leaves_no_thread(path: Path) -> None:
    async def life() -> None:
        journal = journal_at(path, SystemClock())
        task = asyncio.ensure_future(journal.open())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await journal.close()

    asyncio.run(life())


def test_closing_is_bounded_and_can_be_tried_again_when_the_disk_is_stuck(path: Path) -> None:
    clock = VirtualClock()

    async def story(journal: SqliteJournal) -> None:
        stuck = asyncio.ensure_future(journal._ask(lambda db: clock.sleep(8.0)))
        await asyncio.sleep(0)
        with pytest.raises(JournalError, match="still writing after 5 s"):
            await journal.close()
        assert clock.now_ns() == 5_000_000_000
        await journal.close()
        with pytest.raises(JournalError, match="no answer of the disk within 5 s"):
            await stuck

    play(story, path, clock)


def test_a_failure_to_clear_up_does_not_end_the_thread(path: Path) -> None:
    connections = 0

    def connect(file: Path) -> sqlite3.Connection:
        nonlocal connections
        connections += 1
        return schema.connect(file)

    async def story(journal: SqliteJournal) -> None:
        await journal._ask(
            lambda db: db.execute("CREATE TRIGGER t BEFORE DELETE ON runs BEGIN SELECT RAISE(FAIL, 'no'); END")
        )
        await asyncio.sleep(40 * DAY_S)
        assert await journal.next_generation("cam") == 1
        assert await journal.next_generation("cam") == 2
        assert connections == 2

    play(story, path, connect=connect)


def test_notes_queued_before_close_are_flushed(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        for index in range(100):
            journal.note_step("swap-1", f"step-{index}", 0.0, None)

    async def after(journal: SqliteJournal) -> None:
        assert [step.step for step in await journal.steps("swap-1")] == [f"step-{i}" for i in range(100)]

    play(story, path)
    play(after, path)


def test_a_full_queue_drops_the_oldest_note_and_never_a_write() -> None:
    mailbox = Mailbox(SystemClock(), notes=2, writes=1)
    notes = [Job(lambda db: None) for _ in range(3)]
    write = Job(lambda db: None, lambda outcome: None)
    mailbox.put(write)
    mailbox.put(notes[0])
    mailbox.put(notes[1])
    mailbox.put(notes[2])
    with pytest.raises(JournalError, match="1 writes behind"):
        mailbox.put(write)
    assert mailbox.dropped == 1
    assert list(mailbox.take().jobs) == [write, notes[1], notes[2]]
    mailbox.close()
    mailbox.put(notes[0])
    with pytest.raises(JournalError, match="closed"):
        mailbox.put(write)
    assert mailbox.take().jobs == ()
    assert mailbox.dropped == 2


def test_a_burst_of_notes_keeps_the_newest(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        for index in range(NOTES + 10):
            journal.note_step("swap-1", str(index), 0.0, None)
        kept = await journal.steps("swap-1")
        assert (len(kept), kept[-1].step, journal.lost_notes) == (NOTES, str(NOTES + 9), 10)

    play(story, path)


def test_a_caller_that_gives_up_does_not_lose_the_write(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        task = asyncio.ensure_future(journal.next_generation("cam"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await journal.next_generation("cam") == 2

    play(story, path)
