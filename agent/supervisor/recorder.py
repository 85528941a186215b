"""What the line asked for and how slow the camera was, into the journal: what a site can replay.

A row is written when what is asked for changes, and its end once a minute, so that a daemon that dies leaves a hole of
at most that much. Owner of the open row and of the service times since the last look; event-loop side only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from agent.clock import Clock
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.journal import Journal
from agent.domain.line import Announced, Demand

EXTEND_EVERY_S = 60.0
LOOK_EVERY_S = 10.0  # at most one row of slow-down in this time
LEAST_RESULTS = 10  # that a median rests on
KEPT_RESULTS = 2000
LEAST_MOVE = 0.01  # of the ratio; below, service times only jitter
_SAME_TIME_S = 1.0  # a change that comes this near to when it was announced for is that change
_RESUMING_S = 0.01  # a line that waits goes on as soon as it can: that is told to the policy, but by nobody
_RATE_STEP = 0.05  # a measured frame rate is never twice the same


@dataclass(frozen=True, slots=True)
class _Told:
    """A change that was told ahead, and when it was first heard of."""

    change: Announced
    heard_s: float


class LineRecorder:
    """See the module docstring."""

    def __init__(self, camera: str, journal: Journal, clock: Clock) -> None:
        self._camera = camera
        self._journal = journal
        self._clock = clock
        self.serial = ""  # of the camera that is connected
        self._row: LineRow | None = None
        self._told: list[_Told] = []
        self._subnet_id = ""
        self._service_ms: list[float] = []
        self._since_wall_ns = 0
        self._looked_s = -math.inf
        self._ratio = 1.0
        self._of = ""  # the sub-net of that ratio

    def asked(self, demand: Demand, announced: Sequence[Announced] = ()) -> None:
        """What is asked for now; call it often."""
        now_ns, row = self._clock.wall_ns(), self._row
        fresh = _row(self._camera, self.serial, demand, now_ns)
        if row is not None and _alike(row, fresh):
            if now_ns - row.until_wall_ns >= EXTEND_EVERY_S * 1e9:
                self._extend(now_ns)
        else:
            self._extend(now_ns)
            self._row = replace(fresh, announced_s=self._notice_s(demand) if row is not None else None)
            self._journal.note_line(self._row)
        self._hear(announced)

    def away(self) -> None:
        """Nobody watches the line from now on: the camera is gone, or the agent ends."""
        self._extend(self._clock.wall_ns())
        self._row = None
        self._told.clear()
        self._service_ms.clear()

    def measured(self, subnet_id: str, service_ms: Sequence[float], level_ms: float) -> None:
        """Service times of the active net, oldest first, and what its profile says they are at a slow-down of 1."""
        if subnet_id != self._subnet_id:
            self._subnet_id = subnet_id
            self._service_ms.clear()
        if not self._service_ms:
            self._since_wall_ns = self._clock.wall_ns()
        self._service_ms += service_ms
        now_s = self._clock.now_ns() / 1e9
        if len(self._service_ms) < LEAST_RESULTS or now_s - self._looked_s < LOOK_EVERY_S or level_ms <= 0:
            del self._service_ms[:-KEPT_RESULTS]
            return
        self._looked_s = now_s
        found_ms = median(self._service_ms)
        self._service_ms.clear()
        ratio = found_ms / level_ms
        if subnet_id == self._of and abs(ratio / self._ratio - 1.0) < LEAST_MOVE:
            return
        self._of, self._ratio = subnet_id, ratio
        self._journal.note_slowdown(SlowdownRow(self._camera, self._since_wall_ns, subnet_id, found_ms, level_ms))

    def _extend(self, until_wall_ns: int) -> None:
        """The open row holds until now. A wall clock that was set back ends it where it began."""
        if self._row is not None:
            self._row = replace(self._row, until_wall_ns=max(self._row.from_wall_ns, until_wall_ns))
            self._journal.note_line(self._row)

    def _hear(self, announced: Sequence[Announced]) -> None:
        now_s = self._clock.now_ns() / 1e9
        known = {_key(told.change): told for told in self._told}
        late = [told for told in self._told if -_SAME_TIME_S < told.change.at_s - now_s <= 0]
        coming = [
            known.get(_key(change), _Told(change, now_s))
            for change in announced
            if _key(change) in known or change.at_s - now_s > _RESUMING_S
        ]
        self._told = coming + [told for told in late if _key(told.change) not in {_key(one) for one in announced}]

    def _notice_s(self, demand: Demand) -> float | None:
        """How long ago the change to `demand` that comes now was announced; None where it was not."""
        now_s = self._clock.now_ns() / 1e9
        for told in self._told:
            same = told.change.demand.effective.budget == demand.effective.budget
            if same and abs(told.change.at_s - now_s) <= _SAME_TIME_S:
                return now_s - told.heard_s
        return None


def _row(camera: str, serial: str, demand: Demand, wall_ns: int) -> LineRow:
    budget = demand.effective.budget
    return LineRow(
        camera=camera,
        from_wall_ns=wall_ns,
        until_wall_ns=wall_ns,
        parts_per_minute=budget.parts_per_minute,
        max_latency_ms=budget.max_latency_ms,
        min_accuracy=budget.min_accuracy,
        quantile=budget.quantile,
        stopped=demand.stopped,
        parts_per_s=demand.parts_per_s,
        serial=serial,
    )


def _alike(row: LineRow, other: LineRow) -> bool:
    """Whether both ask for the same, a measured rate of frames within its unsteadiness."""
    mine, theirs = row.parts_per_s, other.parts_per_s
    if mine is not None and theirs is not None and abs(theirs / mine - 1.0) < _RATE_STEP:
        theirs = mine
    return row.same_asked(replace(other, parts_per_s=theirs))


def _key(change: Announced) -> tuple[object, ...]:
    return round(change.at_s, 1), change.demand.effective.budget
