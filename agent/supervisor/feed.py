"""Bounded broadcast on the event loop: a slow reader loses its own oldest items, nobody else's time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Reader(Generic[T]):
    """One reader's queue; see agent.domain.control.Feed."""

    def __init__(self, owner: Broadcast[T], capacity: int) -> None:
        self._owner = owner
        self._items: deque[T] = deque(maxlen=capacity)
        self._ready = asyncio.Event()
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def put(self, item: T) -> None:
        if len(self._items) == self._items.maxlen:
            self._dropped += 1
        self._items.append(item)
        self._ready.set()

    async def next(self, timeout_s: float) -> T | None:
        """The oldest item not yet read; None after `timeout_s` or once closed."""
        if not self._items and not self._closed:
            with anyio.move_on_after(timeout_s):  # wait_for before 3.12 can lose a cancellation
                await self._ready.wait()
        item = self._items.popleft() if self._items else None
        if not self._items and not self._closed:
            self._ready.clear()
        return item

    def close(self) -> None:
        self._closed = True
        self._ready.set()
        self._owner.forget(self)


class Broadcast(Generic[T]):
    """Hands each item to every reader."""

    def __init__(self) -> None:
        self._readers: list[Reader[T]] = []

    @property
    def readers(self) -> int:
        return len(self._readers)

    def subscribe(self, capacity: int, first: T | None = None) -> Reader[T]:
        """A new reader of at most `capacity` unread items, beginning with `first` where given."""
        reader: Reader[T] = Reader(self, capacity)
        if first is not None:
            reader.put(first)
        self._readers.append(reader)
        return reader

    def publish(self, item: T) -> None:
        for reader in self._readers:
            reader.put(item)

    def forget(self, reader: Reader[T]) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
