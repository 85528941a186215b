"""A site's own history as it is journalled: what the line asked for, and how slow the camera was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineRow:
    """What was asked of a camera from `from_wall_ns` until `until_wall_ns`, while the agent served it.

    Between the end of a row and the start of the next one nobody watched: the agent was down or the camera away.
    `parts_per_s` is how fast parts (frames, where none are counted) came, None where that was not known;
    `announced_s` how long before it began this was told, None for a change that came unannounced. `serial` is that of
    the camera which served the line under this name.
    """

    camera: str
    from_wall_ns: int
    until_wall_ns: int
    parts_per_minute: float | None
    max_latency_ms: float | None
    min_accuracy: float | None
    quantile: float
    stopped: bool
    parts_per_s: float | None = None
    announced_s: float | None = None
    serial: str = ""

    def same_asked(self, other: LineRow) -> bool:
        """Whether both ask for the same."""
        mine, theirs = (
            (row.parts_per_minute, row.max_latency_ms, row.min_accuracy, row.quantile, row.stopped, row.parts_per_s)
            for row in (self, other)
        )
        return mine == theirs


@dataclass(frozen=True, slots=True)
class SlowdownRow:
    """Service times of the active sub-net from `at_wall_ns` on: their median was `measured_ms`, and `level_ms` is what
    its profile said (without one, the library's prediction)."""

    camera: str
    at_wall_ns: int
    subnet_id: str
    measured_ms: float
    level_ms: float
