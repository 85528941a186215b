"""What a line asks of a camera, now and as far as it was told ahead, and all that one decision may look at.

Times are seconds of one monotonic clock (`Clock.now_ns() / 1e9` in the daemon, the trace's time in a replay).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.domain.budget import EffectiveBudget


@dataclass(frozen=True, slots=True)
class LineInput:
    """A digital input of a camera by which the line's controller says whether the line stands."""

    line: str  # "Line2"
    stopped_when_high: bool = True

    @property
    def reporter(self) -> str:
        """The name under which its word stands among those of clients."""
        return f"input:{self.line}"

    def says_stopped(self, high: bool) -> bool:
        """What a level means."""
        return high is self.stopped_when_high


@dataclass(frozen=True, slots=True)
class Demand:
    """The budget in force and how fast parts come.

    `parts_per_s`: parts, or frames where none are counted; None where it is not known (a decision then weighs as if
    one part came a second). `frame_period_ms`: of the frames that carry results; None where no frames flow yet.
    `stopped`: no parts come and a swap costs nothing.
    """

    effective: EffectiveBudget
    parts_per_s: float | None = None
    frame_period_ms: float | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Announced:
    """A change that was told ahead: from `at_s` on the line asks for `demand`."""

    at_s: float
    demand: Demand


@dataclass(frozen=True, slots=True)
class View:
    """All that one decision may look at beside what was learned.

    `notice_s` is a standing promise that every change is announced at least so long ahead; 0 without one.
    `announced` is in order of time. `quarantined` maps nets that must not be uploaded to the reason. `swapping`: a swap
    is under way, so that this decision is only told; `active_id` is then the net that it leaves.
    """

    now_s: float
    demand: Demand
    active_id: str | None = None
    activated_s: float | None = None
    announced: tuple[Announced, ...] = ()
    notice_s: float = 0.0
    quarantined: Mapping[str, str] = field(default_factory=dict)
    swapping: bool = False
