"""Alarms of the cameras and of the agent itself: raised once a cause, counted up, cleared when the cause stays away.

    raised ──► standing ──► gone for a hold-off ──► cleared
                   ▲                │
                   └── came back ───┘  (one more in `count`, the same alarm)

A journal that cannot be written must not stop the line, nor hide an alarm: what could not be written stands in memory,
is listed and acknowledged like any other, and is written with its own times as soon as the journal works again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from agent.clock import Clock
from agent.domain.alarms import ALARMS, AlarmKey, kind_of
from agent.domain.journal import Alarm, Journal, JournalState
from agent.errors import JournalError
from agent.logs import event, logger

_log = logger("alarms")
PROVISIONAL_FROM = 1_000_000_000  # numbers of alarms that the journal has not seen; it counts up from 1
COUNTS_EVERY_S = 10.0  # a cause that comes again and again is written so often at most
RETRY_S = 1.0  # after a write that failed
MOST_UNWRITTEN = 1000
_HOLDING = frozenset({"camera_faulted", "lease_expired"})
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}

_Cause = tuple[str, str]  # camera and key


@dataclass(frozen=True, slots=True)
class _Going:
    """A cause that is not there now: since when, and until when it has to stay away."""

    since_wall_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An alarm as it has to be written, and from when on."""

    alarm: Alarm
    due_ns: int


class StandingAlarms:
    """Owner of the alarms that stand and of those that are not written yet; implements agent.domain.alarms.AlarmBook.

    One for all cameras of an agent. For the event loop only. While `run` runs it writes for everybody, so that a disk
    that hangs keeps no camera from its work; without it whoever raises an alarm or calls `keep` waits for the journal.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._standing: dict[_Cause, Alarm] = {}
        self._going: dict[_Cause, _Going] = {}
        self._unwritten: dict[int, _Waiting] = {}
        self._numbers: dict[int, int] = {}  # provisional to the journal's
        self._next_number = PROVISIONAL_FROM
        self._restored = False
        self._recovered_from: Path | None = None
        self._lost_notes = 0
        self._audit_broken = ""
        self._closed = False
        self._ended: set[_Cause] = set()  # causes that were found gone before the journal told of their alarms
        self._retry_ns = 0
        self._writing = asyncio.Lock()
        self._woken = asyncio.Event()
        self._served = False

    def desk(self, camera: str) -> AlarmDesk:
        """The alarms of one camera; of the agent itself where the name is empty."""
        return AlarmDesk(camera, self)

    def standing(self, camera: str) -> dict[str, str]:
        """The texts of the alarms that stand, by key."""
        return {key: alarm.text for (name, key), alarm in self._standing.items() if name == camera}

    async def restore(self, cameras: Iterable[str] | None = None) -> None:
        """Know the alarms that an earlier run left; those of cameras that are not among `cameras` any more are cleared.

        A journal that cannot be read is asked again by `keep`.
        """
        await self._restore()
        if cameras is not None:
            known = {"", *cameras}
            for camera, key in [cause for cause in self._standing if cause[0] not in known]:
                self.end(camera, key)
            await self.keep()

    async def run(self) -> None:
        """Write for all desks until cancelled."""
        self._served = True
        try:
            while True:
                self._woken.clear()
                await self._look_and_write()
                with anyio.move_on_after(self._until_due_s()):
                    await self._woken.wait()
        finally:
            self._served = False

    async def keep(self) -> None:
        """End what has been gone for its hold-off, and write what waits. Has to be called where nobody runs `run`."""
        if not self._served:
            await self._look_and_write()

    async def close(self) -> None:
        """Write what waits. The journal ends with the agent after that: no failure to tell of."""
        self._closed = True
        self._unwritten = {number: _Waiting(waiting.alarm, 0) for number, waiting in self._unwritten.items()}
        await self._write()

    async def _look_and_write(self) -> None:
        now_ns = self._clock.now_ns()
        for cause, going in list(self._going.items()):
            if going.until_ns <= now_ns:
                self._finish(cause, going.since_wall_ns)
        if now_ns < self._retry_ns:
            return
        await self._restore()
        await self._write()

    def _until_due_s(self) -> float:
        """Seconds until there is something to do; without end where nothing waits."""
        times = [going.until_ns for going in self._going.values()]
        times += [max(waiting.due_ns, self._retry_ns) for waiting in self._unwritten.values()]
        times += [] if self._restored else [self._retry_ns]
        return max(0.0, (min(times) - self._clock.now_ns()) / 1e9) + 1e-3 if times else math.inf

    def on_journal(self, state: JournalState) -> None:
        """Say what the journal says of itself; give it to Journal.on_state once it is open."""
        if self._closed:
            return
        self._woken.set()
        if state.writable:
            self._retry_ns = 0
            self.end("", "journal_unavailable")
        else:
            self.raise_("", "journal_unavailable", state.error, again=False)
        if state.recovered_from is not None and state.recovered_from != self._recovered_from:
            self._recovered_from = state.recovered_from
            self.raise_("", "journal_recovered", f"the damaged file is {state.recovered_from}", again=True)
            for alarm in self._standing.values():  # the new file knows none of them
                self._unwritten[alarm.id] = _Waiting(alarm, 0)
        if state.audit_broken and not self._audit_broken:
            self._audit_broken = state.audit_broken
            self.raise_("", "audit_broken", state.audit_broken, again=True)
        if state.lost_notes > self._lost_notes:
            lost, self._lost_notes = state.lost_notes - self._lost_notes, state.lost_notes
            self.raise_("", "notes_lost", f"{lost} notes more could not be written", again=True)
            self.end("", "notes_lost")  # it is over; what else is lost within the hold-off is one more of the same

    # -- agent.domain.alarms.AlarmBook --------------------------------------------------------------------------------

    async def alarms(self, active_only: bool) -> Sequence[Alarm]:
        """What the journal has, as far as it can be read, with what stands or waits here; oldest first."""
        try:
            written = await self._journal.alarms(active_only)
        except JournalError as error:
            event(_log, logging.ERROR, "alarms_unreadable", error=error)
            written = ()
        here = {alarm.id: alarm for alarm in (*self._standing.values(), *(w.alarm for w in self._unwritten.values()))}
        standing = {cause: alarm.id for cause, alarm in self._standing.items()}
        # A row that is still active in the journal may be one that stands here under a number of its own, or ended.
        found = {
            row.id: row
            for row in written
            if row.cleared_wall_ns is not None or standing.get((row.camera, row.key), row.id) == row.id
        }
        told = [alarm for alarm in (found | here).values() if not active_only or alarm.cleared_wall_ns is None]
        return sorted(told, key=lambda alarm: (alarm.raised_wall_ns, alarm.id))

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        """See AlarmBook. One that stands or waits here needs no journal; any other raises JournalError without one."""
        number = self._numbers.get(alarm_id, alarm_id)
        alarm = next((alarm for alarm in self._standing.values() if alarm.id == number), None)
        if alarm is None and number in self._unwritten:
            alarm = self._unwritten[number].alarm
        if alarm is None:
            return await self._journal.acknowledge_alarm(number, by)
        if alarm.acknowledged_by is None:
            alarm = replace(alarm, acknowledged_by=by, acknowledged_wall_ns=self._clock.wall_ns())
            self._change(alarm)
        if alarm.camera == "":  # no supervisor is behind it that could end it
            self.seen("", alarm.key)
        await self._write()
        return replace(alarm, id=self._numbers.get(alarm.id, alarm.id))

    # -- what desks do ------------------------------------------------------------------------------------------------

    def raise_(self, camera: str, key: AlarmKey, text: str, again: bool) -> None:
        """The cause is there; `again`: one more of its kind, where its alarm stands already."""
        cause = (camera, key)
        alarm, came_back = self._standing.get(cause), self._going.pop(cause, None) is not None
        self._ended.discard(cause)
        now_ns, wall_ns = self._clock.now_ns(), self._clock.wall_ns()
        if alarm is None:
            alarm = Alarm(self._next_number, camera, key, text, wall_ns, last_wall_ns=wall_ns)
            self._next_number += 1
            event(_log, _LEVELS[ALARMS[key].severity], "alarm_raised", camera=camera, key=key, text=text)
            self._change(alarm)
        elif came_back or again:
            alarm = replace(alarm, text=text, count=alarm.count + 1, last_wall_ns=wall_ns)
            alarm = replace(alarm, acknowledged_by=None, acknowledged_wall_ns=None)  # nobody has seen this one
            waits = self._unwritten.get(alarm.id)
            self._change(alarm, now_ns + round(COUNTS_EVERY_S * 1e9) if waits is None else waits.due_ns)

    def end(self, camera: str, key: str) -> None:
        """The cause is gone; harmless where it never was."""
        cause = (camera, key)
        if not self._restored:
            self._ended.add(cause)
        if cause not in self._standing or cause in self._going:
            return
        kind = kind_of(key)
        self._woken.set()
        hold_ns = round(kind.hold_off_s * 1e9) if kind is not None else 0
        if hold_ns:
            self._going[cause] = _Going(self._clock.wall_ns(), self._clock.now_ns() + hold_ns)
        else:
            self._finish(cause, self._clock.wall_ns())

    def seen(self, camera: str, key: str) -> None:
        """Somebody acknowledged it: what tells of something that is over ends by that.

        What holds something ends when its supervisor has let go of that.
        """
        kind = kind_of(key)
        if kind is not None and kind.clears == "by acknowledgement" and key not in _HOLDING:
            self.end(camera, key)

    def _finish(self, cause: _Cause, wall_ns: int) -> None:
        self._going.pop(cause, None)
        alarm = replace(self._standing.pop(cause), cleared_wall_ns=wall_ns)
        event(_log, logging.INFO, "alarm_cleared", camera=alarm.camera, key=alarm.key, count=alarm.count)
        self._unwritten[alarm.id] = _Waiting(alarm, 0)

    def _change(self, alarm: Alarm, due_ns: int = 0) -> None:
        self._woken.set()
        if alarm.cleared_wall_ns is None:
            self._standing[alarm.camera, alarm.key] = alarm
        self._unwritten[alarm.id] = _Waiting(alarm, due_ns)
        if len(self._unwritten) > MOST_UNWRITTEN:
            over = [number for number, waiting in self._unwritten.items() if waiting.alarm.cleared_wall_ns is not None]
            for number in over[: len(self._unwritten) - MOST_UNWRITTEN]:
                del self._unwritten[number]

    # -- the journal --------------------------------------------------------------------------------------------------

    async def write(self) -> None:
        """Write what is due, unless somebody else does or the journal failed a moment ago."""
        if not self._served and self._clock.now_ns() >= self._retry_ns:
            await self._write()

    async def _write(self) -> None:
        async with self._writing:
            now_ns = self._clock.now_ns()
            due = [waiting.alarm for waiting in self._unwritten.values() if waiting.due_ns <= now_ns]
            if not due:
                return
            due.sort(key=lambda alarm: alarm.id >= PROVISIONAL_FROM)  # a new file gives no number away twice
            try:
                rows = await self._journal.put_alarms([_as_row(alarm) for alarm in due])
            except JournalError as error:
                self._failed(error)
                return
            self.end("", "journal_unavailable")
            for alarm, row in zip(due, rows, strict=True):
                self._written(alarm, row)

    def _failed(self, error: JournalError) -> None:
        self._retry_ns = self._clock.now_ns() + round(RETRY_S * 1e9)
        self.raise_("", "journal_unavailable", str(error), again=False)

    def _written(self, alarm: Alarm, row: Alarm) -> None:
        """The journal has `alarm`, as `row`; it may have changed here in the meantime."""
        waiting = self._unwritten.pop(alarm.id, _Waiting(alarm, 0))
        if row.id != alarm.id:
            self._numbers = {given: row.id if now == alarm.id else now for given, now in self._numbers.items()}
        if alarm.id >= PROVISIONAL_FROM:
            self._numbers[alarm.id] = row.id
        if waiting.alarm is not alarm:
            self._unwritten[row.id] = _Waiting(replace(waiting.alarm, id=row.id), waiting.due_ns)
        cause = (alarm.camera, alarm.key)
        standing = self._standing.get(cause)
        if standing is not None and standing.id == alarm.id:
            self._standing[cause] = replace(standing, id=row.id, raised_wall_ns=row.raised_wall_ns)

    async def _restore(self) -> None:
        if self._restored:
            return
        try:
            rows = await self._journal.alarms(active_only=True)
        except JournalError as error:
            self._failed(error)
            return
        self._restored = True
        for row in rows:
            cause = (row.camera, row.key)
            if cause in self._standing:
                continue  # raised here since; the journal makes one of both when it is written
            self._standing[cause] = row
            if cause in self._ended or kind_of(row.key) is None:
                self._finish(cause, self._clock.wall_ns())
        self._ended.clear()


class AlarmDesk:
    """The alarms of one camera, or of the agent itself: its supervisor's way to raise and clear them."""

    def __init__(self, camera: str, book: StandingAlarms) -> None:
        self._camera = camera
        self._book = book

    @property
    def active(self) -> dict[str, str]:
        """Those that stand: key and text."""
        return self._book.standing(self._camera)

    async def restore(self) -> None:
        """Know the alarms that an earlier run left raised, so that they can clear."""
        await self._book.restore()

    async def keep(self) -> None:
        """As StandingAlarms.keep."""
        await self._book.keep()

    async def raised(self, key: AlarmKey, text: str) -> None:
        """The cause is there. Say it as often as you look: it is one alarm as long as it is there."""
        self._book.raise_(self._camera, key, text, again=False)
        await self._book.write()

    async def happened(self, key: AlarmKey, text: str) -> None:
        """It happened once more: the alarm stands with the newest text, and counts up where it stood."""
        self._book.raise_(self._camera, key, text, again=True)
        await self._book.write()

    async def cleared(self, key: AlarmKey) -> None:
        """The cause is gone; the alarm clears when it stays so for the hold-off of its kind."""
        self._book.end(self._camera, key)
        await self._book.write()

    async def acknowledged(self, key: str) -> None:
        """Somebody has seen it: an alarm that only waited for that clears."""
        self._book.seen(self._camera, key)
        await self._book.write()


def _as_row(alarm: Alarm) -> Alarm:
    return replace(alarm, id=0) if alarm.id >= PROVISIONAL_FROM else alarm
