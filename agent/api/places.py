"""How many connections of the unix socket there may be, of whom, and how fast they may come."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from agent.api.limits import ApiLimits
from agent.logs import event, logger

MOST_USERS = 1024  # that are remembered for how fast they come
TOLD_EVERY_S = 60.0  # a user who is refused again and again is in the log so often at most

_log = logger("api")


@dataclass(slots=True)
class _Pace:
    """How many connections a user may still open at `at_s`; when a refusal was told of last."""

    left: float
    at_s: float
    told_s: float


class Places:
    """Owner of the count of connections by uid. `now_s`: a monotonic clock."""

    def __init__(self, limits: ApiLimits, now_s: Callable[[], float]) -> None:
        self._limits = limits
        self._now_s = now_s
        self._held: Counter[int] = Counter()
        self._paces: dict[int, _Pace] = {}

    @property
    def count(self) -> int:
        """Connections that are held now, of all users."""
        return self._held.total()

    def take(self, uid: int) -> bool:
        """Hold one more for that user; False where that would be one too many or too soon."""
        pace = self._pace(uid)
        why = self._too_many(uid) or self._too_soon(pace)
        if not why:
            self._held[uid] += 1
        elif pace.at_s - pace.told_s >= TOLD_EVERY_S:
            pace.told_s = pace.at_s
            event(_log, logging.WARNING, "connections_refused", uid=uid, why=why, held=self._held[uid])
        return not why

    def leave(self, uid: int) -> None:
        """One that was held has ended."""
        self._held[uid] -= 1
        if not self._held[uid]:
            del self._held[uid]

    def _too_many(self, uid: int) -> str:
        limits = self._limits
        most = limits.max_connections if uid in (0, os.geteuid()) else limits.max_connections_users
        if self._held[uid] >= limits.max_connections_each:
            return f"max_connections_each={limits.max_connections_each}"
        return f"{most} connections are open" if self.count >= most else ""

    def _too_soon(self, pace: _Pace) -> str:
        if pace.left < 1.0:
            return f"connections_per_s={self._limits.connections_per_s:g}"
        pace.left -= 1.0
        return ""

    def _pace(self, uid: int) -> _Pace:
        """As it is now."""
        limits, now_s = self._limits, self._now_s()
        pace = self._paces.pop(uid, None) or _Pace(limits.connections_burst, now_s, now_s - TOLD_EVERY_S)
        self._paces[uid] = pace  # the last to be forgotten, which gives a full allowance
        if len(self._paces) > MOST_USERS:
            del self._paces[next(iter(self._paces))]
        pace.left = min(limits.connections_burst, pace.left + (now_s - pace.at_s) * limits.connections_per_s)
        pace.at_s = now_s
        return pace
