"""Bytes to a real server on its unix socket: HTTP/2 frames, headers and gRPC messages, broken in every way.

After each case the server is asked for its status on a connection of its own, and must answer as before.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from agent.api import ApiServer, Services
from agent.api.unix_door import UnixDoor
from agent.clock import SystemClock
from agent.domain.notice import UNKNOWN_LINE
from tests.api.harness import CALM
from tests.fuzz.mutate import INTEGERS, mutated
from tests.fuzz.target import ensure
from tests.support.fake_control import FakeControl, FakeJournal
from tests.support.hostile import CONTROL, STATUS
from tests.support.http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    HELLO,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Frame,
    HalfClient,
    call_frames,
    window,
)

LISTEN_S = 0.002  # how long an attacker waits for words of the server before it hangs up
ANSWER_S = 10.0


class Wire:
    """See tests.fuzz.target. Owner of an event loop with a server and its one good client."""

    name = "wire"

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory(prefix="ofa-fuzz-")
        self._path = Path(self._folder.name) / "api.sock"
        self._control, self._journal = FakeControl(), FakeJournal()
        self._control.change(changes=(), coming=None, line=UNKNOWN_LINE, permit_boot_ns=None)
        self._loop.run_until_complete(self._start())
        self._seeds = [
            HELLO + call_frames(STATUS + "GetStatus", 1),
            HELLO + call_frames(STATUS + "WatchStatus", 1) + window(1, 1000) + window(0, 1000),
            HELLO + call_frames(STATUS + "Explain", 1, b"\x0a\x09station-1") + call_frames(STATUS + "ListSwaps", 3),
            HELLO + Frame(PING, 0, 0, b"12345678").encoded() + Frame(RST_STREAM, 0, 1, b"\0\0\0\x08").encoded(),
            HELLO + Frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff\0\x05\0\0\x40\0").encoded(),
        ]

    async def _start(self) -> None:
        services = Services({"station-1": self._control}, self._journal, SystemClock(), {"line-1": ("station-1",)})
        self._door = UnixDoor(self._path, None, CALM)
        self._server = ApiServer(services, [self._door], CALM)
        await self._server.start()
        self._channel: Any = grpc.aio.insecure_channel(f"unix:{self._path}")
        self._sound = await self._asked()

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        if chance.random() < 0.5:
            return mutated(chance, chance.choice(self._seeds), self._seeds)
        hello = chance.choice((HELLO, HELLO, HELLO, PREFACE, PREFACE[:9], b""))
        return hello + b"".join(_frame(chance) for _ in range(chance.choice((1, 2, 5, 40))))

    def check(self, case: bytes) -> None:
        self._loop.run_until_complete(self._checked(case))

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._stop())
            self._loop.close()
            self._folder.cleanup()

    async def _stop(self) -> None:
        await self._channel.close()
        await self._server.stop(0)

    async def _checked(self, case: bytes) -> None:
        client = await HalfClient.connect(self._path, case)
        with suppress(ConnectionError, asyncio.TimeoutError):
            await asyncio.wait_for(client.reader.read(1 << 16), LISTEN_S)
        answer = await self._asked()
        await client.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._gone(), LISTEN_S)
        ensure(answer == self._sound, "others are answered otherwise than before")
        ensure(not self._control.claims and not self._control.prepared, "garbage made a claim")

    async def _gone(self) -> None:
        """The loop runs for a case alone: what the server closes has to be closed in it."""
        while self._door.connections > 1:  # the good client's  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    async def _asked(self) -> bytes:
        answer: bytes = await self._channel.unary_unary(STATUS + "GetStatus")(b"", timeout=ANSWER_S)
        return answer


def _frame(chance: random.Random) -> bytes:
    kind = chance.choice((DATA, HEADERS, 2, RST_STREAM, SETTINGS, 5, PING, 7, 8, CONTINUATION, 10, 255))
    stream = chance.choice((0, 1, 1, 1, 2, 3, 5, 0x7FFFFFFF, 0xFFFFFFFF))
    if chance.random() < 0.3:
        path = chance.choice(
            (STATUS + "GetStatus", STATUS + "WatchResults", STATUS + "Nothing", CONTROL + "Rollback", "/")
        )
        return call_frames(path, stream & 0x7FFFFFFF, chance.randbytes(chance.choice((0, 1, 9, 300))))
    body = chance.choice(
        (b"", chance.randbytes(chance.choice((1, 4, 5, 6, 8, 100))), chance.choice(INTEGERS).to_bytes(8, "big"))
    )
    flags = chance.choice((0, 1, END_HEADERS, END_STREAM | END_HEADERS, 8, 0x20, 0xFF))
    length = chance.choice((None, None, None, None, 0, 1, 0xFFFFFF, 16_384, 16_385))
    return Frame(kind, flags, stream, body).encoded(length)
