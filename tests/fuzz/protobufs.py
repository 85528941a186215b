"""Requests: bytes through the real Gate, the real roles and the real handlers, over scripted cameras.

The first byte of a case is the method, the second who calls; the rest is the request.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from agent.api import ApiLimits, ApiServer, Services
from agent.api.access import Access, Auth, Who
from agent.api.drain import Drain
from agent.api.errors import Rejected
from agent.api.gate import DETAILS_KEY, Gate
from agent.api.profile import OPERATIONS
from agent.api.roles import NEEDS
from agent.api.server import CONTROL, STATUS
from agent.clock import SystemClock
from agent.domain.access import Role
from agent.domain.journal import Alarm
from agent.domain.orders import NO_ORDERS
from tests.fuzz.messages import a_message, deep
from tests.fuzz.mutate import mutated
from tests.fuzz.target import ensure, one_line
from tests.support.fake_control import SNAPSHOT, FakeControl, FakeJournal

TURNS = 12  # of the loop, after which a call that only waits is ended by its client
LONGEST_TRAILERS = 7000  # bytes: of the 8 KiB that clients take by default, with room for gRPC's own
LONGEST_ENTRY = 8192  # bytes that one refused call may leave in the audit
CALLERS = (
    Who("", "unix", Role.ADMIN, local=True),
    Who("spiffe://plant/plc-3", "tcp 192.0.2.3", Role.CONTROL),
    Who("spiffe://plant/desk", "tcp 192.0.2.4", Role.READ),
    Who("spiffe://plant/new", "tcp 192.0.2.5", Role.NONE),
)
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]
_REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
_METHODS = [
    method for service in (CONTROL, STATUS, OPERATIONS, _HEALTH, _REFLECTION) for method in service.methods
]  # fmt: skip


class Aborted(Exception):
    """A call that was ended with a status."""


class FakeContext:
    """gRPC's side of one call; what is said to the client is checked as it is said."""

    def __init__(self, caller: int) -> None:
        self._peer = f"fuzz:{caller}"
        self.code: grpc.StatusCode | None = None
        self.trailers = 0

    def peer(self) -> str:
        return self._peer

    def auth_context(self) -> Mapping[str, Any]:
        return {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("user-agent", "ofa-client/fuzz"),)

    async def write(self, message: Any) -> None:
        if not isinstance(message, bytes):
            message.SerializeToString()

    async def abort(self, code: grpc.StatusCode, message: str, trailers: Sequence[tuple[str, bytes]]) -> None:
        self.code = code
        status = status_pb2.Status.FromString(dict(trailers)[DETAILS_KEY])
        ensure(code is not grpc.StatusCode.INTERNAL, "a request made a handler fail (INTERNAL)")
        one_line(message)
        info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
        ensure(bool(info.reason) and info.domain == "ofa-agent", f"a status without its reason: {code} {message!r}")
        # A message is percent-encoded in its header: three bytes for each that is not printable ASCII.
        said = sum(1 if 0x20 <= byte < 0x7F else 3 for byte in message.encode())
        size = len(dict(trailers)[DETAILS_KEY]) * 4 // 3 + said
        ensure(size <= LONGEST_TRAILERS, f"a status of {size} bytes, which no client can read ({code.name})")
        raise Aborted


class FuzzDoor:
    """Whoever the case says."""

    def who(self, peer: str, auth: Auth) -> Who | None:
        return CALLERS[int(peer.rpartition(":")[2])]

    def refused(self, peer: str, error: Rejected | None) -> str | None:
        return None


class _Handlers(ApiServer):
    """The services as the server has them, without a server."""

    def of(self, drain: Drain, limits: ApiLimits) -> dict[str, Any]:
        door: Any = FuzzDoor()
        services = self._services_of(drain, Gate(drain, limits, Access([door])))
        return {_path(name): services[name.rpartition(".")[0]][name.rpartition(".")[2]] for name in NEEDS}


def _path(name: str) -> str:
    return f"/{name.rpartition('.')[0]}/{name.rpartition('.')[2]}"


class Protobufs:
    """See tests.fuzz.target. Owner of an event loop and of what the handlers serve."""

    name = "protobuf"

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._control, self._journal = FakeControl(), FakeJournal()
        self._limits = ApiLimits(heartbeat_s=3600.0, health_poll_s=3600.0)
        services = Services({"station-1": self._control}, self._journal, SystemClock(), {"line-1": ("station-1",)})
        self._loop.run_until_complete(self._prepare(services))
        self._seeds = [self._sound(random.Random(number), number) for number in range(4 * len(_METHODS))]

    async def _prepare(self, services: Services) -> None:
        self._handlers = _Handlers(services, "/nowhere").of(Drain(), self._limits)

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        case = self._sound(chance, chance.randrange(len(_METHODS)))
        kind = chance.random()
        if kind < 0.45:
            return case
        if kind < 0.95:
            return case[:2] + mutated(chance, case[2:], [chance.choice(self._seeds)[2:]])
        if kind < 0.98:
            return case[:2] + chance.randbytes(chance.choice((1, 4, 16, 64, 256)))
        return case[:2] + deep(chance)

    def check(self, case: bytes) -> None:
        if len(case) >= 2:
            self._loop.run_until_complete(self._checked(case))

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    def _sound(self, chance: random.Random, method: int) -> bytes:
        kind = _METHODS[method % len(_METHODS)].input_type
        caller = min(chance.getrandbits(3), 3) if chance.random() < 0.3 else 0
        return bytes((method % len(_METHODS), caller)) + a_message(chance, kind).SerializeToString()

    async def _checked(self, case: bytes) -> None:
        method, caller = _METHODS[case[0] % len(_METHODS)], case[1] % len(CALLERS)
        self._reset()
        state = self._state()
        context = FakeContext(caller)
        answer = await self._played(method, context, case[2:])
        allowed = CALLERS[caller].role.covers(NEEDS[method.full_name])
        if context.code is not None or not allowed:
            ensure(self._state() == state, f"{method.name} was refused ({context.code}) and changed something")
            ensure(sum(map(_size, self._journal.chain)) <= LONGEST_ENTRY, "a refused call wrote a long audit entry")
        if not allowed:
            refused = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
            ensure(context.code in refused, f"{method.name} by {CALLERS[caller].role}: {context.code}")
            ensure(not self._control.calls, f"{method.name} of a client without the role reached the camera")
        if answer is not None and method.containing_service is CONTROL and allowed:
            await self._again(method, case, answer)

    async def _again(self, method: Any, case: bytes, answer: Any) -> None:
        """The same id: the same answer, and nothing is done a second time."""
        request = GetMessageClass(method.input_type).FromString(case[2:])
        if not getattr(request, "request_id", ""):
            return
        done, context = self._state(), FakeContext(case[1] % len(CALLERS))
        second = await self._played(method, context, case[2:])
        ensure(second == answer and self._state() == done, f"{method.name} with the same request_id ran twice")

    async def _played(self, method: Any, context: FakeContext, body: bytes) -> Any:
        """The answer of a call that has one; a call that goes on is ended by its client after some turns."""
        name = f"/{method.containing_service.full_name}/{method.name}"
        handler = self._handlers[name]
        task = asyncio.ensure_future(_call(handler, body, context))
        turns = TURNS
        while not task.done() and turns:
            await asyncio.sleep(0)
            turns -= 1
        if not task.done():
            task.cancel()
        await asyncio.wait({task}, timeout=30.0)
        ensure(task.done(), f"{method.name}: a call that was cancelled did not end")
        if task.cancelled():
            return None
        try:
            return task.result()
        except (Aborted, asyncio.CancelledError):
            return None

    def _reset(self) -> None:
        control, journal = self._control, self._journal
        control.claims, control.prepared, control.orders, control.now = {}, {}, NO_ORDERS, SNAPSHOT
        control.calls, control.captures, control.cancelled, control.permit_boot_ns = [], [], [], None
        control.desk = type(control.desk)(control.cancelled.append)
        journal.chain, journal.answers, journal.marks = [], {}, {}
        journal.known_alarms = [_ALARM]

    def _state(self) -> tuple[object, ...]:
        control, journal = self._control, self._journal
        return (
            dict(control.claims), dict(control.prepared), control.orders, control.permit_boot_ns, control.now,
            len(control.captures), tuple(control.cancelled), tuple(journal.known_alarms), len(journal.answers),
        )  # fmt: skip


_ALARM = Alarm(1, "station-1", "over_budget", "late", 1)


def _size(entry: Any) -> int:
    told = (entry.client, entry.origin, entry.method, entry.camera, entry.request_id, entry.asked, entry.reason)
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in told)


async def _call(handler: Any, body: bytes, context: FakeContext) -> Any:
    if handler.unary_unary is not None:
        answer = await handler.unary_unary(body, context)
        return answer if isinstance(answer, bytes) else answer.SerializeToString(deterministic=True)
    if handler.unary_stream is not None:
        return await handler.unary_stream(body, context)

    async def requests() -> AsyncIterator[Any]:
        try:
            request = handler.request_deserializer(body)
        except Exception:  # noqa: BLE001  gRPC itself refuses what its deserializer does
            return
        yield request

    return await handler.stream_stream(requests(), context)
