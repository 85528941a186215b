"""Which line of a schedule holds at a time of day, and when the next one comes. Pure but for the time zones' rules.

The entry that fired last holds; of two that fire in the same minute it is the lower one. Looking back ends after
LOOK_BACK_DAYS: an entry that has not fired for so long holds no more. An entry fires at the minutes at which cron(8) of
Debian would run it, in its own time zone. Where neither minute nor hour begins with `*`, a time that is left out when
clocks go forward fires as soon as they have, and one that comes twice when they go back fires the first time only;
others fire as often as their time comes.

Everything follows from the wall time that is asked about, so that a clock that is set forward or back leads to the
entry which would hold had it always been right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from agent.domain.schedule import ScheduleEntry

LOOK_BACK_DAYS = 367  # a year, leap years included, and the day that a change of clocks may cost
MAX_CRON_CHARACTERS = 200
_MINUTE_NS = 60_000_000_000
_LOOK_BACK_NS = LOOK_BACK_DAYS * 86_400_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def in_force(entries: Sequence[ScheduleEntry], wall_ns: int) -> ScheduleEntry | None:
    """The entry that holds at `wall_ns` (ns since 1970), or None. Cheap to ask again and again."""
    return _timetable(tuple(entries)).at(wall_ns).entry


def next_change_ns(entries: Sequence[ScheduleEntry], wall_ns: int) -> int | None:
    """When the next entry fires, or the one in force has not for too long; None where neither can happen."""
    return _timetable(tuple(entries)).at(wall_ns).until_ns


def cron_problem(cron: str) -> str | None:
    """What is wrong with the expression; None where an entry may have it."""
    if len(cron) > MAX_CRON_CHARACTERS:
        return f"has {len(cron)} characters, at most {MAX_CRON_CHARACTERS} are possible"
    if (fields := len(cron.split())) != 5:
        return f"has {fields} fields, wanted 5: minute, hour, day of month, month, day of week"
    try:
        next(CronSim(cron, _EPOCH))
    except CronSimError as error:
        return f"{str(error).lower()}; the fields are minute, hour, day of month, month, day of week"
    except StopIteration:
        return "names a day that never comes"
    return None


def zone_problem(name: str) -> str | None:
    """What is wrong with the name of a time zone; None where there is one of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such key, no relative name, a folder of names
        return "is not a time zone of the IANA data base, such as Europe/Berlin or UTC"
    return None


@dataclass(frozen=True, slots=True)
class _Spell:
    """`entry` holds from `since_ns` on and before `until_ns`; None: without an end."""

    since_ns: int
    until_ns: int | None
    entry: ScheduleEntry | None

    def covers(self, wall_ns: int) -> bool:
        return self.since_ns <= wall_ns and (self.until_ns is None or wall_ns < self.until_ns)


class _Timetable:
    """The entries of one schedule, and the spell that was asked about last: time seldom leaves it."""

    def __init__(self, entries: tuple[ScheduleEntry, ...]) -> None:
        self._entries = entries
        self._spell: _Spell | None = None

    def at(self, wall_ns: int) -> _Spell:
        spell = self._spell
        if spell is None or not spell.covers(wall_ns):
            spell = self._spell = _spell_at(self._entries, wall_ns)
        return spell


@lru_cache(maxsize=64)  # one for each camera's schedule, and some that a reload has replaced
def _timetable(entries: tuple[ScheduleEntry, ...]) -> _Timetable:
    return _Timetable(entries)


def _spell_at(entries: Sequence[ScheduleEntry], wall_ns: int) -> _Spell:
    ends = [when for entry in entries if (when := _fires_after(entry, wall_ns)) is not None]
    fired = [
        (when, number) for number, entry in enumerate(entries) if (when := _fired_last(entry, wall_ns)) is not None
    ]
    if not fired:
        # An earlier time may have an entry in force that is too old by now, so that only this minute is known.
        return _Spell(wall_ns - wall_ns % _MINUTE_NS, min(ends, default=None), None)
    since_ns, number = max(fired)
    return _Spell(since_ns, min([*ends, since_ns + _LOOK_BACK_NS]), entries[number])


def _fired_last(entry: ScheduleEntry, wall_ns: int) -> int | None:
    """The newest time of `entry` that is not after `wall_ns` and not as old as the look-back.

    Found by halving the time in which the first firing after its begin is not after `wall_ns`: so the past is told by
    the same rule as the future, also where clocks change.
    """
    found = _fires_after(entry, wall_ns - _LOOK_BACK_NS)
    if found is None or found > wall_ns:
        return None
    end_ns = wall_ns  # nothing that fires after it is past
    while end_ns - found >= _MINUTE_NS:
        middle_ns = (found + end_ns) // 2
        when = _fires_after(entry, middle_ns)
        if when is None or when > wall_ns:
            end_ns = middle_ns
        else:
            found = when
    return found


def _fires_after(entry: ScheduleEntry, wall_ns: int) -> int | None:
    """The first time of `entry` after `wall_ns`; None where it never fires again."""
    local = _local(wall_ns, _zone(entry.timezone))
    try:
        # What is left of the second is dropped, so that a time can come out that is not after this one; and in the
        # hour that comes twice, times of its first coming do.
        return next(when for at in CronSim(entry.cron, local) if (when := _wall_ns(at)) > wall_ns)
    except (StopIteration, OverflowError):
        return None


def _local(wall_ns: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=wall_ns // 1000)).astimezone(zone)


def _wall_ns(at: datetime) -> int:
    since = at.astimezone(timezone.utc) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000


def _zone(name: str | None) -> tzinfo:
    return _HOST if name is None else ZoneInfo(name)


class _HostZone(tzinfo):
    """The host's own rules, whatever it calls them; `fold` tells the second coming of an hour as in zoneinfo."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:  # noqa: ARG002 - not known apart from the offset
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, dt: datetime) -> datetime:
        fixed = dt.replace(tzinfo=timezone.utc).astimezone()
        first = fixed.replace(tzinfo=None, fold=0)
        return first.replace(tzinfo=self, fold=int(first.astimezone() != fixed))


_HOST = _HostZone()
