"""Alarms on disks that fail: never hidden, never in the way of a camera, and written when the disk works again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from agent.domain.alarms import HOLD_OFF_S
from agent.domain.journal import Alarm
from agent.supervisor.alarms import RETRY_S, StandingAlarms
from agent.telemetry.journal import SqliteJournal
from agent.telemetry.thread import PROBE_S
from tests.support.journal_faults import Bench

SOON_S = RETRY_S + PROBE_S + 1.0
Story = Callable[[StandingAlarms, SqliteJournal], Awaitable[None]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state" / "journal.sqlite3")


def play(bench: Bench, story: Story) -> None:
    async def life(journal: SqliteJournal) -> None:
        book = StandingAlarms(journal, bench.clock)
        journal.on_state(book.on_journal)
        await book.restore()
        running = asyncio.create_task(book.run())
        try:
            await asyncio.sleep(0.1)
            await story(book, journal)
        finally:
            bench.disk.fail(full=False, read_only=False, unreachable=False)
            running.cancel()
            await asyncio.wait({running})
            await book.close()

    bench.play(life)


def rows(alarms: Sequence[Alarm]) -> list[tuple[str, str, bool]]:
    return sorted((alarm.camera, alarm.key, alarm.cleared_wall_ns is None) for alarm in alarms)


@pytest.mark.parametrize("fault", ["full", "read_only", "unreachable"])
def test_what_was_raised_and_acknowledged_on_a_bad_disk_is_in_the_journal_afterwards(bench: Bench, fault: str) -> None:
    async def story(book: StandingAlarms, journal: SqliteJournal) -> None:
        bench.disk.fail(**{fault: True})
        desk, raised_ns = book.desk("cam"), bench.clock.wall_ns()
        await desk.happened("lease_expired", "plc is silent")
        await asyncio.sleep(3.0)
        listed = {alarm.key: alarm for alarm in await book.alarms(active_only=True)}
        assert set(listed) == {"lease_expired", "journal_unavailable"}
        assert await book.acknowledge_alarm(listed["lease_expired"].id, "anna") is not None

        bench.disk.fail(**{fault: False})
        await asyncio.sleep(SOON_S + HOLD_OFF_S)
        written = {alarm.key: alarm for alarm in await journal.alarms(active_only=False)}
        assert (written["lease_expired"].raised_wall_ns, written["lease_expired"].acknowledged_by) == (
            raised_ns,
            "anna",
        )
        assert rows(list(written.values())) == [("", "journal_unavailable", False), ("cam", "lease_expired", True)]

    play(bench, story)


def test_a_disk_that_hangs_keeps_nobody_who_raises_an_alarm(bench: Bench) -> None:
    async def story(book: StandingAlarms, journal: SqliteJournal) -> None:
        bench.disk.hang_s = 60.0
        desk, began_ns = book.desk("cam"), bench.clock.now_ns()
        await desk.raised("camera_lost", "unplugged")
        await desk.keep()
        await desk.happened("swap_failed", "swap to a failed")
        await desk.cleared("camera_lost")
        assert bench.clock.now_ns() == began_ns
        await asyncio.sleep(30.0)
        assert set(book.standing("cam")) == {"swap_failed"}
        await asyncio.sleep(60.0 + SOON_S)
        assert rows(await journal.alarms(active_only=False)) == [
            ("", "journal_unavailable", False),
            ("cam", "camera_lost", False),
            ("cam", "swap_failed", True),
        ]

    play(bench, story)


def test_what_waits_is_written_when_the_agent_ends(bench: Bench) -> None:
    async def story(book: StandingAlarms, journal: SqliteJournal) -> None:
        for turn in range(5):
            await book.desk("cam").happened("swap_failed", f"swap {turn} failed")

    play(bench, story)

    async def again(journal: SqliteJournal) -> None:
        (alarm,) = await journal.alarms(active_only=True)
        assert (alarm.count, alarm.text) == (5, "swap 4 failed")

    bench.again().play(again)
