"""Requests that never run twice: the same id gets the first answer, also after a restart, and is audited once.

What a mutation changes is durable together with the request's mark, one for each camera, and with what it will be
audited as; its answer follows with its audit entry. Where the agent dies between the two, the next start writes that
entry, and the request that comes again finds its marks: it is answered from the present state and not carried out
again, so that it cannot overwrite what was asked for later.

Where the answer can be said before anything is changed (`kept`), all of it is one transaction: the change, the answer
and the entry, unless the id is found there. Nothing is looked up then, nothing marked, and no crash comes between.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from agent.api.errors import Rejected, code_of
from agent.api.told import Working, told_operations
from agent.api.trail import Trail
from agent.domain.audit import AuditEntry
from agent.domain.journal import Answered, Journal, StoredAnswer, StoredOperation
from agent.domain.request import AUDITED, CURRENT, Audited, Repeated, RequestMark
from agent.errors import AgentError, BadInput, JournalError, TooMany
from agent.logs import event, logger

_log = logger("requests")
UNSTORED = 1024  # answers kept in memory while the journal cannot take them


class Mutation(Protocol):
    """A request that changes something."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


A = TypeVar("A", bound=Message)
Q = TypeVar("Q", bound=Mutation)
Run = Callable[[], Coroutine[Any, Any, Message]]
Work = Callable[[], Coroutine[Any, Any, bytes]]


@dataclass(frozen=True, slots=True)
class MutationLimits:
    """At most `under_way` mutations at once; a caller is answered within `answer_s`, while what was begun goes on."""

    under_way: int = 128
    answer_s: float = 30.0


class RequestLog:
    """Owner of every mutation under way. For the event loop only.

    A mutation runs in a task of its own, so that it comes to its end though its caller hangs up; callers that send the
    same id meanwhile wait for the same task. Only successful answers are kept: a refused request changed nothing.
    `cameras` tell the etags for the audit, and what is known of the swaps that an answer names.
    """

    def __init__(
        self,
        journal: Journal,
        cameras: Mapping[str, Working] | None = None,
        limits: MutationLimits | None = None,
        refused: Callable[[AuditEntry], None] | None = None,
    ) -> None:
        """`refused` takes the entries of what was refused; without it they all go into the journal."""
        self._journal = journal
        self._refused = refused or journal.note_audit
        self._cameras = cameras or {}
        self._trail = Trail(self._cameras)
        self._limits = limits or MutationLimits()
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()
        self._unstored: OrderedDict[str, StoredAnswer] = OrderedDict()

    @property
    def under_way(self) -> int:
        """Mutations that have begun and not ended."""
        return len(self._tasks)

    async def once(
        self, request: Q, answer_type: type[A], act: Callable[[Q], Awaitable[A]], *, looks_up_late: bool = False
    ) -> A:
        """The answer of `act(request)`, or the first answer to this request's id.

        `looks_up_late`: `act` calls `kept` before it changes anything, so that the id need not be looked up before; it
        may be called twice then.

        Raises BadInput for an id that is no UUID4 or was used with another body, TooMany over the bound, Rejected
        (CALL_TOO_LONG) for one that goes on without its caller, and what `act` and the journal raise.
        """

        async def run() -> Message:
            return await act(request)

        request_id = canonical_id(request.request_id)
        key = _Key(request_id, type(request).__name__, _body_sha256(request) if request_id else "")
        if self._is_taken(key):  # by one that may be refused for that: what was answered before keeps its answer
            known = await self._known(key)
            if known is not None:
                return answer_type.FromString(known)
        running = self._started(key, lambda: self._carried_out(key, request, run, looks_up_late))
        if not await running.ended(self._limits.answer_s):
            message = f"{key.method} has no answer within {self._limits.answer_s:g} s and goes on"
            raise Rejected("CALL_TOO_LONG", message)
        return answer_type.FromString(running.task.result())

    @asynccontextmanager
    async def for_camera(self, camera: str) -> AsyncIterator[bool]:
        """Around the part of a mutation that changes this camera (empty: the agent itself).

        Yields whether it is still to be done: False where it was carried out before the agent died in the request.
        """
        work = _WORK.get(None)
        if work is None or not work.key.request_id:
            yield True
        elif camera in work.carried_out:
            yield False
        else:
            token = CURRENT.set(RequestMark(work.key.request_id, camera, work.key.method, work.key.body_sha256))
            try:
                yield True
            finally:
                CURRENT.reset(token)

    async def kept(self, answer: Message | None, after: str = "") -> Answered | None:
        """What of the present mutation is to be kept in the transaction of its change, which will have been answered so
        then. `after`: the camera's etag then. None for an answer that is not known yet: it is kept when it is given.

        Raises Repeated where that is too late, since the request was carried out before.
        """
        work = _WORK.get(None)
        if work is None:
            return None
        if answer is None:
            if not work.looked_up:
                await self._look_up(work)
            return None
        work.answer = answer.SerializeToString(deterministic=True)
        return Answered(work.key.stored(work.answer), replace(work.entry, outcome="OK", after=after))

    async def close(self, timeout_s: float) -> None:
        """Wait for what is under way, then cancel it; idempotent."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _is_taken(self, key: _Key) -> bool:
        """Whether another request is under way with that id."""
        other = self._running.get(key.request_id)
        return other is not None and (other.key.method, other.key.body_sha256) != (key.method, key.body_sha256)

    def _started(self, key: _Key, work: Work) -> _Running:
        known = self._running.get(key.request_id)
        if known is not None:
            key.check_same(known.key.method, known.key.body_sha256)
            return known
        if len(self._tasks) >= self._limits.under_way:
            raise TooMany(f"{len(self._tasks)} changes are under way and at most {self._limits.under_way} may be")
        running = _Running(key, work)
        self._tasks.add(running.task)
        if key.request_id:
            self._running[key.request_id] = running
        running.task.add_done_callback(lambda ended: self._done(key, ended))
        return running

    def _done(self, key: _Key, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        self._running.pop(key.request_id, None)
        if not task.cancelled():
            task.exception()  # its caller may have hung up; nobody is left to be told

    async def _carried_out(self, key: _Key, request: Mutation, run: Run, looks_up_late: bool) -> bytes:
        """Look the request up, carry out what is left of it, and keep its answer and its audit entry."""
        entry = self._trail.begun(request, key.request_id)
        change, work = Audited(str(uuid.uuid4()), entry), _Work(key, entry)
        AUDITED.set(change)
        _WORK.set(work)
        try:
            if not looks_up_late or not await self._attempted(work, run):
                work.looked_up = True
                work.answer = await self._known(key)
                if work.answer is None:
                    work.carried_out = await self._carried_out_before(key)
                    work.message = await run()
        except BaseException as error:
            # What was carried out in part is never only counted: its entry takes the place of what it has left.
            note = self._journal.note_audit if change.begun else self._refused
            if not _is_written(work, change, error):
                note(replace(entry, outcome=_code(error), reason=getattr(error, "reason", "")))
            raise
        if work.answer is not None:  # it is in the journal
            return work.answer
        answer = work.message
        assert answer is not None, "what was carried out has an answer"
        body, told = answer.SerializeToString(deterministic=True), told_operations(answer, self._cameras)
        await self._keep(key.stored(body, told), self._trail.done(entry))
        return body

    async def _attempted(self, work: _Work, run: Run) -> bool:
        """Carry it out as if its id had never been used; False where it turns out that it was: nothing has changed.

        What is refused may have been granted before: then the first answer counts.
        """
        if work.key.request_id in self._unstored:
            return False
        try:
            work.message = await run()
        except Repeated:
            work.answer = None
            return False
        except (AgentError, Rejected):
            work.answer = None
            if not work.looked_up:
                try:
                    await self._look_up(work)
                except Repeated:
                    return False
            raise
        return True

    async def _look_up(self, work: _Work) -> None:
        """Raises Repeated where the request was answered, or carried out for a camera."""
        work.looked_up = True
        if await self._known(work.key) is not None or await self._carried_out_before(work.key):
            raise Repeated

    async def _known(self, key: _Key) -> bytes | None:
        """The first answer to that id; raises BadInput where it was given to another request."""
        if not key.request_id:
            return None
        stored = self._unstored.get(key.request_id) or await self._journal.stored_answer(key.request_id)
        if stored is None:
            return None
        key.check_same(stored.method, stored.body_sha256)
        return stored.answer

    async def _carried_out_before(self, key: _Key) -> frozenset[str]:
        """The cameras for which the request was carried out by an agent that did not come to answer it."""
        if not key.request_id:
            return frozenset()
        marks = await self._journal.request_marks(key.request_id)
        for mark in marks:
            key.check_same(mark.method, mark.body_sha256)
        return frozenset(mark.camera for mark in marks)

    async def _keep(self, answer: StoredAnswer, entry: AuditEntry) -> None:
        """Durable before the caller hears of it. A journal that fails now does not take back what was done: then the
        caller is told so, and answer and entry are written as soon as they can be."""
        try:
            await self._journal.store_answer(answer, entry)
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", method=answer.method, error=error)
            self._journal.note_answer(answer, entry)
            if answer.request_id:
                self._unstored[answer.request_id] = answer
                while len(self._unstored) > UNSTORED:
                    self._unstored.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Key:
    request_id: str
    method: str
    body_sha256: str

    def stored(self, body: bytes, told: tuple[StoredOperation, ...] = ()) -> StoredAnswer:
        """The answer of that body, as it is kept."""
        return StoredAnswer(self.request_id, self.method, self.body_sha256, body, told)

    def check_same(self, method: str, body_sha256: str) -> None:
        if (method, body_sha256) != (self.method, self.body_sha256):
            raise BadInput("request_id", f"{self.request_id} was used before with another request; make up a new one")


class _Running:
    """A mutation in a task of its own, and those who wait for it."""

    def __init__(self, key: _Key, work: Work) -> None:
        self.key = key
        self._waiting: set[asyncio.Future[None]] = set()
        self.task = asyncio.create_task(self._run(work), name="api-mutation")
        self.task.add_done_callback(lambda _: self._wake())  # also where it is cancelled before it has begun

    async def _run(self, work: Work) -> bytes:
        try:
            return await work()
        finally:
            self._wake()

    async def ended(self, timeout_s: float) -> bool:
        """Wait for its end, for that long. By asyncio.wait whoever waits is woken a turn of the loop later."""
        if self.task.done():
            return True
        loop = asyncio.get_running_loop()
        wait: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(timeout_s, _end, wait)
        self._waiting.add(wait)
        try:
            await wait
        finally:
            timer.cancel()
            self._waiting.discard(wait)
        return self.task.done()

    def _wake(self) -> None:
        for wait in self._waiting:
            _end(wait)


@dataclass(slots=True)
class _Work:
    """The mutation that the present task carries out. `answer`: once it is kept, or will be with the change."""

    key: _Key
    entry: AuditEntry
    carried_out: frozenset[str] = frozenset()
    looked_up: bool = False
    answer: bytes | None = None
    message: Message | None = None


_WORK: ContextVar[_Work] = ContextVar("ofa_agent_mutation")


def _end(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)


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


def _is_written(work: _Work, change: Audited, error: BaseException) -> bool:
    """Whether its entry is on its way in the transaction of the change, and whoever waited for that has ended."""
    return work.answer is not None and change.begun and isinstance(error, asyncio.CancelledError)


def _code(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED"
    return code_of(error).name if isinstance(error, AgentError | Rejected) else "INTERNAL"
