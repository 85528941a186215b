"""Who calls: what handlers, the audit and the rules of local override go by."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Caller:
    """`client`: the name that claims are held by; `origin`: the connection; `local`: it came over the unix socket."""

    client: str
    origin: str
    local: bool

    @classmethod
    def of(cls, peer: str, request: Message) -> Caller:
        """`peer` as gRPC calls it. A request that has a place for a client and names none gets its name."""
        local = peer.startswith("unix")
        named = "client" in request.DESCRIPTOR.fields_by_name
        if named and not request.client:  # type: ignore[attr-defined]
            request.client = client_of(peer)  # type: ignore[attr-defined]
        client = request.client if named else client_of(peer)  # type: ignore[attr-defined]
        return cls(client, "unix" if local else peer, local)


CALLER: ContextVar[Caller] = ContextVar("agent.api.caller")


def client_of(peer: str) -> str:
    """The name of a client that gives none: `unix`, or its address without the port."""
    kind, _, address = peer.partition(":")
    return kind if kind == "unix" else f"{kind}:{address.rpartition(':')[0]}"
