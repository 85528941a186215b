"""A server stream that survives the daemon's restarts and says so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar, cast

import anyio
import grpc
from google.protobuf.message import Message

from agent.client.errors import RpcFailed, failure
from agent.errors import DaemonUnreachable
from agent.pb.ofa_agent.v1.status_pb2 import WatchStatusRequest, WatchStatusResponse

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
SILENCE_S = 15.0  # the daemon sends a heartbeat at least every 3 s; five missed ones are no accident


class StreamMessage(Protocol):
    """What every streamed message of the agent has."""

    heartbeat: bool
    dropped: int


M = TypeVar("M", bound=StreamMessage)
Seen_contra = TypeVar("Seen_contra", contravariant=True)
StreamCall = grpc.aio.UnaryStreamCall


@dataclass(frozen=True, slots=True)
class Interruption:
    """The stream broke and was opened again: messages between were missed. `count` grows with each."""

    count: int
    error: RpcFailed | DaemonUnreachable


class Place(Protocol[Seen_contra]):
    """Where a stream goes on after an interruption; it changes the request that is sent next."""

    def seen(self, message: Seen_contra) -> None: ...

    def forget(self) -> bool:
        """Begin anew next time; False where it would have done so anyway."""
        ...


class StatusPlace:
    """The newest state that a watcher of the status has; see Place."""

    def __init__(self, request: WatchStatusRequest) -> None:
        self._request = request

    def seen(self, message: WatchStatusResponse) -> None:
        self._request.resume_epoch, self._request.resume_revision = message.epoch, message.revision

    def forget(self) -> bool:
        known = bool(self._request.resume_epoch)
        self._request.resume_epoch, self._request.resume_revision = "", 0
        return known


class Watch(Generic[M]):
    """Async iterator over a stream's messages; use as `async with client.watch_results() as watch: async for …`.

    It raises what the first attempt failed with; once it has heard the daemon it connects again for ever, with growing
    delays, and raises only what another attempt cannot mend (NOT_FOUND, INVALID_ARGUMENT and the like). An agent that
    does not know the certificate any more is asked once again, with the files as they are then. With a `place`
    it goes on from there, and begins anew where the daemon does not know that place any more. Heartbeats are taken
    out. `dropped` is what this reader missed on the present connection because it was slow.
    """

    def __init__(
        self,
        open_stream: Callable[[], StreamCall[object, M]],
        target: str,
        on_interruption: Callable[[Interruption], None] | None = None,
        silence_s: float = SILENCE_S,
        place: Place[M] | None = None,
    ) -> None:
        self._open_stream = open_stream
        self._target = target
        self._on_interruption = on_interruption
        self._silence_s = silence_s
        self._place = place
        self._call: StreamCall[object, M] | None = None
        self._heard = False
        self._closed = False
        self._refused = False
        self._delay_s = FIRST_DELAY_S
        self.interruptions = 0
        self.dropped = 0

    def __aiter__(self) -> Watch[M]:
        return self

    async def __anext__(self) -> M:
        while not self._closed:
            try:
                message = await self._read()
            except (RpcFailed, DaemonUnreachable) as error:
                await self._interrupted(error)
                continue
            self._heard, self._refused = True, False
            self._delay_s, self.dropped = FIRST_DELAY_S, message.dropped
            if not message.heartbeat:
                if self._place is not None:
                    self._place.seen(message)
                return message
        raise StopAsyncIteration

    async def __aenter__(self) -> Watch[M]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream; for the reading task. Idempotent."""
        self._closed = True
        self._drop_call()

    async def _read(self) -> M:
        if self._call is None:
            self._call = self._open_stream()
        try:
            with anyio.fail_after(self._silence_s):  # asyncio.wait_for may lose a cancellation before Python 3.12
                message = await self._call.read()
        except grpc.aio.AioRpcError as exc:
            raise failure(exc, self._target) from exc
        except TimeoutError as exc:
            raise DaemonUnreachable(f"{self._target}: silent for {self._silence_s:g} s") from exc
        if not isinstance(message, Message):  # grpc.aio.EOF
            raise DaemonUnreachable(f"{self._target}: the stream ended")
        return cast(M, message)

    async def _interrupted(self, error: RpcFailed | DaemonUnreachable) -> None:
        """Wait before the next attempt, or raise where there must be none."""
        self._drop_call()
        unknown = isinstance(error, RpcFailed) and error.code == "OUT_OF_RANGE"
        if unknown and self._place is not None and self._place.forget():
            return
        if not self._heard or self._is_lasting(error):
            raise error
        self.interruptions += 1
        if self._on_interruption is not None:
            self._on_interruption(Interruption(self.interruptions, error))
        await asyncio.sleep(self._delay_s * random.uniform(0.5, 1.0))
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)

    def _is_lasting(self, error: RpcFailed | DaemonUnreachable) -> bool:
        if isinstance(error, DaemonUnreachable):
            return False
        if error.code == "UNAUTHENTICATED" and not self._refused:
            self._refused = True  # a certificate that ran out may have been renewed meanwhile
            return False
        return error.code not in {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"}

    def _drop_call(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
