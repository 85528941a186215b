"""From frames to inference records: capture times, latency, parts, silence. Worker thread only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from agent.camera.frames import Answer, Frame, Tally
from agent.clock import Clock
from agent.domain.result import RawInference

_RING = 1024  # frames between capture and result: 17 s at 60 fps, far above the slowest network (facts section 4)
_PERIODS = 32


@dataclass(frozen=True, slots=True)
class _Captured:
    frame_id: int
    timestamp_ns: int
    part: int | None


class Stream:
    """One camera's running acquisition, as records. Parts go on counting over acquisitions."""

    def __init__(self, clock: Clock, tally: Tally, triggered: bool) -> None:
        self._clock = clock
        self._tally = tally
        self._triggered = triggered
        self._next_part = 0
        self._first_id: int | None = None
        self._last_id = -1
        self._base_part = 0
        self._ring: list[_Captured | None] = [None] * _RING
        self._periods: deque[int] = deque(maxlen=_PERIODS)
        self._last_ns: int | None = None  # host time of the last frame, or of the start
        self._last_captured_ns: int | None = None

    def begin(self) -> None:
        """A new acquisition: frame ids start again."""
        self._first_id = None
        self._base_part = self._next_part
        self._ring = [None] * _RING
        self._periods.clear()
        self._last_ns = self._clock.now_ns()
        self._last_captured_ns = None

    def end(self) -> None:
        self._periods.clear()
        self._last_ns = None

    def note(self, frame: Frame) -> None:
        """Remember when a frame was captured and which part it shows."""
        now_ns = self._clock.now_ns()
        if self._first_id is None or frame.frame_id <= self._last_id:
            self._first_id, self._base_part = frame.frame_id, self._next_part
        self._last_id = frame.frame_id
        part = self._base_part + frame.frame_id - self._first_id if self._triggered else None
        if part is not None:
            self._next_part = part + 1
        previous = self._ring[(frame.frame_id - 1) % _RING]
        if previous is not None and previous.frame_id == frame.frame_id - 1:
            self._periods.append(frame.timestamp_ns - previous.timestamp_ns)
        self._ring[frame.frame_id % _RING] = _Captured(frame.frame_id, frame.timestamp_ns, part)
        self._last_ns = now_ns

    def record(
        self, frame: Frame, answer: Answer, generation: int, service_ms: float | None, offset_ns: int
    ) -> RawInference | None:
        """The record of a result that counts; None (and stale) where its frame was never seen."""
        captured = self._ring[answer.frame_id % _RING]
        if captured is None or captured.frame_id != answer.frame_id:
            self._tally.stale += 1
            return None
        self._tally.results += 1
        if service_ms is None:
            service_ms = self._guess_service_ms(captured.timestamp_ns, frame.timestamp_ns)
        self._last_captured_ns = captured.timestamp_ns
        return RawInference(
            generation=generation,
            frame_id=answer.frame_id,
            captured_ns=captured.timestamp_ns,
            carried_ns=frame.timestamp_ns,
            class_id=answer.class_id,
            confidence=answer.confidence,
            service_ms=service_ms,
            latency_ms=max(0.0, (self._clock.now_ns() - captured.timestamp_ns - offset_ns) / 1e6),
            part=captured.part,
            boxes=answer.boxes,
        )

    def frame_period_ms(self) -> float | None:
        return sum(self._periods) / len(self._periods) / 1e6 if self._periods else None

    def silent_s(self) -> float | None:
        """Host time since the last frame (or the start); None while not streaming."""
        return None if self._last_ns is None else (self._clock.now_ns() - self._last_ns) / 1e9

    def _guess_service_ms(self, captured_ns: int, seen_ns: int) -> float:
        """Firmware without InferenceTime: the period in saturation, at most the time until the result was seen."""
        until_seen_ns = seen_ns - captured_ns
        if self._last_captured_ns is None:
            return until_seen_ns / 1e6
        return min(until_seen_ns, captured_ns - self._last_captured_ns) / 1e6
