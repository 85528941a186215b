"""Requests that never run twice: the same id gets the first answer, also after a restart."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from agent.domain.journal import Journal, StoredAnswer
from agent.errors import BadInput


class Mutation(Protocol):
    """A request that changes something."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


A = TypeVar("A", bound=Message)
Q = TypeVar("Q", bound=Mutation)
Run = Callable[[], Coroutine[Any, Any, bytes]]


@dataclass(frozen=True, slots=True)
class _Running:
    method: str
    body_sha256: str
    task: asyncio.Task[bytes]


class RequestLog:
    """Owner of every mutation under way. For the event loop only.

    A mutation runs in a task of its own, so that it comes to its end though its caller hangs up; callers that send the
    same id meanwhile wait for the same task. Only successful answers are kept: a refused request changed nothing.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()

    async def once(self, request: Q, answer_type: type[A], act: Callable[[Q], Awaitable[A]]) -> A:
        """The answer of `act(request)`, or the first answer to this request's id.

        Raises BadInput for an id that is no UUID4 or was used with another body, and what `act` and the journal raise.
        """

        async def run() -> bytes:
            return (await act(request)).SerializeToString(deterministic=True)

        request_id = canonical_id(request.request_id)
        if request_id:
            key = _Key(request_id, type(request).__name__, _body_sha256(request))
            task = self._task(key, run)
        else:
            task = self._own(run())
        return answer_type.FromString(await asyncio.shield(task))

    async def close(self, timeout_s: float) -> None:
        """Wait for what is under way, then cancel it; idempotent."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _task(self, key: _Key, run: Run) -> asyncio.Task[bytes]:
        running = self._running.get(key.request_id)
        if running is not None:
            key.check_same(running.method, running.body_sha256)
            return running.task
        task = self._own(self._first(key, run))
        self._running[key.request_id] = _Running(key.method, key.body_sha256, task)
        task.add_done_callback(lambda _: self._running.pop(key.request_id))
        return task

    async def _first(self, key: _Key, run: Run) -> bytes:
        stored = await self._journal.stored_answer(key.request_id)
        if stored is not None:
            key.check_same(stored.method, stored.body_sha256)
            return stored.answer
        answer = await run()
        await self._journal.store_answer(StoredAnswer(key.request_id, key.method, key.body_sha256, answer))
        return answer

    def _own(self, work: Coroutine[Any, Any, bytes]) -> asyncio.Task[bytes]:
        task = asyncio.create_task(work, name="api-mutation")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have hung up; nobody is left to be told


@dataclass(frozen=True, slots=True)
class _Key:
    request_id: str
    method: str
    body_sha256: str

    def check_same(self, method: str, body_sha256: str) -> None:
        if (method, body_sha256) != (self.method, self.body_sha256):
            raise BadInput("request_id", f"{self.request_id} was used before with another request; make up a new one")


def canonical_id(text: str) -> str:
    """The id in lower case, or empty where none is given; raises BadInput for anything but a UUID of version 4."""
    if not text:
        return ""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != 4 or str(parsed) != text.lower():
        raise BadInput("request_id", f"{text[:64]!r} is not a UUID of version 4 with hyphens")
    return str(parsed)


def _body_sha256(request: Mutation) -> str:
    """Of all fields but the id, whose letters may be in either case."""
    body = type(request)()
    body.CopyFrom(request)  # type: ignore[attr-defined]
    body.request_id = ""
    return hashlib.sha256(body.SerializeToString(deterministic=True)).hexdigest()
