"""The laws that LineShift's hours are drawn from, as values: what somebody who knows the generator knows.

Each says how long things last and what follows them; `lineshift.py` draws from them, and docs/reference/lineshift.md
tells them in words. A test holds drawn hours against them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Protocol

import numpy as np

_NORMAL = NormalDist()


class Duration(Protocol):
    """How long something lasts."""

    @property
    def median_s(self) -> float: ...

    def survival(self, age_s: float) -> float:
        """Probability that it lasts at least so long."""
        ...

    def draw(self, source: np.random.Generator) -> float:
        """One of them, in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class LogNormal:
    """`sigma` is that of the logarithm; at .7 the longest tenth is 2.5 times the median or more."""

    median_s: float
    sigma: float = 0.7

    def survival(self, age_s: float) -> float:
        """Probability that it lasts at least so long."""
        return 1.0 if age_s <= 0 else 1.0 - _NORMAL.cdf(math.log(age_s / self.median_s) / self.sigma)

    def draw(self, source: np.random.Generator) -> float:
        """One of them, in seconds."""
        return self.median_s * float(source.lognormal(0.0, self.sigma))

    @property
    def mean_s(self) -> float:
        return self.median_s * math.exp(self.sigma**2 / 2.0)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Without memory."""

    mean_s: float

    def survival(self, age_s: float) -> float:
        """Probability that it lasts at least so long."""
        return math.exp(-max(0.0, age_s) / self.mean_s)

    def draw(self, source: np.random.Generator) -> float:
        """One of them, in seconds."""
        return float(source.exponential(self.mean_s))

    @property
    def median_s(self) -> float:
        return self.mean_s * math.log(2.0)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Between two times."""

    low_s: float
    high_s: float

    def survival(self, age_s: float) -> float:
        """Probability that it lasts at least so long."""
        return min(1.0, max(0.0, (self.high_s - age_s) / (self.high_s - self.low_s)))

    def draw(self, source: np.random.Generator) -> float:
        """One of them, in seconds."""
        return float(source.uniform(self.low_s, self.high_s))

    @property
    def median_s(self) -> float:
        return (self.low_s + self.high_s) / 2.0


@dataclass(frozen=True, slots=True)
class Levels:
    """Part intervals that hold for a dwell; each other one is equally likely next, a share of them after a `stop`."""

    levels_ms: tuple[float, ...]
    dwell: Duration
    stop_share: float = 0.0
    stop: Duration | None = None


@dataclass(frozen=True, slots=True)
class Ramps:
    """From one level to the next in `steps` of equal size in speed."""

    levels: Levels
    ramp_s: float
    steps: int


@dataclass(frozen=True, slots=True)
class Flaps:
    """Calm on one level, then flaps between it and a neighbour.

    A pair of neighbours and a side of it are drawn, each with equal probability; the line is calm there, then changes
    sides, every `side` anew, until `flapping` is over; the flap under way is finished. Then the next pair.
    """

    levels_ms: tuple[float, ...]
    calm: Duration
    flapping: Uniform
    side: LogNormal


@dataclass(frozen=True, slots=True)
class Bursts:
    """Levels that go on unseen beneath rushes, each at one of `rush_ms` with equal probability."""

    levels: Levels
    every: Exponential
    rush: Uniform
    rush_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Contention:
    """Levels, and slow-downs by a uniform factor that come and go at once."""

    levels: Levels
    every: Exponential
    lasts: Duration
    factor: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Heat:
    """Levels, and blocks of `block` in which the camera slows down to `factor` within `ramp_s`, in `steps`.

    After a block it gets faster again in the same way; `every` begins to run when that is over.
    """

    levels: Levels
    every: Exponential
    block: Uniform
    factor: float
    ramp_s: float
    steps: int


Law = Levels | Ramps | Flaps | Bursts | Contention | Heat

LEVELS_MS = (32.0, 46.0, 66.0, 90.0, 150.0, 165.0)  # part intervals
INFEASIBLE_LEVELS_MS = (18.0, 32.0, 66.0, 150.0)

STEPS_5MIN = Levels(LEVELS_MS, LogNormal(300.0))
STEPS_30S = Levels(LEVELS_MS, LogNormal(30.0))
RAMPS = Ramps(Levels(LEVELS_MS, LogNormal(120.0)), ramp_s=60.0, steps=120)
SHIFT = Levels(LEVELS_MS, LogNormal(300.0), stop_share=0.75, stop=Uniform(15.0, 120.0))
FLAP = Flaps(LEVELS_MS, LogNormal(240.0), Uniform(60.0, 240.0), LogNormal(6.0, sigma=0.25))
BURSTS = Bursts(Levels(LEVELS_MS[2:], LogNormal(300.0)), Exponential(120.0), Uniform(8.0, 30.0), LEVELS_MS[:2])
CONTENTION = Contention(STEPS_5MIN, Exponential(180.0), LogNormal(60.0), factor=(1.15, 1.5))
THERMAL = Heat(STEPS_5MIN, Exponential(600.0), Uniform(180.0, 600.0), factor=1.25, ramp_s=60.0, steps=30)
INFEASIBLE = Levels(INFEASIBLE_LEVELS_MS, LogNormal(60.0))

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        "steps5min": STEPS_5MIN,
        "steps30s": STEPS_30S,
        "ramps": RAMPS,
        "shift": SHIFT,
        "flap": FLAP,
        "bursts": BURSTS,
        "contention": CONTENTION,
        "thermal": THERMAL,
        "infeasible": INFEASIBLE,
    }
)
