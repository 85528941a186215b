"""Which entry of a schedule holds: cron times, time zones, changes of clocks, and clocks that are set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.budget import Budget
from agent.domain.schedule import ScheduleEntry
from agent.policy import schedule
from agent.policy.schedule import LOOK_BACK_DAYS, cron_problem, in_force, next_change_ns, zone_problem

UTC = timezone.utc
MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS


def entry(cron: str, zone: str | None = "UTC", ppm: float = 600.0) -> ScheduleEntry:
    return ScheduleEntry(cron, zone, Budget(parts_per_minute=ppm))


def ns(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """ISO time on the clock of that zone, in ns since 1970."""
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(at.timestamp()) * 1_000_000_000


def shown(wall_ns: int | None, zone: str = "UTC") -> str | None:
    if wall_ns is None:
        return None
    return datetime.fromtimestamp(wall_ns / 1e9, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


EARLY, LATE, NIGHT = entry("0 6 * * 1-5", ppm=900), entry("0 14 * * 1-5", ppm=1200), entry("0 22 * * *", ppm=300)
SHIFTS = (EARLY, LATE, NIGHT)


@pytest.mark.parametrize(
    ("at", "holds", "until"),
    [
        ("2026-11-18 05:59:59", NIGHT, "2026-11-18 06:00 UTC"),
        ("2026-11-18 06:00:00", EARLY, "2026-11-18 14:00 UTC"),
        ("2026-11-18 13:59:59", EARLY, "2026-11-18 14:00 UTC"),
        ("2026-11-18 14:00:00", LATE, "2026-11-18 22:00 UTC"),
        ("2026-11-20 22:30:00", NIGHT, "2026-11-21 22:00 UTC"),  # Friday night holds over the week-end
        ("2026-11-22 12:00:00", NIGHT, "2026-11-22 22:00 UTC"),
        ("2026-11-23 06:00:00", EARLY, "2026-11-23 14:00 UTC"),
    ],
)
def test_the_entry_that_fired_last_holds_until_the_next_one_fires(at: str, holds: ScheduleEntry, until: str) -> None:
    assert in_force(SHIFTS, ns(at)) == holds
    assert shown(next_change_ns(SHIFTS, ns(at))) == until


def test_of_two_that_fire_together_the_lower_one_holds() -> None:
    first, second = entry("0 6 * * *", ppm=100), entry("0 6 * * 1", ppm=200)
    assert in_force((first, second), ns("2026-11-23 09:00")) == second
    assert in_force((second, first), ns("2026-11-23 09:00")) == first
    assert in_force((first, second), ns("2026-11-24 09:00")) == first


def test_without_entries_nothing_holds_and_nothing_comes() -> None:
    assert in_force((), ns("2026-11-23 09:00")) is None
    assert next_change_ns((), ns("2026-11-23 09:00")) is None


def test_an_entry_that_never_fires_holds_never() -> None:
    never = (entry("0 0 */40 * MON#5"), EARLY)
    assert in_force(never[:1], ns("2026-11-23 09:00")) is None
    assert next_change_ns(never[:1], ns("2026-11-23 09:00")) is None
    assert in_force(never, ns("2026-11-23 09:00")) == EARLY


def test_an_entry_holds_for_a_year_and_no_longer() -> None:
    leap = (entry("30 4 29 2 *"),)
    fired = ns("2028-02-29 04:30")
    end = fired + LOOK_BACK_DAYS * DAY_NS
    assert in_force(leap, fired - 1) is None
    assert in_force(leap, fired) == leap[0]
    assert next_change_ns(leap, fired) == end
    assert in_force(leap, end - 1) == leap[0]
    assert in_force(leap, end) is None
    assert shown(next_change_ns(leap, end)) == "2032-02-29 04:30 UTC"


def test_a_yearly_entry_never_lapses() -> None:
    yearly = (entry("0 0 1 1 *"),)
    for year in range(2024, 2034):
        assert in_force(yearly, ns(f"{year}-12-31 23:59:59")) == yearly[0]


def test_a_time_that_clocks_leave_out_fires_as_soon_as_they_have_gone_forward() -> None:
    daily = (entry("30 2 * * *", "Europe/Berlin"),)
    before = ns("2026-03-29 01:59:59", "Europe/Berlin")
    assert shown(next_change_ns(daily, before), "Europe/Berlin") == "2026-03-29 03:00 CEST"
    both = (entry("0 2 * * *", "Europe/Berlin", 1), entry("0 12 * * *", "Europe/Berlin", 2))
    assert in_force(both, ns("2026-03-29 01:59:59", "Europe/Berlin")) == both[1]
    assert in_force(both, ns("2026-03-29 03:00", "Europe/Berlin")) == both[0]


def test_a_time_that_comes_twice_fires_the_first_time_only() -> None:
    shifts = (entry("30 2 * * *", "Europe/Berlin", 1), entry("45 2 * * *", "Europe/Berlin", 2))
    first, second = (ns("2026-10-25 02:30", "Europe/Berlin", fold) for fold in (0, 1))
    assert second - first == 60 * MINUTE_NS
    assert in_force(shifts, first) == shifts[0]
    assert in_force(shifts, first + 15 * MINUTE_NS) == shifts[1]
    assert in_force(shifts, second) == shifts[1]
    assert shown(next_change_ns(shifts, second), "Europe/Berlin") == "2026-10-26 02:30 CET"


def test_an_entry_of_every_hour_fires_in_both_comings_of_an_hour() -> None:
    hourly = (entry("0 * * * *", "Europe/Berlin"),)
    at = ns("2026-10-25 01:30", "Europe/Berlin")
    told = []
    for _ in range(4):
        change = next_change_ns(hourly, at)
        assert change is not None
        told.append(shown(change, "Europe/Berlin"))
        at = change
    hours = ["02:00 CEST", "02:00 CET", "03:00 CET", "04:00 CET"]
    assert told == [f"2026-10-25 {hour}" for hour in hours]


def test_entries_of_several_zones_are_compared_by_the_same_moment() -> None:
    shifts = (entry("0 8 * * *", "Asia/Tokyo", 1), entry("0 8 * * *", "Europe/Berlin", 2), entry("0 8 * * *", "UTC", 3))
    assert in_force(shifts, ns("2026-07-01 05:59")) == shifts[0]
    assert in_force(shifts, ns("2026-07-01 06:00")) == shifts[1]
    assert in_force(shifts, ns("2026-07-01 08:00")) == shifts[2]


def test_a_clock_that_is_set_leads_where_it_would_be_had_it_always_been_right() -> None:
    """Whatever was asked before, the answer is that of somebody who was never asked."""
    at = ns("2026-11-18 06:00")
    for step_minutes in (0, 1, 481, -1, -30_000, 525_600, 2, -480, 0, -1, 10_000_000, 0):
        asked = at + step_minutes * MINUTE_NS
        schedule._timetable.cache_clear()
        fresh = in_force(SHIFTS, asked), next_change_ns(SHIFTS, asked)
        in_force(SHIFTS, at)
        assert (in_force(SHIFTS, asked), next_change_ns(SHIFTS, asked)) == fresh
    assert in_force(SHIFTS, at) == EARLY
    assert in_force(SHIFTS, at - 1) == NIGHT


def test_asking_again_within_a_spell_looks_at_no_cron_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at = ns("2026-11-18 06:00")
    entries = (*SHIFTS, entry("0 6 * * 6", ppm=1))
    assert in_force(entries, at) == EARLY
    monkeypatch.setattr(schedule, "_fires_after", None)  # would fail if it were called
    for quarter in range(4 * 60):
        assert in_force(entries, at + quarter * 250_000_000) == EARLY
        assert shown(next_change_ns(entries, at + quarter * 250_000_000)) == "2026-11-18 14:00 UTC"


def test_one_look_at_a_schedule_asks_each_entry_some_thirty_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    real = schedule._fires_after

    def counted(one: ScheduleEntry, wall_ns: int) -> int | None:
        nonlocal calls
        calls += 1
        return real(one, wall_ns)

    monkeypatch.setattr(schedule, "_fires_after", counted)
    for cron in ("* * * * *", "* * * 1-11 *", "0 0 1 1 *", "59 23 31 12 *", "*/7 3 * * 0"):
        calls = 0
        schedule._timetable.cache_clear()
        in_force((entry(cron),), ns("2026-12-31 12:00"))
        assert calls <= 30, cron


_CRONS = st.tuples(
    st.sampled_from(["0", "30", "59", "*/20", "15,45"]),
    st.sampled_from(["*", "0", "1", "2", "3", "*/6", "1-3", "23"]),
    st.sampled_from(["*", "1", "L", "28", "*/9"]),
    st.sampled_from(["*", "3", "10", "4,10"]),
    st.sampled_from(["*", "0", "7", "1-5", "SUN#L", "6L", "MON#2"]),
).map(" ".join)
_ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo", "Asia/Tokyo"]
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.tuples(_CRONS, _ZONES), min_size=1, max_size=3), st.integers(0, 3 * 366 * 1440), st.integers(0, 59))
def test_what_holds_is_what_walking_through_all_times_in_order_finds(
    given_: list[tuple[str, str]], minute: int, second: int
) -> None:
    entries = tuple(
        entry(cron, zone, number + 1.0) for number, (cron, zone) in enumerate(given_) if cron_problem(cron) is None
    )
    wall_ns = ns("2025-06-01 00:00") + minute * MINUTE_NS + second * 1_000_000_000
    fired = [
        (when, number)
        for number, one in enumerate(entries)
        for when in _walk(one, wall_ns - LOOK_BACK_DAYS * DAY_NS, wall_ns)
    ]
    expected = entries[max(fired)[1]] if fired else None
    assert in_force(entries, wall_ns) == expected
    until = next_change_ns(entries, wall_ns)
    if until is not None:
        assert until > wall_ns
        assert not any(when < until for one in entries for when in _walk(one, wall_ns, until))


def _walk(one: ScheduleEntry, since_ns: int, until_ns: int) -> Iterator[int]:
    """Times of the entry after `since_ns` up to `until_ns`, each asked of the one before."""
    start = datetime.fromtimestamp(since_ns // 1_000_000_000, UTC).astimezone(ZoneInfo(one.timezone or "UTC"))
    for at in CronSim(one.cron, start - timedelta(hours=3)):
        when = round(at.timestamp()) * 1_000_000_000
        if when > until_ns:
            return
        if when > since_ns:
            yield when


@pytest.fixture
def berlin_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The host keeps Berlin's time while the test runs."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin_host")
def test_without_a_zone_the_clock_of_the_host_counts_also_when_it_is_changed() -> None:
    schedule._timetable.cache_clear()
    for cron in ("30 2 * * *", "0 * * * *", "15 1-3 * * *", "0 6 * * 1-5"):
        host, named = (entry(cron, None),), (entry(cron, "Europe/Berlin"),)
        for day in ("2026-03-28", "2026-10-24"):
            for quarter in range(200):
                at = ns(f"{day} 12:00") + quarter * 15 * MINUTE_NS
                assert next_change_ns(host, at) == next_change_ns(named, at), (cron, shown(at, "Europe/Berlin"))
                assert (in_force(host, at) is None) == (in_force(named, at) is None)


@pytest.mark.usefixtures("berlin_host")
def test_the_zone_of_the_host_has_a_name_and_an_offset() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=schedule._HOST)
    assert (summer.tzname(), summer.utcoffset()) == ("CEST", timedelta(hours=2))
    assert schedule._HOST.utcoffset(None) is None
    assert schedule._HOST.tzname(None) is None
    assert schedule._HOST.dst(summer) is None


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("0 6 * * 1-5", None),
        ("*/5 * * * MON-FRI", None),
        ("0 0 L * *", None),
        ("0 0 LW * *", None),
        ("0 0 * * 5L", None),
        ("0 0 29 2 *", None),
        ("60 6 * * *", "bad minute; the fields are minute, hour"),
        ("0 24 * * *", "bad hour"),
        ("0 0 0 * *", "bad day-of-month"),
        ("0 0 */40 * MON#5", "names a day that never comes"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * 13 *", "bad month"),
        ("0 0 * * 8", "bad day-of-week"),
        ("0 0 * * 5-1", "bad day-of-week"),
        ("*/0 0 * * *", "bad minute"),
        ("", "has 0 fields, wanted 5"),
        ("0 6 * *", "has 4 fields, wanted 5"),
        ("0 0 6 * * 1-5", "has 6 fields, wanted 5"),
        ("@daily", "has 1 fields, wanted 5"),
        ("0 6 * * mo-fr", "bad day-of-week"),
        ("0 " * 150, "has 300 characters, at most 200"),
        ("² 6 * * *", "bad minute"),
        ("-1 6 * * *", "bad minute"),
        ("1,,2 6 * * *", "bad minute"),
    ],
)
def test_a_wrong_expression_is_told_by_its_field(cron: str, problem: str | None) -> None:
    told = cron_problem(cron)
    assert (told is None) == (problem is None)
    assert told is None or problem is None or told.startswith(problem)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.text("0123456789*/,-#LWMONFRI", min_size=1, max_size=6), min_size=5, max_size=5))
def test_every_expression_is_either_refused_or_has_a_time(fields: list[str]) -> None:
    cron = " ".join(fields)
    if cron_problem(cron) is None:
        assert next_change_ns((entry(cron),), ns("2026-11-18 06:00")) is not None


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Tokyo"])
def test_a_zone_of_the_data_base_is_known(name: str) -> None:
    assert zone_problem(name) is None


@pytest.mark.parametrize(
    "name", ["Europe/Atlantis", "", "Europe", "../etc/passwd", "/etc/localtime", "x\0y", "z" * 5000]
)
def test_any_other_zone_is_refused(name: str) -> None:
    told = zone_problem(name)
    assert told is not None
    assert "IANA" in told
