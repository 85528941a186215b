"""What a camera measured, what a policy learned and what the line asked for: kept, bounded and never fatal."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.journal import Journal
from agent.domain.profile import DAY_NS, NetProfile, ProfileAge, ProfileSource, StoredProfile, newest
from agent.telemetry import measured, schema
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal

Story = Callable[[SqliteJournal], Awaitable[None]]
DAY_S = 86_400.0
SERIAL, SHA = "20381234", "ab" * 32
LINE = LineRow("cam", 1_000, 2_000, 900.0, 80.0, None, 0.99, False, 15.0, None)


def play(story: Story, path: Path, clock: VirtualClock | None = None) -> None:
    """One daemon's life with the journal, in virtual time."""
    clock = clock or VirtualClock()
    journal = SqliteJournal(path, clock, SeededIds(1))

    async def life() -> None:
        await journal.open()
        try:
            await story(journal)
        finally:
            await journal.close()

    run_virtual(clock, life())


async def _nothing(journal: SqliteJournal) -> None:
    await journal.claims("cam")


def a_profile(median_ms: float = 20.0, source: ProfileSource = ProfileSource.COMMISSIONING) -> NetProfile:
    service_ms = median_ms * np.exp(0.02 * np.random.default_rng(3).standard_normal(300))
    return NetProfile.of("net-a", service_ms, "1905.4", 1_700_000_000_000_000_000, swap_s=2.5, source=source)


def test_the_newest_generation_of_a_profile_counts_and_each_source_keeps_its_last(tmp_path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        protocol: Journal = journal
        commissioned = a_profile(19.0)
        await protocol.put_profile(SERIAL, SHA, commissioned)
        for number in range(9):
            protocol.note_profile(SERIAL, SHA, a_profile(20.0 + number, ProfileSource.PRODUCTION))
        await protocol.put_profile("other", SHA, a_profile(77.0))
        await protocol.put_profile(SERIAL, "cd" * 32, a_profile(40.0))
        found = await protocol.profiles(SERIAL)
        assert found == (
            StoredProfile(SERIAL, SHA, a_profile(28.0, ProfileSource.PRODUCTION)),
            StoredProfile(SERIAL, "cd" * 32, a_profile(40.0)),
        )
        bodies = await journal._ask(
            lambda db: db.execute(
                "SELECT source FROM profiles WHERE serial = ? AND sha256 = ?", (SERIAL, SHA)
            ).fetchall()
        )
        assert bodies == [("commissioning",)] + measured.KEPT_PROFILES * [("production",)]
        assert await protocol.profiles("nobody") == ()

    play(story, tmp_path / "journal.db")


def test_profiles_and_learned_state_survive_a_restart_and_old_generations_do_not_survive_the_retention(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    old = replace(a_profile(), wall_ns=-40 * DAY_NS)

    async def before(journal: SqliteJournal) -> None:
        await journal.put_profile(SERIAL, SHA, old)
        await journal.put_profile(SERIAL, SHA, replace(old, median_ms=21.0))
        journal.note_learned(SERIAL, "line", {"gamma": {"net-a": 1.07}, "regimes": [1, 2.5, None]})

    async def after(journal: SqliteJournal) -> None:
        assert await journal.profiles(SERIAL) == (StoredProfile(SERIAL, SHA, replace(old, median_ms=21.0)),)
        count = await journal._ask(lambda db: db.execute("SELECT COUNT(*) FROM profiles").fetchone())
        assert count == (1,)  # the newest stays however old it is
        assert await journal.learned(SERIAL, "line") == {"gamma": {"net-a": 1.07}, "regimes": [1, 2.5, None]}
        assert await journal.learned(SERIAL, "another library") is None

    play(before, path)
    play(after, path)


def test_damaged_rows_are_left_out_with_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = '{"subnet_id":"a","count":1,"median_ms":%s,"sigma":0,"quantiles":[],"swap_s":null,"temperature_c":null,'
    good += '"firmware":"","wall_ns":0,"source":"idle"}'

    def damage(db: sqlite3.Connection) -> None:
        for number, body in enumerate(("{", "[]", "7", '{"count": "x"}', good % -1, good % 5)):
            db.execute(
                "INSERT INTO profiles (serial, sha256, source, wall_ns, body) VALUES (?, ?, 'idle', 0, ?)",
                (SERIAL, f"{number:02d}", body),
            )
        for name, text in (("list", b"[1]"), ("cut", b'{"a": '), ("binary", b"\xff\x00"), ("text", b'"x"')):
            db.execute("INSERT INTO learned VALUES (?, ?, 0, ?)", (SERIAL, name, text))

    async def story(journal: SqliteJournal) -> None:
        await journal._ask(damage)
        with caplog.at_level(logging.WARNING, "ofa_agent.journal"):
            assert [stored.profile.median_ms for stored in await journal.profiles(SERIAL)] == [5.0]
            for name in ("list", "cut", "binary", "text"):
                assert await journal.learned(SERIAL, name) is None

    play(story, tmp_path / "journal.db")
    assert [record.getMessage().split()[0] for record in caplog.records] == 5 * ["profile_ignored"] + 4 * [
        "learned_ignored"
    ]


def test_a_document_that_is_no_json_or_too_large_leaves_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "MAX_LEARNED_BYTES", 100)

    async def story(journal: SqliteJournal) -> None:
        document: dict[str, object] = {"a": [1]}
        journal.note_learned(SERIAL, "line", document)
        document["a"] = "changed after it was noted"
        journal.note_learned(SERIAL, "line", {"a": "x" * 200})
        journal.note_learned(SERIAL, "line", {"a": object()})
        assert await journal.learned(SERIAL, "line") == {"a": [1]}
        assert journal.lost_notes == 0

    with caplog.at_level(logging.ERROR, "ofa_agent.journal"):
        play(story, tmp_path / "journal.db")
    assert [record.getMessage().split()[0] for record in caplog.records] == 2 * ["learned_not_kept"]


def test_line_history_is_read_back_by_time_and_its_last_row_grows(tmp_path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        second = replace(LINE, from_wall_ns=2_000, until_wall_ns=2_000, stopped=True, parts_per_s=None, announced_s=5.0)
        for row in (LINE, second, replace(second, until_wall_ns=9_000), replace(LINE, camera="other")):
            journal.note_line(row)
        grown = replace(second, until_wall_ns=9_000)
        assert await journal.line("cam", 0, 10_000) == (LINE, grown)
        assert await journal.line("cam", 2_000, 10_000) == (grown,)
        assert await journal.line("cam", 0, 2_000) == (LINE,)
        slow = [SlowdownRow("cam", at, "net-a", 20.0 + at, 20.0) for at in (1, 5, 9)]
        for each in slow:
            journal.note_slowdown(each)
        assert await journal.slowdowns("cam", 6, 100) == tuple(slow[1:])
        assert await journal.slowdowns("cam", 0, 9) == tuple(slow[:2])

    play(story, tmp_path / "journal.db")


def test_line_history_goes_after_journal_days(tmp_path: Path) -> None:
    clock = VirtualClock()

    async def story(journal: SqliteJournal) -> None:
        now_ns = clock.wall_ns()
        journal.note_line(replace(LINE, from_wall_ns=now_ns - DAY_NS, until_wall_ns=now_ns))
        journal.note_line(replace(LINE, from_wall_ns=now_ns, until_wall_ns=now_ns + 9 * DAY_NS))
        journal.note_slowdown(SlowdownRow("cam", now_ns, "net-a", 20.0, 20.0))
        await asyncio.sleep(31 * DAY_S)
        await journal.claims("cam")  # the thread clears up after what it serves
        rows = await journal.line("cam", 0, 2**62)
        assert [row.until_wall_ns for row in rows] == [now_ns + 9 * DAY_NS]
        assert await journal.slowdowns("cam", 0, 2**62) == ()

    play(story, tmp_path / "journal.db", clock)


def test_a_journal_of_the_version_before_gets_the_new_tables_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path)
    for statement in schema._VERSION_1:
        db.execute(statement)
    db.execute("INSERT INTO generations VALUES ('cam', 41)")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()

    async def story(journal: SqliteJournal) -> None:
        assert await journal.next_generation("cam") == 42
        await journal.put_profile(SERIAL, SHA, a_profile())
        journal.note_line(LINE)
        assert len(await journal.profiles(SERIAL)) == len(await journal.line("cam", 0, 10_000)) == 1

    play(story, path)
    fresh = tmp_path / "fresh.db"
    play(_nothing, fresh)
    tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    made = []
    for file in (path, fresh):
        db = sqlite3.connect(file)
        made.append(db.execute(tables).fetchall())
        db.close()
    assert made[0] == made[1]


def test_a_profile_tells_the_quantiles_that_its_results_can_tell() -> None:
    few = NetProfile.of("a", [10.0, 11.0, 9.0, 30.0], "f", 0)
    assert (few.count, few.median_ms) == (4, 10.5)
    assert [q for q, _ in few.quantiles] == [0.25, 0.75]
    assert few.sound()
    many = a_profile()
    assert [q for q, _ in many.quantiles] == [0.01, 0.05, 0.25, 0.75, 0.9, 0.95, 0.99, 0.995]
    assert 0.015 < many.sigma < 0.025
    assert [ratio for _, ratio in many.quantiles] == sorted(ratio for _, ratio in many.quantiles)
    assert NetProfile.of("a", [10.0], "f", 0).sigma == 0.0


def test_a_profile_is_stale_after_its_days_with_other_firmware_and_beyond_its_temperatures() -> None:
    age = ProfileAge(max_age_days=90.0, margin_c=10.0)
    profile = replace(a_profile(), temperature_c=(40.0, 50.0))
    now_ns = profile.wall_ns + 89 * DAY_NS
    assert age.stale_why(profile, "1905.4", 59.0, now_ns) == ""
    assert age.stale_why(profile, "1905.4", None, now_ns) == ""
    assert age.stale_why(replace(profile, temperature_c=None), "1905.4", 99.0, now_ns) == ""
    assert "firmware 1905.4, the camera has 2" in age.stale_why(profile, "2", 45.0, now_ns)
    assert "91 days ago" in age.stale_why(profile, "1905.4", 45.0, now_ns + 2 * DAY_NS)
    assert "at 40 to 50 °C, the camera is at 61 °C" in age.stale_why(profile, "1905.4", 61.0, now_ns)
    assert "is at 29 °C" in age.stale_why(profile, "1905.4", 29.0, now_ns)


def test_a_renewed_profile_keeps_what_the_later_one_lacks_and_the_newest_is_found() -> None:
    first = replace(a_profile(), temperature_c=(40.0, 50.0))
    later = NetProfile.of("net-a", [21.0], "1905.4", first.wall_ns + 1, temperature_c=(47.0, 52.0))
    renewed = first.renewed(later)
    assert (renewed.median_ms, renewed.swap_s, renewed.temperature_c) == (21.0, 2.5, (40.0, 52.0))
    assert newest([StoredProfile(SERIAL, SHA, renewed), StoredProfile(SERIAL, SHA, first)]) == {SHA: renewed}
