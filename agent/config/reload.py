"""The one path by which another config comes into a running daemon.

    signal, call, watch ─► wait for the turn ─► read ─► parse ─► diff ─► stage ─► apply ─► keep the copy
                                                  │       │        │       │        │
                                                  └───────┴────────┴───────┴────────┴──► as it was, and why

What runs is always one whole config: a file is taken over entirely or not at all. Staging does all that can fail or
take time, beside what runs; applying only hands over, on the event loop, in one go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from agent.clock import Clock, in_thread
from agent.config.diff import differences
from agent.config.document import read_bytes
from agent.config.last_good import Loaded, keep
from agent.config.load import parse_config
from agent.config.places import problem_at
from agent.config.schema import AgentConfig
from agent.config.watch import Sight, look
from agent.domain.alarms import AlarmKey
from agent.domain.reload import Change, ReloadClass, ReloadOrigin, ReloadOutcome, ReloadReport
from agent.errors import AgentError, BadInput, ConfigError, LibraryError, RestartNeeded, TooMany
from agent.logs import event, logger

_log = logger("config")
MAX_WAITING = 16  # reloads that wait for their turn; each takes well under a second
MAX_SHOWN = 8  # changes that one message names


class Staged(Protocol):
    """Another config, ready to be taken over; nothing of what runs knows of it yet."""

    @property
    def changes(self) -> Sequence[Change]:
        """Beyond those of the file: another library behind the same path."""
        ...

    def apply(self) -> None:
        """Hand it over. On the event loop, without waiting for anything."""
        ...

    async def commit(self) -> None:
        """Write down what a restart must know of it. Raises JournalError where it has to be undone."""
        ...

    def undo(self) -> None:
        """Hand back what was there before; right also after an `apply` that failed midway."""
        ...


class Stage(Protocol):
    async def __call__(self, config: AgentConfig) -> Staged:
        """Make `config` ready beside what runs.

        Raises LibraryError where its library cannot be used, BadInput with the key where something else cannot.
        """
        ...


class Alarms(Protocol):
    """The alarms of the agent itself."""

    async def happened(self, key: AlarmKey, text: str) -> None: ...

    async def cleared(self, key: AlarmKey) -> None: ...


@dataclass(frozen=True, slots=True)
class _Read:
    """One file as it was found."""

    data: bytes
    config: AgentConfig


class ReloadDesk:
    """Owner of the config that runs; implements agent.domain.reload.Reloading. Event-loop side only."""

    def __init__(self, loaded: Loaded, stage: Stage, alarms: Alarms, clock: Clock) -> None:
        self._running = loaded.config
        self._stage = stage
        self._alarms = alarms
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._signalled = False
        self._wake = asyncio.Event()
        self._seen: Sight | None = None  # by the last reload
        self._good = loaded.data
        # Told of every reload that was carried out or refused, with the bytes of the config that runs.
        self.on_report: Callable[[ReloadReport, bytes], None] = lambda _report, _running: None
        # Told when one begins to be carried out, and False when that is over, whatever came of it.
        self.on_reloading: Callable[[bool], None] = lambda _on: None
        error = "" if loaded.refused is None else str(loaded.refused)
        self._report = ReloadReport(
            clock.wall_ns(), ReloadOrigin.START, ReloadOutcome.APPLIED, error=error, on_last_good=bool(error)
        )

    @property
    def running(self) -> AgentConfig:
        """What is in force."""
        return self._running

    @property
    def report(self) -> ReloadReport:
        return self._report

    async def started(self) -> None:
        """The daemon runs: what it started from is good, or has been."""
        self._seen = await in_thread(self._clock, "config-look", lambda: look(self._running))
        if self._report.error:
            event(_log, logging.ERROR, "started_on_last_good", error=self._report.error)
            await self._alarms.happened("config_invalid", self._report.error)
        else:
            await self._keep()

    def signalled(self) -> None:
        """Reload soon: somebody sent SIGHUP. Several before it begins are one."""
        self._signalled = True
        self._wake.set()

    async def run(self) -> None:
        """Serve signals, and watch where the config says so, until cancelled."""
        candidate: Sight | None = None
        while True:
            await self._rest()
            if self._signalled:
                self._signalled = False
                await self._unattended(ReloadOrigin.SIGNAL)
            elif self._running.reload.watch:
                candidate = await self._watched(candidate)

    async def reload(self, origin: ReloadOrigin, validate_only: bool = False) -> ReloadReport:
        """See agent.domain.reload.Reloading."""
        if self._waiting >= MAX_WAITING:
            raise TooMany(f"config: {self._waiting} reloads wait already; try again when they are through")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            return await (self._asked(origin) if validate_only else self._taken(origin))
        finally:
            self._turn.release()
            self._wake.set()  # how the file is watched may be other now

    # -- one reload ------------------------------------------------------------------------------------------------

    async def _asked(self, origin: ReloadOrigin) -> ReloadReport:
        """What would change; a change that needs a restart is told and hinders no other."""
        read = await self._read()
        changes = differences(self._running, read.config)
        if not _needs_restart(changes):
            changes += tuple((await self._staged(read)).changes)
        outcome = ReloadOutcome.WOULD_APPLY if changes else ReloadOutcome.UNCHANGED
        return ReloadReport(self._clock.wall_ns(), origin, outcome, changes)

    async def _taken(self, origin: ReloadOrigin) -> ReloadReport:
        self.on_reloading(True)
        try:
            return await self._carried_out(origin)
        finally:
            self.on_reloading(False)

    async def _carried_out(self, origin: ReloadOrigin) -> ReloadReport:
        try:
            read = await self._read()
            changes = differences(self._running, read.config)
            self._refuse_restart(read, changes)
            staged = await self._staged(read)
            changes += tuple(staged.changes)
            if changes:
                await self._hand_over(staged)
        except Exception as error:
            await self._failed(origin, error)
            raise
        self._running, self._good = read.config, read.data
        return await self._done(origin, changes)

    async def _read(self) -> _Read:
        """The file as it is now; off the loop, since a file of the largest size takes a second to parse."""
        running = self._running
        # Seen before it is read: what is written between the two is seen by the next look.
        self._seen = await in_thread(self._clock, "config-look", lambda: look(running))
        data = await in_thread(self._clock, "config-read", lambda: read_bytes(running.source))
        return _Read(data, await in_thread(self._clock, "config-parse", lambda: parse_config(running.source, data)))

    async def _staged(self, read: _Read) -> Staged:
        try:
            return await self._stage(read.config)
        except LibraryError as error:
            raise problem_at(read.config.source, read.data, "library.path", str(error)) from error
        except BadInput as error:
            raise problem_at(read.config.source, read.data, error.field, error.description) from error

    def _refuse_restart(self, read: _Read, changes: Sequence[Change]) -> None:
        needing = _needs_restart(changes)
        if needing:
            first = problem_at(read.config.source, read.data, needing[0].key, "")
            raise RestartNeeded(f"{first}{_told(needing)}; nothing of the file was taken over")

    async def _hand_over(self, staged: Staged) -> None:
        try:
            staged.apply()
            await staged.commit()
        except Exception:
            staged.undo()
            raise

    # -- what comes of it ------------------------------------------------------------------------------------------

    async def _done(self, origin: ReloadOrigin, changes: tuple[Change, ...]) -> ReloadReport:
        outcome = ReloadOutcome.APPLIED if changes else ReloadOutcome.UNCHANGED
        self._report = ReloadReport(self._clock.wall_ns(), origin, outcome, changes)
        self.on_report(self._report, self._good)
        event(_log, logging.INFO, "config_reloaded", origin=origin.value, changes=len(changes))
        with anyio.CancelScope(shield=True):
            await self._keep()
            await self._alarms.cleared("config_invalid")
            await self._alarms.cleared("library_rejected")
        return self._report

    async def _failed(self, origin: ReloadOrigin, error: Exception) -> None:
        text, outcome = str(error) or type(error).__name__, _outcome(error)
        at = self._clock.wall_ns()
        self._report = replace(self._report, wall_ns=at, origin=origin, outcome=outcome, changes=(), error=text)
        self.on_report(self._report, self._good)
        event(_log, logging.WARNING, "config_refused", origin=origin.value, outcome=outcome.value, error=text)
        with anyio.CancelScope(shield=True):
            await self._alarms.happened(_alarm(error), text)

    async def _keep(self) -> None:
        """The copy is for the next start: a disk that does not take it is no reason to undo what runs."""
        folder, data = self._running.state_dir, self._good
        try:
            await in_thread(self._clock, "config-keep", lambda: keep(folder, data))
        except OSError as error:
            event(_log, logging.WARNING, "last_good_not_kept", folder=folder, error=error)

    # -- unasked ---------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """Until a signal, a reload, or where the file is watched, the time for another look."""
        watch = self._running.reload
        with anyio.move_on_after(watch.every_s if watch.watch else None):
            await self._wake.wait()
        self._wake.clear()

    async def _watched(self, candidate: Sight | None) -> Sight | None:
        """Reload where two looks in a row agree on something else than the last reload saw: writing takes time."""
        sight = await in_thread(self._clock, "config-look", lambda: look(self._running))
        if sight == self._seen:
            return None
        if sight != candidate:
            return sight
        await self._unattended(ReloadOrigin.WATCH)
        return None

    async def _unattended(self, origin: ReloadOrigin) -> None:
        """A reload whose end nobody waits for: it is in the log, the status and the alarms."""
        try:
            with contextlib.suppress(AgentError):
                await self.reload(origin)
        except Exception as error:  # noqa: BLE001 - supervised: a fault in taking over must not end the watch
            event(_log, logging.ERROR, "reload_failed", origin=origin.value, error=repr(error))


def _needs_restart(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.reload is ReloadClass.RESTART]


def _outcome(error: Exception) -> ReloadOutcome:
    if isinstance(error, RestartNeeded):
        return ReloadOutcome.NEEDS_RESTART
    return ReloadOutcome.REFUSED if isinstance(error, ConfigError) else ReloadOutcome.ROLLED_BACK


def _alarm(error: Exception) -> AlarmKey:
    if isinstance(error.__cause__, LibraryError):
        return "library_rejected"
    return "config_invalid" if isinstance(error, AgentError) else "internal"


def _told(changes: Sequence[Change]) -> str:
    """The changes, for one line."""
    named = [f"{change.key} from {_value(change.before)} to {_value(change.after)}" for change in changes[:MAX_SHOWN]]
    more = f" and {len(changes) - MAX_SHOWN} more" if len(changes) > MAX_SHOWN else ""
    return f"needs a restart of the agent: {', '.join(named)}{more}"


def _value(said: str) -> str:
    short = said if len(said) <= 60 else f"{said[:59]}…"
    return repr(short) if said else "nothing"
