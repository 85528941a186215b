"""From a site's own records to a trace and a ladder, and to what really happened on it.

Time in which nobody watched the line (no agent, no camera) is cut out: the trace goes on as if it had not been. It is
not made a stop, because in a stop every policy may swap for nothing, and the camera could not have.

A line is replayed with one slow-down for all networks, that of the one which was active; and its parts come at the rate
that was reported or asked for. Where none was, one part comes in each time that the latency limit allows, at most as
fast as frames came.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from agent.domain.history import LineRow, SlowdownRow
from agent.domain.profile import NetProfile
from agent.errors import BadInput
from agent.replay.ladder import Ladder, Net
from agent.replay.simulation import Run, Swap
from agent.replay.trace import Trace

LEAST_LIMIT_MS = 1e-3  # a limit that the overhead alone exceeds: nothing fits
_UNKNOWN_RATE = 60.0  # parts a minute: as a decision weighs where the rate is not known
_NS = 1e9


@dataclass(frozen=True, slots=True)
class PastSwap:
    """A swap that was made: no inference from `dark_from_ns` on; from `ready_ns` on `active` ran (None: nothing did).

    Wall times; `ready_ns` None: it never ended.
    """

    dark_from_ns: int
    ready_ns: int | None
    from_subnet: str | None
    to_subnet: str
    active: str | None
    reason: str = ""
    gap_s: float | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """A stretch of wall time without a hole, and where in the trace it begins."""

    from_ns: int
    until_ns: int
    at_s: float


@dataclass(frozen=True)
class History:
    """A trace of what was, and its wall times; `cut_s` seconds in `holes` were cut out between its ends."""

    trace: Trace
    watched: tuple[Watched, ...]

    @property
    def holes(self) -> int:
        return len(self.watched) - 1

    @property
    def cut_s(self) -> float:
        return (self.watched[-1].until_ns - self.watched[0].from_ns) / _NS - self.trace.end_s

    def at_s(self, wall_ns: int) -> float:
        """Where in the trace a wall time is; one in a hole is where the hole was cut out."""
        place = max(0, bisect_right([one.from_ns for one in self.watched], wall_ns) - 1)
        one = self.watched[place]
        return one.at_s + min(max(0, wall_ns - one.from_ns), one.until_ns - one.from_ns) / _NS


def history(
    line: Sequence[LineRow],
    slowdowns: Sequence[SlowdownRow],
    service_ms: Mapping[str, float],
    since_ns: int = 0,
    until_ns: int = 2**63 - 1,
    overhead_ms: float = 0.0,
) -> History:
    """The trace of the rows between two wall times; raises BadInput where there are none.

    `service_ms` are the service times that the replay takes for a slow-down of 1, by sub-net: what was measured is
    divided by them (of a net that is not there, by what its row says). `overhead_ms` is what a result's latency has
    beyond its service time, and is taken off every latency limit.
    """
    rows = _clipped(line, since_ns, until_ns)
    if not rows:
        raise BadInput("history", "the journal has none of that time; see --since, --until and --hours")
    watched, starts = _stretches(rows)
    found = History(Trace.of([(0, 1, 1, 1, 0), (1, 1, 1, 1, 0)]), watched)
    asked = {at_s: _asked(row, overhead_ms) for at_s, row in zip(starts, rows, strict=True)}
    slow = {0.0: 1.0} | {found.at_s(one.at_wall_ns): _ratio(one, service_ms) for one in slowdowns}
    last = watched[-1]
    end_s = last.at_s + (last.until_ns - last.from_ns) / _NS
    return replace(found, trace=Trace.of([*_merged(asked, slow, end_s), (end_s, 1, 1, 1, 0)]))


def actual_run(past: History, swaps: Sequence[PastSwap], ladder: Ladder) -> Run:
    """What the camera did, as a run of a policy on the trace; every net that was active is in the ladder."""
    places = {net.id: place for place, net in enumerate(ladder.nets)}
    begin_ns, end_s = past.watched[0].from_ns, past.trace.end_s
    before = [swap for swap in swaps if swap.ready_ns is not None and swap.ready_ns <= begin_ns]
    later = [swap for swap in swaps if swap.ready_ns is None or swap.ready_ns > begin_ns]
    active = before[-1].active if before else next((swap.from_subnet for swap in later), None)
    first = active if active is not None else next((swap.active for swap in later if swap.active), None)
    if first is None:
        raise BadInput("history", "no network was on the camera in that time")
    made: list[Swap] = []
    dark_since_s = None if active is not None else 0.0
    running = first
    for swap in later:
        from_s = past.at_s(swap.dark_from_ns) if dark_since_s is None else dark_since_s
        ready_s = end_s if swap.ready_ns is None else past.at_s(swap.ready_ns)
        if swap.active is None or swap.ready_ns is None:
            dark_since_s = from_s
            continue
        made.append(Swap(from_s, max(from_s, ready_s), places[running], places[swap.active]))
        running, dark_since_s = swap.active, None
    if dark_since_s is not None:
        made.append(Swap(dark_since_s, math.inf, places[running], places[running]))
    return Run(places[first], tuple(swap for swap in made if swap.at_s < end_s))


def measured_ladder(
    ladder: Ladder,
    digests: Mapping[str, Collection[str]],
    profiles: Mapping[str, NetProfile],
    swaps: Sequence[PastSwap],
) -> Ladder:
    """The ladder with what the camera measured: service times and swaps where there are any.

    `digests` are the sha256 of each net's artifacts, `profiles` the camera's by sha256; a swap that was made counts
    where the profile tells none (the median of those to that net).
    """
    taken: dict[str, list[float]] = {}
    for swap in swaps:
        if swap.active == swap.to_subnet and swap.ready_ns is not None:
            taken.setdefault(swap.to_subnet, []).append((swap.ready_ns - swap.dark_from_ns) / _NS)
    nets = []
    for net in ladder.nets:
        profile = next((profiles[sha] for sha in digests.get(net.id, ()) if sha in profiles), None)
        swap_s = profile.swap_s if profile is not None else None
        if swap_s is None and net.id in taken:
            swap_s = median(taken[net.id])
        service_ms = net.service_ms if profile is None else profile.median_ms
        nets.append(replace(net, service_ms=service_ms, swap_s=net.swap_s if swap_s is None else swap_s))
    return Ladder(tuple(nets))


def with_others(
    ladder: Ladder, swaps: Sequence[PastSwap], top1: Mapping[str, float], level_ms: Mapping[str, float]
) -> Ladder:
    """The ladder, and after its own the nets that ran without being in it.

    `top1` and `level_ms`: what the site knew of them; a net of which either is missing is worth nothing.
    """
    known = {net.id for net in ladder.nets}
    ran = dict.fromkeys(one for swap in swaps for one in (swap.from_subnet, swap.active) if one is not None)
    others = (
        Net(one, top1[one], level_ms[one], 0.0) if one in top1 and one in level_ms else Net(one, 0.0, math.inf, 0.0)
        for one in ran
        if one not in known
    )
    return Ladder((*ladder.nets, *others))


def _clipped(line: Sequence[LineRow], since_ns: int, until_ns: int) -> list[LineRow]:
    """Rows one after the other; where a wall clock was set back, the earlier row has the time."""
    rows: list[LineRow] = []
    reached_ns = since_ns
    for row in sorted(line, key=lambda one: one.from_wall_ns):
        from_ns, to_ns = max(row.from_wall_ns, reached_ns), min(row.until_wall_ns, until_ns)
        if from_ns < to_ns:
            rows.append(replace(row, from_wall_ns=from_ns, until_wall_ns=to_ns))
            reached_ns = to_ns
    return rows


def _stretches(rows: Sequence[LineRow]) -> tuple[tuple[Watched, ...], list[float]]:
    """Wall time without holes, and where in the trace each row begins."""
    watched: list[Watched] = []
    starts = []
    at_s = 0.0
    for row in rows:
        if watched and watched[-1].until_ns == row.from_wall_ns:
            watched[-1] = replace(watched[-1], until_ns=row.until_wall_ns)
        else:
            watched.append(Watched(row.from_wall_ns, row.until_wall_ns, at_s))
        starts.append(at_s)
        last = watched[-1]
        at_s = last.at_s + (last.until_ns - last.from_ns) / _NS
    return tuple(watched), starts


def _asked(row: LineRow, overhead_ms: float) -> tuple[float, float, float]:
    """Rate, limit of the service time, and stop."""
    limit_ms = math.inf if row.max_latency_ms is None else max(LEAST_LIMIT_MS, row.max_latency_ms - overhead_ms)
    came = None if row.parts_per_s is None else 60.0 * row.parts_per_s
    asked = row.parts_per_minute
    if asked is not None:
        # Parts that come slower than the budget was set for still have to be inspected as fast as it says.
        limit_ms = min(limit_ms, 60_000.0 / asked)
        return (asked if came is None else min(came, asked)), limit_ms, float(row.stopped)
    rate = _UNKNOWN_RATE if came is None else came
    return (rate if math.isinf(limit_ms) else min(rate, 60_000.0 / limit_ms)), limit_ms, float(row.stopped)


def _ratio(row: SlowdownRow, service_ms: Mapping[str, float]) -> float:
    return row.measured_ms / service_ms.get(row.subnet_id, row.level_ms)


def _merged(
    asked: Mapping[float, tuple[float, float, float]], slow: Mapping[float, float], end_s: float
) -> list[tuple[float, float, float, float, float]]:
    """One row for each time at which something changes."""
    rows: list[tuple[float, float, float, float, float]] = []
    state, slowdown = asked[0.0], slow[0.0]
    for at_s in sorted({*asked, *slow}):
        state, slowdown = asked.get(at_s, state), slow.get(at_s, slowdown)
        rate, limit_ms, stopped = state
        row = (at_s, rate, limit_ms, slowdown, stopped)
        if at_s < end_s and (not rows or rows[-1][1:] != row[1:]):
            rows.append(row)
    return rows
