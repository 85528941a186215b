"""A served API on a socket of its own, with a client beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from agent.api import ApiLimits, ApiServer, Services
from agent.client import NO_RETRY, AgentClient
from agent.clock import SystemClock
from tests.support.fake_control import FakeControl, FakeJournal

T = TypeVar("T")
DEADLINE_S = 60.0
QUICK = ApiLimits(heartbeat_s=0.05, drain_s=2.0, health_poll_s=0.02)
CALM = ApiLimits(heartbeat_s=30.0, drain_s=2.0, health_poll_s=0.02)


@dataclass
class Rig:
    """The server, the things behind it and a client before it."""

    server: ApiServer
    client: AgentClient
    control: FakeControl
    journal: FakeJournal
    path: Path

    @property
    def channel(self) -> grpc.aio.Channel:
        """The client's channel, for calls that the client has no method for."""
        return self.client._channels.current()

    async def call(self, path: str, request: Message, answer: Callable[[bytes], T]) -> T:
        """One unary call; raises AioRpcError."""
        call: Any = self.channel.unary_unary(path, lambda message: message.SerializeToString(), answer)
        response: T = await call(request, timeout=DEADLINE_S)
        return response


@asynccontextmanager
async def serving(
    folder: Path, *controls: FakeControl, limits: ApiLimits = CALM, group: str = "line-1"
) -> AsyncIterator[Rig]:
    """Serve these cameras (one, if none is given), all of one group, in `folder` until the context ends."""
    cameras = {control.name: control for control in controls or (FakeControl(),)}
    journal = FakeJournal()
    path = folder / "api.sock"
    server = ApiServer(Services(cameras, journal, SystemClock(), {group: tuple(cameras)}), path, limits)
    await server.start()
    client = AgentClient(path, name="tester", timeout_s=DEADLINE_S, retry=NO_RETRY)  # what the server says is tried
    try:
        yield Rig(server, client, next(iter(cameras.values())), journal, path)
    finally:
        await client.close()
        await server.stop()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end within DEADLINE_S."""
    return asyncio.run(asyncio.wait_for(main, DEADLINE_S))


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds; the deadline is that of `run`."""
    while not condition():  # noqa: ASYNC110  what is waited for is another program's state
        await asyncio.sleep(0)
