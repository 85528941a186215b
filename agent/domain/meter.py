"""Who counts what happens on a camera: told as it happens, never asked.

Every call is made on the event loop, returns at once and raises nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from agent.domain.journal import SwapRecord
from agent.domain.result import InferenceResult, StreamCounts


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a result has to keep: its latency, and its service time by the rate of parts; infinite where not asked for.

    `service_s` counts whole frames where the camera runs freely (interfaces.md section 3).
    """

    latency_s: float = math.inf
    service_s: float = math.inf


NO_BOUNDS = Bounds()  # of results that are nobody's parts


class CameraMeter(Protocol):
    """Counts of one camera."""

    def asked(self, budget_id: str, bounds: Bounds) -> None:
        """Results that are inspected for that budget have these bounds from now on; say it as often as you look."""
        ...

    def result(self, result: InferenceResult) -> None:
        """It was published."""
        ...

    def unattributed(self) -> None:
        """A result was thrown away: its generation was never announced."""
        ...

    def streamed(self, counts: StreamCounts) -> None:
        """The camera's own counters as they are now; they begin anew with another connection at most."""
        ...

    def connected(self) -> None:
        """The camera was opened, for the first time or again."""
        ...

    def swap_ended(self, record: SwapRecord, promised_s: float | None) -> None:
        """A swap of the journal has ended, whatever came of it; `promised_s` was expected to pass without inference."""
        ...

    def gap_ended(self, gap_s: float, promised_s: float) -> None:
        """The gap of a swap was measured; when the swap began, `promised_s` were expected. A gap that falls into a stop
        of the line lasts as long as the stop."""
        ...

    def lease_expired(self) -> None: ...


class NoMeter:
    """Counts nothing; a CameraMeter."""

    def asked(self, budget_id: str, bounds: Bounds) -> None: ...

    def result(self, result: InferenceResult) -> None: ...

    def unattributed(self) -> None: ...

    def streamed(self, counts: StreamCounts) -> None: ...

    def connected(self) -> None: ...

    def swap_ended(self, record: SwapRecord, promised_s: float | None) -> None: ...

    def gap_ended(self, gap_s: float, promised_s: float) -> None: ...

    def lease_expired(self) -> None: ...


NO_METER = NoMeter()
