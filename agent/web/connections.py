"""The connections of the page's server: a bounded number, each with a time by which it has to ask.

aiohttp bounds what a request may hold; how many connections there are, and how long one may take to say something, is
told here.
"""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from agent.logs import logger
from agent.web.answers import refusal
from agent.web.limits import WebLimits

_BUSY = b"all places are taken; try again\n"
_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)
)


class Connections:
    """Makes the protocol of each new connection. Owner of the places; event-loop side only."""

    def __init__(self, server: web.Server, limits: WebLimits) -> None:
        self._server = server
        self._limits = limits
        self._quiet: dict[Connection, None] = {}  # asked for nothing now, the longest first
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._quiet) + len(self._busy)

    def __call__(self) -> asyncio.Protocol:
        """For the listening socket: the next connection."""
        return Connection(self, self._server, self._limits) if self._make_room() else _TurnedAway()

    def _make_room(self) -> bool:
        """Whether there is a place: where all are taken, that of the connection which has been quiet for longest."""
        if len(self) < self._limits.max_connections:
            return True
        oldest = next(iter(self._quiet), None)
        if oldest is not None:
            oldest.cut()
        return oldest is not None

    def quiet(self, connection: Connection) -> None:
        """It waits to be asked, or for its answer to be taken."""
        self._busy.discard(connection)
        self._quiet[connection] = None

    def busy(self, connection: Connection) -> None:
        """A request of it is being answered."""
        self._quiet.pop(connection, None)
        self._busy.add(connection)

    def gone(self, connection: Connection) -> None:
        """Forget it; harmless where it is not known."""
        self._quiet.pop(connection, None)
        self._busy.discard(connection)


class Connection(web.RequestHandler):
    """One connection; the handler calls `begin` and `end` around each answer."""

    __slots__ = ("_owner", "_timer", "_times")

    def __init__(self, owner: Connections, server: web.Server, limits: WebLimits) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_s,
            max_line_size=limits.max_line_bytes,
            max_field_size=limits.max_line_bytes,
            max_headers=limits.max_headers,
            lingering_time=0.0,
            logger=logger("web"),
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp takes "no log"
        )
        self._owner = owner
        self._times = limits
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._times.send_bytes)
        super().connection_made(transport)
        self._wait(self._times.request_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        self._owner.gone(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """What is said to bytes that are no request. Nothing of them comes back, nor fills the log."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; there is no other one")
        return refusal(status if 400 <= status < 500 else 400, "this is no request that is answered here")

    def begin(self) -> None:
        """A whole request is there."""
        self._stop_timer()
        self._owner.busy(self)

    def end(self) -> None:
        """Its answer is ready: it has to be taken, and the next request to come, in time."""
        if self.transport is not None:
            self._wait(self._times.idle_s)

    def cut(self) -> None:
        """End it now, whatever is under way."""
        self._stop_timer()
        self._owner.gone(self)
        if self.transport is not None:
            self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._stop_timer()
        self._owner.quiet(self)
        self._cut_in(seconds)

    def _cut_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.cut)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _TurnedAway(asyncio.Protocol):
    """One too many: it is told so."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_TURNED_AWAY)
        transport.close()
