"""Small lines and traces for tests of the replay."""

from __future__ import annotations

import math
import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from agent.replay.ladder import Ladder, ladder_of
from agent.replay.line import Line, Noise
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import Floats, LineState, Trace

PROPERTY = settings(
    deadline=None, max_examples=40, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
# id, accuracy, service time in ms, swap in s
TWO = ladder_of([("fast", 0.5, 50.0, 1.0), ("good", 0.75, 100.0, 2.0)])
THREE = ladder_of([("small", 0.70, 20.0, 2.0), ("middle", 0.75, 40.0, 2.3), ("large", 0.80, 80.0, 3.1)])


def a_trace(*rows: tuple[float, float, float, float, int], end_s: float) -> Trace:
    """Rows of t, parts per minute, limit, slow-down, stopped."""
    return Trace.of([*rows, (end_s, 60.0, math.inf, 1.0, 0)])


def a_line(*rows: tuple[float, float, float, float, int], end_s: float, ladder: Ladder = TWO) -> Line:
    return Line(a_trace(*rows, end_s=end_s), ladder)


class Told:
    """A policy that does as it is told at given times, and notes what it was shown."""

    def __init__(self, first: int, swaps: dict[float, int] | None = None) -> None:
        self.first = first
        self.swaps = swaps or {}
        self.moments: list[Moment] = []
        self.observed: list[tuple[int, list[float]]] = []

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:
        return self.first

    def observe(self, net: int, service_ms: Floats) -> None:
        self.observed.append((net, service_ms.tolist()))

    def decide(self, moment: Moment) -> int:
        self.moments.append(moment)
        return self.swaps.get(moment.now_s, moment.active)


@st.composite
def random_lines(draw: st.DrawFn) -> Line:
    """Up to a few minutes of steps, stops, limits and slow-downs, off the grid, with or without noise."""
    source = random.Random(draw(st.integers(0, 2**32)))
    rows: list[tuple[float, ...]] = []
    at = 0.0
    for _ in range(draw(st.integers(1, 12))):
        limit = source.choice([math.inf, source.uniform(15.0, 120.0)])
        rate = source.choice([0.0, *(60_000.0 / source.uniform(15.0, 200.0) for _ in range(6))])
        rows.append((at, rate, limit, source.choice([1.0, source.uniform(0.8, 1.6)]), source.random() < 0.15))
        at += source.choice([0.1, 1.0, source.expovariate(1 / 15.0) + 1e-3])
    rows.append((at, 0.0, 1.0, 1.0, 0))
    nets = [
        (f"net-{k}", source.uniform(0.4, 0.95), source.uniform(10.0, 150.0), source.choice([0.0, source.uniform(0, 4)]))
        for k in range(draw(st.integers(1, 4)))
    ]
    noise = Noise(
        draw(st.sampled_from([0.0, 0.02, 0.2])), draw(st.sampled_from([0.0, 0.05])), seed=source.getrandbits(20)
    )
    return Line(Trace.of(rows), ladder_of(nets), noise)
