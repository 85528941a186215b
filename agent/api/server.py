"""The gRPC server's life: bind, serve, drain, unbind."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import anyio
import grpc

from agent.api.access import Access, Door
from agent.api.capture import CaptureHandlers
from agent.api.control import ControlHandlers
from agent.api.drain import Drain
from agent.api.gate import Gate
from agent.api.health import HEALTH, HealthHandlers
from agent.api.limits import ApiLimits
from agent.api.profile import OPERATIONS, OperationHandlers
from agent.api.rates import Rates
from agent.api.reflection import Reflection
from agent.api.refusals import Refusals
from agent.api.requests import RequestLog
from agent.api.services import Services
from agent.api.serving import Handlers, make_server
from agent.api.status import StatusHandlers
from agent.api.unix_door import UnixDoor
from agent.errors import AgentError
from agent.logs import event, logger
from agent.pb.ofa_agent.v1 import control_pb2, status_pb2

_log = logger("api")
ENDED_S = 1.0  # for gRPC to say that it has ended
LAST_BYTES_S = 0.2  # for answers that are on their way when the last call has ended
CONTROL = control_pb2.DESCRIPTOR.services_by_name["ControlService"]
STATUS = status_pb2.DESCRIPTOR.services_by_name["StatusService"]


class ApiServer:
    """The agent's API; use as `async with ApiServer(…)`, or start and stop. One event loop only.

    `way_in`: the path of the unix socket, or the doors that clients come through.
    """

    def __init__(
        self, services: Services, way_in: Path | str | Sequence[Door], limits: ApiLimits | None = None
    ) -> None:
        self._services = services
        self._limits = limits or ApiLimits()
        self._doors: list[Door] = (
            [UnixDoor(way_in, None, self._limits)] if isinstance(way_in, Path | str) else list(way_in)
        )
        self._server: grpc.aio.Server | None = None
        self._drain: Drain | None = None
        self._refusals = Refusals(services.journal.note_audit, services.clock)
        self._requests = RequestLog(services.journal, services.cameras, refused=self._refusals.change)
        self._gate: Gate | None = None
        self._ended: asyncio.Task[bool] | None = None

    @property
    def streams(self) -> int:
        """Watch streams that are open now."""
        return 0 if self._gate is None else self._gate.streams

    async def start(self) -> None:
        """Bind and serve. Raises BadInput for a path that cannot be bound, Refused where another process serves it."""
        try:
            await self._serve()
        except BaseException:
            await self.stop(0)
            raise

    async def _serve(self) -> None:
        self._drain = Drain()
        rates = Rates(self._limits, self._services.clock)
        access = Access(self._doors, self._refusals, rates)
        self._gate = Gate(self._drain, self._limits, access)
        services = self._services_of(self._drain, self._gate)
        limits = self._limits
        server = self._server = make_server(limits.options(), limits.rpcs_at_once, services, access.unknown)
        for door in self._doors:
            door.bind(server)
        await server.start()
        for door in self._doors:
            await door.open()
        self._ended = asyncio.create_task(server.wait_for_termination(), name="api-ended")
        event(_log, logging.INFO, "api_serving", doors=", ".join(str(door) for door in self._doors))

    async def stop(self, drain_s: float | None = None) -> None:
        """End: streams hear UNAVAILABLE, and so do new calls; mutations come to their end, the rest is cut off after
        `drain_s` (default: of the limits). Returns within about twice that, also in a cancelled scope; idempotent;
        works half-started."""
        if self._server is None:
            return
        server, self._server = self._server, None
        grace_s = self._limits.drain_s if drain_s is None else drain_s
        with anyio.CancelScope(shield=True):
            try:
                await self._end(server, grace_s)
            finally:
                for door in self._doors:
                    await door.remove()
                await self._told()
        event(_log, logging.INFO, "api_stopped")

    async def watch(self) -> None:
        """Return when the server was stopped; raises AgentError where gRPC ended by itself, at a fault of its own: then
        nobody can command the agent, and it has to be started again."""
        if self._ended is None:
            return
        await asyncio.wait({self._ended})  # cancelled itself, it would cancel what gRPC waits for
        if self._server is not None:
            raise AgentError(f"the API ended by itself: {self._ended.exception()!r}")

    async def _told(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            await asyncio.wait({ended}, timeout=ENDED_S)

    async def __aenter__(self) -> ApiServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _services_of(self, drain: Drain, gate: Gate) -> dict[str, Handlers]:
        names = (CONTROL.full_name, STATUS.full_name)
        limits = self._limits
        status = StatusHandlers(self._services, drain, limits, epoch=uuid.uuid4().hex)
        captures = CaptureHandlers(self._services, drain, limits.heartbeat_s)
        health = HealthHandlers(self._services, drain, names, limits.frame_age_s, limits.health_poll_s)
        return {
            CONTROL.full_name: gate.service(CONTROL, ControlHandlers(self._services, self._requests, captures)),
            STATUS.full_name: gate.service(STATUS, status),
            OPERATIONS.full_name: gate.service(OPERATIONS, OperationHandlers(self._services, drain)),
            HEALTH.full_name: gate.service(HEALTH, health),
            **Reflection([*names, OPERATIONS.full_name, HEALTH.full_name], drain, gate).services(),
        }

    async def _end(self, server: grpc.aio.Server, grace_s: float) -> None:
        for door in self._doors:
            await door.close()
        if self._drain is not None:
            self._drain.begin()
            await self._drain.ended(grace_s)  # meanwhile new calls are told why, which a closed connection cannot
        await server.stop(LAST_BYTES_S if grace_s else 0)
        await self._requests.close(grace_s)
        self._refusals.close()
        if self._drain is not None:
            await self._drain.ended(grace_s)
