"""What a line tells the agent beside its budgets: whether it runs, and what it will ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineReport:
    """What one client last said of the line; it counts until `expires_boot_ns` (CLOCK_BOOTTIME)."""

    client: str
    stopped: bool
    parts_per_minute: float | None
    expires_boot_ns: int


@dataclass(frozen=True, slots=True)
class LineState:
    """What follows from all reports that count. `parts_per_minute` None: nobody said."""

    stopped: bool = False
    parts_per_minute: float | None = None
    reports: tuple[LineReport, ...] = ()


UNKNOWN_LINE = LineState()  # an unknown line runs
