"""What a profiling run looks at, put together from what the parts of a supervisor own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.device import Health
from agent.domain.notice import LineState
from agent.domain.states import CameraState
from agent.supervisor.actor import Actor
from agent.supervisor.announce import ChangeBook


@dataclass(frozen=True, slots=True)
class Situation:
    """One camera now. `parts_per_s`: results that come by themselves; None where that is not known.

    `own_pace`: the camera takes frames though nothing triggers it. `announced`: the line has told of a change;
    `line_waits`: it stands until the camera is ready for one. `swaps_held`: why no swap may begin, in words; empty
    where one may.
    """

    state: CameraState
    active: str | None
    line_stopped: bool
    quarantined: Mapping[str, str]
    parts_per_s: float | None = None
    temperature_c: float | None = None
    own_pace: bool = False
    announced: bool = False
    line_waits: bool = False
    swaps_held: str = ""

    @classmethod
    def of(
        cls,
        actor: Actor,
        line: LineState,
        changes: ChangeBook,
        parts_per_s: float | None,
        health: Health | None,
        swaps_held: str,
    ) -> Situation:
        """Now."""
        return cls(
            state=actor.state,
            active=actor.installed.subnet_id if actor.installed else None,
            line_stopped=line.stopped,
            quarantined=actor.quarantined(),
            parts_per_s=parts_per_s,
            temperature_c=health.temperature_c if health else None,
            own_pace=actor.own_pace or actor.out_of_pace,
            announced=bool(changes.outlook()),
            line_waits=changes.line_waits(line),
            swaps_held=swaps_held,
        )
