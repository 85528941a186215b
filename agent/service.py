"""The daemon as a service of systemd: what is told of it, and what its watchdog is fed for.

    loop of every supervisor ─┐
    thread of the journal    ─┼─► stands still? ──no──► WATCHDOG=1
    threads of the cameras   ─┘         └──────yes──► nothing: systemd kills the process and starts it anew

A restart must be able to help. A camera that is away, or FAULTED, is none of these: its loop goes round. Neither is a
disk that hangs: the journal refuses then, and a new process would hang on the same disk. A call of the SDK that does
not come back is, where it holds every camera: one that still works must not be stopped for another.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from agent.clock import Clock
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState
from agent.logs import event, logger
from agent.systemd import Notifier

_log = logger("service")
LOOK_S = 1.0
LOOP_S = 30.0  # a loop goes round every 0.5 s, and every 10 s where the disk of the journal hangs
CALL_S = 60.0  # beyond its deadline, within which an SDK that works gives up by itself
DETAIL_EVERY_S = 10.0  # words of a state that stays may count
STOP_S = 60.0  # answers, swaps, cameras and the journal one after the other, each with a bound of its own
_MAX_DETAIL = 160  # characters


class Loop(Protocol):
    """A supervisor."""

    @property
    def passed_ns(self) -> int:
        """When its loop went round last."""
        ...

    def snapshot(self) -> CameraSnapshot: ...


class Caller(Protocol):
    """The thread of a camera."""

    @property
    def overdue_s(self) -> float:
        """How long it is past the deadline of the call that it is in."""
        ...


class Reloads(Protocol):
    """Where reloads are carried out."""

    on_reloading: Callable[[bool], None]


class Service:
    """Owner of what systemd hears of one daemon. Event-loop side only."""

    def __init__(
        self,
        notifier: Notifier,
        clock: Clock,
        loops: Mapping[str, Loop],
        callers: Mapping[str, Caller],
        journal_lives: Callable[[], bool],
    ) -> None:
        self._notifier = notifier
        self._clock = clock
        self._loops = loops
        self._callers = callers
        self._journal_lives = journal_lives
        self._stopping = False
        self._still = ""  # what stands still, since the last look
        self._states: tuple[object, ...] = ()
        self._line, self._line_ns = "", 0

    @asynccontextmanager
    async def told(self, reloads: Reloads) -> AsyncIterator[None]:
        """The daemon serves within, and is on its way out when that is left, whatever for."""
        async with anyio.create_task_group() as tasks:
            self._look()
            self._notifier.ready()
            reloads.on_reloading = self._reloading
            if self._notifier.present:
                tasks.start_soon(self._run, name="service")
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                self._leave()

    async def _run(self) -> None:
        watchdog_s = self._notifier.watchdog_s
        every_s = LOOK_S if watchdog_s is None else min(LOOK_S, watchdog_s / 4)
        while not self._stopping:
            self._look()
            await anyio.sleep(every_s)

    def _look(self) -> None:
        still = stands_still(self._clock.now_ns(), self._loops, self._callers, self._journal_lives())
        if not still and self._notifier.watchdog_s is not None:
            self._notifier.watchdog()
        if still != self._still:
            if not still:
                event(_log, logging.INFO, "goes_on")
            elif not self._still:
                event(_log, logging.CRITICAL, "stands_still", what=still, watchdog=self._notifier.watchdog_s or "none")
            self._still = still
        self._show([loop.snapshot() for loop in self._loops.values()])

    def _show(self, cameras: list[CameraSnapshot]) -> None:
        """A new state at once, and other words for the same one now and then."""
        line = f"stands still: {self._still}" if self._still else in_words(cameras)
        states = (bool(self._still), *((one.state, one.active_subnet, one.degraded) for one in cameras))
        now_ns = self._clock.now_ns()
        if states == self._states and (line == self._line or now_ns - self._line_ns < round(DETAIL_EVERY_S * 1e9)):
            return
        self._states, self._line, self._line_ns = states, line, now_ns
        self._notifier.status(line)

    def _reloading(self, on: bool) -> None:
        if self._stopping:
            return  # the last word has been said
        if on:
            self._notifier.reloading(self._clock.now_ns())
        else:
            self._notifier.ready()

    def _leave(self) -> None:
        self._stopping = True
        swapping = [name for name, loop in self._loops.items() if loop.snapshot().state is CameraState.SWAPPING]
        self._notifier.stopping()
        self._notifier.status(f"stopping: the swap of {', '.join(swapping)} ends first" if swapping else "stopping")
        self._notifier.extend_timeout(STOP_S)  # one that is cut off in its gap leaves a camera without a network


def stands_still(now_ns: int, loops: Mapping[str, Loop], callers: Mapping[str, Caller], journal_lives: bool) -> str:
    """What of the daemon has stopped for good, in words; empty where nothing has."""
    found = []
    for name, loop in loops.items():
        since_s = (now_ns - loop.passed_ns) / 1e9
        if since_s > LOOP_S:
            found.append(f"the loop of {name} has not gone round for {since_s:.0f} s")
    overdue_s = [caller.overdue_s for caller in callers.values()]
    if overdue_s and min(overdue_s) > CALL_S:
        found.append(f"no camera has come back from the SDK for {min(overdue_s):.0f} s beyond its deadline")
    if not journal_lives:
        found.append("the thread of the journal has ended")
    return "; ".join(found)


def in_words(cameras: Iterable[CameraSnapshot]) -> str:
    """What the cameras do, in one line; those that do not infer first."""
    shown = sorted(cameras, key=lambda one: one.state is CameraState.ACTIVE and not one.degraded)
    infer = sum(one.state is CameraState.ACTIVE for one in shown)
    return "; ".join([f"{infer} of {len(shown)} cameras ACTIVE", *(_camera(one) for one in shown)])


def _camera(one: CameraSnapshot) -> str:
    words = [one.camera, one.state.value]
    if one.active_subnet is not None:
        words.append(one.active_subnet)
    if one.degraded:
        words.append(f"({', '.join(why.value for why in one.degraded)})")
    detail = one.detail if len(one.detail) <= _MAX_DETAIL else f"{one.detail[: _MAX_DETAIL - 1]}…"
    return " ".join(words) + (f": {detail}" if detail else "")
