"""How many connections of a door there may be, of whom, and how fast they may come."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass

from agent.api.limits import ApiLimits
from agent.logs import event, logger

MOST_USERS = 1024  # users, or machines, that are remembered for how fast they come
TOLD_EVERY_S = 60.0  # one who is refused again and again is in the log so often at most

_log = logger("api")


@dataclass(slots=True)
class _Pace:
    """How many connections one may still open at `at_s`; when a refusal was told of last."""

    left: float
    at_s: float
    told_s: float


class Places:
    """Owner of the count of connections by whose they are: a uid, or the address of a machine.

    `now_s`: a monotonic clock; `trusted`: who may take the last ones, by default root and the user of this process;
    `word`: what one is called in the log.
    """

    def __init__(
        self,
        limits: ApiLimits,
        now_s: Callable[[], float],
        trusted: Collection[Hashable] | None = None,
        word: str = "uid",
    ) -> None:
        self._limits = limits
        self._now_s = now_s
        self._word = word
        self._trusted = {0, os.geteuid()} if trusted is None else trusted
        self._held: Counter[Hashable] = Counter()
        self._paces: dict[Hashable, _Pace] = {}

    @property
    def count(self) -> int:
        """Connections that are held now, of all."""
        return self._held.total()

    def take(self, whose: Hashable) -> bool:
        """Hold one more for that one; False where that would be one too many or too soon."""
        pace = self._pace(whose)
        why = self._too_many(whose) or self._too_soon(pace)
        if not why:
            self._held[whose] += 1
        elif pace.at_s - pace.told_s >= TOLD_EVERY_S:
            pace.told_s = pace.at_s
            told = {self._word: whose, "why": why, "held": self._held[whose]}
            event(_log, logging.WARNING, "connections_refused", **told)
        return not why

    def leave(self, whose: Hashable) -> None:
        """One that was held has ended."""
        self._held[whose] -= 1
        if not self._held[whose]:
            del self._held[whose]

    def _too_many(self, whose: Hashable) -> str:
        limits = self._limits
        most = limits.max_connections if whose in self._trusted else limits.max_connections_users
        if self._held[whose] >= limits.max_connections_each:
            return f"max_connections_each={limits.max_connections_each}"
        return f"{most} connections are open" if self.count >= most else ""

    def _too_soon(self, pace: _Pace) -> str:
        if pace.left < 1.0:
            return f"connections_per_s={self._limits.connections_per_s:g}"
        pace.left -= 1.0
        return ""

    def _pace(self, whose: Hashable) -> _Pace:
        """As it is now."""
        limits, now_s = self._limits, self._now_s()
        pace = self._paces.pop(whose, None) or _Pace(limits.connections_burst, now_s, now_s - TOLD_EVERY_S)
        self._paces[whose] = pace  # the last to be forgotten, which gives a full allowance
        if len(self._paces) > MOST_USERS:
            del self._paces[next(iter(self._paces))]
        pace.left = min(limits.connections_burst, pace.left + (now_s - pace.at_s) * limits.connections_per_s)
        pace.at_s = now_s
        return pace
