"""A served page with scripted cameras behind it, and a client that says byte by byte what it wants to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.clock import Clock, SystemClock
from agent.domain.journal import Alarm, SwapRecord
from agent.supervisor.pictures import PictureDesk, Rhythm
from agent.web.limits import WebLimits
from agent.web.server import WebServer
from agent.web.sources import WebSources
from tests.support.fake_camera import FakeCamera
from tests.support.fake_control import FakeControl

T = TypeVar("T")
DEADLINE_S = 30.0


@dataclass
class FakeMetrics:
    """Says which of the two texts it was asked for."""

    def exposition(self, openmetrics: bool) -> tuple[bytes, str]:
        kind = "application/openmetrics-text; version=1.0.0" if openmetrics else "text/plain; version=0.0.4"
        return b"ofa_camera_up 1\n", f"{kind}; charset=utf-8"


@dataclass
class Books:
    """What the journal and the alarm book say; `error` is raised instead."""

    records: list[SwapRecord] = field(default_factory=list)
    standing: list[Alarm] = field(default_factory=list)
    error: Exception | None = None
    reads: int = 0

    async def swaps(self, camera: str, limit: int) -> Sequence[SwapRecord]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return [record for record in self.records if record.camera == camera][:limit]

    async def alarms(self) -> Sequence[Alarm]:
        if self.error is not None:
            raise self.error
        return list(self.standing)


@dataclass
class Answered:
    """One answer: `head` in lower case by name."""

    status: int
    head: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class PageRig:
    """The server and what is behind it."""

    server: WebServer
    sources: WebSources
    controls: dict[str, FakeControl]
    cameras: dict[str, FakeCamera]
    books: Books
    pictures: dict[str, PictureDesk]

    @property
    def control(self) -> FakeControl:
        return next(iter(self.controls.values()))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def get(self, path: str, method: str = "GET", host: str | None = None, **headers: str) -> Answered:
        """One request on a connection of its own."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        named = self.server.address if host is None else host
        return await self.say("\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {named}", *lines, "", ""]).encode())

    async def say(self, request: bytes) -> Answered:
        """Send that, and read what comes until the other side has said all of it."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await read_answer(reader, request.startswith(b"HEAD"))
        finally:
            writer.close()
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader, head_only: bool = False) -> Answered:
    """The next answer of a connection."""
    head = await read_head(reader)
    length = 0 if head_only or head.status == 304 else int(head.head.get("content-length", "0"))
    head.body = await reader.readexactly(length)
    return head


async def read_head(reader: asyncio.StreamReader) -> Answered:
    """Status and headers of the next answer."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answered(int(first.split()[1]), head, b"")


@asynccontextmanager
async def page(
    *controls: FakeControl,
    limits: WebLimits | None = None,
    preview: bool = True,
    clock: Clock | None = None,
    rhythm: Rhythm | None = None,
) -> AsyncIterator[PageRig]:
    """Serve these cameras (one, if none is given) on a free port of this machine until the context ends."""
    named = {control.name: control for control in controls or (FakeControl(),)}
    cameras, books, clock = {name: FakeCamera(name) for name in named}, Books(), clock or SystemClock()
    pictures = {
        name: PictureDesk(name, cameras[name], clock, control.result_feed, rhythm=rhythm)
        for name, control in named.items()
    }
    sources = WebSources(named, pictures, books.swaps, books.alarms, clock, "boot", "1.2.3", metrics=FakeMetrics())
    running = [asyncio.create_task(desk.run()) for desk in pictures.values()]
    try:
        async with WebServer(sources, "127.0.0.1:0", preview, limits) as server:
            yield PageRig(server, sources, named, cameras, books, pictures)
    finally:
        for desk in pictures.values():
            desk.end()
        await asyncio.gather(*running)


async def until(met: Callable[[], object]) -> None:
    """Let the loop turn until it is so; the deadline is that of `run`."""
    while not met():  # noqa: ASYNC110 - what is waited for is another task's state
        await asyncio.sleep(0.001)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end within DEADLINE_S."""
    return asyncio.run(asyncio.wait_for(main, DEADLINE_S))
