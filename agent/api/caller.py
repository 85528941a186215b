"""Who calls: what handlers, the audit and the rules of local override go by."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from google.protobuf.message import Message

from agent.api.access import Who
from agent.domain.access import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """`client`: the name that claims are held by; `origin`: the connection; `local`: it came over the unix socket."""

    client: str
    origin: str
    local: bool
    role: Role = Role.ADMIN

    @classmethod
    def of(cls, who: Who, request: Message) -> Caller:
        """A request that has a place for a client gets the name that it goes by.

        On the machine itself a name is taken as it is given. From elsewhere it is that of the certificate, and one that
        is given only tells several programs of one certificate apart (`URI#name`): nobody can take another's name.
        """
        named = "client" in request.DESCRIPTOR.fields_by_name
        client = client_of(who, request.client if named else "")  # type: ignore[attr-defined]
        if named:
            request.client = client  # type: ignore[attr-defined]
        return cls(client, who.origin, who.local, who.role)


CALLER: ContextVar[Caller] = ContextVar("agent.api.caller")


def client_of(who: Who, given: str) -> str:
    """The name that claims are held by; one that gives none goes by what its door calls it."""
    if who.local:
        return given or who.identity or "unix"
    return f"{who.identity}#{given}" if given else who.identity
