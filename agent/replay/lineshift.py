"""LineShift: generated hours of a line whose budget changes, for policies that pay for their swaps.

A line is driven as a packaging machine is: at commanded speeds, with stops. The budget is the part interval (no latency
limit beside it). Equal scenario and seed give equal lines. The ladder is that of once-for-all nets on
a phone as published (policy.md, LineShift); what is frozen may change only with VERSION.

Seeds from 0 to 99 are for reports, those from 100 on for tuning: constants of a policy are fixed before a report.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

import numpy as np

from agent.errors import BadInput
from agent.replay.ladder import SWAP_BASE_S, SWAP_S_PER_MB, Ladder, Net
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
LEVELS_MS = (32.0, 46.0, 66.0, 90.0, 150.0, 165.0)  # part intervals
INFEASIBLE_LEVELS_MS = (18.0, 32.0, 66.0, 150.0)
JITTER = (0.02, 0.001, (1.15, 1.5))  # log-normal sigma, share of spikes, their factor
SENSITIVITY = (0.8, 1.2)  # exponent of the slow-down, for each net of each hour
_DWELL_SIGMA = 0.7  # of the logarithm: the longest tenth of dwells is 2.5 times the median or more

Steps = list[tuple[float, float]]  # (from, value), the first at 0
_Parts = tuple[Steps, Steps, Steps]  # part interval in ms, slow-down, stopped
_NORMAL = NormalDist()
_CALM: Steps = [(0.0, 1.0)]
_RUNNING: Steps = [(0.0, 0.0)]


@dataclass(frozen=True, slots=True)
class LevelLaw:
    """A scenario of levels only: log-normal dwells, each other level equally likely next, a share of them after a stop.

    `noise_sigma` is that of the logarithm of service times.
    """

    levels_ms: tuple[float, ...]
    median_s: float
    stop_share: float = 0.0
    dwell_sigma: float = _DWELL_SIGMA
    noise_sigma: float = JITTER[0]

    def survival(self, age_s: float) -> float:
        """Probability that a level lasts at least so long."""
        return 1.0 if age_s <= 0 else 1.0 - _NORMAL.cdf(math.log(age_s / self.median_s) / self.dwell_sigma)


# The scenarios whose law is simple enough for the best policy without foresight to be computed.
LAWS: Mapping[str, LevelLaw] = MappingProxyType(
    {
        "steps5min": LevelLaw(LEVELS_MS, 300.0),
        "steps30s": LevelLaw(LEVELS_MS, 30.0),
        "shift": LevelLaw(LEVELS_MS, 300.0, stop_share=0.75),
        "infeasible": LevelLaw(INFEASIBLE_LEVELS_MS, 60.0),
    }
)


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
    return _of_law(source, LAWS["steps5min"]), _CALM, _RUNNING


def _steps_30s(source: np.random.Generator) -> _Parts:
    """Speeds that hold for half a minute: hardly any swap can pay."""
    return _of_law(source, LAWS["steps30s"]), _CALM, _RUNNING


def _ramps(source: np.random.Generator) -> _Parts:
    """Speeds that hold for two minutes, and 60 s of ramp, linear in speed, from one to the next."""
    rows: Steps = []
    at_s, before_ms = 0.0, 0.0
    for level_ms in _other_levels(source, LEVELS_MS):
        if rows:
            share = (np.arange(120) + 1) / 120
            speeds = (1 - share) / before_ms + share / level_ms
            rows += [(at_s + 0.5 * place, 1.0 / float(speed)) for place, speed in enumerate(speeds)]
            at_s += 60.0
        rows.append((at_s, level_ms))
        before_ms = level_ms
        at_s += _dwell(source, 120.0)
        if at_s >= HOUR_S:
            return rows, _CALM, _RUNNING
    raise AssertionError("levels never end")


def _shift(source: np.random.Generator) -> _Parts:
    """A shift: runs of a few minutes, stops of 15 to 120 s, after which another product may run."""
    law = LAWS["shift"]
    levels: Steps = []
    stops: Steps = [(0.0, 0.0)]
    at_s = 0.0
    for level_ms in _other_levels(source, law.levels_ms):
        levels.append((at_s, level_ms))
        at_s += _dwell(source, law.median_s)
        if source.random() < law.stop_share:
            stops += [(at_s, 1.0), (at_s + source.uniform(15.0, 120.0), 0.0)]
            at_s = stops[-1][0]
        if at_s >= HOUR_S:
            return levels, _CALM, stops
    raise AssertionError("levels never end")


def _flap(source: np.random.Generator) -> _Parts:
    """Calm minutes, and minutes of flapping across one rung with dwells of about 6 s."""
    rows: Steps = []
    at_s = 0.0
    while at_s < HOUR_S:
        low = int(source.integers(len(LEVELS_MS) - 1))
        side = int(source.integers(2))
        rows.append((at_s, LEVELS_MS[low + side]))
        at_s += _dwell(source, 240.0)
        until_s = at_s + source.uniform(60.0, 240.0)
        while at_s < until_s:
            side = 1 - side
            rows.append((at_s, LEVELS_MS[low + side]))
            at_s += 6.0 * float(source.lognormal(0.0, 0.25))
    return rows, _CALM, _RUNNING


def _bursts(source: np.random.Generator) -> _Parts:
    """Slow speeds, and about every two minutes a rush of 8 to 30 s."""
    base = _levels(source, 300.0, LEVELS_MS[2:])
    rows = list(base)
    at_s = float(source.exponential(120.0))
    while at_s < HOUR_S:
        end_s = at_s + float(source.uniform(8.0, 30.0))
        rush_ms = float(source.choice(LEVELS_MS[:2]))
        rows = [row for row in rows if not at_s <= row[0] < end_s]
        rows += [(at_s, rush_ms), (end_s, _value(base, end_s))]
        at_s = end_s + 1.0 + float(source.exponential(120.0))
    return sorted(rows), _CALM, _RUNNING


def _contention(source: np.random.Generator) -> _Parts:
    """Speeds that hold for minutes, and a camera that something else slows down by 1.15 to 1.5 for about a minute."""
    rows: Steps = [(0.0, 1.0)]
    at_s = float(source.exponential(180.0))
    while at_s < HOUR_S:
        end_s = at_s + _dwell(source, 60.0)
        rows += [(at_s, float(source.uniform(1.15, 1.5))), (end_s, 1.0)]
        at_s = end_s + float(source.exponential(180.0))
    return _levels(source, 300.0), rows, _RUNNING


def _thermal(source: np.random.Generator) -> _Parts:
    """Speeds that hold for minutes, and blocks of 3 to 10 min in which heat slows the camera by a quarter."""
    rows: Steps = [(0.0, 1.0)]
    at_s = float(source.exponential(600.0))
    while at_s < HOUR_S:
        end_s = at_s + float(source.uniform(180.0, 600.0))
        for start_s, sign, low in ((at_s, 1.0, 1.0), (end_s, -1.0, 1.25)):
            rows += [(start_s + 2.0 * place, low + sign * 0.25 * (place + 1) / 30) for place in range(30)]
        at_s = end_s + 60.0 + float(source.exponential(600.0))
    return _levels(source, 300.0), rows, _RUNNING


def _infeasible(source: np.random.Generator) -> _Parts:
    """Median dwell of a minute; at one of the four speeds no net is fast enough."""
    return _of_law(source, LAWS["infeasible"]), _CALM, _RUNNING


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


def _dwell(source: np.random.Generator, median_s: float) -> float:
    return median_s * float(source.lognormal(0.0, _DWELL_SIGMA))


def _other_levels(source: np.random.Generator, choices: Sequence[float]) -> Iterator[float]:
    """Each level differs from the one before."""
    level = float(source.choice(choices))
    while True:
        yield level
        level = float(source.choice([one for one in choices if one != level]))


def _of_law(source: np.random.Generator, law: LevelLaw) -> Steps:
    return _levels(source, law.median_s, law.levels_ms)


def _levels(source: np.random.Generator, median_s: float, choices: Sequence[float] = LEVELS_MS) -> Steps:
    rows: Steps = []
    at_s = 0.0
    for level_ms in _other_levels(source, choices):
        rows.append((at_s, level_ms))
        at_s += _dwell(source, median_s)
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
