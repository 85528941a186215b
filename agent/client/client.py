"""The connection to a daemon, with its RPCs as typed methods: the classes that AgentClient is made of."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from agent.client.budgets import BudgetCalls
from agent.client.calls import Retry
from agent.client.capture import CaptureCalls
from agent.client.channel import Channels
from agent.client.errors import failure
from agent.client.operations import OperationCalls
from agent.client.orders import OrderCalls
from agent.client.status import StatusCalls
from agent.client.tls import TlsFiles
from agent.errors import BadInput

R = TypeVar("R", bound=Message)
_OPTIONS = [  # min_reconnect_backoff_ms stays at its 20 s: it is also the time that one attempt to connect may take
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 30_000),  # the daemon refuses pings that come faster than every 5 s
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
]


class AgentClient(StatusCalls, BudgetCalls, OrderCalls, OperationCalls, CaptureCalls):
    """One connection to a daemon; use as `async with AgentClient(path) as client`.

    `target` is the path of the daemon's unix socket, `unix:PATH`, or HOST:PORT (also `dns:///HOST:PORT`) with `tls`;
    without `tls` nothing is encrypted and no daemon answers. Files of `tls` that change are taken at the next call.
    Every call has a deadline of `timeout_s` seconds. One that changes something is sent again, as `retry` says, where
    it may have been lost, with one request id, yours or a new one: the daemon carries an id out once.
    Calls raise RpcFailed, DaemonUnreachable, or BadInput for what the wire cannot carry. `name` is the client that
    claims and orders are held by, by default `USER@HOST`; programs of one user that hold claims of their own need
    names of their own.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        name: str | None = None,
        timeout_s: float = 10.0,
        retry: Retry | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        text = os.fspath(target)
        self.target = f"unix:{text}" if text.startswith(("/", "./", "../")) else text
        if tls is not None and self.target.startswith("unix"):
            raise BadInput("tls", f"{self.target} is a socket of this machine; TLS is for HOST:PORT")
        self.name = default_name() if name is None else name
        self.timeout_s = timeout_s
        self.retry = retry or Retry()
        # Over a unix socket all clients have one address: this tells the daemon which calls are of one of them.
        options = [*_OPTIONS, ("grpc.primary_user_agent", f"ofa-client/{uuid.uuid4().hex}")]
        self._channels = Channels(self.target, options, tls)

    async def __aenter__(self) -> AgentClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is under way and disconnect; idempotent."""
        await self._channels.close()

    # -- transport -------------------------------------------------------------------------------------------------

    async def _call(self, path: str, request: Message, answer: type[R]) -> R:
        await self._channels.tidy()
        with self._channels.call() as channel:
            call: Any = channel.unary_unary(path, _serialize, answer.FromString)
            try:
                response: R = await call(request, timeout=self.timeout_s)
            except grpc.aio.AioRpcError as exc:
                raise failure(exc, self.target) from exc
        return response

    def _stream(self, path: str, request: Message, answer: type[Message]) -> Any:
        return self._channels.stream(path, _serialize, answer.FromString, request)

    def _client(self, name: str | None) -> str:
        return self.name if name is None else name


def default_name() -> str:
    """`USER@HOST`: the same for every process of this user, so that one may release what another has set."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a passwd entry
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
