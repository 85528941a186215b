"""Which descriptors this process holds, by what they point to."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from dataclasses import dataclass

# Opened once per process by libraries and kept for its life.
PER_PROCESS = ("anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/dev/urandom", "/dev/null")
LATE = "socket"  # what another thread may still close, for so long
LET_GO_S = 5.0


@dataclass(frozen=True)
class Descriptors:
    """Counts by kind; sockets and pipes are counted together since their numbers differ each time."""

    kinds: Counter[str]

    def leaked(self, now: Descriptors) -> list[str]:
        """What `now` holds beyond this."""
        return sorted((now.kinds - self.kinds).elements())


def open_descriptors() -> Descriptors:
    kinds: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        kind = target.split(":")[0] if target.startswith(("socket:", "pipe:")) else target
        if kind not in PER_PROCESS:
            kinds[kind] += 1
    return Descriptors(kinds)


def left_behind(before: Descriptors, within_s: float = LET_GO_S) -> list[str]:
    """What is open now and was not before; objects in reference cycles get their chance to be collected first.

    Waits so long where all of it are sockets: gRPC closes a connection on a thread of its own, a moment after its
    channel. Anything else is left behind at once.
    """
    leaked = before.leaked(open_descriptors())
    deadline_s = time.monotonic() + within_s
    while leaked:
        gc.collect()
        leaked = before.leaked(open_descriptors())
        if set(leaked) != {LATE} or time.monotonic() >= deadline_s:
            break
        time.sleep(0.01)
    return leaked
