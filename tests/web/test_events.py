"""Server-sent events: what a reader gets, and what one who does not read costs the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agent.domain.notice import LineState
from agent.domain.orders import Mode
from agent.domain.states import CameraState
from agent.errors import JournalError
from agent.web import board
from agent.web.limits import WebLimits
from tests.support.fake_control import SNAPSHOT, FakeControl, a_result
from tests.web.rig import PageRig, page, read_head, run, until

QUICK = WebLimits(state_s=0.01, heartbeat_s=0.05, ladder_s=0.02, journal_s=0.01)
ASK = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WELL = replace(SNAPSHOT, state=CameraState.ACTIVE, swap=None, degraded=(), line=LineState())


class Events:
    """One reader."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.parts: dict[tuple[str, str | None], Any] = {}
        self.retry = ""

    async def next(self) -> tuple[str, Any]:
        """The next event: its name and what it says."""
        while True:
            length = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
            if not length:
                return "end", None
            text = (await self.reader.readexactly(length + 2)).decode().rstrip()
            for one in text.split("\n\n"):
                name, _, data = one.partition("\n")
                if name.startswith("retry"):
                    self.retry = name
                    continue
                self._queue.append((name.removeprefix("event: "), msgspec.json.decode(data.removeprefix("data: "))))
            if self._queue:
                break
        return self._queue.pop(0)

    _queue: list[tuple[str, Any]]

    async def until(self, part: str, camera: str | None, *met: tuple[str, object]) -> Any:
        """That part, once its values at these paths are as wanted."""
        while True:
            while self._queue:
                self._take(self._queue.pop(0))
            value = self.parts.get((part, camera))
            if value is not None and all(_at(value, path) == wanted for path, wanted in met):
                return value
            self._take(await self.next())

    def _take(self, event: tuple[str, Any]) -> None:
        name, said = event
        assert name in ("part", "now"), event
        if name == "part":
            self.parts[said["part"], said["camera"]] = said["value"]


def _at(value: Any, path: str) -> object:
    for key in path.split("."):
        value = None if value is None else value[key]
    return value


@asynccontextmanager
async def reading(rig: PageRig) -> AsyncIterator[Events]:
    reader, writer = await rig.connect()
    writer.write(ASK)
    head = await read_head(reader)
    assert (head.status, head.head["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert head.head["cache-control"] == "no-store"
    events = Events(reader, writer)
    events._queue = []
    try:
        yield events
    finally:
        writer.close()


def test_a_reader_gets_everything_first_and_then_what_changes() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig, reading(rig) as events:
            name, now = await events.next()
            assert (name, set(now), events.retry) == ("now", {"now_s", "wall_ms"}, "retry: 1000")
            await events.until("state", "station-1", ("state.word", "RUNNING"))
            await events.until("history", "station-1")
            assert {part for part, _ in events.parts} == {"agent", "state", "ladder", "swaps", "history"}
            events.parts.clear()
            rig.control.change(state=CameraState.FAULTED, detail="upload failed")
            await events.until("state", "station-1", ("state.word", "FAULTED"))
            assert ("history", "station-1") not in events.parts

    run(main())


def test_a_reader_hears_something_though_nothing_changes() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig, reading(rig) as events:
            await events.until("history", "station-1")
            while (await events.next())[0] != "now":
                pass
            first, again = (await events.next())[1], (await events.next())[1]
            assert again["now_s"] > first["now_s"]

    run(main())


def test_of_many_changes_a_reader_gets_the_newest_and_not_more_than_its_rhythm_lets_through() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=replace(QUICK, state_s=0.05)) as rig, reading(rig) as events:
            await events.until("state", "station-1")
            for number in range(1000):
                rig.control.change(load=number / 1000)
            before = rig.server.board.version
            await events.until("state", "station-1", ("load", 0.999))
            assert rig.server.board.version - before <= 4

    run(main())


def test_everything_is_put_together_once_for_all_readers_and_not_at_all_without_one() -> None:
    async def main() -> None:
        limits = replace(QUICK, state_s=30.0)
        async with page(FakeControl(now=WELL), limits=limits) as rig:
            await asyncio.sleep(0)
            assert rig.books.reads == 0
            async with reading(rig) as one, reading(rig) as other:
                first = await one.until("swaps", "station-1")
                assert first == await other.until("swaps", "station-1")
                assert rig.server.board.readers == 2
                assert rig.books.reads == 1

    run(main())


def test_a_reader_that_takes_nothing_is_dropped_and_the_others_notice_nothing() -> None:
    async def main() -> None:
        limits = replace(QUICK, stall_s=0.2, send_bytes=4096)
        big = replace(WELL, detail="x" * 200_000)
        async with page(FakeControl(now=big), limits=limits) as rig:
            _, stuck_writer = await rig.connect()
            stuck_writer.write(ASK)  # and it never reads
            stuck_writer.transport.pause_reading()  # type: ignore[attr-defined]
            await until(lambda: rig.server.board.readers == 1)

            async def change() -> None:
                number = 0
                while True:
                    number += 1
                    rig.control.change(orders=replace(big.orders, mode_by=f"{number:0200000}", mode=Mode.MANUAL))
                    await asyncio.sleep(0.002)

            changing = asyncio.create_task(change())
            try:
                async with reading(rig) as events:
                    await events.until("state", "station-1")
                    while rig.server.board.readers > 1:
                        await events.next()
            finally:
                changing.cancel()
                await asyncio.wait({changing})
                stuck_writer.close()

    run(main())


def test_a_reader_that_has_gone_is_forgotten() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig:
            async with reading(rig) as events:
                await events.until("state", "station-1")
                assert rig.server.board.readers == 1
            await until(lambda: rig.server.board.readers == 0)

    run(main())


def test_no_more_read_than_there_is_room_for() -> None:
    async def main() -> None:
        async with page(limits=replace(QUICK, max_readers=2)) as rig, reading(rig), reading(rig):
            refused = await rig.get("/events")
            assert (refused.status, refused.text.startswith("2 others read already")) == (503, True)
            assert (await rig.get("/metrics")).status == 200

    run(main())


def test_a_stop_ends_the_readers_with_a_word() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig, reading(rig) as events:
            await events.until("state", "station-1")
            await rig.server.stop()
            heard = [await events.next()]
            while heard[-1][0] not in ("bye", "end"):
                heard.append(await events.next())
            assert heard[-1][0] == "bye"
            await rig.server.stop()  # again

    run(main())


def test_a_fault_in_the_view_of_one_camera_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        broken = FakeControl("station-2", now=replace(WELL, claims=(None,)))  # type: ignore[arg-type]
        async with page(FakeControl(now=WELL), broken, limits=QUICK) as rig, reading(rig) as events:
            await events.until("state", "station-1", ("state.word", "RUNNING"))
            await events.until("state", "station-2", ("state.word", "UNKNOWN"))

    run(main())
    crashed = [record for record in caplog.records if "web_view_crashed" in record.getMessage()]
    assert [record.levelno for record in crashed] == [logging.CRITICAL]  # once, not at every look


def test_a_journal_that_fails_is_told_and_the_rest_is_shown() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig:
            rig.books.error = JournalError("disk full")
            async with reading(rig) as events:
                await events.until("state", "station-1", ("state.word", "RUNNING"))
                assert (await events.until("swaps", "station-1"))["error"] == "disk full"
                assert (await events.until("agent", None))["alarms_error"] == "disk full"

    run(main())


def test_a_board_that_is_stuck_is_silent_instead_of_telling_what_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page takes silence for a lost connection, and says so."""

    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig, reading(rig) as events:
            await events.until("state", "station-1")
            monkeypatch.setattr(board, "STUCK_S", -1.0)  # whatever is there is too old
            assert await asyncio.wait_for(_goes_silent(events), 10.0)

    run(main())


def test_what_changed_while_the_parts_were_put_together_is_told_afterwards() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL)) as rig:  # whose board does not look by itself meanwhile
            reader = rig.server.board.watch()
            assert reader is not None
            made, gate = rig.books.swaps, asyncio.Event()

            async def slow(camera: str, limit: int) -> Any:
                await gate.wait()
                return await made(camera, limit)

            object.__setattr__(rig.sources, "swaps", slow)
            making = asyncio.create_task(rig.server.board.make())
            await until(lambda: rig.server.board.version > 0)
            assert await reader.next(0.0) == b""
            gate.set()
            await making
            told = await reader.next(0.0)
            assert told is not None
            assert told.count(b"event: part") == rig.server.board.version
            rig.server.board.leave(reader)

    run(main())


async def _goes_silent(events: Events) -> bool:
    while True:
        try:
            await asyncio.wait_for(events.next(), 0.3)
        except asyncio.TimeoutError:
            return True


def test_a_journal_that_hangs_does_not_hold_up_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def hang() -> list[Any]:
            await asyncio.Event().wait()
            return []

        monkeypatch.setattr(board, "READ_S", 0.01)
        async with page(FakeControl(now=WELL), limits=QUICK) as rig:
            monkeypatch.setattr(rig.books, "alarms", hang)
            object.__setattr__(rig.sources, "alarms", hang)
            async with reading(rig) as events:
                agent = await events.until("agent", None)
                assert agent["alarms_error"] == "the journal does not answer"
                await events.until("state", "station-1", ("state.word", "RUNNING"))
                await events.until("swaps", "station-1", ("error", "the journal does not answer"))
                assert rig.books.reads == 0

    run(main())


def test_the_same_is_told_once_as_one_object() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), FakeControl("station-2", now=WELL), limits=QUICK) as rig:
            answered = await rig.get("/api/status.json")
            assert answered.head["content-type"] == "application/json; charset=utf-8"
            status = msgspec.json.decode(answered.body)
            assert [camera["name"] for camera in status["cameras"]] == ["station-1", "station-2"]
            camera = status["cameras"][0]
            assert {"state", "ladder", "swaps", "history", "budget"} <= set(camera)
            assert status["agent"]["version"] == "1.2.3"

    run(main())


def test_the_last_result_is_shown_without_a_queue() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig, reading(rig) as events:
            await events.until("state", "station-1", ("result", None))
            for number in range(1000):
                rig.control.results.publish(a_result(number))
            state = await events.until("state", "station-1", ("result.part", 999))
            assert (state["result"]["label"], state["result"]["confidence"]) == ("bad", 0.9)

    run(main())
