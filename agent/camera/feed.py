"""The running acquisition of an opened camera: from BeginAcquisition to EndAcquisition. Worker thread only."""

from __future__ import annotations

from agent.camera import network
from agent.camera.attribution import Attribution
from agent.camera.clock_map import ClockMap
from agent.camera.frames import FrameReader, Tally, Task
from agent.camera.session import Session
from agent.camera.settings import CameraSettings
from agent.camera.stream import Stream
from agent.camera.upload import SLOTS, FileSlot
from agent.clock import Clock
from agent.domain.result import RawInference
from agent.errors import CameraError, CameraGone

_BOUND_FACTOR = 3.0  # upper bound of a service time over the longest one seen
_BOUND_MS = 1000.0  # before any was seen: four times the slowest network measured (facts section 4)


class Feed:
    """Acquisitions of one session, one after the other. Owner: the device; parts go on counting in its `Stream`."""

    def __init__(self, session: Session, settings: CameraSettings, stream: Stream, tally: Tally, clock: Clock) -> None:
        self._session = session
        self._settings = settings
        self._stream = stream
        self._tally = tally
        self._clock = clock
        self._clocks = ClockMap(clock, session.nodes)
        self._reader: FrameReader | None = None
        self._service: network.ServiceTime | None = None
        self._generation: int | None = None
        self._slowest_ms = 0.0
        self._stalled = False
        self._clocks.measure(settings.timing.clock_round_trips)

    @property
    def reader(self) -> FrameReader | None:
        """What takes frames; None while not streaming."""
        return self._reader

    def begin(self, task: Task, generation: int | None, pipe_clear: bool) -> None:
        """Start; with a generation, results are reported from the first one that counts for it."""
        session, attribution = self._session, None
        if generation is not None:
            bound_ms = max(_BOUND_MS, _BOUND_FACTOR * self._slowest_ms)
            attribution = Attribution(pipe_clear, round(bound_ms * 1e6))
        stamped = self._settings.timestamps
        reader = FrameReader(session.pointer, session.nodes, task, self._tally, attribution, stamped)
        service = network.ServiceTime(session.nodes, self._clock)
        self._start(session)
        self._reader, self._service, self._generation = reader, service, generation
        self._stalled = False
        self._stream.begin()

    def end(self) -> None:
        """Stop; harmless when not streaming. Still streaming where it raises."""
        if self._reader is not None:
            self._session.end()
        self.forget()

    def forget(self) -> None:
        """The session is going anyway."""
        self._reader = self._service = None
        self._stream.end()

    def grab(self) -> tuple[bool, RawInference | None]:
        """Wait at most the grab timeout: whether a frame came, and the record that it brought, if it brought one."""
        reader, service, timing = self._reader, self._service, self._settings.timing
        if reader is None or service is None:
            return False, None
        self._clocks.refresh(timing.clock_refresh_s, timing.clock_round_trips)
        frame = reader.read(timing.grab_timeout_ms)
        if frame is None:
            return False, None
        self._stalled = False
        self._clocks.observe(frame.timestamp_ns)
        self._stream.note(frame)
        if frame.answer is None or self._generation is None:
            return True, None
        record = self._stream.record(frame, frame.answer, self._generation, service.read_ms(), self._clocks.offset_ns)
        if record is not None:
            self._slowest_ms = max(self._slowest_ms, record.service_ms)
        return True, record

    def newly_stalled(self) -> str | None:
        """A line about a stream that fell silent, once each time; silence of a triggered one is normal (F-4843)."""
        silent_s = self._stream.silent_s()
        if self._settings.triggered or silent_s is None or self._stalled:
            return None
        allowed_s = self._allowed_silence_s()
        if silent_s < allowed_s:
            return None
        self._stalled = True
        return f"no frame for {silent_s:.1f} s, allowed are {allowed_s:.1f} s; restart the stream"

    def _start(self, session: Session) -> None:
        try:
            session.begin()
        except CameraGone:
            raise
        except CameraError:
            # An open file stops acquisition without a reason given (S7).
            for slot in SLOTS:
                FileSlot(session.nodes, slot).close_leftover(tries=1)
            session.begin()

    def _allowed_silence_s(self) -> float:
        period_s = (self._stream.frame_period_ms() or 0.0) / 1e3
        exposure_s = (self._settings.exposure_us or 0.0) / 1e6
        return max(self._settings.timing.stall_s, 10.0 * period_s, 3.0 * exposure_s)
