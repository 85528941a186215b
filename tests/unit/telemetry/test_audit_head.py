"""The head of the audit, by which entries that are cut off at the new end are missed."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.audit import Head
from agent.domain.journal import JournalState
from agent.supervisor.alarms import StandingAlarms
from agent.telemetry.audit_head import LOG_EVERY_S, HeadFile
from agent.telemetry.audit_reading import stored_audit
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.audits import ENTRY, change, play, written
from tests.support.journal_faults import Bench

DAY_S = 86_400.0


def broken(path: Path) -> str:
    """What does not hold of a journal that nobody has open."""
    with stored_audit(path) as audit:
        found = audit.broken()
        return "" if found is None else f"entry {found.seq} {found.why}"


def started(path: Path) -> tuple[str, list[str]]:
    """What the agent says of the audit at its start, and the methods of the entries then."""
    said: list[JournalState] = []
    methods: list[str] = []

    async def story(journal: SqliteJournal) -> None:
        journal.on_state(said.append)
        await asyncio.sleep(0.1)
        methods.extend(entry.method for entry in (await journal.audit(0, 99, None)).entries)

    play(path, story, seed=9)
    return said[-1].audit_broken, methods


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def test_the_head_file_follows_within_a_second_and_is_never_ahead(path: Path) -> None:
    file = HeadFile(path)

    async def story(journal: SqliteJournal) -> None:
        for _ in range(3):
            await journal.record_audit(ENTRY)
            page = await journal.audit(None, 1, None)
            noted = file.read()
            assert noted is None or noted.seq <= page.newest
            await asyncio.sleep(1.1)
            assert file.read() == Head(page.newest, page.entries[0].sha256)
        await journal.record_audit(ENTRY)

    play(path, story)
    assert file.read() is not None
    assert str(file.read()).startswith("4:")


def test_the_head_is_in_the_log_at_the_start_every_hour_and_at_the_end(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def told() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.getMessage().startswith("audit_head")]

    async def story(journal: SqliteJournal) -> None:
        await journal.record_audit(ENTRY)
        assert told() == []
        await asyncio.sleep(LOG_EVERY_S + 1)
        await journal.claims("cam")  # the thread looks at the time when it serves
        (entry,) = (await journal.audit(None, 1, None)).entries
        assert told() == [f"audit_head seq=1 sha256={entry.sha256}"]

    play(path, story)
    assert len(told()) == 2
    play(path, lambda journal: journal.claims("cam"), seed=2)  # type: ignore[arg-type,return-value]
    assert len(set(told())) == 1
    assert len(told()) == 4


def test_a_batch_that_is_taken_back_never_gets_into_the_head_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.sqlite3")

    async def story(journal: SqliteJournal) -> None:
        await journal.record_audit(ENTRY)
        await asyncio.sleep(2)
        bench.disk.hang_s = 60.0
        await journal.record_audit(replace(ENTRY, client="refused"))
        await asyncio.sleep(30)
        assert str(HeadFile(bench.path).read()).startswith("1:")
        await asyncio.sleep(60)
        page = await journal.audit(0, 9, None)
        await asyncio.sleep(2)
        assert HeadFile(bench.path).read() == Head(2, page.entries[-1].sha256)
        assert len(page.entries) == 2

    bench.play(story)
    assert broken(bench.path) == ""


CUT = "DELETE FROM audit WHERE seq > 3"
ABOUT = "UPDATE about SET value = 3 WHERE name = 'audit_newest'"


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ((CUT,), "entry 3 is the newest one, but number 5 was given: 2 entries after it were cut off"),
        ((CUT, ABOUT), "entry 3 is the newest one, but journal.sqlite3-head has seen entry 5: 2 entries"),
        ((CUT, "DELETE FROM about"), "the journal does not say any more which number it gave last"),
        (("DELETE FROM audit", "UPDATE about SET value = 0"), "entry 0 is the newest one, but journal.sqlite3-head"),
        (("UPDATE audit SET client = 'nobody' WHERE seq = 4",), "entry 4 was altered"),
        (("DELETE FROM audit WHERE seq = 2",), "entry 2 is missing: entry 3 follows on 1"),
        (("DELETE FROM audit WHERE seq IN (2, 3)",), "entries 2 to 3 are missing: entry 4 follows on 1"),
        (("DELETE FROM audit WHERE seq = 1",), "entry 1 is missing: entry 2 follows on 0"),
        (
            ("UPDATE audit SET seq = 99 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3",
             "UPDATE audit SET seq = 3 WHERE seq = 99"),
            "entry 2 follows on",
        ),
        (("INSERT INTO audit SELECT 6, wall_ns, client, origin, method, camera, request_id, outcome, reason, asked, "
          "before, after, previous_sha256, sha256 FROM audit WHERE seq = 5",), "entry 6 follows on"),
        (("UPDATE audit SET client = CAST(x'ff' AS TEXT) WHERE seq = 5",), "entry 5 was altered"),
        (("UPDATE audit SET sha256 = CAST(x'ff' AS TEXT) WHERE seq = 5",), "entry 5 was altered"),
        (("INSERT INTO audit_anchor VALUES (1, 2, (SELECT sha256 FROM audit WHERE seq = 2))",), "stands after entry 2"),
    ],
)  # fmt: skip
def test_what_somebody_did_to_the_journal_is_found_at_the_start_and_stays_told(
    path: Path, attack: tuple[str, ...], why: str
) -> None:
    written(path, 5)
    assert broken(path) == ""
    change(path, *attack)
    assert why in broken(path)
    found, methods = started(path)
    assert why in found
    assert methods[-1] == "AuditBroken"


def test_a_number_that_was_given_is_not_given_again_so_that_a_cut_stays_seen(path: Path) -> None:
    written(path, 5)
    change(path, CUT)
    started(path)
    assert "entries 4 to 5 are missing: entry 6 follows on 3" in broken(path)


def test_another_journal_in_its_place_is_found_by_the_head_file(path: Path, tmp_path: Path) -> None:
    written(path, 5)
    other = written(tmp_path / "other" / path.name, 7)
    change(other, "UPDATE about SET value = 7 WHERE name = 'audit_newest'")

    async def forge(journal: SqliteJournal) -> None:
        for _ in range(7):
            await journal.record_audit(replace(ENTRY, client="forger"))

    forged = tmp_path / "forged" / path.name
    play(forged, forge)
    path.unlink()
    shutil.copy(written(forged, 0), path)
    assert "entry 5 has" in broken(path)
    assert "journal.sqlite3-head has seen" in broken(path)
    assert "the chain is another one" in started(path)[0]


def test_a_journal_that_was_removed_is_missed(path: Path) -> None:
    written(path, 5)
    path.unlink()
    found, methods = started(path)
    assert "journal.sqlite3-head has seen entry 5" in found
    assert methods == ["AuditBroken"]


@pytest.mark.parametrize("text", [b"", b"5:short\n", b"5:" + b"0" * 64, b"\xff" * 200])
def test_a_head_file_that_says_nothing_is_told(path: Path, text: bytes) -> None:
    written(path, 5)
    HeadFile(path).path.write_bytes(text)
    assert "which is no SEQ:SHA256" in started(path)[0]


def test_a_head_file_that_is_older_than_the_chain_agrees_with_it(path: Path) -> None:
    """As after a crash, or where the disk was slow."""
    written(path, 3)
    old = HeadFile(path).path.read_bytes()

    async def more(journal: SqliteJournal) -> None:
        await journal.record_audit(ENTRY)

    play(path, more, seed=2)
    HeadFile(path).path.write_bytes(old)
    assert broken(path) == ""
    assert started(path)[0] == ""


def test_what_retention_removes_leaves_a_chain_that_holds_whatever_the_clock_does(path: Path) -> None:
    """The newest entries that are left are told from entries that were cut off at the old end, and at the new one."""
    clock = VirtualClock()
    journal = SqliteJournal(path, clock, SeededIds(1), 3.0)
    kept: list[int] = []

    async def life() -> None:
        await journal.open()
        for step_s in (0.0, -5 * DAY_S, 0.0, 9 * DAY_S, -2 * DAY_S, 0.0, 0.0):
            clock.step_wall(step_s)
            await journal.record_audit(ENTRY)
            await asyncio.sleep(DAY_S)
            await journal.claims("cam")
            page = await journal.audit(0, 99, None)
            kept.append(len(page.entries))
            assert broken(path) == ""
        await journal.close()

    run_virtual(clock, life())
    assert broken(path) == ""
    assert min(kept) < max(kept), "something was removed"
    change(path, "DELETE FROM audit WHERE seq = (SELECT MIN(seq) FROM audit)")
    assert "is missing" in broken(path) or "cut off" in broken(path)


def test_the_alarm_of_a_broken_audit_stands_until_somebody_has_seen_it(path: Path) -> None:
    written(path, 5)
    change(path, CUT)
    clock = VirtualClock()
    journal = SqliteJournal(path, clock, SeededIds(3))
    alarms = StandingAlarms(journal, clock)

    async def life() -> None:
        await journal.open()
        journal.on_state(alarms.on_journal)
        await asyncio.sleep(1)
        assert list(alarms.standing("")) == ["audit_broken"]
        await alarms.keep()
        (alarm,) = await alarms.alarms(active_only=True)
        await alarms.acknowledge_alarm(alarm.id, "anna")
        await alarms.keep()
        assert alarms.standing("") == {}
        await journal.record_audit(ENTRY)  # it runs on
        await alarms.close()
        await journal.close()

    run_virtual(clock, life())
