"""Bytes from one socket to another and back: how gRPC's own socket is reached through ours.

    client ──► outer ══ Link ══ inner ──► gRPC

Nothing of the bytes is understood. What one side does not take, the other is not read for: at most CHUNK_BYTES wait
here, each way, and all else in the kernel's buffers, as without a link between. A client is read no faster than any
client has reason to send, since each byte passes the event loop that all share: of one elsewhere, as its allowance
says. Event-loop side only.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable

from agent.api.allowance import Allowance

CHUNK_BYTES = 32 * 1024  # read at a time: two frames of HTTP/2
LOOK_S = 1.0  # between looks at links that are stuck
WINDOW_S = 0.01  # a client is read for a chunk in this time: 3 MB/s
SMALL_BYTES = 4 * 1024  # read at a time of a client that has an allowance: a hundred small calls
READ_BYTES = 256  # what a read counts for at least: 12 800 reads a second, each about 15 us


class _Way:
    """One direction of a link. Calls `ended` when all has passed, or `refused` when no more is taken.

    Reads while nothing waits for the other side (`_rest`) and no pause is on (`_pause`).
    """

    __slots__ = ("_buffer", "_ended", "_from", "_loop", "_pause", "_refused", "_rest", "_to")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ends: tuple[socket.socket, socket.socket],
        ended: Callable[[], None],
        refused: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._from, self._to = ends
        self._ended, self._refused = ended, refused
        self._rest = b""
        self._pause: asyncio.TimerHandle | None = None
        self._buffer = memoryview(_BUFFER)
        loop.add_reader(self._from, self._readable)

    @property
    def stuck(self) -> bool:
        """Whether bytes wait here for their reader."""
        return bool(self._rest)

    def stop(self) -> None:
        """Pass nothing more; idempotent."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._from)
        self._loop.remove_writer(self._to)
        self._rest = b""

    def _readable(self) -> None:
        try:
            count = self._from.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0  # reset: an end like another
        if not count:
            self._loop.remove_reader(self._from)
            self._ended()
            return
        sent = self._sent(self._buffer[:count])
        if sent < 0:
            return
        if sent < count:
            self._rest = bytes(self._buffer[sent:count])
            self._loop.remove_reader(self._from)
            self._loop.add_writer(self._to, self._writable)
        self._passed(count)

    def _passed(self, count: int) -> None:
        """So many bytes were read."""

    def _writable(self) -> None:
        sent = self._sent(self._rest)
        if sent < 0:
            return
        self._rest = self._rest[sent:]
        if not self._rest:
            self._loop.remove_writer(self._to)
            self._read_on()

    def _read_on(self) -> None:
        if not self._rest and self._pause is None:
            self._loop.add_reader(self._from, self._readable)

    def _sent(self, data: memoryview | bytes) -> int:
        """How many bytes were taken; -1 where the other end takes none any more."""
        try:
            return self._to.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self.stop()
            self._refused()
            return -1


class _MeteredWay(_Way):
    """One that is read for CHUNK_BYTES in WINDOW_S."""

    __slots__ = ("_ends_s", "_left")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ends: tuple[socket.socket, socket.socket],
        ended: Callable[[], None],
        refused: Callable[[], None],
    ) -> None:
        super().__init__(loop, ends, ended, refused)
        self._ends_s = 0.0
        self._left = 0

    def _passed(self, count: int) -> None:
        now_s = self._loop.time()
        if now_s >= self._ends_s:
            self._ends_s, self._left = now_s + WINDOW_S, CHUNK_BYTES
        self._left -= max(count, READ_BYTES)
        if self._left <= 0:
            self._loop.remove_reader(self._from)
            self._pause = self._loop.call_at(self._ends_s, self._rested)

    def _rested(self) -> None:
        self._pause = None
        self._read_on()


class _AllowedWay(_Way):
    """One that is read as an allowance says, which other connections of the same client share."""

    __slots__ = ("_waits", "allowance")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ends: tuple[socket.socket, socket.socket],
        ended: Callable[[], None],
        allowance: Allowance,
    ) -> None:
        super().__init__(loop, ends, ended, lambda: None)
        self._buffer = self._buffer[:SMALL_BYTES]
        self._waits = False
        self.allowance = allowance
        if allowance.spent:
            self._wait()

    def counts_for(self, allowance: Allowance) -> None:
        """Hold to this one from now on."""
        if allowance is self.allowance:
            return
        self.allowance.leave(self)
        self.allowance = allowance
        if self._waits or allowance.spent:
            self._wait()

    def turn(self) -> None:
        """Read once, and go on where there is something left."""
        self._waits = False
        self._read_on()
        if not self._rest:
            self._readable()

    def stop(self) -> None:
        self.allowance.leave(self)
        super().stop()

    def _readable(self) -> None:
        if self.allowance.spent:  # by another connection, or by a call that was refused
            self._wait()
        else:
            super()._readable()

    def _passed(self, count: int) -> None:
        self.allowance.spend(max(count, READ_BYTES))

    def _read_on(self) -> None:
        if not self._waits:
            super()._read_on()

    def _wait(self) -> None:
        self._waits = True
        self._loop.remove_reader(self._from)
        self.allowance.wait(self)


_BUFFER = bytearray(CHUNK_BYTES)  # between two calls of a _Way nothing is in it


class Link:
    """One client's connection and its own to gRPC. Owner of both sockets; `ended` is called once, when they are closed.

    A client that has said all is still answered: its half-close is passed on. gRPC closes a connection whole or not at
    all, so that its end is the link's, after the last bytes have gone out.
    """

    __slots__ = ("_ended", "_hung_up", "_in", "_inner", "_out", "_outer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outer: socket.socket,
        inner: socket.socket,
        ended: Callable[[], None],
        allowance: Allowance | None = None,
    ) -> None:
        """`allowance`: what may be read of the client; None: as much as of any on this machine."""
        self._outer, self._inner = outer, inner
        self._ended: Callable[[], None] | None = ended
        self._hung_up = False
        # Where gRPC takes no more it has hung up: what it said before is still to be read, and then its end.
        self._in: _MeteredWay | _AllowedWay = (
            _MeteredWay(loop, (outer, inner), self._all_asked, lambda: None)
            if allowance is None
            else _AllowedWay(loop, (outer, inner), self._all_asked, allowance)
        )
        self._out = _Way(loop, (inner, outer), self.close, self.close)

    def counts_for(self, allowance: Allowance) -> None:
        """What is read of the client counts for this one from now on; for a link that has one."""
        if isinstance(self._in, _AllowedWay):
            self._in.counts_for(allowance)

    def look(self) -> None:
        """End a link whose client takes nothing while gRPC has hung up, at the second look that finds it so.

        The end of a connection is not seen while nothing is read from it.
        """
        if not self._out.stuck:
            self._hung_up = False
        elif self._hung_up:
            self.close()
        else:
            self._hung_up = _has_hung_up(self._inner)

    def close(self) -> None:
        """Let both ends go, whatever is on its way; idempotent."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        self._in.stop()
        self._out.stop()
        self._outer.close()
        self._inner.close()
        ended()

    def _all_asked(self) -> None:
        try:
            self._inner.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()


def _has_hung_up(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, 0)  # an end is told without being asked for
    return bool(poll.poll(0))
