"""The running acquisition of an opened camera: from BeginAcquisition to EndAcquisition. Worker thread only."""

from __future__ import annotations

from agent.camera import network
from agent.camera.attribution import Attribution, EventAttribution, Verdict
from agent.camera.clock_map import ClockMap
from agent.camera.events import EventTap, InferenceEvent
from agent.camera.frames import Answer, Frame, FrameReader, Tally, Task
from agent.camera.pictures import Pictures, Readings
from agent.camera.reading_pace import ReadingPace
from agent.camera.session import Session
from agent.camera.settings import CameraSettings
from agent.camera.stream import Arrival, Stream
from agent.camera.upload import SLOTS, FileSlot
from agent.clock import Clock
from agent.domain.device import Picture
from agent.domain.result import RawInference
from agent.errors import CameraError, CameraGone

_BOUND_FACTOR = 3.0  # upper bound of a service time over the longest one seen
_BOUND_MS = 1000.0  # before any was seen: four times the slowest network measured (facts section 4)
_WAITING_EVENTS = 64  # events whose frame has not reached the host yet


class Feed:
    """Acquisitions of one session, one after the other. Owner: the device; parts go on counting in its `Stream`."""

    def __init__(
        self,
        session: Session,
        settings: CameraSettings,
        stream: Stream,
        tally: Tally,
        clock: Clock,
        pictures: Pictures,
        pace: ReadingPace,
        tap: EventTap | None = None,
    ) -> None:
        """With a `tap` results come from its events instead of the chunks."""
        self._session = session
        self._tap = tap
        self._events: EventAttribution | None = None
        self._waiting: list[InferenceEvent] = []
        self._settings = settings
        self._stream = stream
        self._tally = tally
        self._clock = clock
        self._pictures = pictures
        self._readings = Readings(session.nodes, clock)
        self._clocks = ClockMap(clock, session.nodes)
        self._reader: FrameReader | None = None
        self._newest: Frame | None = None  # whose pixels may still be wanted
        self._service: network.ServiceTime | None = None
        self._pace = pace
        self._generation: int | None = None
        self._slowest_ms = 0.0
        self._stalled = self._mute = False
        self._clocks.measure(settings.timing.clock_round_trips)

    @property
    def reader(self) -> FrameReader | None:
        """What takes frames; None while not streaming."""
        return self._reader

    def begin(self, task: Task, generation: int | None, pipe_clear: bool, parts: bool = True) -> None:
        """Start; with a generation, results are reported from the first one that counts for it.

        `parts` False: these frames are none, whatever the settings say of triggers.
        """
        session = self._session
        attribution: Attribution | None = None
        self._events = None
        if generation is not None and self._tap is not None:
            attribution = self._events = EventAttribution(pipe_clear, self._bound_ns())
        elif generation is not None:
            attribution = Attribution(pipe_clear, self._bound_ns())
        self._drop_events()
        stamped = self._settings.timestamps
        reader = FrameReader(session.pointer, session.nodes, task, self._tally, attribution, stamped, self._pictures)
        service = network.ServiceTime(session.nodes, self._clock)
        self._start(session)
        self._reader, self._service, self._generation = reader, service, generation
        self._pace.begin()
        self._stalled = self._mute = False
        self._stream.begin(parts)

    def end(self) -> None:
        """Stop; harmless when not streaming. Still streaming where it raises."""
        if self._reader is not None:
            self._session.end()
        self.forget()

    def forget(self) -> None:
        """The session is going anyway."""
        self._reader = self._service = None
        self._stream.end()

    def grab(self) -> tuple[bool, list[RawInference]]:
        """Wait at most the grab timeout: whether a frame came, and the records that came with it or as events."""
        reader, timing = self._reader, self._settings.timing
        if reader is None:
            return False, []
        self._clocks.refresh(timing.clock_refresh_s, timing.clock_round_trips)
        frame = reader.read(timing.event_poll_ms if self._awaits_event() else timing.grab_timeout_ms)
        if frame is not None:
            self._stalled = False
            self._clocks.observe(frame.timestamp_ns)
            self._stream.note(frame)
        elif self._stream.wants_reading and self._service is not None:
            self._stream.read_early(self._service.read(), self._clocks.offset_ns)
        records = self._from_events() if self._tap is not None else self._from_chunk(frame)
        for record in records:
            self._mute = False
            self._slowest_ms = max(self._slowest_ms, record.service_ms or 0.0)
        self._newest = frame
        return frame is not None, records

    def newly_stalled(self) -> str | None:
        """A line about a stream that fell silent, once each time."""
        return self._no_frames() or self._no_results()

    def show(self) -> None:
        """Hand the pixels of the frame that was just grabbed, where somebody wants them, to the taps.

        Apart from `grab`, so that what a picture costs is no part of a result's latency.
        """
        frame, self._newest = self._newest, None
        reader = self._reader
        if reader is None or reader.kept is None:
            return
        pixels = reader.pixels()
        if frame is None or pixels is None:
            return
        settings, roi = self._settings, self._settings.roi
        exposure_us, gain_db = self._readings.read()
        self._pictures.put(
            Picture(
                frame_id=frame.frame_id,
                captured_ns=frame.timestamp_ns,
                host_ns=frame.timestamp_ns + self._clocks.offset_ns,
                generation=self._generation,
                part=self._stream.part_of(frame.frame_id),
                serial=settings.serial,
                pixel_format=settings.pixel_format,
                offset_x=0 if roi is None else roi.x,
                offset_y=0 if roi is None else roi.y,
                exposure_us=exposure_us,
                gain_db=gain_db,
                pixels=pixels,
            )
        )

    def _from_chunk(self, frame: Frame | None) -> list[RawInference]:
        if frame is None or frame.answer is None:
            return []
        return self._record(frame.answer, self._stream.carried_by(frame))

    def _from_events(self) -> list[RawInference]:
        """Events whose frame has reached the host; the others wait for it, because only it tells when it was taken."""
        tap, judge = self._tap, self._events
        if tap is None or judge is None:
            self._drop_events()
            return []
        self._waiting += tap.queue.take()
        ready = [event for event in self._waiting if event.frame_id <= self._stream.newest_id]
        waiting = [event for event in self._waiting if event.frame_id > self._stream.newest_id]
        self._tally.stale += max(0, len(waiting) - _WAITING_EVENTS)
        self._waiting = waiting[-_WAITING_EVENTS:]
        records = []
        for event in ready:
            verdict = judge.judge_event(event.frame_id, event.ended_ns)
            self._tally.repeated += verdict is Verdict.REPEATED
            self._tally.stale += verdict is Verdict.STALE
            if verdict is Verdict.NEW:
                answer = Answer(event.frame_id, event.class_id, event.confidence, ())
                records += self._record(answer, Arrival(None, event.ended_ns))
        return records

    def _record(self, answer: Answer, arrival: Arrival) -> list[RawInference]:
        service, generation = self._service, self._generation
        if service is None or generation is None:
            return []
        offset_ns = self._clocks.offset_ns
        # Without its frame a result came as an event: then its latency is the service time, and each is read.
        steady = arrival.frame_id is not None and not self._pace.due(
            arrival.frame_id - answer.frame_id, self._clock.now_ns()
        )
        reading = None if steady else service.read()
        record = self._stream.record(answer, generation, arrival, reading, service.told, offset_ns)
        if record is None:
            return []
        if reading is not None and record.service_ms is not None:
            self._pace.was(record.service_ms)
        return [record]

    def _awaits_event(self) -> bool:
        """Whether an inference may end before the next frame: its event must not wait behind a silent trigger."""
        if self._events is None:
            return False
        frames, since_s = self._stream.unanswered()
        return frames > 0 and since_s * 1e9 < self._bound_ns()

    def _drop_events(self) -> None:
        self._waiting = []
        if self._tap is not None:
            self._tap.queue.take()

    def _bound_ns(self) -> int:
        """Upper bound of one service time."""
        return round(max(_BOUND_MS, _BOUND_FACTOR * self._slowest_ms) * 1e6)

    def _no_results(self) -> str | None:
        """Frames flow and a network runs, but nothing is inferred any more (F-4843)."""
        if self._generation is None or self._mute:
            return None
        frames, since_s = self._stream.unanswered()
        if frames < self._settings.timing.silent_results:
            return None
        allowed_s = max(self._settings.timing.stall_s, 5.0 * self._bound_ns() / 1e9)
        if since_s < allowed_s:
            return None
        self._mute = True
        return (
            f"{frames} frames in {since_s:.1f} s and no new result, allowed are {allowed_s:.1f} s; restart the stream"
        )

    def _no_frames(self) -> str | None:
        """Silence of a triggered stream is normal (F-4843)."""
        if self._settings.triggered or self._stalled:
            return None
        silent_s = self._stream.silent_s()
        if silent_s is None or silent_s < self._settings.timing.stall_s:  # which is always allowed
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
