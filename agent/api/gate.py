"""What every call of the agent's own services passes: errors become statuses, streams are counted, the end is heard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from agent.api.drain import Drain
from agent.api.errors import Rejected, internal_status, to_status
from agent.errors import AgentError, BadInput
from agent.logs import logger

DETAILS_KEY = "grpc-status-details-bin"
Context = grpc.aio.ServicerContext[Any, Any]
Write = Callable[[Message], Awaitable[None]]

_log = logger("api")


class Gate:
    """Turns an object with one coroutine method per RPC (`SetBudget` is `set_budget`) into a gRPC service.

    A unary method takes the request and returns the answer; a streaming one also takes the coroutine function that
    writes a message, and ends by raising. They raise the agent's errors and know nothing of gRPC's.
    """

    def __init__(self, drain: Drain, max_streams: int) -> None:
        self._drain = drain
        self._max_streams = max_streams
        self._streams = 0

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return self._streams

    def service(self, descriptor: ServiceDescriptor, methods: object) -> grpc.GenericRpcHandler[Any, Any]:
        """The service of that descriptor; raises AttributeError where a method is missing."""
        handlers = {
            method.name: self._handler(method, getattr(methods, snake_case(method.name)))
            for method in descriptor.methods
        }
        return grpc.method_handlers_generic_handler(descriptor.full_name, handlers)

    def _handler(self, method: MethodDescriptor, run: Callable[..., Awaitable[Any]]) -> Any:
        kind = GetMessageClass(method.input_type)

        async def unary(body: bytes, context: Context) -> Message:
            request = kind()
            async with self._statuses(method.full_name, request, context):
                _read(request, body, context.peer())
                answer: Message = await run(request)
                return answer

        async def stream(body: bytes, context: Context) -> None:
            request = kind()
            async with self._statuses(method.full_name, request, context):
                _read(request, body, context.peer())
                with self._one_stream():
                    await run(request, context.write)

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, None, _serialize)
        return grpc.unary_unary_rpc_method_handler(unary, None, _serialize)

    @asynccontextmanager
    async def _statuses(self, method: str, request: Message, context: Context) -> AsyncIterator[None]:
        self._drain.enter()
        try:
            self._drain.check()
            yield
        except (AgentError, Rejected) as error:
            await _abort(context, to_status(error, _about(request)))
        except grpc.aio.BaseError:  # the call itself has ended already
            raise
        except Exception:  # noqa: BLE001  a fault in one handler must end neither the server nor in a client's hands
            _log.exception("handler_failed method=%s", method)
            await _abort(context, internal_status())

    @contextmanager
    def _one_stream(self) -> Iterator[None]:
        if self._streams >= self._max_streams:
            message = f"{self._streams} streams are open and at most {self._max_streams} may be; close one"
            raise Rejected("TOO_MANY_STREAMS", message)
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1


def snake_case(name: str) -> str:
    """`SetBudget` as `set_budget`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def client_of(peer: str) -> str:
    """The name of a client that gives none: `unix`, or its address without the port."""
    kind, _, address = peer.partition(":")
    return kind if kind == "unix" else f"{kind}:{address.rpartition(':')[0]}"


def _read(request: Message, body: bytes, peer: str) -> None:
    """Fill `request` from its bytes, and its client from the connection where it names none."""
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise BadInput("request", f"these {len(body)} bytes are no {request.DESCRIPTOR.full_name}") from error
    if "client" in request.DESCRIPTOR.fields_by_name and not request.client:  # type: ignore[attr-defined]
        request.client = client_of(peer)  # type: ignore[attr-defined]


def _about(request: Message) -> dict[str, str]:
    camera = getattr(request, "camera", "")
    return {"camera": camera} if camera else {}


async def _abort(context: Context, status: status_pb2.Status) -> None:
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
