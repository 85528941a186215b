"""From what a supervisor knows to what one decision may look at.

    effective budget ─┐
    line's reports    ├─► Demand now ─┐
    frame rate        ┘               ├─► View
    announced budgets ─► Demand then ─┘

Pure; times are seconds of the clock of decisions (`Clock.now_ns() / 1e9`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.budget import EffectiveBudget
from agent.domain.line import Announced, Demand, View
from agent.domain.notice import LineState
from agent.supervisor.settings import SupervisorSettings


@dataclass(frozen=True, slots=True)
class Frames:
    """How frames come: `rate` of a camera that runs free, None where parts trigger it; what was measured, if it was."""

    free_rate: float | None
    measured_period_ms: float | None = None

    @classmethod
    def of(cls, settings: SupervisorSettings, measured_period_ms: float | None) -> Frames:
        return cls(settings.frame_rate if settings.free_running else None, measured_period_ms)


@dataclass(frozen=True, slots=True)
class Running:
    """What runs on the camera; `swapping`: it is being replaced."""

    active_id: str | None = None
    activated_s: float | None = None
    swapping: bool = False


def view(
    now_s: float,
    demand: Demand,
    running: Running,
    quarantined: Mapping[str, str],
    announced: Sequence[Announced] = (),
    notice_s: float = 0.0,
) -> View:
    """All that the decision at `now_s` may look at. What was announced for a time that has passed is left out."""
    coming = sorted((one for one in announced if one.at_s > now_s), key=lambda one: one.at_s)
    return View(
        now_s=now_s,
        demand=demand,
        active_id=running.active_id,
        activated_s=running.activated_s if running.active_id is not None else None,
        announced=tuple(coming),
        notice_s=notice_s,
        quarantined=quarantined,
        swapping=running.swapping,
    )


def demand_now(effective: EffectiveBudget, frames: Frames, line: LineState, waits: bool = False) -> Demand:
    """What the line asks for now. `waits`: a client holds it until the camera is ready for its change.

    The rate is the reported one, else the budget's, else that of free-running frames.
    """
    asked = effective.budget.parts_per_minute
    rate = line.parts_per_minute if line.parts_per_minute is not None else asked
    period_ms = _period_ms(frames, asked if asked is not None else line.parts_per_minute)
    return Demand(effective, _parts_per_s(rate, period_ms), period_ms, line.stopped or waits)


def demand_then(effective: EffectiveBudget, frames: Frames, line: LineState) -> Demand:
    """What an announced change will ask for: it comes with its own rate, and whether the line will stand is unknown."""
    asked = effective.budget.parts_per_minute
    rate = asked if asked is not None else line.parts_per_minute
    period_ms = _period_ms(frames, rate)
    return Demand(effective, _parts_per_s(rate, period_ms), period_ms)


def _period_ms(frames: Frames, parts_per_minute: float | None) -> float | None:
    """How often a frame can carry a result: the frame rate, or one frame a part when triggered."""
    if frames.free_rate is not None:
        return 1000.0 / frames.free_rate
    return 60_000.0 / parts_per_minute if parts_per_minute else frames.measured_period_ms


def _parts_per_s(parts_per_minute: float | None, period_ms: float | None) -> float | None:
    if parts_per_minute is not None:
        return parts_per_minute / 60.0
    return 1000.0 / period_ms if period_ms else None
