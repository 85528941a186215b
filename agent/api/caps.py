"""How much may be under way at once, in all and by one client."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.api.access import Who
from agent.api.errors import Rejected
from agent.api.reasons import RejectionReason

# What a client of the unix socket puts into its user agent, to be told apart from others; see AgentClient.
CLIENT_ID = re.compile(r"(?:^|\s)ofa-client/([0-9A-Za-z._-]{1,64})(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a call counts for: the owner of a certificate, or a client of a local user by the id that it gave.

    All connections of a local user look alike, so that clients that give no id are one peer, and not `told_apart`.
    `user`: the local user, who may run any number of clients; empty for a certificate, which is one client.
    """

    key: str
    told_apart: bool
    user: str = ""

    @classmethod
    def of(cls, who: Who, metadata: Iterable[tuple[str, str | bytes]]) -> Peer:
        """By the call's metadata."""
        if not who.local:
            return cls(who.identity, True)
        agent = next((value for key, value in metadata if key == "user-agent"), "")
        found = CLIENT_ID.search(agent) if isinstance(agent, str) else None
        user = f"unix {who.identity}".rstrip()
        if found is None:
            return cls(user, False, who.identity)
        return cls(f"{user} {found[1]}", True, who.identity)


class Caps:
    """Counts what is under way. `reason` of the refusal, `what` is counted in words.

    `each`: by a client that is told apart; `unnamed`: by all of a local user's that are not; `user`: by all clients of
    a local user, however many it says they are (default: as many as there are).
    """

    def __init__(
        self, reason: RejectionReason, what: str, total: int, each: int, unnamed: int, user: int | None = None
    ) -> None:
        self._reason: RejectionReason = reason
        self._what = what
        self._total = total
        self._each = each
        self._unnamed = unnamed
        self._user = total if user is None else user
        self._held: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self._count = 0

    @property
    def count(self) -> int:
        """Of all clients together."""
        return self._count

    @contextmanager
    def one(self, peer: Peer) -> Iterator[None]:
        """One more, until the context ends; raises Rejected where that would be one too many."""
        self._check(peer)
        self._count += 1
        self._held[peer.key] += 1
        self._users[peer.user] += 1
        try:
            yield
        finally:
            self._count -= 1
            _less(self._held, peer.key)
            _less(self._users, peer.user)

    def _check(self, peer: Peer) -> None:
        most = self._each if peer.told_apart else self._unnamed
        held = self._held.get(peer.key, 0)
        whose = "this client" if peer.told_apart else "local clients without an id"
        if held >= most:
            raise Rejected(self._reason, f"{held} {self._what} of {whose} are open and at most {most} may be; end one")
        if peer.user and self._users.get(peer.user, 0) >= self._user:
            message = f"{self._user} {self._what} of user {peer.user!r} are open and no more may be; end one"
            raise Rejected(self._reason, message)
        if self._count >= self._total:
            message = f"{self._count} {self._what} of all clients are open and at most {self._total} may be; end one"
            raise Rejected(self._reason, message)


def _less(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
