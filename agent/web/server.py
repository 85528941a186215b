"""The page's server: GET and HEAD, a handful of paths, nothing that changes anything.

/                    the page, with page.css and its scripts
/events              server-sent events: the newest state of everything, conflated
/api/status.json     the same state once
/preview/CAMERA.jpg  the newest picture
/metrics             for Prometheus
/healthz             200 while every camera infers with a verified network and frames flow, else 503
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType

import anyio
from aiohttp import web

from agent.addresses import unbound
from agent.domain.serving import serves
from agent.logs import event, logger
from agent.web.answers import HEADERS, answer, file_answer, refusal, static_files
from agent.web.board import Board, Reader
from agent.web.connections import Connection, Connections
from agent.web.hosts import host_problem, is_loopback, own_names
from agent.web.limits import WebLimits
from agent.web.sources import WebSources

_log = logger("web")
METHODS = frozenset({"GET", "HEAD"})
_NUMBER = re.compile("[0-9]{1,18}", re.ASCII)
_OPENMETRICS = "application/openmetrics-text"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class WebServer:
    """Use as `async with WebServer(…)`, or start and stop. Event-loop side only."""

    def __init__(self, sources: WebSources, listen: str, preview: bool = True, limits: WebLimits | None = None) -> None:
        """`listen`: HOST:PORT or [IPv6]:PORT; port 0 is a free one. `preview`: whether pictures are shown."""
        self._sources = sources
        self._listen = listen
        self._limits = limits or WebLimits()
        self._host = listen.rpartition(":")[0]
        self._names = own_names(self._host, socket.gethostname())
        self._files = static_files()
        self._shows = preview
        self._paths: dict[str, Answer] = {
            "/events": self._events,
            "/api/status.json": self._status,
            "/healthz": self._health,
            "/metrics": self._metrics,
            **{f"/preview/{name}.jpg": self._preview for name in sources.cameras},
        }
        self._board: Board | None = None
        self._running: asyncio.Task[None] | None = None
        self._http: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._connections: Connections | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """Where it listens; with the port that was found where 0 was asked for."""
        return f"{self._host}:{self.port}"

    @property
    def board(self) -> Board:
        """What it shows, while it serves."""
        assert self._board is not None, "the page is not served"
        return self._board

    @property
    def connections(self) -> int:
        """Those that are open now."""
        return 0 if self._connections is None else len(self._connections)

    def show_pictures(self, on: bool) -> None:
        """Whether pictures of the cameras are shown from now on."""
        self._shows = on
        if self._board is not None:
            self._board.preview = on

    async def start(self) -> None:
        """Bind and serve. Raises Refused where nothing can listen there now, BadInput where nothing ever can."""
        self._http = web.Server(self._handle, handler_cancellation=True)
        self._connections = Connections(self._http, self._limits)
        bare, _, port = self._listen.rpartition(":")
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connections, bare.strip("[]"), int(port), backlog=64
            )
        except OSError as exc:
            raise unbound("web.listen", self._listen, exc) from exc
        self.port = self._listener.sockets[0].getsockname()[1]
        self._board = Board(self._sources, self._limits, self._shows)
        self._running = asyncio.create_task(self._board.run(), name="web-board")
        event(_log, logging.INFO, "web_ready", address=self.address)
        if not is_loopback(self._host):
            event(_log, logging.WARNING, "web_open_to_the_network", address=self.address,
                  text="whoever reaches this address sees cameras, results and pictures without a login")  # fmt: skip

    async def stop(self) -> None:
        """End: readers of events hear that the agent stops, what else is under way has a second. Idempotent; works
        half-started and in a cancelled scope."""
        listener, self._listener = self._listener, None
        http, self._http = self._http, None
        if listener is not None:
            listener.close()
        if http is None:
            return
        with anyio.CancelScope(shield=True):
            if self._board is not None:
                self._board.close()
            http.pre_shutdown()
            await http.shutdown(self._limits.stop_s)
            await self._ended()
        if listener is not None:
            event(_log, logging.INFO, "web_stopped")

    async def __aenter__(self) -> WebServer:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _ended(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    # -- requests -----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.begin()
        try:
            refused = self._refused(request)
            return await self._answer(request) if refused is None else refused  # an answer of aiohttp 3.10 is falsy
        except Exception as error:  # noqa: BLE001 - a fault in one answer must not end the page
            _log.critical("web_answer_crashed path=%s", request.path, exc_info=error)
            return refusal(500, "a fault in the agent; its log has the trace")
        finally:
            connection.end()

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        """What is wrong with the request before anybody looks at its path."""
        wrong = host_problem(request.headers.getall("Host", []), self._names)
        if wrong is not None:
            return refusal(421, wrong)
        if request.method not in METHODS:
            return refusal(405, f"{request.method} is not answered here; this page only shows", Allow="GET, HEAD")
        if request.body_exists:
            return refusal(400, "a request with a body is not answered here")
        if _is_foreign(request):
            return refusal(403, "pages of other sites get nothing from here")
        return None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        file = self._files.get(request.path)
        if file is not None:
            return file_answer(file, request.headers.get("If-None-Match"))
        found = self._paths.get(request.path)
        return (
            refusal(404, "there is nothing of that name; the page is at /") if found is None else await found(request)
        )

    async def _health(self, _request: web.BaseRequest) -> web.StreamResponse:
        states = {
            name: serves(camera.snapshot(), self._limits.frame_age_s)
            for name, camera in sorted(self._sources.cameras.items())
        }
        lines = [f"{name}: {'serving' if serving else 'not serving'}" for name, serving in states.items()]
        well = bool(states) and all(states.values())
        return answer("\n".join(["ok" if well else "not ok", *lines]) + "\n", status=200 if well else 503)

    async def _metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        metrics = self._sources.metrics
        if metrics is None:
            return refusal(404, "this agent keeps no metrics")
        text, content_type = metrics.exposition(_OPENMETRICS in request.headers.get("Accept", ""))
        return answer(text, content_type)

    async def _status(self, _request: web.BaseRequest) -> web.StreamResponse:
        return answer(await self.board.status(), "application/json")

    async def _preview(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._shows:
            return refusal(404, "pictures are not shown here (web.preview of the config)")
        asked = request.query.get("n", "")
        name = request.path.removeprefix("/preview/").removesuffix(".jpg")
        number = int(asked) if _NUMBER.fullmatch(asked) else None
        picture = await self.board.books[name].pictures.ask(number, self._limits.picture_wait_s)
        if picture is None:
            return answer("no picture now\n", status=503, Retry_After="1")
        return answer(picture.body, "image/jpeg", X_Frame=str(picture.frame_id))

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        reader = self.board.watch()
        if reader is None:
            return refusal(503, f"{self.board.readers} others read already; close a page that is not looked at")
        kept = {"Cache-Control": "no-store", "Content-Type": "text/event-stream; charset=utf-8"}
        response = web.StreamResponse(headers={**HEADERS, **kept, "X-Accel-Buffering": "no"})
        try:
            await response.prepare(request)
            if request.method != "HEAD":
                await self._stream(request, response, reader)
        except ConnectionError:
            pass  # it went away
        finally:
            self.board.leave(reader)
        return response

    async def _stream(self, request: web.BaseRequest, response: web.StreamResponse, reader: Reader) -> None:
        """Write what is new until the reader goes, takes nothing for too long, or the agent stops."""
        await response.write(f"retry: {round(self._limits.retry_s * 1000)}\n\n".encode())
        while True:
            events = await reader.next(self._limits.heartbeat_s)
            if events is None:
                await response.write(b"event: bye\ndata: {}\n\n")
                return
            if not await _taken(response, events, self._limits.stall_s):
                assert isinstance(request.protocol, Connection)
                request.protocol.cut()
                return
            await anyio.sleep(self._limits.state_s)


def _is_foreign(request: web.BaseRequest) -> bool:
    """Whether a page of another site asks, but for a link that somebody follows."""
    navigates = request.headers.get("Sec-Fetch-Mode") == "navigate"
    return request.headers.get("Sec-Fetch-Site") == "cross-site" and not navigates


async def _taken(response: web.StreamResponse, events: bytes, within_s: float) -> bool:
    """Write them; False where the reader takes nothing for so long."""
    with anyio.move_on_after(within_s) as limit:
        if events:
            await response.write(events)
    return not limit.cancelled_caught
