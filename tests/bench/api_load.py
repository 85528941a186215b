"""Processes that burden a server while others are measured; see tests.bench.api.

python -m tests.bench.api_load KIND SOCKET

They say `ready` once the burden is on, and end with their standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from tests.support.http2 import HELLO, PREFACE, HalfClient, call_frames

WATCHERS, STREAMS, HALF_OPEN, SENDERS = 200, 16, 100, 2
TOO_LARGE = b"\x0a\xff\xff\x3f" + b"c" * ((1 << 20) - 1)  # a message of 1 MiB that would be well formed
STATUS = "/ofa_agent.v1.StatusService/"
Ready = Callable[[], None]


async def never_reads(path: Path, ready: Ready) -> None:
    """One client that opens streams of every camera's results and never reads one."""
    client = await HalfClient.connect(path)
    for number in range(STREAMS):
        name = f"station-{1 + number % 4}".encode()
        client.say(call_frames(STATUS + "WatchResults", 1 + 2 * number, b"\x0a" + bytes((len(name),)) + name))
    ready()
    await asyncio.Event().wait()


async def half_open(path: Path, ready: Ready) -> None:
    """Connections that stop before, within or after their greeting; one that is cut off is opened again."""

    async def one(hello: bytes) -> None:
        while True:
            client = await HalfClient.connect(path, hello)
            await client.hung_up()
            await client.close()

    hellos = (b"", PREFACE[:9], HELLO)
    tasks = [asyncio.ensure_future(one(hellos[number % 3])) for number in range(HALF_OPEN)]
    await asyncio.sleep(0.5)
    ready()
    await asyncio.gather(*tasks)


async def huge(path: Path, ready: Ready) -> None:
    """Requests of 1 MiB, one after the other, by two clients; each is refused."""

    async def one() -> None:
        async with grpc.aio.insecure_channel(f"unix:{path}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            plain: Any = channel
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await plain.unary_unary(STATUS + "GetStatus")(TOO_LARGE)

    tasks = [asyncio.ensure_future(one()) for _ in range(SENDERS)]
    await asyncio.sleep(0.5)
    ready()
    await asyncio.gather(*tasks)


def watchers(count: int) -> Callable[[Path, Ready], Awaitable[None]]:
    """That many readers of the states, a few on each connection."""

    async def watch(path: Path, ready: Ready) -> None:
        async with contextlib.AsyncExitStack() as stack:
            calls: list[Any] = []
            for number in range(count):
                if number % 20 == 0:
                    options = [("grpc.use_local_subchannel_pool", 1)]
                    channel = grpc.aio.insecure_channel(f"unix:{path}", options)
                    plain: Any = await stack.enter_async_context(channel)
                calls.append(plain.unary_stream(STATUS + "WatchStatus")(b"\x0a\x09station-1"))
            for call in calls:
                await call.read()
            ready()

            async def read(call: Any) -> None:
                while True:
                    await call.read()

            await asyncio.gather(*(read(call) for call in calls))

    return watch


KINDS: dict[str, Callable[[Path, Ready], Awaitable[None]]] = {
    "never_reads": never_reads,
    "half_open": half_open,
    "huge": huge,
    "watchers": watchers(WATCHERS),
    "watchers_64": watchers(64),
}


async def main(kind: str, path: Path) -> None:
    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    burden = asyncio.ensure_future(KINDS[kind](path, ready))
    await asyncio.to_thread(sys.stdin.read)
    burden.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await burden


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
