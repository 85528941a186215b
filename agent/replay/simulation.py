"""One policy on one line: the discrete-event replay.

    instants of the line ─► parts since the last one (observe) ─► decide ─► no network for s_j, or at once if stopped

The first network is free. A swap under way is finished before the next decision. Between decisions nothing is stepped:
the parts of a network are array slices.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from agent.replay.line import Line
from agent.replay.trace import Floats, LineState

_NO_BOUND_MS = float("inf")


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


class Judgement(NamedTuple):
    """What a policy makes of the net that it just chose, the active one or that of the swap which it began.

    `fits`: whether it takes this net to keep the promise (the budget's quantile of results in time). `bound_ms`: the
    service time that it publishes for this net at that quantile; None for none. `feasible`: whether it takes any net to
    keep the promise; where it takes another one to and keeps this one all the same, it holds on purpose.
    """

    fits: bool
    bound_ms: float | None
    feasible: bool = True


@runtime_checkable
class Judging(Protocol):
    """A policy that also says what it makes of its choice; asked after `begin` and after each `decide`."""

    def judgement(self) -> Judgement:
        """Of the last decision."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A policy that goes on looking at the line while a swap is under way, as the daemon's does."""

    def watch(self, moment: Moment) -> None:
        """The line at an instant without a network; `active` is the net that the swap leaves."""
        ...


@dataclass(frozen=True, slots=True)
class Judgements:
    """What a policy said of its choices, where that changed: entry n holds from `at_s[n]` until the next one.

    `held` is 1 where it kept a net on purpose that it did not take to fit; `bound_ms` is infinite for no bound. Empty
    for a policy that says nothing.
    """

    at_s: array[float] = field(default_factory=lambda: array("d"))
    held: bytearray = field(default_factory=bytearray)
    bound_ms: array[float] = field(default_factory=lambda: array("d"))

    def add(self, now_s: float, judged: Judgement) -> None:
        """The next one."""
        self.at_s.append(now_s)
        self.held.append(judged.feasible and not judged.fits)
        self.bound_ms.append(_NO_BOUND_MS if judged.bound_ms is None else judged.bound_ms)


class Swap(NamedTuple):
    """From the decision until `ready_s` there is no network."""

    at_s: float
    ready_s: float
    from_net: int
    to_net: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a policy did, and what it made of that."""

    first: int
    swaps: tuple[Swap, ...]
    judgements: Judgements = field(default_factory=Judgements)

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
    judgements, judged = Judgements(), None
    judge = policy.judgement if isinstance(policy, Judging) else None
    watch = policy.watch if isinstance(policy, Watching) else None
    active = first = policy.begin(states[0], outlook.at(0))
    if judge is not None:
        judgements.add(0.0, judged := judge())
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
        if judge is not None and (found := judge()) != judged:
            judgements.add(now_s, judged := found)
        at += 1
        if choice != active:
            left, left_s = active, since_s
            since_s = now_s if state.stopped else now_s + swap_s[choice]
            swaps.append(Swap(now_s, since_s, active, choice))
            active, service = choice, line.service_ms(choice)
            blind, at = at, bisect_left(instants, since_s, at)
            if watch is not None:
                for told in range(blind, min(at, last)):
                    watch(Moment(instants[told], states[rows[told]], left, left_s, outlook.at(told)))
            seen = int(times.searchsorted(since_s, side="left"))
    return Run(first, tuple(swaps), judgements)


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
