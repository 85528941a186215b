"""Calls that were refused before anything of them was read, in the audit: bounded, so that no flood can fill it.

The first refusal of an identity is an entry at once. What follows within a minute for the same reason is counted, and
one more entry tells the count when the minute is over.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from agent.api.access import Who
from agent.api.errors import Rejected, code_of
from agent.clock import Clock
from agent.domain.audit import AuditEntry, one_line

WINDOW_S = 60.0
MOST = 64  # identities and reasons that are told apart at once; others are counted together
AUDITED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
OTHERS = "(others)"
LONGEST_NAME = 256

Note = Callable[[AuditEntry], None]


@dataclass(slots=True)
class _Window:
    """What is not told yet of the refusals that follow on `entry`."""

    entry: AuditEntry
    method: str
    ends_ns: int
    count: int = 0


class Refusals:
    """Owner of the counts; event-loop side only. `note` takes an entry and returns at once."""

    def __init__(self, note: Note, clock: Clock) -> None:
        self._note = note
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._timer: asyncio.TimerHandle | None = None

    def refused(self, method: str, who: Who | None, peer: str, error: Rejected) -> None:
        """That call was refused; `who` None: nobody knows who called."""
        code = code_of(error).name
        if code not in AUDITED:
            return
        self._tell_ended()
        client = (who.identity if who is not None else "")[:LONGEST_NAME]
        place = who.origin if who is not None else _place(peer)
        key: tuple[str, str] = (client or place, error.reason)
        if key not in self._windows and len(self._windows) >= MOST:
            key, client, place = (OTHERS, ""), OTHERS, ""
        window = self._windows.get(key)
        if window is None:
            entry = AuditEntry(client=client, origin=place, method="Refused", outcome=code, reason=error.reason)
            window = self._windows[key] = _Window(entry, method, self._clock.now_ns() + round(WINDOW_S * 1e9))
            self._tell(window, 1)
            self._arm()
        else:
            window.count += 1
            window.method = method

    def close(self) -> None:
        """Tell what is counted; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for window in self._windows.values():
            self._tell(window, window.count)
        self._windows.clear()

    def _tell_ended(self) -> None:
        now_ns = self._clock.now_ns()
        for key, window in list(self._windows.items()):
            if window.ends_ns <= now_ns:
                del self._windows[key]
                self._tell(window, window.count)

    def _tell(self, window: _Window, count: int) -> None:
        if count:
            entry = window.entry
            asked = one_line({"count": count, "method": window.method})
            self._note(
                AuditEntry(
                    client=entry.client,
                    origin=entry.origin,
                    method=entry.method,
                    outcome=entry.outcome,
                    reason=entry.reason,
                    asked=asked,
                )
            )

    def _arm(self) -> None:
        """Look again when the first window ends."""
        if self._timer is not None:
            return
        ends_ns = min((window.ends_ns for window in self._windows.values()), default=math.inf)
        if ends_ns != math.inf:
            wait_s = max(0.0, (ends_ns - self._clock.now_ns()) / 1e9) + 1e-3
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        self._timer = None
        self._tell_ended()
        self._arm()


def _place(peer: str) -> str:
    """gRPC's name of a connection without its port: `ipv4:10.0.0.7:51234`."""
    head, colon, port = peer.rpartition(":")
    return (head if colon and port.isdecimal() and head.startswith("ip") else peer)[:LONGEST_NAME]
