"""Reads of a library off the event loop, which a disk or mount that does not answer cannot hold up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.clock import Clock, in_thread_within
from agent.errors import LibraryError

T = TypeVar("T")
# The largest network (256 MiB) at 5 MB/s, the least that an SD card of class 10 keeps up, twice over.
READ_DEADLINE_S = 120.0


class LibraryReads:
    """Owner of the threads that read one library; at most one of them hangs. For the event loop only."""

    def __init__(self, path: Path, clock: Clock, deadline_s: float = READ_DEADLINE_S) -> None:
        self.path = path
        self._clock = clock
        self._deadline_s = deadline_s
        self._hangs = False

    async def run(self, name: str, work: Callable[[], T]) -> T:
        """What `work` answers. Raises what it raises, and LibraryError where the disk does not answer."""
        if self._hangs:
            raise LibraryError(f"{self.path}: an earlier read still hangs; check the disk or the mount it lies on")
        ended = False

        def body() -> T:
            nonlocal ended
            try:
                return work()
            finally:
                ended = True
                self._hangs = False

        try:
            return await in_thread_within(self._clock, name, body, self._deadline_s)
        except TimeoutError as exc:
            self._hangs = not ended
            raise LibraryError(
                f"{self.path}: no answer within {self._deadline_s:g} s; check the disk or the mount it lies on"
            ) from exc
