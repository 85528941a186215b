"""Rolling latency figures of the active sub-net, and the load it puts on the VPU."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

from agent.clock import Clock
from agent.domain.result import RawInference
from agent.domain.snapshot import LatencyFigures

WINDOW = 512
SHOWN_S = 0.2  # how old figures in a status may be; less than from one turn of the loop to the next


class RollingFigures:
    """Figures of the newest generation. Owner: whoever feeds it; not shared between threads."""

    def __init__(self, window: int = WINDOW) -> None:
        self._service_ms: deque[float] = deque(maxlen=window)
        self._latency_ms: deque[float] = deque(maxlen=window)
        self._generation: int | None = None
        self._count = 0

    @property
    def generation(self) -> int | None:
        """Whose figures these are; None before the first result."""
        return self._generation

    def add(self, results: Iterable[RawInference]) -> None:
        """Count results; the first one of another generation starts the figures anew."""
        for result in results:
            if result.generation != self._generation:
                self.restart(result.generation)
            if result.service_ms is not None:
                self._service_ms.append(result.service_ms)
            self._latency_ms.append(result.latency_ms)
            self._count += 1

    def restart(self, generation: int | None) -> None:
        """Forget everything: another network runs, or none."""
        self._generation = generation
        self._service_ms.clear()
        self._latency_ms.clear()
        self._count = 0

    def figures(self) -> LatencyFigures | None:
        """`count` is of the whole generation, quantiles are of its last results; None before the first.

        A service time of 0 means that none was measured.
        """
        if not self._count:
            return None
        service, latency = sorted(self._service_ms) or [0.0], sorted(self._latency_ms)
        return LatencyFigures(
            count=self._count,
            service_p50_ms=nearest_rank(service, 0.5),
            service_p99_ms=nearest_rank(service, 0.99),
            latency_p50_ms=nearest_rank(latency, 0.5),
            latency_p99_ms=nearest_rank(latency, 0.99),
        )

    def load(self, asked_per_s: float) -> float | None:
        """Median service time x rate of inferences asked for (interfaces.md section 3); 1.0 is saturation."""
        if not self._service_ms:
            return None
        return nearest_rank(sorted(self._service_ms), 0.5) / 1000.0 * asked_per_s


class ShownFigures:
    """The same as a status shows them: taken every SHOWN_S, and at once for another generation or rate.

    Every result makes other figures. Were each look at the status a new revision for that, one client that asks often
    would have all who watch written to.
    """

    def __init__(self, rolling: RollingFigures, clock: Clock) -> None:
        self._rolling = rolling
        self._clock = clock
        self._of: tuple[int | None, float | None] = (None, None)
        self._taken_ns = 0
        self._latency: LatencyFigures | None = None
        self._load: float | None = None

    def at(self, generation: int | None, asked_per_s: float | None) -> tuple[LatencyFigures | None, float | None]:
        """Latency and load of that generation; both None where the newest results are not its own."""
        rolling, now_ns, asked = self._rolling, self._clock.now_ns(), (generation, asked_per_s)
        if generation is None or generation != rolling.generation:
            return None, None
        if self._latency is None or asked != self._of or now_ns - self._taken_ns >= SHOWN_S * 1e9:
            self._of, self._taken_ns = asked, now_ns
            self._latency = rolling.figures()
            self._load = rolling.load(asked_per_s) if asked_per_s else None
        return self._latency, self._load


def nearest_rank(ordered: Sequence[float], quantile: float) -> float:
    """The ceil(n q)-th smallest of sorted values; at least the first."""
    return ordered[max(1, math.ceil(len(ordered) * quantile)) - 1]
