"""The clairvoyant optimum: what could have been had with the whole trace known and every swap paid.

Dynamic programming backwards over the line's instants, exact for decisions taken there:

    V_t(i) = max( r_i(t) + V_t+1(i),  max_j  r_j(t + s_j .. next instant) + V_next(j) )

with s_j = 0 while the line stands. Policies decide at the same instants, so none can do better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.replay.line import Line
from agent.replay.simulation import Announced, Moment, Run, simulate
from agent.replay.trace import Floats, LineState

_EVEN = 1e-9  # a swap must gain more than the rounding of sums


class Plan:
    """A policy that carries out a list of (instant, net)."""

    def __init__(self, first: int, swaps: dict[float, int]) -> None:
        self._first = first
        self._swaps = swaps

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        return self._first

    def observe(self, net: int, service_ms: Floats) -> None:
        """Knows already."""

    def decide(self, moment: Moment) -> int:
        return self._swaps.get(moment.now_s, moment.active)


def optimum(line: Line) -> Run:
    """The best run, carried out by the event simulation; about 10 us an instant of the line."""
    instants = line.instants
    nets = len(line.ladder.nets)
    steps = len(instants) - 1
    at_instants = np.array([values[line.parts_before] for values in line.values]).T
    rewards = np.diff(at_instants, axis=0)
    stopped = line.trace.stopped[line.rows[:-1]]
    arrivals = np.empty((steps, nets), dtype=np.intp)
    partial = np.empty((steps, nets))
    for net, values in enumerate(line.values):
        ready = instants[:-1] + np.where(stopped, 0.0, line.ladder.swap_s[net])
        # Ready at the same instant is ready for all that comes before the next one.
        arrivals[:, net] = np.clip(np.searchsorted(instants, ready, side="left"), np.arange(steps) + 1, steps)
        served = values[np.searchsorted(line.part_times, ready, side="left")]
        partial[:, net] = np.maximum(0.0, at_instants[arrivals[:, net], net] - served)
    worth = np.zeros((steps + 1, nets))
    target = np.empty(steps, dtype=np.intp)
    leaves = np.empty((steps, nets), dtype=np.bool_)
    every = np.arange(nets)
    for step in range(steps - 1, -1, -1):
        stay = rewards[step] + worth[step + 1]
        swap = partial[step] + worth[arrivals[step], every]
        best = swap.argmax()
        target[step] = best
        np.greater(swap[best], stay + _EVEN, out=leaves[step])
        np.maximum(stay, swap[best], out=worth[step])
    first = int((rewards[0] + worth[1]).argmax())  # free, so never followed by a swap at once
    return simulate(line, Plan(first, _swaps(first, target, leaves, arrivals, instants)))


def _swaps(
    first: int,
    target: NDArray[np.intp],
    leaves: NDArray[np.bool_],
    arrivals: NDArray[np.intp],
    instants: Floats,
) -> dict[float, int]:
    """Forwards through the choices."""
    swaps: dict[float, int] = {}
    step, net = 1, first
    while step < len(leaves):
        if leaves[step, net]:
            net = int(target[step])
            swaps[float(instants[step])] = net
            step = int(arrivals[step, net])
        else:
            step += 1
    return swaps
