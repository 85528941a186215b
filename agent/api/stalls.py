"""Streams whose reader does not read: noticed by writes that do not end, and ended themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
from google.protobuf.message import Message

from agent.errors import ReaderStalled

LOOKS = 60  # of the limit's time; a look is one comparison a stream

Write = Callable[[Message | bytes], Awaitable[None]]
WriteBytes = Callable[[bytes], Awaitable[None]]


class _Stream:
    """One stream: since when it is in a write, and how to end it."""

    __slots__ = ("_loop", "_write", "scope", "since_s")

    def __init__(self, write: WriteBytes) -> None:
        self._write = write
        self._loop = asyncio.get_running_loop()
        self.scope = anyio.CancelScope()
        self.since_s: float | None = None

    async def write(self, message: Message | bytes) -> None:
        body = message if isinstance(message, bytes) else message.SerializeToString()
        self.since_s = self._loop.time()
        await self._write(body)
        self.since_s = None


class Stalls:
    """Owner of the streams that run. gRPC lets a write end when the reader's window has room for it, not before.

    One timer looks at all streams, so that a write costs nothing but the note of its time.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._streams: set[_Stream] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def streams(self) -> int:
        """Streams that run now."""
        return len(self._streams)

    async def run(self, work: Callable[[Write], Awaitable[None]], write: WriteBytes) -> None:
        """Run a stream; raises ReaderStalled once a write of it has not ended for the limit, within a 60th of it."""
        stream = _Stream(write)
        self._streams.add(stream)
        self._arm()
        try:
            with stream.scope:
                await work(stream.write)
        finally:
            self._streams.discard(stream)
            self._arm()
        if stream.scope.cancelled_caught:
            raise ReaderStalled(
                f"nothing was read from this stream for {self._limit_s:g} s while messages waited; "
                "read faster or with a filter, and watch again"
            )

    def _arm(self) -> None:
        if self._streams and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._limit_s / LOOKS, self._look)
        elif not self._streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        self._arm()
        latest_s = asyncio.get_running_loop().time() - self._limit_s
        for stream in self._streams:
            if stream.since_s is not None and stream.since_s <= latest_s:
                stream.scope.cancel()
