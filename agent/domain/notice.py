"""What a line tells the agent beside its budgets: whether it runs, and what it will ask for.

PREPARED ── commit ─┬─► COMMITTED ── at its time ─► an ordinary claim
                    └─► WAITING (the line stands) ─► READY
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.domain.budget import Budget


@dataclass(frozen=True, slots=True)
class LineReport:
    """What one client last said of the line, and when; it counts until `expires_boot_ns` (both CLOCK_BOOTTIME).

    An input of the camera has no such end (None): it counts for as long as it can be read.
    """

    client: str
    stopped: bool
    parts_per_minute: float | None
    told_boot_ns: int
    expires_boot_ns: int | None


@dataclass(frozen=True, slots=True)
class LineState:
    """What follows from all reports that count. `parts_per_minute` None: nobody said."""

    stopped: bool = False
    parts_per_minute: float | None = None
    reports: tuple[LineReport, ...] = ()


UNKNOWN_LINE = LineState()  # an unknown line runs


class ChangeState(Enum):
    """How far an announced change has come; see the module docstring."""

    PREPARED = "prepared"
    COMMITTED = "committed"
    WAITING = "waiting"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class AnnouncedChange:
    """A budget that a client has told ahead; `due_boot_ns` (CLOCK_BOOTTIME): when it is or was in force."""

    id: str
    client: str
    state: ChangeState
    budget: Budget
    ttl_s: float | None
    due_boot_ns: int
