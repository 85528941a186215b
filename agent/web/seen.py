"""What a page is made of: one camera as it is known at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.journal import Alarm
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Moment:
    """The clocks at one moment. The page counts in seconds of CLOCK_BOOTTIME, `now_s`."""

    boot_ns: int
    mono_ns: int
    wall_ns: int

    @property
    def now_s(self) -> float:
        return self.boot_ns / 1e9

    def of_boot(self, boot_ns: int) -> float:
        """The page's time of a CLOCK_BOOTTIME."""
        return round(boot_ns / 1e9, 2)

    def of_mono(self, mono_ns: float) -> float:
        """The page's time of a monotonic one."""
        return round((self.boot_ns - self.mono_ns + mono_ns) / 1e9, 2)

    def of_wall(self, wall_ns: int) -> float:
        """The page's time of one on the wall, as if that clock had not been set since."""
        return round((self.boot_ns - self.wall_ns + wall_ns) / 1e9, 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """The best that the library's usable sub-nets promise now; None where nobody knows."""

    service_ms: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One camera at one moment.

    `frame_mono_ns`: when its last frame was exposed as far as known, `result` its last result, at `result_mono_ns`.
    `alarms` are its own. `labels` of the library, none without one; `reach` of its sub-nets.
    """

    snapshot: CameraSnapshot
    moment: Moment
    alarms: Sequence[Alarm] = ()
    frame_mono_ns: int | None = None
    result: InferenceResult | None = None
    result_mono_ns: int | None = None
    labels: tuple[str, ...] = ()
    reach: Reach | None = None

    def alarm(self, key: str) -> Alarm | None:
        """The alarm of that key, where it stands."""
        return next((alarm for alarm in self.alarms if alarm.key == key), None)
