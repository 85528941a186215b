"""LineShift: generated hours of a line whose budget changes, for policies that pay for their swaps.

A line is driven as a packaging machine is: at commanded speeds, with stops. The budget is the part interval (no latency
limit beside it). Equal scenario and seed give equal lines. The ladder is that of once-for-all nets on
a phone as published (policy.md, LineShift), the laws of levels, dwells and slow-downs are in `laws.py`; what is frozen
may change only with VERSION.

Seeds from 0 to 99 are for reports, those from 100 on for tuning: constants of a policy are fixed before a report.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from agent.errors import BadInput
from agent.replay.ladder import SWAP_BASE_S, SWAP_S_PER_MB, Ladder, Net
from agent.replay.laws import (
    BURSTS,
    CONTENTION,
    FLAP,
    INFEASIBLE,
    RAMPS,
    SHIFT,
    STEPS_5MIN,
    STEPS_30S,
    THERMAL,
    Levels,
)
from agent.replay.line import Line, Noise
from agent.replay.trace import Trace

VERSION = 1
HOUR_S = 3600.0
FIRST_TUNING_SEED = 100
# (service ms, top-1, million bytes)
RUNGS = (
    (20.0, 0.714, 4.5),
    (28.0, 0.733, 5.2),
    (40.0, 0.749, 6.0),
    (58.0, 0.769, 7.2),
    (79.0, 0.787, 8.6),
    (132.0, 0.798, 10.8),
    (143.0, 0.801, 11.6),
)
JITTER = (0.02, 0.001, (1.15, 1.5))  # log-normal sigma, share of spikes, their factor
SENSITIVITY = (0.8, 1.2)  # exponent of the slow-down, for each net of each hour

Steps = list[tuple[float, float]]  # (from, value), the first at 0
_Parts = tuple[Steps, Steps, Steps]  # part interval in ms, slow-down, stopped
_CALM: Steps = [(0.0, 1.0)]
_RUNNING: Steps = [(0.0, 0.0)]


def ladder() -> Ladder:
    """The frozen ladder; swaps by SWAP_BASE_S and SWAP_S_PER_MB."""
    return Ladder(tuple(Net(f"ofa-{ms:g}ms", top1, ms, SWAP_BASE_S + SWAP_S_PER_MB * mb) for ms, top1, mb in RUNGS))


def lineshift(scenario: str, seed: int, hour: int = 0) -> Line:
    """One hour of a line and a camera; `hour` 0 is the one that is scored. Raises BadInput for an unknown scenario.

    Hours of the same seed share the law and the camera (its nets' sensitivities); the trace and the noise differ. Hour
    -1 is what a policy may have seen before it is scored.
    """
    if scenario not in SCENARIOS:
        raise BadInput("scenario", f"{scenario!r} is unknown; known: {', '.join(SCENARIOS)}")
    entropy = [VERSION, list(SCENARIOS).index(scenario), seed]
    source = np.random.default_rng(entropy)
    trace = _trace(*SCENARIOS[scenario](source))
    sensitivity = tuple(source.uniform(*SENSITIVITY, len(RUNGS)).tolist())
    if hour:
        source = np.random.default_rng([*entropy, 2 * abs(hour) + (hour > 0)])
        trace = _trace(*SCENARIOS[scenario](source))
    sigma, share, factor = JITTER
    return Line(trace, ladder(), Noise(sigma, share, factor, int(source.integers(2**31))), sensitivity)


def _steps_5min(source: np.random.Generator) -> _Parts:
    """Speeds that hold for minutes: median dwell 5 min."""
    return _levels(source, STEPS_5MIN), _CALM, _RUNNING


def _steps_30s(source: np.random.Generator) -> _Parts:
    """Speeds that hold for half a minute: hardly any swap can pay."""
    return _levels(source, STEPS_30S), _CALM, _RUNNING


def _ramps(source: np.random.Generator) -> _Parts:
    """Speeds that hold for two minutes, and 60 s of ramp, linear in speed, from one to the next."""
    rows: Steps = []
    at_s, before_ms = 0.0, 0.0
    step_s = RAMPS.ramp_s / RAMPS.steps
    for level_ms in _other_levels(source, RAMPS.levels.levels_ms):
        if rows:
            share = (np.arange(RAMPS.steps) + 1) / RAMPS.steps
            speeds = (1 - share) / before_ms + share / level_ms
            rows += [(at_s + step_s * place, 1.0 / float(speed)) for place, speed in enumerate(speeds)]
            at_s += RAMPS.ramp_s
        rows.append((at_s, level_ms))
        before_ms = level_ms
        at_s += RAMPS.levels.dwell.draw(source)
        if at_s >= HOUR_S:
            return rows, _CALM, _RUNNING
    raise AssertionError("levels never end")


def _shift(source: np.random.Generator) -> _Parts:
    """A shift: runs of a few minutes, stops of 15 to 120 s, after which another product may run."""
    levels: Steps = []
    stops: Steps = [(0.0, 0.0)]
    at_s = 0.0
    for level_ms in _other_levels(source, SHIFT.levels_ms):
        levels.append((at_s, level_ms))
        at_s += SHIFT.dwell.draw(source)
        if SHIFT.stop is not None and source.random() < SHIFT.stop_share:
            stops += [(at_s, 1.0), (at_s + SHIFT.stop.draw(source), 0.0)]
            at_s = stops[-1][0]
        if at_s >= HOUR_S:
            return levels, _CALM, stops
    raise AssertionError("levels never end")


def _flap(source: np.random.Generator) -> _Parts:
    """Calm minutes, and minutes of flapping across one rung with dwells of about 6 s."""
    rows: Steps = []
    at_s = 0.0
    while at_s < HOUR_S:
        low = int(source.integers(len(FLAP.levels_ms) - 1))
        side = int(source.integers(2))
        rows.append((at_s, FLAP.levels_ms[low + side]))
        at_s += FLAP.calm.draw(source)
        until_s = at_s + FLAP.flapping.draw(source)
        while at_s < until_s:
            side = 1 - side
            rows.append((at_s, FLAP.levels_ms[low + side]))
            at_s += FLAP.side.draw(source)
    return rows, _CALM, _RUNNING


def _bursts(source: np.random.Generator) -> _Parts:
    """Slow speeds, and about every two minutes a rush of 8 to 30 s."""
    base = _levels(source, BURSTS.levels)
    rows = list(base)
    at_s = BURSTS.every.draw(source)
    while at_s < HOUR_S:
        end_s = at_s + BURSTS.rush.draw(source)
        rush_ms = float(source.choice(BURSTS.rush_ms))
        rows = [row for row in rows if not at_s <= row[0] < end_s]
        rows += [(at_s, rush_ms), (end_s, _value(base, end_s))]
        at_s = end_s + 1.0 + BURSTS.every.draw(source)
    return sorted(rows), _CALM, _RUNNING


def _contention(source: np.random.Generator) -> _Parts:
    """Speeds that hold for minutes, and a camera that something else slows down by 1.15 to 1.5 for about a minute."""
    rows: Steps = [(0.0, 1.0)]
    at_s = CONTENTION.every.draw(source)
    while at_s < HOUR_S:
        end_s = at_s + CONTENTION.lasts.draw(source)
        rows += [(at_s, float(source.uniform(*CONTENTION.factor))), (end_s, 1.0)]
        at_s = end_s + CONTENTION.every.draw(source)
    return _levels(source, CONTENTION.levels), rows, _RUNNING


def _thermal(source: np.random.Generator) -> _Parts:
    """Speeds that hold for minutes, and blocks of 3 to 10 min in which heat slows the camera by a quarter."""
    rows: Steps = [(0.0, 1.0)]
    steps, rise = THERMAL.steps, THERMAL.factor - 1.0
    step_s = THERMAL.ramp_s / steps
    at_s = THERMAL.every.draw(source)
    while at_s < HOUR_S:
        end_s = at_s + THERMAL.block.draw(source)
        for start_s, sign, low in ((at_s, 1.0, 1.0), (end_s, -1.0, THERMAL.factor)):
            ramp = ((start_s + step_s * place, low + sign * rise * (place + 1) / steps) for place in range(steps))
            rows += ramp
        at_s = end_s + THERMAL.ramp_s + THERMAL.every.draw(source)
    return _levels(source, THERMAL.levels), rows, _RUNNING


def _infeasible(source: np.random.Generator) -> _Parts:
    """Median dwell of a minute; at one of the four speeds no net is fast enough."""
    return _levels(source, INFEASIBLE), _CALM, _RUNNING


SCENARIOS: Mapping[str, Callable[[np.random.Generator], _Parts]] = MappingProxyType(
    {
        "steps5min": _steps_5min,
        "steps30s": _steps_30s,
        "ramps": _ramps,
        "shift": _shift,
        "flap": _flap,
        "bursts": _bursts,
        "contention": _contention,
        "thermal": _thermal,
        "infeasible": _infeasible,
    }
)


def _other_levels(source: np.random.Generator, choices: Sequence[float]) -> Iterator[float]:
    """Each level differs from the one before."""
    level = float(source.choice(choices))
    while True:
        yield level
        level = float(source.choice([one for one in choices if one != level]))


def _levels(source: np.random.Generator, law: Levels) -> Steps:
    rows: Steps = []
    at_s = 0.0
    for level_ms in _other_levels(source, law.levels_ms):
        rows.append((at_s, level_ms))
        at_s += law.dwell.draw(source)
        if at_s >= HOUR_S:
            break
    return rows


def _value(steps: Steps, at_s: float) -> float:
    return steps[bisect_right(steps, at_s, key=lambda row: row[0]) - 1][1]


def _trace(levels: Steps, slowdowns: Steps, stops: Steps) -> Trace:
    """The three step functions as one, a row wherever one of them changes."""
    times = sorted({at_s for steps in (levels, slowdowns, stops) for at_s, _ in steps if at_s < HOUR_S})
    rows: list[tuple[float, ...]] = []
    for at_s in times:
        rate = 60_000.0 / _value(levels, at_s)
        values = (rate, np.inf, _value(slowdowns, at_s), _value(stops, at_s))
        if not rows or rows[-1][1:] != values:
            rows.append((at_s, *values))
    return Trace.of([*rows, (HOUR_S, *rows[-1][1:])])
