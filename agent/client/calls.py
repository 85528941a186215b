"""What the parts of AgentClient share: how a request is sent, and how one that changes something is sent again."""

from __future__ import annotations

import asyncio
import random
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from agent.client.errors import RpcFailed
from agent.errors import DaemonUnreachable

R = TypeVar("R", bound=Message)
_PASSING = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a request that changes something is sent at most, and how long is waited in between.

    Each sending has the client's whole `timeout_s`. Delays double, are jittered, and are at least what the daemon asks
    for as far as that is no more than `longest_delay_s`.
    """

    attempts: int = 5
    first_delay_s: float = 0.2
    longest_delay_s: float = 2.0

    def delay_s(self, sent: int, error: Exception) -> float:
        """The wait after sending number `sent` failed with `error`."""
        own_s = min(self.first_delay_s * 2.0 ** (sent - 1), self.longest_delay_s) * random.uniform(0.5, 1.0)
        asked_s = (error.retry_after_s or 0.0) if isinstance(error, RpcFailed) else 0.0
        return max(own_s, min(asked_s, self.longest_delay_s))


NO_RETRY = Retry(attempts=1)


def passing(error: RpcFailed | DaemonUnreachable) -> bool:
    """Whether the same request may go better a little later."""
    return isinstance(error, DaemonUnreachable) or error.code in _PASSING


class Change(Protocol):
    """A request that changes something: the daemon carries out an id once, however often it comes."""

    request_id: str


class Calls(ABC):
    """Part of AgentClient."""

    target: str
    timeout_s: float
    retry: Retry

    async def _status(self, method: str, request: Message, answer: type[R]) -> R:
        """A call of StatusService."""
        return await self._call(f"/ofa_agent.v1.StatusService/{method}", request, answer)

    async def _control(self, method: str, request: Message, answer: type[R]) -> R:
        """A call of ControlService, sent once as it is."""
        return await self._call(f"/ofa_agent.v1.ControlService/{method}", request, answer)

    async def _mutate(self, method: str, request: Message, answer: type[R], retry: Retry | None = None) -> R:
        """A call of ControlService, sent again with the same request id where it may have been lost.

        One that is sent once gets no id: the daemon keeps a durable row for each.
        """
        retry, sent = retry or self.retry, 0
        if retry.attempts > 1:
            _identified(request)
        while True:
            sent += 1
            try:
                return await self._control(method, request, answer)
            except (RpcFailed, DaemonUnreachable) as error:
                if sent >= retry.attempts or not passing(error):
                    raise
                delay_s = retry.delay_s(sent, error)
            await asyncio.sleep(delay_s)

    @abstractmethod
    async def _call(self, path: str, request: Message, answer: type[R]) -> R:
        """Send it once. Raises RpcFailed, DaemonUnreachable."""
        ...

    @abstractmethod
    def _stream(self, path: str, request: Message, answer: type[Message]) -> Any:
        """Open a stream of answers: a grpc.aio.UnaryStreamCall."""
        ...

    @abstractmethod
    def _client(self, name: str | None) -> str:
        """The name that claims and orders are held by."""
        ...


def _identified(request: Change | Message) -> None:
    if not request.request_id:  # type: ignore[union-attr]
        request.request_id = str(uuid.uuid4())  # type: ignore[union-attr]
