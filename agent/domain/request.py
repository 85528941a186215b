"""The request that is being carried out, so that what it changes can be written down together with its id."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


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
