"""One camera, synchronous: what the worker thread does for each request, and the running acquisition.

Nothing here knows threads or the event loop. Every method raises a CameraError; CameraGone means connect again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from agent.camera import acquisition, network, selftest
from agent.camera.attribution import Attribution
from agent.camera.guard import Guard
from agent.camera.info import read_info
from agent.camera.nodes import Nodes
from agent.camera.profile import Profile, read_profile
from agent.camera.session import Session, SystemOwner, open_session
from agent.camera.settings import CameraSettings
from agent.camera.stream import ClockMap, FrameReader, Stream, Tally, Task
from agent.camera.upload import NETWORK, SLOTS, FileSlot, NoRoom
from agent.camera.vendor_errors import clear_frames, translate
from agent.clock import Clock
from agent.domain.device import (
    CameraInfo,
    GoldenCheck,
    GoldenOutcome,
    Health,
    NetworkReport,
    NetworkSetup,
    ProgressFn,
)
from agent.domain.result import RawInference
from agent.errors import CameraError, CameraGone, CameraRefused, CameraTimeout

_BOUND_FACTOR = 3.0  # upper bound of a service time over the longest one seen
_BOUND_MS = 1000.0  # before any was seen: four times the slowest network measured (facts section 4)


class FireflyDevice:
    """One camera on its worker thread; that thread owns all of it."""

    def __init__(self, settings: CameraSettings, owner: SystemOwner, clock: Clock) -> None:
        self.settings = settings
        self.tally = Tally()
        self._owner = owner
        self._clock = clock
        self._session: Session | None = None
        self._stream = Stream(clock, self.tally, settings.triggered)
        self._clocks: ClockMap | None = None
        self._reader: FrameReader | None = None
        self._service: network.ServiceTime | None = None
        self._generation: int | None = None
        self._task: Task = "classification"
        self._restoration = selftest.Restoration(settings)
        self._resident = selftest.ResidentImage()
        self._injects = False
        self._pipe_clear = False  # nothing is being inferred from an earlier acquisition
        self._slowest_ms = 0.0
        self._stalled = False
        self._checked_ns = 0

    # -- connection --------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._session is not None

    @property
    def streaming(self) -> bool:
        return self._reader is not None

    def connect(self, guard: Guard) -> CameraInfo:
        """Find, open, repair what a dead host left, configure, read the limits."""
        self.disconnect()
        settings = self.settings
        session = open_session(self._owner, settings.serial, guard, self._clock, settings.timing)
        self._session = session
        try:
            return self._set_up(session)
        except BaseException as exc:
            clear_frames(exc)  # a traceback that keeps the camera blocks the release
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """Teardown in the vendor's order; never raises a CameraError."""
        self._reader = self._service = None
        self._stream.end()
        session, self._session = self._session, None
        if session is None:
            return
        with suppress(CameraError):
            session.end()
            network.disable(session.nodes)
            self._resident.drop(session.nodes)
            session.nodes.set_bool("ChunkModeActive", False)
            session.nodes.set_enum("TriggerMode", "Off")
        session.close()
        with suppress(CameraTimeout):
            self._owner.release(Guard(self._clock, "release the system", self.settings.timing.close_wait_s))

    def _set_up(self, session: Session) -> CameraInfo:
        nodes, settings = session.nodes, self.settings
        acquisition.stop_leftover(nodes)
        for slot in SLOTS:
            if nodes.has_entry("FileSelector", slot):
                FileSlot(nodes, slot).close_leftover(tries=1)
        acquisition.apply(nodes, settings)
        acquisition.enable_chunks(nodes, self._task, settings)
        acquisition.configure_buffers(session.stream_nodes, settings.timing.stream_buffers)
        self._clocks = ClockMap(self._clock, nodes)
        self._clocks.measure(settings.timing.clock_round_trips)
        self._pipe_clear = False
        self._restoration = selftest.Restoration(settings)
        self._resident = selftest.ResidentImage()
        info = read_info(session)
        self._injects = info.supports_injection
        return info

    # -- network -----------------------------------------------------------------------------------------------------

    def disable_inference(self) -> None:
        network.disable(self._idle("disable inference").nodes)
        self._pipe_clear = True

    def delete_network(self) -> None:
        """The name goes first: it must never outlive the bytes."""
        nodes = self._idle("delete the network").nodes
        network.clear_name(nodes)
        FileSlot(nodes, NETWORK).delete()

    def upload_network(self, blob: bytes, guard: Guard, progress: ProgressFn) -> None:
        """Inference goes off first: whether an upload is legal with it on is unknown (facts section 7 item 7)."""
        nodes = self._idle("upload a network").nodes
        if not blob:
            raise CameraRefused("the network to upload has 0 bytes; check the library")
        if network.enabled(nodes):
            self.disable_inference()
        network.clear_name(nodes)
        flash = self.settings.network_storage == "flash"
        try:
            FileSlot(nodes, NETWORK).write(blob, flash, guard, progress)
        except NoRoom:
            if not self._resident.drop(nodes):
                raise
            FileSlot(nodes, NETWORK).write(blob, flash, guard, progress)

    def activate_network(self, setup: NetworkSetup, guard: Guard) -> None:
        nodes = self._idle("activate a network").nodes
        if network.enabled(nodes):
            self.disable_inference()
        network.configure(nodes, setup)
        task: Task = "detection" if setup.task == "detection" else "classification"
        if task != self._task:
            acquisition.enable_chunks(nodes, task, self.settings)
            self._task = task
        network.enable(nodes)
        network.wait_loaded(nodes, setup, guard, self._clock, self.settings.timing)
        self._slowest_ms = 0.0

    def read_network(self) -> NetworkReport:
        return network.read_report(self._open().nodes)

    def self_test(self, goldens: Sequence[GoldenCheck], guard: Guard) -> tuple[GoldenOutcome, ...]:
        session = self._idle("run the self test")
        if not self._injects:
            return ()
        self._pipe_clear = False
        try:
            outcomes = selftest.run(
                session, self.settings, self._task, goldens, guard, self._resident, self._restoration
            )
        except CameraGone:
            raise
        except BaseException:
            self._restoration.run(session)
            raise
        self._restoration.run(session)
        self._pipe_clear = True
        return outcomes

    def mark_verified(self, subnet_id: str) -> None:
        network.set_name(self._open().nodes, subnet_id)

    # -- acquisition -------------------------------------------------------------------------------------------------

    def start_stream(self, generation: int | None) -> None:
        session = self._idle("start the stream")
        self._restoration.run(session)
        attribution = None
        self._match_trigger(session.nodes, generation)
        if generation is not None:
            self._clear_pipe(session.nodes)
            bound_ms = max(_BOUND_MS, _BOUND_FACTOR * self._slowest_ms)
            attribution = Attribution(self._pipe_clear, round(bound_ms * 1e6))
        self._begin(session)
        self._generation = generation
        self._reader = FrameReader(
            session.pointer, session.nodes, self._task, self.tally, attribution, self.settings.timestamps
        )
        self._service = network.ServiceTime(session.nodes, self._clock)
        self._stalled = False
        self._stream.begin()

    def stop_stream(self) -> None:
        if self._session is None or self._reader is None:
            return
        self._session.end()
        self._reader = None
        self._stream.end()
        # A running inference goes on and would show up in the next acquisition.
        self._pipe_clear = False

    def grab(self) -> RawInference | None:
        """Wait at most the grab timeout for a frame; the record it brings, if it brings one."""
        session, reader, clocks = self._open(), self._reader, self._clocks
        if reader is None or clocks is None:
            return None
        timing = self.settings.timing
        if clocks.due(timing.clock_refresh_s):
            clocks.measure(timing.clock_round_trips)
        frame = reader.read(timing.grab_timeout_ms)
        if frame is None:
            self._check_alive(session)
            return None
        self._stalled = False
        clocks.observe(frame.timestamp_ns)
        self._stream.note(frame)
        if frame.answer is None or self._generation is None:
            return None
        service_ms = self._service.read_ms() if self._service is not None else None
        record = self._stream.record(frame, frame.answer, self._generation, service_ms, clocks.offset_ns)
        if record is not None:
            self._slowest_ms = max(self._slowest_ms, record.service_ms)
        return record

    def reader(self) -> FrameReader:
        """The running acquisition's reader; raises CameraRefused where there is none."""
        self._open()
        if self._reader is None:
            raise CameraRefused(f"camera {self.settings.serial} is not streaming; start the stream first")
        return self._reader

    def newly_stalled(self) -> str | None:
        """A line about a stream that fell silent, once each time; silence of a triggered one is normal (F-4843)."""
        silent_s = self._stream.silent_s()
        if self.settings.triggered or silent_s is None or self._stalled:
            return None
        allowed_s = self._allowed_silence_s()
        if silent_s < allowed_s:
            return None
        self._stalled = True
        return f"no frame for {silent_s:.1f} s, allowed are {allowed_s:.1f} s; restart the stream"

    def fire_trigger(self) -> None:
        """One software trigger."""
        self._open().nodes.execute("TriggerSoftware")

    # -- health ------------------------------------------------------------------------------------------------------

    def health(self, dropped: int) -> Health:
        nodes = self._open().nodes
        return Health(
            temperature_c=nodes.try_float("DeviceTemperature"),
            counts=self.tally.counts(dropped),
            frame_period_ms=self._stream.frame_period_ms(),
            last_frame_age_s=self._stream.silent_s(),
        )

    def profile(self) -> Profile:
        """Every node of the camera (facts/firefly-dl.md section 7, start-up action)."""
        session = self._open()
        try:
            return read_profile(self._owner.sdk, session.pointer.GetNodeMap())
        except session.nodes.vendor_exception as exc:
            raise translate(exc, f"camera {self.settings.serial}: read its nodes") from exc

    def check_idle(self) -> None:
        """Raise CameraGone where a connected camera does not answer; at most once in `idle_check_s`."""
        if self._session is not None:
            self._check_alive(self._session)

    def gone_after(self, error: CameraError) -> CameraGone | None:
        """Whether `error` means that the camera is gone: some numbers tell, for the others it is asked."""
        if isinstance(error, CameraGone):
            return error
        if isinstance(error, CameraRefused) or self._session is None or self._session.alive():
            return None
        return CameraGone(
            f"camera {self.settings.serial} does not answer any more ({error}); connect again", error.code
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _open(self) -> Session:
        if self._session is None:
            raise CameraGone(f"camera {self.settings.serial} is not connected; connect first")
        return self._session

    def _idle(self, what: str) -> Session:
        session = self._open()
        if self._reader is not None:
            # The camera locks these nodes while it acquires, without naming the reason (S7).
            raise CameraRefused(f"camera {self.settings.serial} is streaming, cannot {what}; stop the stream first")
        return session

    def _begin(self, session: Session) -> None:
        try:
            session.begin()
        except CameraGone:
            raise
        except CameraError:
            # An open file stops acquisition without a reason given (S7).
            for slot in SLOTS:
                FileSlot(session.nodes, slot).close_leftover(tries=1)
            session.begin()

    def _match_trigger(self, nodes: Nodes, generation: int | None) -> None:
        """Frames that wait for inferences would never come without a network."""
        if self.settings.inference_sync == "free_running":
            return
        if generation is None:
            acquisition.trigger_off(nodes)
        else:
            acquisition.apply_trigger(nodes, self.settings)

    def _clear_pipe(self, nodes: Nodes) -> None:
        """Off and on drops the inference that the last acquisition left (interfaces.md section 3 (c))."""
        if not self._pipe_clear and network.enabled(nodes):
            network.disable(nodes)
            network.enable(nodes)
            self._pipe_clear = True

    def _check_alive(self, session: Session) -> None:
        """A pulled cable looks like silence: GetNextImage only times out (facts section 3, messages)."""
        now_ns = self._clock.now_ns()
        if now_ns - self._checked_ns < self.settings.timing.idle_check_s * 1e9:
            return
        self._checked_ns = now_ns
        if not session.alive():
            raise CameraGone(f"camera {self.settings.serial} does not answer any more; connect again")

    def _allowed_silence_s(self) -> float:
        period_s = (self._stream.frame_period_ms() or 0.0) / 1e3
        exposure_s = (self.settings.exposure_us or 0.0) / 1e6
        return max(self.settings.timing.stall_s, 10.0 * period_s, 3.0 * exposure_s)
