"""Who is let in, and what for: every call passes here before anything of it is read.

connection ─► the door it came through ─► Who (identity, role) ─► the role that the call needs ─► Caller
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import grpc

from agent.api.errors import Rejected
from agent.api.roles import NEEDS
from agent.domain.access import Role

Auth: TypeAlias = "Mapping[str, Iterable[bytes]]"  # gRPC's auth context of a connection


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever is at the other end of a connection.

    `identity` is what a door vouches for (the URI of a certificate, the user of a process), empty where it vouches for
    nothing; `origin` is the connection in words, for the audit; `local`: a process on this machine.
    """

    identity: str
    origin: str
    role: Role
    local: bool = False


class Door(Protocol):
    """A way in. Owner of its sockets; event-loop side only.

    `bind`, the server starts, `open`, ..., `close` (nobody new), the server ends, `remove`.
    """

    def bind(self, server: grpc.aio.Server) -> None:
        """Add its port to a server that has not started. Raises BadInput, Refused where it cannot be had."""
        ...

    async def open(self) -> None:
        """Let clients in: the server has started."""
        ...

    async def close(self) -> None:
        """Let nobody new in; who is in stays. Idempotent, also where it was never opened."""
        ...

    async def remove(self) -> None:
        """Leave nothing behind: the server has ended. Idempotent, also where it was never bound."""
        ...

    def who(self, peer: str, auth: Auth) -> Who | None:
        """Who called, by gRPC's name of the connection; None for a connection of another door.

        Raises Rejected for one that must not be known any more (a certificate that was revoked).
        """
        ...

    def refused(self, peer: str, error: Rejected | None) -> str | None:
        """A call of that connection was refused before anything of it was read; `error` None: nobody serves it.

        Returns where it came from, as gRPC names addresses (`ipv4:10.0.0.7:51234`); None for a connection of another
        door, and where gRPC's own name of it says it.
        """
        ...


class Heard(Protocol):
    """Somebody who is told of calls that are refused here."""

    def refused(self, method: str, who: Who | None, peer: str, error: Rejected) -> None: ...


class Rate(Protocol):
    """How often each may call."""

    def take(self, who: Who) -> None:
        """One call more. Raises Rejected."""
        ...


class Access:
    """Asks the doors who called. Owner of nothing; event-loop side only."""

    def __init__(self, doors: Sequence[Door], heard: Heard | None = None, rates: Rate | None = None) -> None:
        self._doors = doors
        self._heard = heard
        self._rates = rates

    def admit(self, method: str, peer: str, auth: Auth) -> Who:
        """Who calls `method` (`package.Service.Method`).

        Raises Rejected: PERMISSION_DENIED, UNAUTHENTICATED, RESOURCE_EXHAUSTED.
        """
        who: Who | None = None
        try:
            who = self._who(peer, auth)
            if who is None:
                raise Rejected("NO_ROLE", f"a connection from {peer!r} is not known and may do nothing")
            if self._rates is not None:
                self._rates.take(who)
            self._check(method, who)
        except Rejected as error:
            self._tell(method, who, peer, error)
            raise
        return who

    def still(self, method: str, peer: str, auth: Auth) -> None:
        """As `admit`, for a call that was let in before and goes on; it counts for no rate.

        One whose connection no door knows any more ends by itself: its client has gone, and nobody is refused.
        """
        who: Who | None = None
        try:
            who = self._who(peer, auth)
            if who is not None:
                self._check(method, who)
        except Rejected as error:
            self._tell(method, who, peer, error)
            raise

    def _who(self, peer: str, auth: Auth) -> Who | None:
        return next((found for door in self._doors if (found := door.who(peer, auth)) is not None), None)

    def unknown(self, peer: str) -> None:
        """A call of that connection was for a method that nobody serves."""
        for door in self._doors:
            door.refused(peer, None)

    def _tell(self, method: str, who: Who | None, peer: str, error: Rejected) -> None:
        places = [place for door in self._doors if (place := door.refused(peer, error)) is not None]
        if self._heard is not None:
            self._heard.refused(method, who, places[0] if places else peer, error)

    def _check(self, method: str, who: Who) -> None:
        needed = NEEDS.get(method)
        name = who.identity or who.origin
        if who.role is Role.NONE:
            raise Rejected("NO_ROLE", f"{name!r} has no role and may do nothing; give it one in the config")
        if needed is None or not who.role.covers(needed):
            what = f"role {needed.value!r}" if needed is not None else "a role that there is not"
            raise Rejected("ROLE_TOO_LOW", f"{method} needs {what}; {name!r} has role {who.role.value!r}")
