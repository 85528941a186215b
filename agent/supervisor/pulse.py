"""The slow readings of one camera: temperature, counters, frame period."""

from __future__ import annotations

import logging
from collections.abc import Callable

from anyio.abc import TaskGroup

from agent.clock import Clock
from agent.domain.device import Camera, Health
from agent.domain.meter import NO_METER, CameraMeter
from agent.errors import CameraError, CameraGone
from agent.logs import event, logger

_log = logger("supervisor")
DEADLINE_S = 2.0


class Pulse:
    """Owner of the last readings; event-loop side only. `on_gone` is told of a camera that is not there any more."""

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        every_s: float,
        on_gone: Callable[[str], None],
        meter: CameraMeter = NO_METER,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._every_s = every_s
        self._on_gone = on_gone
        self._meter = meter
        self._asked_s = float("-inf")
        self._asking = False
        self.health: Health | None = None

    @property
    def period_ms(self) -> float | None:
        """Of frames, as measured; None where it was not."""
        return self.health.frame_period_ms if self.health else None

    def look(self, tasks: TaskGroup) -> None:
        """Read again where that is due; a read never waits for the one before it."""
        now_s = self._clock.now_ns() / 1e9
        if not self._asking and now_s - self._asked_s >= self._every_s:
            self._asking, self._asked_s = True, now_s
            tasks.start_soon(self._read, name=f"{self._camera.name}-health")

    async def _read(self) -> None:
        try:
            self.health = await self._camera.health(DEADLINE_S)
            self._meter.streamed(self.health.counts)
        except CameraGone as error:
            self._on_gone(str(error))
        except CameraError as error:
            event(_log, logging.WARNING, "health_unreadable", camera=self._camera.name, error=error)
        finally:
            self._asking = False
