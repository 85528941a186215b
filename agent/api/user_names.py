"""The names of local users, asked for where it may take long: a user database can be on the network."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from agent.api.local_users import Credentials, LocalUser, Lookup, unnamed
from agent.errors import OutOfResources
from agent.threads import SureThread

KEPT_S = 60.0  # a user who was put into a group is in it after that at the latest, and has to log in again anyway
MOST_KEPT = 256
PATIENCE_S = 2.0  # an administrator gets in though the user database hangs
MOST_ASKED = 4  # at once; each takes a thread


class UserNames:
    """Remembers users for KEPT_S. Owner of the look-ups under way; event-loop side only.

    A user whose look-up takes longer than PATIENCE_S goes by number, for that connection.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._kept: dict[Credentials, tuple[float, LocalUser]] = {}
        self._asked: dict[Credentials, asyncio.Future[LocalUser]] = {}

    def known(self, who: Credentials) -> LocalUser | None:
        """Of somebody who was looked up a short while ago."""
        since_s, user = self._kept.get(who.process_apart, (0.0, None))
        fresh = asyncio.get_running_loop().time() - since_s < KEPT_S
        return user if fresh else None

    async def of(self, who: Credentials) -> LocalUser:
        """Ask the user database; never raises, and takes PATIENCE_S at most."""
        key = who.process_apart
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= MOST_ASKED:
                return unnamed(who)
            asked = self._ask(key)
        done, _ = await asyncio.wait({asked}, timeout=PATIENCE_S)
        return asked.result() if done else unnamed(who)

    def _ask(self, key: Credentials) -> asyncio.Future[LocalUser]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[LocalUser] = loop.create_future()
        self._asked[key] = answer

        def settle(found: LocalUser | None) -> None:
            del self._asked[key]
            if found is not None:
                self._keep(key, found)
            answer.set_result(found or unnamed(key))

        def work() -> None:
            found = None
            with suppress(OSError, KeyError):
                found = self._lookup(key)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found)

        try:
            SureThread(f"user-{key.uid}", work, daemon=True).start()
        except OutOfResources:  # another connection asks again
            settle(None)
        return answer

    def _keep(self, key: Credentials, user: LocalUser) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = asyncio.get_running_loop().time(), user
