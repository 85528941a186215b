"""Readers of the states and of the results of one camera, in a process of their own; see tests.bench.growth_watchers.

python -m tests.bench.growth_load COUNT SOCKET

Every second one reads results. It says `ready` once all are there, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import grpc

SERVICE = "/ofa_agent.v1.StatusService/"
REQUEST = b"\x0a\x09station-1"
ON_ONE_CONNECTION = 16


async def _watch(count: int, path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        calls: list[Any] = []
        channel: Any = None
        for number in range(count):
            if number % ON_ONE_CONNECTION == 0:
                options = [("grpc.use_local_subchannel_pool", 1)]
                channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"unix:{path}", options))
            method = "WatchResults" if number % 2 else "WatchStatus"
            calls.append(channel.unary_stream(SERVICE + method)(REQUEST))
        for call in calls:
            await call.read()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.gather(*(_read(call) for call in calls))


async def _read(call: Any) -> None:
    while True:
        await call.read()


async def main(count: int, path: Path) -> None:
    """Watch until standard input ends."""
    watching = asyncio.ensure_future(_watch(count, path))
    await asyncio.to_thread(sys.stdin.read)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
