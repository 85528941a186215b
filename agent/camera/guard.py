"""The deadline and the cancellation of one request, checked by whoever works on it."""

from __future__ import annotations

from agent.clock import Clock
from agent.errors import CameraError, CameraTimeout

_NS = 1_000_000_000


class Guard:
    """Made on the event loop, checked on the worker thread; `cancel` may come from either."""

    def __init__(self, clock: Clock, what: str, deadline_s: float) -> None:
        self.what = what
        self._clock = clock
        self._deadline_s = deadline_s
        self._end_ns = clock.now_ns() + round(deadline_s * _NS)
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """The caller does not wait any more; work stops at the next check."""
        self._cancelled = True

    def left_s(self) -> float:
        return max(0.0, (self._end_ns - self._clock.now_ns()) / _NS)

    def check(self) -> None:
        """Raise CameraTimeout past the deadline, CameraError once cancelled."""
        if self._cancelled:
            raise CameraError(f"{self.what}: cancelled by its caller")
        if self._clock.now_ns() >= self._end_ns:
            raise CameraTimeout(
                f"{self.what}: not done within {self._deadline_s:g} s; raise the deadline or check the camera"
            )

    def pause(self, seconds: float) -> None:
        """Sleep, at most to the deadline, and check."""
        self._clock.sleep(min(seconds, self.left_s()))
        self.check()
