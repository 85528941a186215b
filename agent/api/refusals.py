"""What was refused, in the audit: bounded, so that no flood can fill it and push out what it holds.

A call that was refused before anything of it was read: the first one of an identity is an entry at once; what follows
within a minute for the same reason is counted, and one more entry tells the count when the minute is over. Changes that
were refused, for whatever reason, are entries of their own, the first `WHOLE` of an identity in a minute.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.api.access import Who
from agent.api.caller import CALLER
from agent.api.errors import Rejected, code_of
from agent.clock import Clock
from agent.domain.audit import AuditEntry, one_line

WINDOW_S = 60.0
WHOLE = 60  # a person or a gateway that is at odds with the agent makes no more; a program in a loop does
MOST = 64  # identities and reasons that are told apart at once; others are counted together
AUDITED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
OTHERS, LOCAL, CHANGES = "(others)", "(this machine)", "changes"
LONGEST_NAME = 256

Note = Callable[[AuditEntry], None]


@dataclass(slots=True)
class _Window:
    """What is not told yet of the refusals that follow on `entry`."""

    entry: AuditEntry
    method: str
    ends_ns: int
    count: int = 0
    whole: int = 0  # that are entries of their own


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
        client = (who.identity if who is not None else "")[:LONGEST_NAME]
        place = who.origin if who is not None else _place(peer)
        entry = AuditEntry(client=client, origin=place, method="Refused", outcome=code, reason=error.reason)
        window, first = self._window((client or place, error.reason), entry, method)
        if first:
            self._tell(window, 1)
        else:
            window.count += 1

    def change(self, entry: AuditEntry) -> None:
        """That change was refused; the entry tells it."""
        caller = CALLER.get(None)
        # Here any name may be given; elsewhere what follows on that of the certificate may.
        who = LOCAL if caller is None or caller.local else entry.client.partition("#")[0]
        about = AuditEntry(client=who, origin="", method="Refused", outcome=entry.outcome, reason=entry.reason)
        window, _ = self._window((who, CHANGES), about, entry.method)
        if window.whole < WHOLE:
            window.whole += 1
            self._note(entry)
        else:
            window.count += 1

    def _window(self, key: tuple[str, str], entry: AuditEntry, method: str) -> tuple[_Window, bool]:
        """The window of that key, and whether it is a new one."""
        self._tell_ended()
        if key not in self._windows and len(self._windows) >= MOST:
            key, entry = (OTHERS, key[1] if key[1] == CHANGES else ""), replace(entry, client=OTHERS, origin="")
        window = self._windows.get(key)
        if window is not None:
            window.method = method
            return window, False
        ends_ns = self._clock.now_ns() + round(WINDOW_S * 1e9)
        window = self._windows[key] = _Window(entry, method, ends_ns)
        self._arm()
        return window, True

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
            asked = one_line({"count": count, "method": window.method})
            self._note(replace(window.entry, asked=asked))

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
