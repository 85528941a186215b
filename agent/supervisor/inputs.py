"""The camera's line-stopped input, as one more that says what the line does.

    camera open ─► a reading every POLL_S ─► two equal in a row ─► LineDesk
    camera away, or a read fails ─► nothing is said: an unknown line runs

Owner of the readings of one camera's input. A read never waits for the one before it; during the gap of a swap nobody
can read, and the last word holds: the agent itself keeps the camera busy then.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from anyio.abc import TaskGroup

from agent.clock import Clock
from agent.domain.alarms import AlarmKey
from agent.domain.device import Camera
from agent.domain.line import LineInput
from agent.domain.states import CameraState
from agent.errors import CameraError, CameraGone
from agent.logs import event, logger
from agent.supervisor.alarms import AlarmDesk
from agent.supervisor.line import LineDesk

_log = logger("inputs")
LOOK_S = 0.25  # a stop is believed when it was read twice, and a swap in it begins half a second after that
POLL_S = 0.2  # less than from one look to the next, which may come a little early
READ_DEADLINE_S = 2.0
ALARM_AFTER_S = 10.0  # a read that fails now and then is no matter for a person
UNREADABLE: AlarmKey = "line_input_unreadable"
_OPEN = (CameraState.IDLE, CameraState.ACTIVE)


class LineInputWatch:
    """See the module docstring; event-loop side only. `changed` is called after each change of what is said."""

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        desk: LineDesk,
        alarms: AlarmDesk,
        wanted: LineInput | None,
        changed: Callable[[], None],
    ) -> None:
        self._camera, self._clock, self._desk, self._alarms = camera, clock, desk, alarms
        self._wanted = wanted
        self._changed = changed
        self._asking = False
        self._asked_ns: int | None = None
        self._high: bool | None = None  # the last reading
        self._said: bool | None = None  # what the desk was told
        self._failing_ns: int | None = None  # since when reads fail
        self._in_gap = False

    def reconfigure(self, wanted: LineInput | None) -> None:
        """Another input, or none, from now on."""
        if wanted != self._wanted:
            self._forget()
            self._wanted = wanted
            self._failing_ns = None

    @property
    def look_every_s(self) -> float:
        """How often `look` is to be called at least."""
        return math.inf if self._wanted is None else LOOK_S

    def look(self, tasks: TaskGroup, state: CameraState, infers: bool) -> None:
        """Read the input where that is due. `infers`: no swap is in its gap."""
        self._in_gap = state is CameraState.SWAPPING and not infers
        if self._wanted is None:
            if UNREADABLE in self._alarms.active and not self._asking:
                self._start(tasks)
        elif state in _OPEN or infers:
            now_ns = self._clock.now_ns()
            due = self._asked_ns is None or now_ns - self._asked_ns >= POLL_S * 1e9
            if due and not self._asking:
                self._asked_ns = now_ns
                self._start(tasks)
        elif not self._in_gap:
            self._forget()

    def _start(self, tasks: TaskGroup) -> None:
        self._asking = True
        tasks.start_soon(self._ask, name=f"{self._camera.name}-line-input")

    async def _ask(self) -> None:
        wanted = self._wanted
        try:
            if wanted is None:
                await self._alarms.cleared(UNREADABLE)
                return
            high = await self._camera.read_line(wanted.line, READ_DEADLINE_S)
        except CameraGone:  # the loop hears of that by itself
            self._forget()
        except CameraError as error:
            if wanted is self._wanted and not self._in_gap:
                await self._failed(error)
        else:
            if wanted is self._wanted:
                await self._read(wanted, high)
        finally:
            self._asking = False

    async def _read(self, wanted: LineInput, high: bool) -> None:
        settled, self._high = high is self._high, high
        if not settled:
            return
        if self._failing_ns is not None:
            self._failing_ns = None
            event(_log, logging.INFO, "line_input_readable", camera=self._camera.name, line=wanted.line)
        await self._alarms.cleared(UNREADABLE)
        stopped = wanted.says_stopped(high)
        if stopped is not self._said and wanted is self._wanted:
            self._said = stopped
            event(_log, logging.INFO, "line_input", camera=self._camera.name, line=wanted.line, stopped=stopped)
            self._desk.sense(wanted.reporter, stopped)
            self._changed()

    async def _failed(self, error: CameraError) -> None:
        self._forget()
        now_ns = self._clock.now_ns()
        if self._failing_ns is None:
            self._failing_ns = now_ns
            event(_log, logging.WARNING, "line_input_unreadable", camera=self._camera.name, error=error)
        elif now_ns - self._failing_ns >= ALARM_AFTER_S * 1e9:
            text = f"the line-stopped input cannot be read, the line is taken to run: {error}"
            await self._alarms.raised(UNREADABLE, text)

    def _forget(self) -> None:
        self._high = None
        if self._said is not None and self._wanted is not None:
            self._said = None
            self._desk.lose(self._wanted.reporter)
            self._changed()
