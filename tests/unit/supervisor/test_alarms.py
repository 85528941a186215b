"""Alarms that stand: one a cause, counted up, cleared when the cause stays away, never lost with the journal."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.alarms import ALARMS, HOLD_OFF_S, AlarmKey
from agent.domain.journal import Alarm, JournalState
from agent.errors import JournalError
from agent.supervisor.alarms import COUNTS_EVERY_S, PROVISIONAL_FROM, RETRY_S, AlarmDesk, StandingAlarms
from tests.support.memory_journal import MemoryJournal

WORKS = JournalState(writable=True, readable=True)


@dataclass
class CountingJournal(MemoryJournal):
    """Also says how often alarms were written, and can be unreadable."""

    writes: int = 0
    unreadable: bool = False

    async def put_alarms(self, alarms: object) -> tuple[Alarm, ...]:
        self.writes += 1
        return tuple(await super().put_alarms(alarms))  # type: ignore[arg-type]

    async def alarms(self, active_only: bool) -> list[Alarm]:
        if self.unreadable:
            raise JournalError("journal: disk gone")
        return list(await super().alarms(active_only))


@dataclass
class Stand:
    clock: VirtualClock = field(default_factory=VirtualClock)
    journal: CountingJournal = field(default_factory=CountingJournal)

    def __post_init__(self) -> None:
        self.book = StandingAlarms(self.journal, self.clock)
        self.desk = self.book.desk("cam")

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def scenario() -> None:
            await self.book.restore()
            await story()

        run_virtual(self.clock, scenario())

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.book.keep()

    async def told(self, active_only: bool = False) -> list[tuple[str, str, int, bool]]:
        alarms = await self.book.alarms(active_only)
        return [(a.camera, a.key, a.count, a.cleared_wall_ns is None) for a in alarms]


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_cause_that_is_said_again_and_again_is_one_alarm_and_one_write(stand: Stand) -> None:
    async def story() -> None:
        for _ in range(100):
            await stand.desk.raised("infeasible", "too fast")
            await stand.wait(0.25)
        assert await stand.told() == [("cam", "infeasible", 1, True)]
        assert stand.journal.writes == 1

    stand.play(story)


def test_an_alarm_clears_when_its_cause_has_stayed_away_for_the_hold_off(stand: Stand) -> None:
    async def story() -> None:
        await stand.desk.raised("camera_lost", "unplugged")
        await stand.wait(7.0)
        gone_ns = stand.clock.wall_ns()
        await stand.desk.cleared("camera_lost")
        await stand.wait(HOLD_OFF_S - 0.1)
        assert await stand.told() == [("cam", "camera_lost", 1, True)]
        await stand.wait(0.2)
        (alarm,) = stand.journal.known_alarms
        assert alarm.cleared_wall_ns == gone_ns

    stand.play(story)


def test_a_cause_that_flickers_is_one_alarm_that_counts(stand: Stand) -> None:
    async def story() -> None:
        for turn in range(50):
            await stand.desk.raised("camera_lost", f"loss {turn}")
            await stand.wait(1.0)
            await stand.desk.cleared("camera_lost")
            await stand.wait(1.0)
        assert await stand.told() == [("cam", "camera_lost", 50, True)]
        assert stand.journal.writes <= 2 + 100.0 / COUNTS_EVERY_S
        await stand.wait(HOLD_OFF_S)
        (alarm,) = stand.journal.known_alarms
        assert (alarm.count, alarm.text, alarm.cleared_wall_ns is None) == (50, "loss 49", False)
        assert alarm.last_wall_ns > alarm.raised_wall_ns

    stand.play(story)


def test_one_more_of_the_same_counts_up_and_waits_for_a_person_again(stand: Stand) -> None:
    async def story() -> None:
        await stand.desk.happened("swap_failed", "swap to a failed")
        (first,) = await stand.book.alarms(active_only=True)
        await stand.book.acknowledge_alarm(first.id, "anna")
        await stand.wait(60.0)
        await stand.desk.happened("swap_failed", "swap to b failed")
        (alarm,) = await stand.book.alarms(active_only=True)
        assert (alarm.id, alarm.count, alarm.text, alarm.acknowledged_by) == (first.id, 2, "swap to b failed", None)
        await stand.wait(COUNTS_EVERY_S)
        assert stand.journal.known_alarms == [alarm]

    stand.play(story)


def test_what_tells_of_something_that_is_over_ends_when_it_is_acknowledged(stand: Stand) -> None:
    async def story() -> None:
        await stand.desk.happened("internal", "swap crashed")
        await stand.desk.acknowledged("internal")
        assert await stand.told() == [("cam", "internal", 1, False)]
        await stand.desk.raised("infeasible", "too fast")
        await stand.desk.acknowledged("infeasible")
        await stand.wait(100.0)
        assert await stand.told(active_only=True) == [("cam", "infeasible", 1, True)]

    stand.play(story)


def test_alarms_of_a_time_without_journal_are_listed_acknowledged_and_written_later_with_their_own_times(
    stand: Stand,
) -> None:
    async def story() -> None:
        stand.journal.broken = True
        raised_ns = stand.clock.wall_ns()
        await stand.desk.raised("camera_lost", "unplugged")
        assert await stand.told(active_only=True) == [
            ("cam", "camera_lost", 1, True),
            ("", "journal_unavailable", 1, True),
        ]
        lost = next(a for a in await stand.book.alarms(active_only=True) if a.key == "camera_lost")
        assert lost.id >= PROVISIONAL_FROM
        await stand.wait(30.0)
        answer = await stand.book.acknowledge_alarm(lost.id, "anna")
        assert answer is not None
        assert answer.acknowledged_by == "anna"
        assert stand.journal.known_alarms == []

        stand.journal.broken = False
        await stand.wait(RETRY_S)
        written = next(a for a in stand.journal.known_alarms if a.key == "camera_lost")
        assert (written.raised_wall_ns, written.acknowledged_by) == (raised_ns, "anna")
        assert written.id < PROVISIONAL_FROM
        again = await stand.book.acknowledge_alarm(lost.id, "ben")
        assert again is not None
        assert (again.id, again.acknowledged_by) == (written.id, "anna")
        await stand.wait(HOLD_OFF_S)
        assert sorted(await stand.told()) == [("", "journal_unavailable", 1, False), ("cam", "camera_lost", 1, True)]

    stand.play(story)


def test_an_alarm_that_came_and_went_without_a_journal_is_history_afterwards(stand: Stand) -> None:
    async def story() -> None:
        stand.journal.broken = True
        await stand.desk.raised("infeasible", "too fast")
        await stand.desk.cleared("infeasible")
        await stand.wait(60.0)
        await stand.desk.raised("infeasible", "too fast again")
        assert (await stand.told()).count(("cam", "infeasible", 1, False)) == 1
        stand.journal.broken = False
        await stand.wait(RETRY_S)
        rows = [(a.text, a.cleared_wall_ns is None) for a in stand.journal.known_alarms if a.key == "infeasible"]
        assert rows == [("too fast", False), ("too fast again", True)]
        assert len({alarm.id for alarm in stand.journal.known_alarms}) == len(stand.journal.known_alarms)

    stand.play(story)


def test_a_journal_that_fails_is_tried_once_a_second_at_most(stand: Stand) -> None:
    async def story() -> None:
        stand.journal.broken = True
        for _ in range(40):
            await stand.desk.raised("infeasible", "too fast")
            await stand.wait(0.25)
        assert 9 <= stand.journal.writes <= 11

    stand.play(story)


def test_alarms_of_an_earlier_run_stand_until_their_cause_is_found_gone(stand: Stand) -> None:
    stand.journal.known_alarms = [Alarm(7, "cam", "camera_lost", "unplugged", 5), Alarm(8, "old", "infeasible", "x", 6)]

    async def story() -> None:
        await stand.book.restore(["cam"])
        assert await stand.told(active_only=True) == [("cam", "camera_lost", 1, True), ("old", "infeasible", 1, True)]
        await stand.desk.raised("camera_lost", "still")  # the same alarm, not one more
        await stand.desk.cleared("camera_lost")
        await stand.wait(HOLD_OFF_S)
        assert [(a.id, a.cleared_wall_ns is None) for a in stand.journal.known_alarms] == [(7, False), (8, False)]

    stand.play(story)


def test_alarms_of_an_earlier_run_are_found_when_the_journal_can_be_read_at_last(stand: Stand) -> None:
    stand.journal.known_alarms = [Alarm(7, "cam", "camera_lost", "unplugged", 5), Alarm(8, "cam", "infeasible", "x", 6)]
    stand.journal.broken = stand.journal.unreadable = True

    async def story() -> None:
        await stand.desk.cleared("camera_lost")
        await stand.desk.raised("infeasible", "x")
        assert ("cam", "infeasible", 1, True) in await stand.told()
        stand.journal.broken = stand.journal.unreadable = False
        await stand.wait(RETRY_S)
        rows = [(a.id, a.key, a.cleared_wall_ns is None) for a in stand.journal.known_alarms if a.camera == "cam"]
        assert rows == [(7, "camera_lost", False), (8, "infeasible", True)]

    stand.play(story)


def test_a_key_that_no_version_knows_is_refused_and_one_of_another_version_ends(stand: Stand) -> None:
    stand.journal.known_alarms = [Alarm(3, "cam", "of_the_future", "x", 5)]

    async def story() -> None:
        assert await stand.told(active_only=True) == []
        with pytest.raises(KeyError):
            await stand.desk.raised(cast("AlarmKey", "no_such_key"), "x")

    stand.play(story)


def test_the_journals_own_state_is_an_alarm_of_the_agent(stand: Stand) -> None:
    async def story() -> None:
        stand.book.on_journal(WORKS)
        assert stand.book.standing("") == {}
        stand.book.on_journal(dataclasses.replace(WORKS, writable=False, error="disk full"))
        assert stand.book.standing("") == {"journal_unavailable": "disk full"}
        stand.book.on_journal(WORKS)
        await stand.wait(HOLD_OFF_S)
        assert stand.book.standing("") == {}
        assert [(a.key, a.cleared_wall_ns is None) for a in stand.journal.known_alarms] == [
            ("journal_unavailable", False)
        ]
        await stand.book.close()
        stand.book.on_journal(dataclasses.replace(WORKS, writable=False, error="not open"))
        assert stand.book.standing("") == {}

    stand.play(story)


def test_a_journal_begun_anew_gets_what_stands_and_says_so_until_acknowledged(stand: Stand) -> None:
    async def story() -> None:
        await stand.desk.raised("camera_lost", "unplugged")
        before = list(stand.journal.known_alarms)
        stand.journal.known_alarms = []
        recovered = dataclasses.replace(WORKS, recovered_from=Path("state/journal.corrupt-1"), lost_notes=3)
        stand.book.on_journal(recovered)
        stand.book.on_journal(recovered)
        await stand.wait(0.0)
        assert before[0] in stand.journal.known_alarms
        assert sorted(await stand.told(active_only=True)) == [
            ("", "journal_recovered", 1, True),
            ("", "notes_lost", 1, True),
            ("cam", "camera_lost", 1, True),
        ]
        moved = next(a for a in await stand.book.alarms(active_only=True) if a.key == "journal_recovered")
        assert "journal.corrupt-1" in moved.text
        await stand.wait(1000.0)
        assert ("", "journal_recovered", 1, True) in await stand.told(active_only=True)
        await stand.book.acknowledge_alarm(moved.id, "anna")
        assert await stand.told(active_only=True) == [("cam", "camera_lost", 1, True)]

    stand.play(story)


def test_an_acknowledgement_of_history_needs_the_journal_and_of_nothing_is_nothing(stand: Stand) -> None:
    async def story() -> None:
        assert await stand.book.acknowledge_alarm(99, "anna") is None
        stand.journal.broken = True
        with pytest.raises(JournalError):
            await stand.book.acknowledge_alarm(99, "anna")

    stand.play(story)


def test_a_change_during_a_write_is_not_lost(stand: Stand) -> None:
    async def story() -> None:
        put = stand.journal.put_alarms

        async def slow(alarms: object) -> tuple[Alarm, ...]:
            rows = await put(alarms)
            if stand.journal.writes == 1:
                stand.book.end("cam", "lease_expired")  # while the row is on its way back
            return rows

        stand.journal.put_alarms = slow  # type: ignore[method-assign]
        await stand.desk.happened("lease_expired", "plc is silent")
        await stand.wait(0.0)
        (row,) = stand.journal.known_alarms
        assert row.cleared_wall_ns is not None

    stand.play(story)


def test_every_kind_has_its_number_room_and_words() -> None:
    rooms = {1: "camera", 2: "swap", 3: "line", 4: "agent"}
    numbers = [kind.number for kind in ALARMS.values()]
    assert len(set(numbers)) == len(numbers)
    assert {number // 100 for number in numbers} == set(rooms)
    for key, kind in ALARMS.items():
        assert kind.key == key
        assert all((kind.title, kind.cause, kind.action, kind.clears_when))
        assert (kind.hold_off_s == 0.0) == (kind.clears == "by acknowledgement")


def test_numbers_are_those_that_were_released() -> None:
    assert {kind.key: kind.number for kind in ALARMS.values()} == {
        "camera_lost": 101,
        "camera_faulted": 102,
        "results_stopped": 103,
        "swap_failed": 201,
        "swap_inhibited": 202,
        "infeasible": 301,
        "lease_expired": 302,
        "pin_over_budget": 303,
        "profiles_stale": 304,
        "line_input_unreadable": 305,
        "internal": 401,
        "action_failed": 402,
        "journal_unavailable": 403,
        "journal_recovered": 404,
        "notes_lost": 405,
        "config_invalid": 406,
        "library_rejected": 407,
        "no_usable_subnet": 408,
        "tls_certificate": 409,
        "library_stale": 410,
        "audit_broken": 411,
        "resources_short": 412,
    }


def test_desks_of_several_cameras_do_not_mix(stand: Stand) -> None:
    async def story() -> None:
        other: AlarmDesk = stand.book.desk("other")
        await stand.desk.raised("camera_lost", "a")
        await other.raised("camera_lost", "b")
        await stand.desk.cleared("camera_lost")
        await stand.wait(HOLD_OFF_S)
        assert (stand.desk.active, other.active) == ({}, {"camera_lost": "b"})

    stand.play(story)
