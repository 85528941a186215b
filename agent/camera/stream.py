"""From frames to inference records: capture times, latency, parts, silence. Worker thread only."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from agent.camera.frames import Answer, Frame, Tally
from agent.camera.network import Reading
from agent.clock import Clock
from agent.domain.result import RawInference

_RING = 1024  # frames between capture and result: 17 s at 60 fps, far above the slowest network (facts section 4)
_PERIODS = 32
# Service times of one network differ by about 1 % (facts/myriad-blobs.md section 6); five times that is allowed here.
_LEAST_OWN = 0.95
_READING_SLACK = 1.02


class _Captured(NamedTuple):
    frame_id: int
    timestamp_ns: int
    part: int | None


class Arrival(NamedTuple):
    """How a result came: `carried_ns` is the frame that brought it, None for an event.

    `idle_ns` is the camera time from which on the VPU can have worked on another frame; None where it is not known.
    `frame_id` is that of the carrying frame, which the VPU takes next.
    """

    carried_ns: int | None
    idle_ns: int | None
    frame_id: int | None = None


class _Early(NamedTuple):
    """A service time read when the inference of `frame_id` had ended, but its result had not come yet."""

    frame_id: int
    service_ms: float
    read_ns: int  # camera time


class Stream:
    """One camera's running acquisition, as records. Parts go on counting over acquisitions.

    `saturating`: frames come at the camera's own pace, so that the period of results is that of the VPU.
    """

    def __init__(self, clock: Clock, tally: Tally, triggered: bool) -> None:
        self._clock = clock
        self._tally = tally
        self._triggered = triggered
        self._counts_parts = triggered
        self._next_part = 0
        self._first_id: int | None = None
        self._last_id = -1
        self._base_part = 0
        self._ring: list[_Captured | None] = [None] * _RING
        self._periods: deque[int] = deque(maxlen=_PERIODS)
        self._inference_periods: deque[int] = deque(maxlen=_PERIODS)
        self._last_ns: int | None = None  # host time of the last frame, or of the start
        self._last_captured: _Captured | None = None
        self._result_ns: int | None = None  # host time of the last result, or of the start
        self._unanswered = 0
        self._early: _Early | None = None
        self._running: Arrival | None = None  # of the last result, where its reading may be the next one's

    def begin(self, parts: bool = True) -> None:
        """A new acquisition: frame ids start again. `parts` False: its frames are none, though frames are triggered
        otherwise."""
        self._counts_parts = self._triggered and parts
        self._first_id = None
        self._base_part = self._next_part
        self._ring = [None] * _RING
        self._periods.clear()
        self._inference_periods.clear()
        self._last_ns = self._result_ns = self._clock.now_ns()
        self._last_captured = self._early = self._running = None
        self._unanswered = 0

    def end(self) -> None:
        self._periods.clear()
        self._inference_periods.clear()
        self._last_ns = self._result_ns = None

    def note(self, frame: Frame) -> None:
        """Remember when a frame was captured and which part it shows."""
        now_ns = self._clock.now_ns()
        if self._first_id is None or frame.frame_id <= self._last_id:
            self._first_id, self._base_part = frame.frame_id, self._next_part
        self._last_id = frame.frame_id
        part = self._base_part + frame.frame_id - self._first_id if self._counts_parts else None
        if part is not None:
            self._next_part = part + 1
        previous = self._captured(frame.frame_id - 1)
        if previous is not None:
            self._periods.append(frame.timestamp_ns - previous.timestamp_ns)
        self._ring[frame.frame_id % _RING] = _Captured(frame.frame_id, frame.timestamp_ns, part)
        self._last_ns = now_ns
        self._unanswered += 1

    @property
    def newest_id(self) -> int:
        """Id of the newest frame of this acquisition; -1 before the first."""
        return self._last_id if self._first_id is not None else -1

    def part_of(self, frame_id: int) -> int | None:
        """The part that a noted frame shows; None where frames are none."""
        captured = self._captured(frame_id)
        return None if captured is None else captured.part

    def carried_by(self, frame: Frame) -> Arrival:
        """The arrival of a result that is new on `frame`.

        The frame before still had an older one, so the inference ended between the two and the VPU takes `frame` next;
        where the frame before was lost, that cannot be said.
        """
        known = self._captured(frame.frame_id - 1) is not None or frame.frame_id == self._first_id
        return Arrival(frame.timestamp_ns, frame.timestamp_ns if known else None, frame.frame_id)

    def record(
        self, answer: Answer, generation: int, arrival: Arrival, reading: Reading | None, told: bool, offset_ns: int
    ) -> RawInference | None:
        """The record of a result that counts; None (and stale) where its frame was never seen.

        `told`: the firmware has InferenceTime, so the period of results is not asked to stand in for it.
        """
        captured = self._captured(answer.frame_id)
        if captured is None:
            self._tally.stale += 1
            return None
        self._tally.results += 1
        now_ns = self._clock.now_ns()
        service_ms = self._told_ms(captured, arrival, reading, offset_ns) if told else self._saturated_ms(captured)
        self._remember(captured, now_ns)
        return RawInference(
            generation=generation,
            frame_id=answer.frame_id,
            captured_ns=captured.timestamp_ns,
            carried_ns=captured.timestamp_ns if arrival.carried_ns is None else arrival.carried_ns,
            class_id=answer.class_id,
            confidence=answer.confidence,
            service_ms=service_ms,
            latency_ms=max(0.0, (now_ns - captured.timestamp_ns - offset_ns) / 1e6),
            part=captured.part,
            boxes=answer.boxes,
            host_ns=now_ns,
        )

    def frame_period_ms(self) -> float | None:
        return _mean_ms(self._periods)

    def inference_period_ms(self) -> float | None:
        """Mean time between inferred frames; the VPU's pace where it is saturated."""
        return _mean_ms(self._inference_periods)

    def silent_s(self) -> float | None:
        """Host time since the last frame (or the start); None while not streaming."""
        return None if self._last_ns is None else (self._clock.now_ns() - self._last_ns) / 1e9

    def unanswered(self) -> tuple[int, float]:
        """Frames, and host seconds, since the last result that counted (or the start)."""
        since_ns = self._clock.now_ns() if self._result_ns is None else self._result_ns
        return self._unanswered, (self._clock.now_ns() - since_ns) / 1e9

    def _captured(self, frame_id: int) -> _Captured | None:
        found = self._ring[frame_id % _RING]
        return found if found is not None and found.frame_id == frame_id else None

    def _remember(self, captured: _Captured, now_ns: int) -> None:
        if self._last_captured is not None:
            self._inference_periods.append(captured.timestamp_ns - self._last_captured.timestamp_ns)
        self._last_captured = captured
        self._result_ns, self._unanswered = now_ns, 0

    def _told_ms(self, captured: _Captured, arrival: Arrival, reading: Reading | None, offset_ns: int) -> float | None:
        """InferenceTime of this very inference: read now, or already when the frame before arrived."""
        early, self._early = self._early, None
        own_ms = _own_ms(captured, arrival, reading, offset_ns)
        self._running = arrival if own_ms is None and arrival.frame_id != captured.frame_id else None
        self.read_early(reading, offset_ns)
        if early is None or early.frame_id != captured.frame_id or arrival.carried_ns is None:
            return own_ms
        # Unless the inference after it could have ended by then, too.
        last_ns = arrival.carried_ns + _LEAST_OWN * early.service_ms * 1e6
        return early.service_ms if early.read_ns < last_ns else own_ms

    @property
    def wants_reading(self) -> bool:
        """The last reading was nobody's for certain; a later one is that of the inference that runs now."""
        return self._running is not None

    def read_early(self, reading: Reading | None, offset_ns: int) -> None:
        """Keep a reading that came so late that the inference of the last carrying frame must have ended."""
        running = self._running
        if reading is None or running is None or running.idle_ns is None or running.frame_id is None:
            return
        read_ns = reading.at_ns - offset_ns
        if read_ns >= running.idle_ns + reading.service_ms * 1e6 / _LEAST_OWN:
            self._early = _Early(running.frame_id, reading.service_ms, read_ns)
            self._running = None

    def _saturated_ms(self, captured: _Captured) -> float | None:
        """Firmware without InferenceTime: the inference period in saturation (interfaces.md section 3).

        The VPU is saturated where it was busy when a frame between was taken, or where frames come without a trigger
        and each is inferred: then the period is what counts, because results come in whole frames. Else the period is
        the line's and says nothing of the network.
        """
        before = self._last_captured
        if before is None or captured.frame_id <= before.frame_id:
            return None
        if self._counts_parts and captured.frame_id == before.frame_id + 1:
            return None
        return (captured.timestamp_ns - before.timestamp_ns) / 1e6


def _own_ms(captured: _Captured, arrival: Arrival, reading: Reading | None, offset_ns: int) -> float | None:
    """The reading, if it must be that of this inference: the node always shows the newest one that has ended.

    Another inference can have begun at `idle_ns` at the earliest. What was read before that plus what was read cannot
    be the other's; later it may be, and a sample that may be another's is dropped.
    """
    if reading is None or arrival.idle_ns is None:
        return None
    own_ns = round(reading.service_ms * 1e6)
    available_ns = arrival.idle_ns - captured.timestamp_ns
    idle_ns = arrival.idle_ns
    if available_ns <= 0:  # the frame carries its own result: it was sent when its inference had ended
        idle_ns = captured.timestamp_ns + round(_LEAST_OWN * own_ns)
    elif own_ns > available_ns * _READING_SLACK:
        return None
    return reading.service_ms if reading.at_ns - offset_ns < idle_ns + own_ns else None


def _mean_ms(periods: deque[int]) -> float | None:
    return sum(periods) / len(periods) / 1e6 if periods else None
