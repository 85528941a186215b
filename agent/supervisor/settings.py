"""What the composition root tells a supervisor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from agent.domain.budget import Budget
from agent.domain.line import LineInput
from agent.domain.orders import Window
from agent.domain.profile import ProfileAge
from agent.domain.schedule import ScheduleEntry


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Config of one camera's supervision; times in seconds.

    `connect_deadline_s` bounds one attempt; attempts are spaced by a back-off from `backoff_s` up to `backoff_max_s`.
    `results_wait`: a result travels with a later frame, not as an event or with its own.
    A sub-net whose swap failed is not tried again for `quarantine_s`. `tick_s` is how often the policy looks without
    being asked; a claim's expiry wakes it at its own time. `miss_cost`: of a part without a
    result in time, in correct ones. `notice_s`: clients announce every change so early.
    `schedule`: what is asked for by the time of day while no client asks; `window`: when swaps may begin.
    A line that has stood for `idle_profiling_after_s` has its missing and stale profiles measured meanwhile (None: only
    when somebody asks).
    """

    default_budget: Budget
    fail_safe_budget: Budget
    accepted_formats: tuple[str, ...]
    free_running: bool = True
    frame_rate: float = 60.0
    results_wait: bool = True
    min_dwell_s: float = 5.0
    miss_cost: float = 0.0
    notice_s: float = 0.0
    swap_deadline_s: float = 60.0
    infeasible: Literal["best_effort", "hold"] = "best_effort"
    connect_deadline_s: float = 20.0
    backoff_s: float = 0.5
    backoff_max_s: float = 10.0
    quarantine_s: float = 60.0
    tick_s: float = 0.5
    line_stopped_input: LineInput | None = None
    health_every_s: float = 1.0
    profile_age: ProfileAge = field(default_factory=ProfileAge)
    idle_profiling_after_s: float | None = None
    schedule: tuple[ScheduleEntry, ...] = ()
    window: Window = Window.ANY
