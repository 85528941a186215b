"""One camera, synchronous: what the worker thread does for each request, and the running acquisition.

Nothing here knows threads or the event loop. Every method raises a CameraError; CameraGone means connect again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from agent.camera import acquisition, lines, network, selftest
from agent.camera.events import EventTap
from agent.camera.feed import Feed
from agent.camera.frames import Tally, Task
from agent.camera.guard import Guard
from agent.camera.info import read_info
from agent.camera.nodes import Nodes
from agent.camera.pictures import Pictures
from agent.camera.profile import Profile, read_profile
from agent.camera.reading_pace import ReadingPace
from agent.camera.sdk import Sdk
from agent.camera.session import Session, SystemOwner, open_session
from agent.camera.settings import CameraSettings
from agent.camera.stream import Stream
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
from agent.errors import CameraBusy, CameraError, CameraGone, CameraRefused, CameraTimeout

_SPEED = "DeviceCurrentSpeed"


class FireflyDevice:
    """One camera on its worker thread; that thread owns all of it."""

    def __init__(self, settings: CameraSettings, owner: SystemOwner, clock: Clock) -> None:
        self.settings = settings
        self.tally = Tally()
        self.pictures = Pictures(clock)
        self.pace = ReadingPace()
        self._owner = owner
        self._clock = clock
        self._session: Session | None = None
        self._stream = Stream(clock, self.tally, settings.triggered)
        self._feed: Feed | None = None
        self._tap: EventTap | None = None
        self._task: Task = "classification"
        self._restoration = selftest.Restoration(settings)
        self._resident = selftest.ResidentImage()
        self._load_pace = network.LoadPace(settings.timing)
        self._injects = False
        self._images: tuple[Sequence[GoldenCheck], list[selftest.Injected]] = ((), [])
        self._pipe_clear = False  # nothing is being inferred from an earlier acquisition
        self._checked_ns = 0
        self._emptied = False  # the network and its name were deleted, and nothing was done since
        self._own_pace = False  # asked for
        self._untriggered = False  # on the camera, beside what the settings say

    # -- connection --------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._session is not None

    @property
    def streaming(self) -> bool:
        return self._feed is not None and self._feed.reader is not None

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
        if self._feed is not None:
            self._feed.forget()
        self._feed = None
        session, self._session = self._session, None
        tap, self._tap = self._tap, None
        if session is None:
            return
        with suppress(CameraError):
            session.end()
        if tap is not None:
            tap.close()
        with suppress(CameraError):
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
        self.configure()
        acquisition.configure_buffers(session.stream_nodes, settings.timing.stream_buffers)
        if settings.results_from == "events":
            capacity = settings.timing.events_capacity
            self._tap = EventTap(self._owner.sdk, session.pointer, nodes, settings.serial, capacity)
        self._feed = Feed(session, settings, self._stream, self.tally, self._clock, self.pictures, self.pace, self._tap)
        self._pipe_clear = False
        self._restoration = selftest.Restoration(settings)
        self._resident = selftest.ResidentImage()
        self._own_pace = self._untriggered = self._emptied = False
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
        self._emptied = True

    def upload_network(self, blob: bytes, guard: Guard, progress: ProgressFn) -> None:
        """Inference goes off first: whether an upload is legal with it on is unknown (facts section 7 item 7)."""
        nodes = self._idle("upload a network").nodes
        if not blob:
            raise CameraRefused("the network to upload has 0 bytes; check the library")
        emptied, self._emptied = self._emptied, False
        if network.enabled(nodes):
            self.disable_inference()
        if not emptied:
            network.clear_name(nodes)
        flash = self.settings.network_storage == "flash"
        try:
            FileSlot(nodes, NETWORK).write(blob, flash, guard, progress, deleted=emptied)
        except NoRoom:
            if not self._resident.drop(nodes) and not emptied:
                raise
            FileSlot(nodes, NETWORK).write(blob, flash, guard, progress)

    def activate_network(self, setup: NetworkSetup, guard: Guard, goldens: Sequence[GoldenCheck] = ()) -> None:
        """`goldens`: of the self test that follows, which is prepared while the network loads."""
        nodes = self._idle("activate a network").nodes
        if setup.task == "detection" and self._tap is not None:
            raise CameraRefused(
                f"network {setup.subnet_id}: events carry no boxes; set results_from to chunks for a detection network"
            )
        if network.enabled(nodes):
            self.disable_inference()
        network.configure(nodes, setup, self.settings)
        task: Task = "detection" if setup.task == "detection" else "classification"
        if task != self._task:
            acquisition.enable_chunks(nodes, task, self.settings)
            self._task = task
        if goldens and self._injects:
            images = self._images_of(goldens)
            selftest.prepare(nodes, self.settings, images, self._resident, self._restoration)
        network.enable(nodes)
        network.wait_loaded(nodes, setup, guard, self._clock, self.settings.timing, self._load_pace)

    def read_network(self) -> NetworkReport:
        return network.read_report(self._open().nodes)

    def self_test(self, goldens: Sequence[GoldenCheck], guard: Guard) -> tuple[GoldenOutcome, ...]:
        session = self._idle("run the self test")
        if not self._injects:
            return ()
        self._pipe_clear = False
        try:
            outcomes = selftest.run(
                session,
                self.settings,
                self._task,
                goldens,
                self._images_of(goldens),
                guard,
                self._resident,
                self._restoration,
            )
        except CameraGone:
            raise
        except BaseException:
            self._restoration.run(session)
            raise
        self._restoration.run(session)
        self._pipe_clear, self._images = True, ((), [])
        return outcomes

    def _images_of(self, goldens: Sequence[GoldenCheck]) -> list[selftest.Injected]:
        """As the camera takes them; kept from the preparation of a test to the test."""
        if self._images[0] is not goldens:
            self._images = (goldens, [selftest.Injected.of(golden.image) for golden in goldens])
        return self._images[1]

    def mark_verified(self, subnet_id: str) -> None:
        network.set_name(self._open().nodes, subnet_id)

    # -- acquisition -------------------------------------------------------------------------------------------------

    def start_stream(self, generation: int | None) -> None:
        session, feed = self._idle("start the stream"), self._open_feed()
        self._restoration.run(session, infers=generation is not None)
        self._match_trigger(session.nodes, generation)
        if generation is not None:
            self._clear_pipe(session.nodes)
        feed.begin(self._task, generation, self._pipe_clear, parts=not self._own_pace)

    def own_pace(self, on: bool) -> None:
        """From the next start on frames come without a trigger, where there is one."""
        self._own_pace = on and self.settings.triggered

    def stop_stream(self) -> None:
        if self._feed is not None and self._feed.reader is not None:
            self._feed.end()
            # A running inference goes on and would show up in the next acquisition.
            self._pipe_clear = False

    def grab(self) -> list[RawInference]:
        """Wait at most the grab timeout for a frame; the records that came."""
        came, records = self._open_feed().grab()
        if not came:
            self.check_idle()
        return records

    def show(self) -> None:
        """After every `grab`, once its records are told: the frame's pixels go to the taps that are due."""
        if self._feed is not None:
            self._feed.show()

    def newly_stalled(self) -> str | None:
        return self._open_feed().newly_stalled()

    def fire_trigger(self) -> None:
        """One software trigger."""
        self._open().nodes.execute("TriggerSoftware")

    # -- health ------------------------------------------------------------------------------------------------------

    def health(self, dropped: int) -> Health:
        nodes = self._open().nodes
        return Health(
            temperature_c=nodes.try_float("DeviceTemperature"),
            counts=self.tally.counts(dropped + (0 if self._tap is None else self._tap.queue.lost)),
            frame_period_ms=self._stream.frame_period_ms(),
            last_frame_age_s=self._stream.silent_s(),
            inference_period_ms=self._stream.inference_period_ms(),
        )

    def read_line(self, line: str) -> bool:
        return lines.read_input(self._open().nodes, self.settings.serial, line)

    def profile(self) -> Profile:
        """Every node of the camera (facts/firefly-dl.md section 7, start-up action)."""
        session = self._open()
        try:
            return read_profile(self._owner.sdk, session.pointer.GetNodeMap())
        except session.nodes.vendor_exception as exc:
            raise translate(exc, f"camera {self.settings.serial}: read its nodes") from exc

    def check_idle(self) -> None:
        """Raise CameraGone where a connected camera does not answer; asks at most once in `idle_check_s`.

        A pulled cable looks like silence: GetNextImage only times out (facts section 3, messages).
        """
        now_ns = self._clock.now_ns()
        if self._session is None or now_ns - self._checked_ns < self.settings.timing.idle_check_s * 1e9:
            return
        self._checked_ns = now_ns
        if not self._session.alive():
            raise CameraGone(f"camera {self.settings.serial} does not answer any more; connect again")

    def gone_after(self, error: CameraError) -> CameraGone | None:
        """Whether `error` means that the camera is gone: some numbers tell, for the others it is asked."""
        if isinstance(error, CameraGone):
            return error
        if isinstance(error, CameraRefused) or self._session is None or self._session.alive():
            return None
        return CameraGone(
            f"camera {self.settings.serial} does not answer any more ({error}); connect again", error.vendor_code
        )

    # -- for commissioning ---------------------------------------------------------------------------------------------

    @property
    def sdk(self) -> Sdk:
        return self._owner.sdk

    def configure(self) -> None:
        """The settings and chunks of the config, from any state but streaming: a user set's load resets them all."""
        nodes = self._open().nodes
        acquisition.apply(nodes, self.settings)
        acquisition.enable_chunks(nodes, self._task, self.settings)

    def opened(self) -> Session:
        """The session; raises CameraGone where there is none."""
        self._emptied = False  # whoever has it may write files
        return self._open()

    def reconnect(self, guard: Guard) -> CameraInfo:
        """Wait for a camera that was reset and open it again; raises CameraTimeout from `guard`."""
        self.disconnect()
        while True:
            try:
                return self.connect(guard)
            except (CameraGone, CameraBusy) as exc:
                clear_frames(exc)
            guard.pause(1.0)

    def link_speed(self) -> str | None:
        """`SuperSpeed` or less, as the transport layer says; None where it does not tell."""
        session = self._open()
        try:
            return Nodes(self.sdk, session.pointer.GetTLDeviceNodeMap(), self.settings.serial).get_enum(_SPEED)
        except (CameraError, session.nodes.vendor_exception):
            return None

    # -- inside ------------------------------------------------------------------------------------------------------

    def _open(self) -> Session:
        if self._session is None:
            raise CameraGone(f"camera {self.settings.serial} is not connected; connect first")
        return self._session

    def _open_feed(self) -> Feed:
        if self._feed is None:
            raise CameraGone(f"camera {self.settings.serial} is not connected; connect first")
        return self._feed

    def _idle(self, what: str) -> Session:
        session = self._open()
        if self.streaming:
            # The camera locks these nodes while it acquires, without naming the reason (S7).
            raise CameraRefused(f"camera {self.settings.serial} is streaming, cannot {what}; stop the stream first")
        return session

    def _match_trigger(self, nodes: Nodes, generation: int | None) -> None:
        """Frames that wait for inferences would never come without a network, nor triggered ones from a line that
        stands."""
        waits = self.settings.inference_sync == "every_frame"
        untriggered = self._own_pace or (waits and generation is None)
        if untriggered:
            acquisition.trigger_off(nodes)
        elif waits or self._untriggered:
            acquisition.apply_trigger(nodes, self.settings)
        self._untriggered = untriggered

    def _clear_pipe(self, nodes: Nodes) -> None:
        """Off and on drops the inference that the last acquisition left (interfaces.md section 3 (c))."""
        if not self._pipe_clear and network.enabled(nodes):
            network.disable(nodes)
            network.enable(nodes)
            self._pipe_clear = True
