"""Whether the process has room for what may come next: descriptors and memory, tried out every second."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import resource
from collections.abc import Callable

from agent.supervisor.alarms import AlarmDesk

LOOK_EVERY_S = 1.0
SPARE_DESCRIPTORS = 8  # one more client needs three, a journal that is opened anew four
SPARE_BYTES = 64 * 2**20  # the largest network of a camera, a picture that is encoded, and stacks of threads
MIB = 2**20


class ResourceWatch:
    """Owner of the alarm `resources_short`. `probes` say what is missing, in words; empty where nothing is."""

    def __init__(self, alarms: AlarmDesk, probes: tuple[Callable[[], str], ...] | None = None) -> None:
        self._alarms = alarms
        self._probes = (descriptors_short, memory_short) if probes is None else probes

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        missing = "; ".join(text for text in (probe() for probe in self._probes) if text)
        if missing:
            await self._alarms.raised("resources_short", missing)
        else:
            await self._alarms.cleared("resources_short")


def descriptors_short() -> str:
    """Whether SPARE_DESCRIPTORS cannot be had: by the limit of the process, or of the machine."""
    held: list[int] = []
    try:
        held.extend(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(SPARE_DESCRIPTORS))
    except OSError as error:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return f"fewer than {SPARE_DESCRIPTORS} descriptors are left of at most {most} ({error.strerror})"
    finally:
        for one in held:
            os.close(one)
    return ""


def memory_short() -> str:
    """Whether SPARE_BYTES of address space cannot be had; none of it is used."""
    try:
        with contextlib.closing(mmap.mmap(-1, SPARE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)):
            return ""
    except (OSError, MemoryError) as error:
        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        limit = "" if most == resource.RLIM_INFINITY else f" of at most {most // MIB} MiB"
        return f"{SPARE_BYTES // MIB} MiB of memory cannot be had{limit} ({error})"
