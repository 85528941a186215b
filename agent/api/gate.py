"""What every call of the agent's own services passes: errors become statuses, bounds are kept, the end is heard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import anyio
import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from agent.api.access import Access, Who
from agent.api.caller import CALLER, Caller
from agent.api.caps import Caps, Peer
from agent.api.drain import Drain
from agent.api.errors import Rejected, internal_status, to_status
from agent.api.limits import ApiLimits
from agent.api.serving import Handlers
from agent.api.stalls import Stalls, Write
from agent.api.vigil import Vigil
from agent.errors import AgentError, BadInput, OutOfResources, ReaderStalled
from agent.logs import logger

DETAILS_KEY = "grpc-status-details-bin"
WAITS = frozenset({"google.longrunning.Operations.WaitOperation"})  # calls that are made to take their time
Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["DETAILS_KEY", "Gate", "Write", "snake_case"]

_log = logger("api")


class Gate:
    """Turns an object with one coroutine method per RPC (`SetBudget` is `set_budget`) into a gRPC service.

    A unary method takes the request and returns the answer; a streaming one also takes the coroutine function that
    writes a message, and ends by raising. A message may also be given as its bytes. They raise the agent's errors and
    know nothing of gRPC's. Neither may swallow a cancellation: gRPC would wait for it for ever.
    """

    def __init__(self, drain: Drain, limits: ApiLimits, access: Access) -> None:
        self._drain = drain
        self._access = access
        self._limits = limits
        self._stalls = Stalls(limits.stall_s)
        self._vigil = Vigil()
        self._calls = Caps(
            "TOO_MANY_CALLS",
            "calls",
            limits.max_calls,
            limits.max_calls_each,
            limits.max_calls_unnamed,
            limits.max_calls_user,
        )
        self._open_streams = Caps(
            "TOO_MANY_STREAMS",
            "streams",
            limits.max_streams,
            limits.max_streams_each,
            limits.max_streams_unnamed,
            limits.max_streams_user,
        )

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return self._stalls.streams

    def service(self, descriptor: ServiceDescriptor, methods: object) -> Handlers:
        """The handlers of that service; raises AttributeError where a method is missing."""
        return {
            method.name: self._handler(method, getattr(methods, snake_case(method.name)))
            for method in descriptor.methods
        }

    async def stream(
        self, method: str, request: Message, context: Context, work: Callable[[Who, Write], Awaitable[None]]
    ) -> None:
        """Run `work` as one stream, with all that this means here."""
        async with self._statuses(method, request, context) as held:
            who = self._admit(method, context)
            held.enter_context(self._open_streams.one(_peer(who, context)))
            peer, auth = context.peer(), context.auth_context() or {}
            await self._vigil.run(
                lambda: self._access.still(method, peer, auth),
                lambda: self._stalls.run(lambda write: work(who, write), context.write),
            )

    def _handler(self, method: MethodDescriptor, run: Callable[..., Awaitable[Any]]) -> Any:
        kind = GetMessageClass(method.input_type)
        longest_s = self._limits.wait_s if method.full_name in WAITS else self._limits.call_s

        async def unary(body: bytes, context: Context) -> Message | bytes:
            request = kind()
            async with self._statuses(method.full_name, request, context) as held:
                who = self._admit(method.full_name, context)
                held.enter_context(self._calls.one(_peer(who, context)))
                self._read(request, body)
                CALLER.set(Caller.of(who, request))
                answer: Message | bytes = await _within(longest_s, run(request))
                return answer

        async def stream(body: bytes, context: Context) -> None:
            request = kind()

            async def work(who: Who, write: Write) -> None:
                self._read(request, body)
                CALLER.set(Caller.of(who, request))
                await run(request, write)

            await self.stream(method.full_name, request, context, work)

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, None, None)
        return grpc.unary_unary_rpc_method_handler(unary, None, _serialize)

    @asynccontextmanager
    async def _statuses(self, method: str, request: Message, context: Context) -> AsyncIterator[ExitStack]:
        """What is put onto the stack is held until the call has its status."""
        with ExitStack() as held:
            self._drain.enter()
            try:
                yield held
            except (AgentError, Rejected) as error:
                if isinstance(error, ReaderStalled):
                    self._drain.leave()  # its status waits behind what is not read, perhaps for ever
                await _abort(context, to_status(error, _about(request)))
            except MemoryError:
                _log.error("handler_without_memory method=%s", method)
                await _abort(context, to_status(OutOfResources(f"{method}: no memory"), _about(request)))
            except grpc.aio.InternalError as error:  # the client has gone, and gRPC was about to say so
                raise asyncio.CancelledError from error
            except grpc.aio.BaseError:  # the call itself has ended already
                raise
            except Exception:  # noqa: BLE001  a fault in one handler must end neither the server nor in a client's hands
                _log.exception("handler_failed method=%s", method)
                await _abort(context, internal_status())

    def _admit(self, method: str, context: Context) -> Who:
        self._drain.check()
        return self._access.admit(method, context.peer(), context.auth_context() or {})

    def _read(self, request: Message, body: bytes) -> None:
        """Fill `request` from its bytes."""
        if len(body) > self._limits.max_message_bytes:
            most = self._limits.max_message_bytes
            raise Rejected("MESSAGE_TOO_LARGE", f"the request has {len(body)} bytes and at most {most} may be")
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            raise BadInput("request", f"these {len(body)} bytes are no {request.DESCRIPTOR.full_name}") from error


def snake_case(name: str) -> str:
    """`SetBudget` as `set_budget`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


async def _within(longest_s: float, work: Awaitable[Any]) -> Any:
    with anyio.move_on_after(longest_s):
        return await work
    message = f"not done within {longest_s:g} s; ask what became of it, or ask again with the same request_id"
    raise Rejected("CALL_TOO_LONG", message)


def _peer(who: Who, context: Context) -> Peer:
    return Peer.of(who, context.invocation_metadata() or ())


def _about(request: Message) -> dict[str, str]:
    camera = getattr(request, "camera", "")
    return {"camera": camera} if camera else {}


async def _abort(context: Context, status: status_pb2.Status) -> None:
    """End the call so. gRPC takes it as aborted though the client has gone before it could hear."""
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    with suppress(grpc.aio.InternalError):
        await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))


def _serialize(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
