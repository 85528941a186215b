"""Whether the library is older than the config lets it be: somebody may keep newer ones from reaching the station."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import anyio

from agent.clock import Clock
from agent.supervisor.alarms import AlarmDesk

DAY_S = 86_400.0
LOOK_EVERY_S = 3600.0  # the wall clock may be set meanwhile


@dataclass(frozen=True, slots=True)
class AgedLibrary:
    """A library in use: what it is called, when it was made (unix seconds), and how old it may become."""

    named: str
    created_s: int
    max_age_days: float

    def age_days(self, wall_ns: int) -> float:
        """Negative where the clock is behind that of whoever made it."""
        return (wall_ns / 1e9 - self.created_s) / DAY_S

    def left_s(self, wall_ns: int) -> float:
        """Until it is too old; negative since then."""
        return (self.max_age_days - self.age_days(wall_ns)) * DAY_S


class LibraryAge:
    """Owner of the alarm `library_stale`. Tells, and stops nothing: an old library inspects as well as ever."""

    def __init__(self, alarms: AlarmDesk, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock
        self._library: AgedLibrary | None = None
        self._woken = asyncio.Event()

    def use(self, library: AgedLibrary | None) -> None:
        """From now on this one; None: it may be of any age."""
        self._library = library
        self._woken.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._woken.clear()
            wait_s = await self._look()
            with anyio.move_on_after(wait_s):
                await self._woken.wait()

    async def _look(self) -> float | None:
        """Seconds until the next look; None: when there is another library."""
        library, wall_ns = self._library, self._clock.wall_ns()
        if library is None:
            await self._alarms.cleared("library_stale")
            return None
        left_s = library.left_s(wall_ns)
        if left_s > 0:
            await self._alarms.cleared("library_stale")
            return min(left_s + 1.0, LOOK_EVERY_S)
        age, most = library.age_days(wall_ns), library.max_age_days
        text = f"{library.named} was made {age:.0f} days ago, at most {most:g} are allowed (library.max_age_days)"
        await self._alarms.raised("library_stale", text)
        return LOOK_EVERY_S
