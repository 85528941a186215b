"""The request that is being carried out, so that what it changes can be written down together with its id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from agent.domain.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class RequestMark:
    """Says in the journal that a request was carried out for a camera (empty: the agent itself).

    `method` and `body_sha256` are those of StoredAnswer: the same id with another body is refused.
    """

    request_id: str
    camera: str
    method: str = ""
    body_sha256: str = ""


# Set while a request is carried out; every durable write under it carries the mark in its own transaction.
CURRENT: ContextVar[RequestMark | None] = ContextVar("ofa_agent_request", default=None)


@dataclass(slots=True)
class Audited:
    """A change that is being made for somebody, under a name of its own, and its entry as far as it is known by now.

    `begun`: the journal was given something of it to write. Owner: the task that makes the change.
    """

    id: str
    entry: AuditEntry
    begun: bool = False


class Repeated(Exception):
    """The request's id has been used before, and nothing was changed now: whoever asked has to look it up."""


# Set while a change is made; the first durable write under it leaves the entry in the journal, so that it is not lost
# when the agent dies before it comes to answer.
AUDITED: ContextVar[Audited | None] = ContextVar("ofa_agent_audited", default=None)


@contextmanager
def on_its_own() -> Iterator[None]:
    """Around writes that come about while a request is carried out and are no part of it: they neither carry its mark,
    which says that it was carried out, nor leave its entry."""
    mark, change = CURRENT.set(None), AUDITED.set(None)
    try:
        yield
    finally:
        AUDITED.reset(change)
        CURRENT.reset(mark)
