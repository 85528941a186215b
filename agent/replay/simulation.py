"""One policy on one line: the discrete-event replay.

    instants of the line ─► parts since the last one (observe) ─► decide ─► no network for s_j, or at once if stopped

The first network is free. A swap under way is finished before the next decision. Between decisions nothing is stepped:
the parts of a network are array slices.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agent.replay.line import Line
from agent.replay.trace import Floats, LineState


class Announced(NamedTuple):
    """A change that the line has told of: from `at_s` on it is in `state`."""

    at_s: float
    state: LineState


class Moment(NamedTuple):
    """What a policy may know when it decides. `since_s`: when the active net became active."""

    now_s: float
    state: LineState
    active: int
    since_s: float
    announced: tuple[Announced, ...]


class Policy(Protocol):
    """Chooses nets by their place in the ladder; one object a run.

    It sees the service times of the parts of the active net, never the slow-down itself.
    """

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:
        """The first net, at t = 0."""
        ...

    def observe(self, net: int, service_ms: Floats) -> None:
        """Service times of the active net since the last call, oldest first; never empty."""
        ...

    def decide(self, moment: Moment) -> int:
        """The net that should run from now on; the active one to stay."""
        ...


class Swap(NamedTuple):
    """From the decision until `ready_s` there is no network."""

    at_s: float
    ready_s: float
    from_net: int
    to_net: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a policy did."""

    first: int
    swaps: tuple[Swap, ...]

    @property
    def stints(self) -> list[tuple[float, float, int]]:
        """(from, to, net), each half open; the last one has no end."""
        starts = [(0.0, self.first), *((swap.ready_s, swap.to_net) for swap in self.swaps)]
        ends = [*(swap.at_s for swap in self.swaps), float("inf")]
        return [(start, end, net) for (start, net), end in zip(starts, ends, strict=True)]


def simulate(line: Line, policy: Policy, notice_s: float = 0.0) -> Run:
    """The run of `policy`, which learns of each change of rate, limit or stop `notice_s` early."""
    outlook = _Outlook(line, notice_s)
    instants, rows, before = line.instants.tolist(), line.rows.tolist(), line.parts_before.tolist()
    states, times, swap_s = line.trace.states, line.part_times, line.ladder.swap_s.tolist()
    active = first = policy.begin(states[0], outlook.at(0))
    since_s, seen = 0.0, 0
    service = line.service_ms(active)
    swaps: list[Swap] = []
    at, last = 1, len(instants) - 1
    while at < last:
        now_s, state = instants[at], states[rows[at]]
        if before[at] > seen:
            policy.observe(active, service[seen : before[at]])
            seen = before[at]
        choice = policy.decide(Moment(now_s, state, active, since_s, outlook.at(at)))
        at += 1
        if choice != active:
            since_s = now_s if state.stopped else now_s + swap_s[choice]
            swaps.append(Swap(now_s, since_s, active, choice))
            active, service = choice, line.service_ms(choice)
            at = bisect_left(instants, since_s, at)
            seen = int(times.searchsorted(since_s, side="left"))
    return Run(first, tuple(swaps))


class _Outlook:
    """What is announced at each instant; tuples are made once for each change of them."""

    def __init__(self, line: Line, notice_s: float) -> None:
        self._line = line
        self._rows = line.rows.tolist()
        told = line.trace.t_s.searchsorted(line.instants + notice_s, side="right") - 1
        self._told = told.tolist() if notice_s > 0 else self._rows
        self._made: tuple[int, int] = (0, 0)
        self._announced: tuple[Announced, ...] = ()

    def at(self, instant: int) -> tuple[Announced, ...]:
        span = self._rows[instant], self._told[instant]
        if span != self._made:
            trace, self._made = self._line.trace, span
            rows = range(span[0] + 1, span[1] + 1)
            known = (Announced(float(trace.t_s[row]), trace.states[row]) for row in rows)
            changes, before = [], trace.states[span[0]]
            for one in known:
                if one.state != before:  # a row that changes the slow-down only is not told
                    changes.append(one)
                    before = one.state
            self._announced = tuple(changes)
        return self._announced
