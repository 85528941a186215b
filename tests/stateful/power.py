"""Clocks that jump and a journal whose power can be cut: what a restart and a crash are made of."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.clock import SystemClock

_NS = 1_000_000_000


class PowerCut(BaseException):
    """Ends the journal's thread where it stands: no handler of errors may take it for one."""


class LeapClock(SystemClock):
    """The machine's clocks with offsets. Owner: the world. CLOCK_BOOTTIME never goes back; the wall clock may."""

    def __init__(self) -> None:
        self._ahead_ns = 0
        self._suspended_ns = 0
        self._wall_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self._ahead_ns

    def boottime_ns(self) -> int:
        return super().now_ns() + self._ahead_ns + self._suspended_ns

    def wall_ns(self) -> int:
        return super().wall_ns() + self._wall_ns + self._ahead_ns + self._suspended_ns

    def leap(self, seconds: float) -> None:
        """That much time passes at once, on every clock."""
        self._ahead_ns += round(seconds * _NS)

    def suspend(self, seconds: float) -> None:
        """The host sleeps: only CLOCK_BOOTTIME and the wall clock go on."""
        self._suspended_ns += round(seconds * _NS)

    def step_wall(self, seconds: float) -> None:
        """NTP, or a hand on the clock."""
        self._wall_ns += round(seconds * _NS)

    def spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        def body() -> None:
            try:
                target()
            except PowerCut:
                return  # as if the process had ended there

        return super().spawn(name, body)


class Power:
    """The supply of one run of the agent. Owner: the world; read by the journal's thread.

    Once it is cut, nothing is written any more and what was begun is rolled back when the connection closes. It can be
    set to fail by itself at a commit: just before it, or just after it, when what is written is not answered yet.
    """

    def __init__(self, on_cut: Callable[[], None]) -> None:
        self._on_cut = on_cut
        self._mutex = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._left: int | None = None
        self._after = False
        self.is_cut = False

    def fail_at_commit(self, number: int, after: bool) -> None:
        """Cut the power at the `number`-th commit from now on."""
        with self._mutex:
            self._left, self._after = number, after

    def hold(self) -> None:
        """It fails no more by itself; what has been cut stays so."""
        with self._mutex:
            self._left = None

    def cut(self) -> None:
        self.is_cut = True

    def connect(self, path: Path) -> sqlite3.Connection:
        """As agent.telemetry.schema.connect, on this supply."""
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, factory=_Supplied)
        connection.power = self
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")  # the host goes on running: what is committed is there
        except BaseException:
            connection.close()
            raise
        return connection

    def check(self) -> None:
        if self.is_cut:
            raise PowerCut

    def fails_now(self, after: bool) -> bool:
        """Whether this commit is the one; cuts the power then."""
        with self._mutex:
            if self._left is None or after is not self._after:
                return False
            self._left -= 1
            if self._left > 0:
                return False
            self.is_cut = True
        self._loop.call_soon_threadsafe(self._on_cut)
        return True


class _Supplied(sqlite3.Connection):
    """A connection that stops when the power does."""

    power: Power

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        power = self.__dict__.get("power")
        if power is None:
            return super().execute(sql, *parameters)
        power.check()
        commits = sql == "COMMIT"
        if commits and power.fails_now(after=False):
            raise PowerCut
        cursor = super().execute(sql, *parameters)
        if commits and power.fails_now(after=True):
            raise PowerCut
        return cursor
