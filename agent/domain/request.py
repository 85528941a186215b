"""The request that is being carried out, so that what it changes can be written down together with its id."""

from __future__ import annotations

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


# Set while a change is made; the first durable write under it leaves the entry in the journal, so that it is not lost
# when the agent dies before it comes to answer.
AUDITED: ContextVar[Audited | None] = ContextVar("ofa_agent_audited", default=None)
