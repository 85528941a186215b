"""A daemon that says what a test tells it to, over a real socket: for what a client does with answers and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

R = TypeVar("R", bound=Message)


@dataclass(frozen=True)
class Fails:
    """An answer that is an error; without a `reason` it is one that no agent has made."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "no"
    retry_after_s: float | None = None

    def status(self) -> status_pb2.Status:
        made = status_pb2.Status(code=code_pb2.Code.Value(self.code.name), message=self.message)
        if self.reason:
            made.details.append(_packed(error_details_pb2.ErrorInfo(reason=self.reason, domain="ofa-agent")))
        if self.retry_after_s is not None:
            delay = Duration()
            delay.FromNanoseconds(round(self.retry_after_s * 1e9))
            made.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
        return made


HANGS = object()  # no answer at all
Answer = Message | Fails | object


@dataclass
class ScriptedDaemon:
    """Answers of each method in turn, the last one for ever; `asked` is what came, in order."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    streams: dict[str, list[Sequence[Answer]]] = field(default_factory=dict)
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)  # the certificate (PEM) of each call, empty over a unix socket

    def requests(self, method: str, kind: type[R]) -> list[R]:
        """What came for `method`."""
        return [kind.FromString(body) for name, body in self.asked if name == method]

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = str(details.method).rpartition("/")[2]
        if method in self.streams:
            return grpc.unary_stream_rpc_method_handler(self._streamer(method))
        return grpc.unary_unary_rpc_method_handler(self._answerer(method))

    def _answerer(self, method: str) -> Callable[..., Any]:
        async def answer(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            self._heard(method, body, context)
            return await _said(_next(self.answers[method]), context)

        return answer

    def _streamer(self, method: str) -> Callable[..., Any]:
        async def stream(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
            self._heard(method, body, context)
            for one in _next(self.streams[method]):
                yield await _said(one, context)

        return stream

    def _heard(self, method: str, body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.asked.append((method, body))
        self.shown.append(next(iter((context.auth_context() or {}).get("x509_pem_cert", ())), b""))


@asynccontextmanager
async def scripted(folder: Path, daemon: ScriptedDaemon, name: str = "scripted.sock") -> AsyncIterator[Path]:
    """Serve it on a socket in `folder`, whose path is yielded."""
    server = _server(daemon)
    path = folder / name
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield path
    finally:
        await server.stop(None)


@asynccontextmanager
async def scripted_over_tls(daemon: ScriptedDaemon, ca: Path, folder: Path) -> AsyncIterator[int]:
    """Serve it over mutual TLS on a port of this machine, which is yielded; `folder` has its cert.pem and key.pem."""
    server = _server(daemon)
    port = server.add_secure_port("127.0.0.1:0", _credentials(ca, folder))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def _credentials(ca: Path, folder: Path) -> grpc.ServerCredentials:
    pair = ((folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes())
    return grpc.ssl_server_credentials([pair], ca.read_bytes(), require_client_auth=True)


def _server(daemon: ScriptedDaemon) -> grpc.aio.Server:
    class Generic(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # no generic class at run time
        def service(self, handler_call_details: Any) -> Any:
            return daemon.service(handler_call_details)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Generic(),))
    return server


def _next(answers: list[Any]) -> Any:
    return answers.pop(0) if len(answers) > 1 else answers[0]


async def _said(answer: Answer, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    if answer is HANGS:
        await asyncio.Event().wait()
    if isinstance(answer, Fails):
        context.set_trailing_metadata((("grpc-status-details-bin", answer.status().SerializeToString()),))
        await context.abort(answer.code, answer.message)
    assert isinstance(answer, Message)
    return answer.SerializeToString()


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
