"""Connections that came in by a socket of ours, each linked to gRPC's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.api.allowance import Allowance
from agent.api.inner_socket import InnerSocket
from agent.api.proxy import LOOK_S, Link

LAST_BYTES_S = 0.5  # for what gRPC said at its end to reach clients that read
PER_CONNECTION = 3  # descriptors: the client's, ours to gRPC and gRPC's

T = TypeVar("T")


@dataclass(slots=True)
class _Guest(Generic[T]):
    who: T
    link: Link


class Guests(Generic[T]):
    """Owner of the links and of the way to gRPC. `T`: what a door knows of one. Event loop only."""

    def __init__(self, inner: InnerSocket, left: Callable[[T], None]) -> None:
        """`left` hears of each whose connection has ended, by whomever."""
        self.inner = inner
        self._left = left
        self._guests: dict[str, _Guest[T]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._guests)

    def __iter__(self) -> Iterator[str]:
        """gRPC's names of the connections."""
        return iter([*self._guests])

    def let_in(self, client: socket.socket, who: T, allowance: Allowance | None = None) -> None:
        """Link it to gRPC, or hang up where that takes nobody; `allowance`: what may be read of it, see Link."""
        try:
            name, inner = self.inner.connected()
        except OSError:
            client.close()
            self._left(who)
            return
        loop = asyncio.get_running_loop()
        link = Link(loop, client, inner, lambda: self._ended(name), allowance)
        self._guests[name] = _Guest(who, link)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_S, self._look)

    def find(self, peer: str) -> T | None:
        """Who has that connection, by gRPC's name of it."""
        guest = self._guests.get(peer)
        return None if guest is None else guest.who

    def counts_for(self, peer: str, allowance: Allowance) -> None:
        """What is read of that connection counts for this one from now on."""
        self._guests[peer].link.counts_for(allowance)

    async def remove(self) -> None:
        """Let the last bytes through, for LAST_BYTES_S at most, and end all that is left."""
        if self._guests:
            self._empty = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._empty}, timeout=LAST_BYTES_S)
        for guest in [*self._guests.values()]:
            guest.link.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.inner.close()

    def _ended(self, name: str) -> None:
        guest = self._guests.pop(name)
        self._left(guest.who)
        if self._empty is not None and not self._empty.done() and not self._guests:
            self._empty.set_result(None)

    def _look(self) -> None:
        self._timer = None
        for guest in [*self._guests.values()]:
            guest.link.look()
        if self._guests:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
