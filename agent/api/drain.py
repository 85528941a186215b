"""The end of the server, as its handlers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from agent.api.errors import Rejected

T = TypeVar("T")


class Drain:
    """Set once, when the server is ending; long handlers wait on it beside their own work. For the event loop only.

    It also knows the calls that run, because gRPC's own stop may return while a cancelled one still unwinds.
    """

    def __init__(self) -> None:
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls: set[asyncio.Task[Any]] = set()
        self._ends: dict[object, Callable[[], None]] = {}

    @property
    def begun(self) -> bool:
        return self._begun.done()

    def begin(self) -> None:
        """End what waits in `race` or has said how in `ending`; idempotent."""
        if not self._begun.done():
            self._begun.set_result(None)
            for end in [*self._ends.values()]:
                end()

    def enter(self) -> None:
        """Know the calling task until it ends."""
        task = asyncio.current_task()
        if task is not None and task not in self._calls:
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    def leave(self) -> None:
        """Forget the calling task: nothing that the end should wait for is to be expected of it."""
        task = asyncio.current_task()
        if task is not None:
            self._calls.discard(task)

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` as soon as the server is ending, unless the context has ended before. Cheaper than `race`."""
        if self.begun:
            end()
        key = object()
        self._ends[key] = end
        try:
            yield
        finally:
            del self._ends[key]

    async def ended(self, timeout_s: float) -> None:
        """Wait until no call runs, at most `timeout_s` seconds."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=timeout_s)

    def check(self) -> None:
        """Raises Rejected (UNAVAILABLE) once the server is ending."""
        if self.begun:
            raise Rejected("AGENT_STOPPING", "the agent is ending; connect again")

    async def race(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers; cancels it and raises Rejected (UNAVAILABLE) as soon as the server is ending."""
        if self.begun:
            work.close()
        self.check()
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._begun}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self.check()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
