"""The gate's own ends, where no client is left to see them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc

from agent.api.access import Access, Who
from agent.api.drain import Drain
from agent.api.gate import Gate
from agent.api.limits import ApiLimits
from agent.domain.access import Role
from agent.pb.ofa_agent.v1.status_pb2 import GetStatusRequest


class Gone:
    """The context of a call whose client has gone: gRPC refuses to end it."""

    async def abort(self, *_: object) -> None:
        raise grpc.aio.InternalError("the client has gone")


class Heard:
    """The context of a call whose client hears how it ends. `ended`: code and words."""

    ended: tuple[grpc.StatusCode, str] | None = None

    def peer(self) -> str:
        return "unix:1"

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    def invocation_metadata(self) -> tuple[()]:
        return ()

    async def write(self, _: object) -> None:
        return

    async def abort(self, code: grpc.StatusCode, words: str, _: object) -> None:
        self.ended = code, words


def test_a_call_that_there_is_no_memory_for_is_refused_in_words_and_is_no_fault() -> None:
    async def story() -> Heard:
        async def work(*_: object) -> None:
            raise MemoryError

        heard = Heard()
        gate = Gate(Drain(), ApiLimits(), cast(Access, AllowsAll()))
        await gate.stream("ofa_agent.v1.StatusService.WatchStatus", GetStatusRequest(), cast(Any, heard), work)
        return heard

    words = "ofa_agent.v1.StatusService.WatchStatus: no memory"
    assert asyncio.run(story()).ended == (grpc.StatusCode.RESOURCE_EXHAUSTED, words)


class AllowsAll:
    """An access that lets everybody in."""

    def admit(self, *_: object) -> Who:
        return Who("plc", "unix", Role.ADMIN, local=True)

    def still(self, *_: object) -> None:
        return None


def test_a_call_that_comes_while_the_agent_ends_is_over_also_where_its_client_has_gone() -> None:
    """It ended in `RuntimeError: generator didn't yield`, which the log told at a stop."""

    async def story() -> None:
        limits = ApiLimits()
        drain = Drain()
        drain.begin()
        gate = Gate(drain, limits, Access(()))

        async def work(*_: object) -> None:
            raise AssertionError("it was let in")

        await gate.stream("ofa_agent.v1.StatusService.WatchStatus", GetStatusRequest(), cast(Any, Gone()), work)

    asyncio.run(story())
