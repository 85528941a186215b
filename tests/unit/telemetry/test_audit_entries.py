"""What is in the audit beside what was asked for: swaps, ends of claims, and changes that nobody came to answer."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.audit import AuditEntry, ChainCheck
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Decision, Reason
from agent.domain.journal import Activation, StoredAnswer, StoredOperation, SwapOutcome, SwapRecord
from agent.domain.orders import Lapse, Orders
from agent.domain.request import AUDITED, Audited
from agent.errors import JournalError
from agent.telemetry import schema
from agent.telemetry.journal import SqliteJournal
from tests.support.audits import ENTRY, play
from tests.support.journal_faults import Bench

SWAP = SwapRecord("s-1", "cam", "net-a", "net-b", "upgrade", "b-1", 17)
DONE = replace(SWAP, outcome=SwapOutcome.VERIFIED, generation=4, active_subnet="net-b")
BUDGET = EffectiveBudget("b-1", Budget(max_latency_ms=50.0), Priority.LEASE, ("c1",))
DECISION = Decision(Action.SWAP, Reason.MORE_ACCURATE, "net-b", "net-a", BUDGET, True, Account((), ""))
LEASE = Claim("c1", "plc-3", "cam", ClaimKind.LEASE, Budget(max_latency_ms=50.0), 5.0, 9, "boot")
LAPSED = Orders(lapse=Lapse("plc-3", 9, "boot"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


@contextmanager
def changing(entry: AuditEntry = ENTRY) -> Iterator[None]:
    token = AUDITED.set(Audited("change-1", entry))
    try:
        yield
    finally:
        AUDITED.reset(token)


async def methods(journal: SqliteJournal) -> list[tuple[str, str]]:
    page = await journal.audit(0, 99, None)
    assert ChainCheck(page.anchor_sha256).take(page.entries) is None
    return [(entry.method, entry.outcome) for entry in page.entries]


def test_an_ended_swap_has_its_entry_with_where_it_led_and_what_it_was_wanted_for(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        await journal.put_claim(LEASE)
        journal.note_decision("cam", DECISION)
        told = StoredOperation("operations/s-1", "cam", "swap", 1, False, b"")
        await journal.store_answer(StoredAnswer("r-1", "M", "00", b"", (told,)), ENTRY)
        await journal.begin_swap(SWAP)
        await journal.finish_swap(DONE, Activation("cam", 4, "net-b", "00"))
        _, swap = (await journal.audit(0, 9, None)).entries
        assert (swap.client, swap.origin, swap.method, swap.camera) == ("ofa-agent", "supervisor", "Swap", "cam")
        assert (swap.outcome, swap.reason) == ("OK", "")
        assert json.loads(swap.before) == {"subnet": "net-a"}
        assert json.loads(swap.after) == {"generation": 4, "subnet": "net-b"}
        assert json.loads(swap.asked) == {
            "budget_id": "b-1",
            "claims": [{"client": "plc-3", "id": "c1"}],
            "priority": "lease",
            "reason": "upgrade",
            "request": {"client": "plc-3", "method": "SetBudget", "request_id": "r-1"},
            "swap_id": "s-1",
            "to": "net-b",
        }

    play(path, story)


def test_a_swap_that_failed_or_never_began_says_why(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        words = {"error": "the camera hangs", "error_reason": "CAMERA_TIMEOUT", "failed_step": "upload"}
        back = replace(SWAP, outcome=SwapOutcome.ROLLED_BACK, generation=5, active_subnet="net-a")
        await journal.finish_swap(replace(back, **words), None)  # type: ignore[arg-type]
        (swap,) = (await journal.audit(0, 9, None)).entries
        assert (swap.outcome, swap.reason) == ("ROLLED_BACK", "CAMERA_TIMEOUT")
        assert json.loads(swap.after) == {
            "error": "the camera hangs",
            "failed_step": "upload",
            "generation": 5,
            "subnet": "net-a",
        }
        await journal.finish_swap(replace(SWAP, id="s-2", outcome=SwapOutcome.REFUSED), None)
        assert (await methods(journal))[1] == ("Swap", "REFUSED")

    play(path, story)


def test_a_swap_in_which_the_agent_died_has_its_entry_at_the_next_start_and_once(path: Path) -> None:
    async def dies(journal: SqliteJournal) -> None:
        await journal.begin_swap(SWAP)

    async def later(journal: SqliteJournal) -> None:
        for _ in range(2):
            await journal.interrupted_swaps("cam")
        assert await methods(journal) == [("Swap", "INTERRUPTED")]

    play(path, dies)
    play(path, later, seed=2)
    play(path, later, seed=3)


def test_the_entry_of_a_swap_is_there_exactly_where_its_row_is(tmp_path: Path) -> None:
    """A commit that is refused and turns up on the disk takes its entry with it when it is taken back."""
    bench = Bench(tmp_path / "journal.sqlite3")

    async def story(journal: SqliteJournal) -> None:
        await journal.record_audit(ENTRY)
        bench.disk.commit_fails = True
        with pytest.raises(JournalError):
            await journal.finish_swap(DONE, None)
        assert await journal.swap("s-1") is None
        assert await methods(journal) == [("SetBudget", "OK")]
        await journal.finish_swap(DONE, None)
        assert await methods(journal) == [("SetBudget", "OK"), ("Swap", "OK")]

    bench.play(story)


@pytest.mark.parametrize("dies", [False, True])
def test_a_swap_is_marked_as_interrupted_exactly_where_its_entry_is(tmp_path: Path, dies: bool) -> None:
    """The same for the mark that is made at a start: the row that it changed is put back, and it is made again."""
    bench = Bench(tmp_path / "journal.sqlite3")
    begun = replace(SWAP, started_wall_ns=bench.clock.wall_ns())
    bench.play(lambda journal: journal.begin_swap(begun))
    later = bench.again()

    async def marks(journal: SqliteJournal) -> None:
        later.disk.commit_fails = True
        assert [swap.id for swap in await journal.interrupted_swaps("cam")] == ["s-1"]
        if not dies:
            await journal.next_generation("cam")
        await is_told(journal)

    async def is_told(journal: SqliteJournal) -> None:
        await journal.interrupted_swaps("cam")
        swap = await journal.swap("s-1")
        assert swap is not None
        told = [("Swap", "INTERRUPTED")] if swap.outcome is SwapOutcome.INTERRUPTED else []
        assert await methods(journal) == told

    later.play(marks)
    last = later.again()
    last.play(is_told)
    last.again().play(is_told)
    with closing(sqlite3.connect(bench.path)) as db:
        assert db.execute("SELECT outcome FROM swaps").fetchall() == [("interrupted",)]


def test_an_answer_that_is_written_at_the_second_attempt_has_one_entry(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.sqlite3")

    async def story(journal: SqliteJournal) -> None:
        bench.disk.commit_fails = True
        await journal.record_audit(ENTRY)  # raises nothing, and is written with what comes next
        await journal.next_generation("cam")
        assert await methods(journal) == [("SetBudget", "OK")]

    bench.play(story)


def test_a_claim_that_expires_is_told_with_the_fail_safe_and_one_that_is_taken_back_is_not(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        await journal.put_claim(LEASE)
        await journal.drop_claims({"c1": "expired"}, ("cam", LAPSED))
        await journal.drop_claims({"c1": "expired"}, ("cam", LAPSED))
        expired, on = (await journal.audit(0, 9, None)).entries
        assert (expired.method, expired.camera) == ("ClaimExpired", "cam")
        assert json.loads(expired.asked) == {"claim_id": "c1", "client": "plc-3", "kind": "lease"}
        assert (on.method, json.loads(on.asked)) == ("FailSafe", {"lease_of": "plc-3"})
        assert (json.loads(on.before), json.loads(on.after)) == ({"in_force": False}, {"in_force": True})
        await journal.put_claim(LEASE, Orders())
        off = (await journal.audit(2, 9, None)).entries[0]
        assert (off.method, json.loads(off.after)) == ("FailSafe", {"in_force": False})
        await journal.drop_claims({"c1": "released"})
        assert len((await journal.audit(0, 9, None)).entries) == 3

    play(path, story)


def test_a_change_that_outlives_the_agent_has_its_entry_though_nobody_answered(path: Path) -> None:
    killed = path.parent.with_name("killed")

    async def dies(journal: SqliteJournal) -> None:
        with changing():
            await journal.put_claim(LEASE)
        shutil.copytree(path.parent, killed)

    async def later(journal: SqliteJournal) -> None:
        assert [claim.id for claim in await journal.claims("cam")] == ["c1"]
        (entry,) = (await journal.audit(0, 9, None)).entries
        assert entry.outcome == "UNANSWERED"
        assert (entry.client, entry.asked, entry.request_id) == (ENTRY.client, ENTRY.asked, ENTRY.request_id)

    play(path, dies)
    play(killed / path.name, later, seed=2)
    play(killed / path.name, later, seed=3)


@pytest.mark.parametrize("ends", ["answered", "refused"])
def test_a_change_that_was_answered_or_refused_has_one_entry_also_after_the_next_start(path: Path, ends: str) -> None:
    async def story(journal: SqliteJournal) -> None:
        with changing():
            await journal.put_claim(LEASE)
            if ends == "answered":
                await journal.store_answer(StoredAnswer("r-1", "M", "00", b""), ENTRY)
            else:
                journal.note_audit(replace(ENTRY, outcome="ABORTED"))

    async def later(journal: SqliteJournal) -> None:
        assert await methods(journal) == [("SetBudget", "OK" if ends == "answered" else "ABORTED")]

    play(path, story)
    play(path, later, seed=2)


def test_a_change_that_was_refused_by_the_disk_leaves_nothing_to_be_audited(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.sqlite3")

    async def story(journal: SqliteJournal) -> None:
        bench.disk.commit_fails = True
        with changing(), pytest.raises(JournalError):
            await journal.put_claim(LEASE)

    async def later(journal: SqliteJournal) -> None:
        assert await methods(journal) == []
        assert await journal.claims("cam") == ()

    bench.play(story)
    bench.again().play(later)


def test_what_is_trusted_is_written_with_its_entry_and_never_removed(path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        assert await journal.trust("library:l") is None
        await journal.put_trust("library:l", "7:ab", replace(ENTRY, method="LibraryAccepted"))
        await journal.put_trust("library:l", "8:cd", replace(ENTRY, method="LibraryAccepted"))
        assert await journal.trust("library:l") == "8:cd"
        assert await methods(journal) == [("LibraryAccepted", "OK")] * 2

    play(path, story, days=1e-9)

    async def later(journal: SqliteJournal) -> None:
        assert await journal.trust("library:l") == "8:cd"

    play(path, later, seed=2, days=1e-9)


def test_a_file_of_version_3_goes_on_with_its_chain(path: Path) -> None:
    path.parent.mkdir()
    entry = ENTRY.chained(1, 1_700_000_000_000_000_000, "0" * 64)
    with closing(sqlite3.connect(path)) as db:
        for statement in (one for statements in schema._VERSIONS[:3] for one in statements):
            db.execute(statement)
        names = [row[1] for row in db.execute("PRAGMA table_info(audit)")]
        values = [getattr(entry, name) for name in names]
        db.execute(f"INSERT INTO audit VALUES ({', '.join('?' * len(names))})", values)
        db.execute("PRAGMA user_version = 3")
        db.commit()

    async def story(journal: SqliteJournal) -> None:
        await journal.record_audit(ENTRY)
        assert len(await methods(journal)) == 2
        assert await journal.trust("library:l") is None

    play(path, story)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT value FROM about WHERE name = 'audit_newest'").fetchone() == (2,)
