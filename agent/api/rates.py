"""How often each client may call: a bucket of tokens for each, filled by time."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from agent.api.access import Who
from agent.api.errors import Rejected
from agent.api.limits import ApiLimits
from agent.clock import Clock
from agent.logs import event, logger

_log = logger("api")
MOST_CLIENTS = 4096
TOLD_EVERY_S = 60.0  # a client that is refused again and again is in the log so often at most


@dataclass(slots=True)
class _Bucket:
    """What one client has left, at `at_ns`; how many calls were refused since it was told of last."""

    tokens: float
    at_ns: int
    refused: int = 0
    told_ns: int | None = None


class Rates:
    """Owner of the buckets: clients elsewhere by their identity, those of the machine by their user. Event loop only.

    A refusal costs one look-up. When there are more clients than are kept, the one that has been silent for longest is
    forgotten, which gives it a full bucket.
    """

    def __init__(self, limits: ApiLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[tuple[bool, str], _Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, who: Who) -> None:
        """One call more. Raises Rejected (RESOURCE_EXHAUSTED) for a client that has none left."""
        per_s, burst = self._allowed(who)
        now_ns = self._clock.now_ns()
        bucket = self._bucket(who, burst, now_ns)
        bucket.tokens = min(burst, bucket.tokens + (now_ns - bucket.at_ns) * 1e-9 * per_s)
        bucket.at_ns = now_ns
        if bucket.tokens < 1.0:
            self._tell(bucket, who, now_ns)
            name = who.identity or who.origin
            raise Rejected("TOO_FAST", f"{name!r} calls more often than {per_s:g} times a second; wait, or watch")
        bucket.tokens -= 1.0

    def _allowed(self, who: Who) -> tuple[float, float]:
        limits = self._limits
        if who.local:
            return limits.local_calls_per_s, limits.local_calls_burst
        return limits.calls_per_s, limits.calls_burst

    def _bucket(self, who: Who, burst: float, now_ns: int) -> _Bucket:
        key = (who.local, who.identity)
        bucket = self._buckets.pop(key, None) or _Bucket(burst, now_ns)
        self._buckets[key] = bucket  # the last to be forgotten
        if len(self._buckets) > MOST_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return bucket

    def _tell(self, bucket: _Bucket, who: Who, now_ns: int) -> None:
        bucket.refused += 1
        if bucket.told_ns is None or now_ns - bucket.told_ns >= TOLD_EVERY_S * 1e9:
            event(
                _log, logging.WARNING, "client_too_fast", client=who.identity, origin=who.origin, refused=bucket.refused
            )
            bucket.told_ns, bucket.refused = now_ns, 0
