"""From the camera's queue of results to the desk that publishes them.

Results are taken at once while somebody waits for them: a client, a picture, a capture, a line whose cameras swap in
turn. Else they are taken with each turn of the supervisor's loop, some at a time: to wake the event loop for each costs
more than all that is done with one.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.domain.device import Camera
from agent.supervisor.group import Turn
from agent.supervisor.results import ResultDesk, exposed_ns
from agent.telemetry.figures import RollingFigures


class Intake:
    """See the module docstring; event-loop side only. `on_gap` is told generation and seconds of each gap."""

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        desk: ResultDesk,
        figures: RollingFigures,
        turn: Turn | None,
        on_gap: Callable[[int, float], None],
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._desk = desk
        self._figures = figures
        self._turn = turn
        self._on_gap = on_gap
        desk.catch_up, desk.on_awaited = self.take, lambda: camera.tell_results(at_once=True)

    def take(self) -> None:
        """What the camera has ready."""
        inferences = self._camera.take_results()
        if not inferences:
            return
        self._figures.add(inferences)
        if self._turn is not None:
            now_ns = self._clock.now_ns()
            self._turn.results([exposed_ns(inference, now_ns) for inference in inferences])
        for gap in self._desk.publish(inferences):
            self._on_gap(gap.generation, gap.gap_s)

    def look(self, capturing: bool, profiling: bool) -> None:
        """Once in each turn of the loop."""
        self.take()
        self._camera.time_results(each=profiling)
        self._camera.tell_results(self._desk.has_readers or capturing or self._turn is not None)
