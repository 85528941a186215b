"""Oracles that see a window of the future, slow-downs included: what knowing that much is worth."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from agent.replay.line import GRID_S, TIE, Line
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import Floats, LineState

_EVEN = 1e-9


class LookAhead:
    """Sees all of the next `window_s`, and takes what it sees at the end of it to last for another HORIZON_S.

    It swaps now if that is worth more than staying, and more than the best swap at its next look.
    """

    HORIZON_S = 60.0

    def __init__(self, line: Line, window_s: float) -> None:
        self._line = line
        self._window_s = window_s
        self._instants = line.instants.tolist()
        at_s, none = line.instants[:-1], np.zeros(len(line.ladder.nets))
        stopped = line.trace.stopped[line.rows[:-1]]
        costs = np.where(stopped[:, None], 0.0, line.ladder.swap_s)
        self._swap = self._worth(at_s, at_s, costs)
        self._stay = self._worth(at_s, at_s, none)
        until_next = self._won(at_s + GRID_S) - self._won(at_s)
        self._defer = until_next + self._worth(at_s + GRID_S, at_s, costs).max(axis=1, keepdims=True)
        self._defer[stopped] = -np.inf  # free now

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        return int(self._stay[0].argmax())

    def observe(self, net: int, service_ms: Floats) -> None:
        """Knows already."""

    def decide(self, moment: Moment) -> int:
        step = bisect_left(self._instants, moment.now_s)
        best = int(self._swap[step].argmax())
        otherwise = max(self._stay[step, moment.active], self._defer[step, moment.active])
        return best if self._swap[step, best] > otherwise + _EVEN else moment.active

    def _worth(self, at_s: Floats, seen_from_s: Floats, costs: Floats) -> Floats:
        """(instant, net): what the net wins if it is started at `at_s`, until the end of the horizon."""
        line, seen_s = self._line, seen_from_s + self._window_s
        ready = at_s[:, None] + costs
        within = np.maximum(0.0, self._won(np.maximum(ready, seen_s[:, None])) - self._won(ready))
        rows = line.trace.t_s.searchsorted(seen_s, side="right") - 1
        horizon_s = np.minimum(seen_s + self.HORIZON_S, line.trace.end_s)
        left_s = np.maximum(0.0, horizon_s[:, None] - np.maximum(ready, seen_s[:, None]))
        return np.asarray(within + self._rates()[rows] * left_s)

    def _won(self, at_s: Floats) -> Floats:
        """(instant, net): accuracies of the parts in time before; `at_s` has one or a column for each net."""
        columns = np.broadcast_to(at_s if at_s.ndim == 2 else at_s[:, None], (len(at_s), len(self._line.ladder.nets)))
        found = [
            values[self._line.part_times.searchsorted(columns[:, net])] for net, values in enumerate(self._line.values)
        ]
        return np.stack(found, axis=1)

    def _rates(self) -> Floats:
        """(row, net): accuracies a second."""
        trace, nets = self._line.trace, self._line.ladder.nets
        sensitivity = np.array(self._line.sensitivity or [1.0] * len(nets))
        service_ms = self._line.ladder.service_ms * trace.slowdown[:, None] ** sensitivity
        per_s = np.where(trace.stopped, 0.0, trace.parts_per_minute / 60.0)
        fits = service_ms <= trace.limit_ms[:, None] * (1.0 + TIE)
        return np.asarray(fits * per_s[:, None] * self._line.ladder.top1)
