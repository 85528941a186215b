"""Collects every result and every state of the demo camera over gRPC, as any client could."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from agent.cli.demo.score import Received

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1.types_pb2 import CameraStatus, InferenceResult

BUFFER = 10_000


class Observer:
    """Use as `async with Observer(client, camera, on_status)`. Owner of what was received and of two reading tasks."""

    def __init__(self, client: AgentClient, camera: str, on_status: Callable[[CameraStatus], None]) -> None:
        self._client = client
        self._camera = camera
        self._on_status = on_status
        self._tasks: list[asyncio.Task[None]] = []
        self.results: list[Received] = []
        self.dropped = 0

    async def __aenter__(self) -> Observer:
        self._tasks = [
            asyncio.create_task(self._read_results(), name="demo-results"),
            asyncio.create_task(self._read_status(), name="demo-status"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end(*self._tasks)

    def check(self) -> None:
        """Raise what a reader failed with."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                with contextlib.suppress(asyncio.InvalidStateError):
                    task.result()

    async def _read_results(self) -> None:
        async with self._client.watch_results(self._camera, buffer=BUFFER) as stream:
            async for message in stream:
                self.dropped = message.dropped
                if message.HasField("result"):
                    self.results.append(_received(message.result))

    async def _read_status(self) -> None:
        async with self._client.watch_status(self._camera) as stream:
            async for message in stream:
                if message.HasField("status"):
                    self._on_status(message.status)


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel and wait. More than once, since asyncio.wait_for before 3.12 may swallow a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.5)


def _received(result: InferenceResult) -> Received:
    return Received(
        captured_ns=result.captured_ns,
        subnet_id=result.subnet_id,
        generation=result.generation,
        class_id=result.class_id,
        latency_ms=result.latency_ms,
        service_ms=result.service_ms,
        budget_id=result.budget_id,
    )
