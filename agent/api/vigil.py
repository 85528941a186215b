"""Streams whose client may lose its right while they run: asked again, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio

from agent.api.errors import Rejected

EVERY_S = 0.5


class _Stream:
    """One stream: what asks again, how to end it, and why it was."""

    __slots__ = ("ask", "refusal", "scope")

    def __init__(self, ask: Callable[[], object]) -> None:
        self.ask = ask
        self.scope = anyio.CancelScope()
        self.refusal: Rejected | None = None


class Vigil:
    """Owner of the streams that run, and of one timer while any do."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._streams: set[_Stream] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, ask: Callable[[], object], work: Callable[[], Awaitable[None]]) -> None:
        """Run a stream; raises the Rejected that `ask` raises, within `every_s` of when it begins to."""
        stream = _Stream(ask)
        self._streams.add(stream)
        self._arm()
        try:
            with stream.scope:
                await work()
        finally:
            self._streams.discard(stream)
            self._arm()
        if stream.scope.cancelled_caught and stream.refusal is not None:
            raise stream.refusal

    def _arm(self) -> None:
        if self._streams and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)
        elif not self._streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        self._arm()
        for stream in self._streams:
            try:
                stream.ask()
            except Rejected as refusal:
                stream.refusal = refusal
                stream.scope.cancel()
