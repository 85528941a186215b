"""Bounded broadcast on the event loop: a slow reader loses its own oldest items, nobody else's time.

Readers that sleep are woken a few at a time, each few in a turn of the loop of their own: however many readers an item
has, what else the loop has to do comes in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
WAKES_AT_ONCE = 8


class Reader(Generic[T]):
    """One reader's queue, for one task; see agent.domain.control.Feed."""

    def __init__(self, owner: Broadcast[T], capacity: int, wanted: Callable[[T], bool] | None) -> None:
        self._owner = owner
        self._wanted = wanted
        self._items: deque[T] = deque(maxlen=capacity)
        self._waiter: asyncio.Future[None] | None = None
        self._is_called = False
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def put(self, item: T) -> asyncio.Future[None] | None:
        """Take what this reader wants; the wait that somebody now has to end, where it sleeps and nobody had to yet."""
        if self._wanted is not None and not self._wanted(item):
            return None
        if len(self._items) == self._items.maxlen:
            self._dropped += 1
        self._items.append(item)
        if self._waiter is None or self._is_called:
            return None
        self._is_called = True
        return self._waiter

    async def next(self, timeout_s: float) -> T | None:
        """The oldest item not yet read; None after `timeout_s` or once closed."""
        if not self._items and not self._closed:
            await self._sleep(timeout_s)
        return self._items.popleft() if self._items else None

    def close(self) -> None:
        self._closed = True
        if self._waiter is not None:
            _end(self._waiter)
        self._owner.forget(self)

    async def _sleep(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._waiter, self._is_called = loop.create_future(), False
        timer = loop.call_later(timeout_s, _end, self._waiter)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None


class Broadcast(Generic[T]):
    """Hands each item to every reader that wants it."""

    def __init__(self) -> None:
        self._readers: list[Reader[T]] = []
        self._to_end: deque[asyncio.Future[None]] = deque()  # waits, not readers: by then a reader may wait anew

    @property
    def readers(self) -> int:
        return len(self._readers)

    def subscribe(self, capacity: int, first: T | None = None, wanted: Callable[[T], bool] | None = None) -> Reader[T]:
        """A new reader of at most `capacity` unread items, beginning with `first` where given.

        It gets the items that are `wanted`, by default all; what is not wanted takes no room and is not dropped.
        """
        reader: Reader[T] = Reader(self, capacity, wanted)
        if first is not None:
            reader.put(first)
        self._readers.append(reader)
        return reader

    def publish(self, item: T) -> None:
        """Called on the loop, or where nobody waits."""
        if not self._readers:
            return
        waking = bool(self._to_end)
        self._to_end.extend([wait for reader in self._readers if (wait := reader.put(item)) is not None])
        if not waking:
            self._wake_some()

    def forget(self, reader: Reader[T]) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

    def _wake_some(self) -> None:
        for _ in range(min(WAKES_AT_ONCE, len(self._to_end))):
            _end(self._to_end.popleft())
        if self._to_end:
            asyncio.get_running_loop().call_soon(self._wake_some)


def _end(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)
