"""The newest state of everything for whoever watches: put together once for all of them, and only while there is one.

    supervisors ─► CameraBook ─► parts (JSON) ─► changed ones ─► each Reader, conflated

A part is one camera's state, ladder, swaps or history, or the agent itself. A reader that is slow gets the newest of
each part and never what was in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import msgspec

from agent.domain.journal import Alarm, SwapRecord
from agent.errors import AgentError, JournalError
from agent.logs import event, logger
from agent.web.camera_book import READ_S, SILENT, CameraBook
from agent.web.limits import WebLimits
from agent.web.seen import Json, Moment
from agent.web.sources import WebSources
from agent.web.view import alarms_json

_log = logger("web")
LOOK_S = 1.0
STUCK_S = 4.0
_FAULT: Json = {
    "word": "UNKNOWN",
    "tone": "bad",
    "why": "The page cannot show this camera: a fault in the agent; its log has the trace.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part as it was last, and the version of the board that it came with."""

    version: int
    data: bytes


class Reader:
    """One who watches; see Board.watch. Owner: its connection's task."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._version = 0
        self.news = asyncio.Event()

    async def next(self, timeout_s: float) -> bytes | None:
        """The parts that have changed since the last call as server-sent events, without any where nothing has for
        `timeout_s`, and nothing at all where the board itself is stuck; None once it is closed."""
        if not self._board.closed and self._board.version <= self._version:
            with anyio.move_on_after(timeout_s):
                await self.news.wait()
        self.news.clear()
        if self._board.closed:
            return None
        if not self._board.is_fresh:
            return b""  # what has changed meanwhile is told once it is
        since, self._version = self._version, self._board.version
        return self._board.events_since(since)


class Board:
    """See the module docstring. Owner of the books and the parts; event-loop side only. `run` looks after all of it."""

    def __init__(self, sources: WebSources, limits: WebLimits, preview: bool) -> None:
        self._sources = sources
        self._limits = limits
        self.preview = preview
        self.closed = False
        self.version = 0
        self._parts: dict[str, Part] = {}
        self._made_ns: int | None = None
        self._readers: set[Reader] = set()
        self._making = asyncio.Lock()
        self._woken = asyncio.Event()
        self._alarms: Sequence[Alarm] = ()
        self._alarms_error = ""
        self._hangs = False  # then it is not waited for once more for each camera
        self._alarms_ns: int | None = None
        self._crashed = False
        self._started_wall_ns = sources.clock.wall_ns()
        self.books = {
            name: CameraBook(camera, sources.clock, limits, sources.pictures[name])
            for name, camera in sources.cameras.items()
        }

    @property
    def readers(self) -> int:
        return len(self._readers)

    @property
    def is_fresh(self) -> bool:
        """Whether the parts are of now: a page that hears nothing says so, and must not take old ones for that."""
        return self._made_ns is not None and self._sources.clock.now_ns() - self._made_ns <= STUCK_S * 1e9

    def watch(self) -> Reader | None:
        """A new reader, to be given back with `leave`; None where there are as many as there may be."""
        if self.closed or not self._has_room():
            return None
        reader = Reader(self)
        self._readers.add(reader)
        self._woken.set()
        return reader

    def leave(self, reader: Reader) -> None:
        self._readers.discard(reader)

    def close(self) -> None:
        """Tell all readers that it is over, and forget what results there are; idempotent."""
        self.closed = True
        for reader in self._readers:
            reader.news.set()
        for book in self.books.values():
            book.close()
        self._woken.set()

    async def run(self) -> None:
        """Look at the cameras until cancelled, and put the parts together while somebody watches."""
        looked_ns = 0
        while True:
            self._woken.clear()
            if self._sources.clock.now_ns() - looked_ns >= LOOK_S * 0.9e9:
                looked_ns = self._sources.clock.now_ns()
                self._look()
            if self._readers:
                await self.make()
                await anyio.sleep(self._limits.state_s)
            else:
                self._parts, self._made_ns = {}, None  # what a later reader gets is made anew
                await self._idle()

    async def status(self) -> bytes:
        """Everything as one JSON object."""
        await self.make()
        agent: Json = {}
        cameras: dict[str, dict[str, Json]] = {name: {} for name in sorted(self.books)}
        for part in self._parts.values():
            found = msgspec.json.decode(part.data)
            if found["part"] == "agent":
                agent = found["value"]
            else:
                cameras[found["camera"]][found["part"]] = found["value"]
        listed = [{**parts.pop("state", {"name": name}), **parts} for name, parts in cameras.items()]
        return msgspec.json.encode({**_now(self._moment()), "agent": agent, "cameras": listed})

    def events_since(self, version: int) -> bytes:
        """Server-sent events: what time it is, and the parts that are newer than `version`."""
        newer = [b"event: part\ndata: %s\n\n" % part.data for part in self._parts.values() if part.version > version]
        return b"".join([b"event: now\ndata: %s\n\n" % msgspec.json.encode(_now(self._moment())), *newer])

    async def make(self) -> None:
        """Put the parts together anew where they are older than the rhythm of the page."""
        async with self._making:
            moment = self._moment()
            if self._made_ns is not None and moment.mono_ns - self._made_ns < self._limits.state_s * 0.9e9:
                return
            await self._read_alarms(moment)
            before = self.version
            self._put("agent", None, self._agent(moment))
            for name, book in sorted(self.books.items()):
                await self._make_camera(name, book, moment)
                await asyncio.sleep(0)  # whatever else the loop has to do comes in between
            self._made_ns = moment.mono_ns
            if self.version != before:
                for reader in self._readers:
                    reader.news.set()

    async def _make_camera(self, name: str, book: CameraBook, moment: Moment) -> None:
        try:
            ladder = book.ladder_json(moment)
            self._put("state", name, book.camera_json(moment, self._alarms, self.preview))
            self._put("ladder", name, ladder)
            read = _unread if self._hangs else self._sources.swaps
            self._put("swaps", name, await book.swaps_json(read, moment))
            self._put("history", name, book.history_json(moment))
        except Exception as error:  # noqa: BLE001 - a fault in the view of one camera must not hide the others
            if not self._crashed:
                _log.critical("web_view_crashed camera=%s", name, exc_info=error)
            self._crashed = True
            self._put("state", name, {"name": name, "state": _FAULT})

    def _has_room(self) -> bool:
        return len(self._readers) < self._limits.max_readers

    def _put(self, part: str, camera: str | None, value: Json) -> None:
        key, known = f"{part} {camera}", self._parts.get(f"{part} {camera}")
        data = msgspec.json.encode({"part": part, "camera": camera, "value": value})
        if known is None or known.data != data:
            self.version += 1
            self._parts[key] = Part(self.version, data)

    def _look(self) -> None:
        for name, book in self.books.items():
            try:
                book.look()
            except Exception as error:  # noqa: BLE001 - as in _make_camera
                if not self._crashed:
                    _log.critical("web_view_crashed camera=%s", name, exc_info=error)
                self._crashed = True

    async def _idle(self) -> None:
        with anyio.move_on_after(LOOK_S):
            await self._woken.wait()

    async def _read_alarms(self, moment: Moment) -> None:
        if self._alarms_ns is not None and moment.mono_ns - self._alarms_ns < self._limits.journal_s * 1e9:
            return
        self._alarms_ns, self._hangs = moment.mono_ns, False
        try:
            with anyio.fail_after(READ_S):
                self._alarms, self._alarms_error = await self._sources.alarms(), ""
        except (AgentError, TimeoutError) as error:
            if not self._alarms_error:
                event(_log, logging.WARNING, "web_alarms_unreadable", error=error)
            self._alarms_error, self._hangs = str(error) or SILENT, not str(error)

    def _agent(self, moment: Moment) -> Json:
        report = None if self._sources.config is None else self._sources.config()
        return {
            "version": self._sources.version,
            "started_s": moment.of_wall(self._started_wall_ns),
            "cameras": sorted(self.books),
            "preview": self.preview,
            "config_error": "" if report is None or report.ok else report.error,
            "alarms_error": self._alarms_error,
            "alarms": alarms_json([alarm for alarm in self._alarms if not alarm.camera], moment),
        }

    def _moment(self) -> Moment:
        clock = self._sources.clock
        return Moment(clock.boottime_ns(), clock.now_ns(), clock.wall_ns())


async def _unread(_camera: str, _limit: int) -> Sequence[SwapRecord]:
    raise JournalError(SILENT)


def _now(moment: Moment) -> Json:
    return {"now_s": round(moment.now_s, 3), "wall_ms": moment.wall_ns // 1_000_000}
