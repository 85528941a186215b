"""The camera as the agent sees it: an async face over the one thread that touches the SDK.

    loop: connect … upload … take_results          thread:  request ─► grab ─► request ─► grab …
           │ Mailbox (bounded, refuses)  ──────────►         │
           ◄── futures, call_soon_threadsafe ────────────────┤
           ◄── RESULTS / LOST / STALLED (coalesced) ─────────┤ results: bounded deque, drops the oldest
           ◄── pictures, where somebody wants them ──────────┘ one bounded deque a tap, drops the oldest

At most one request is served between two grabs; the thread blocks only in the SDK and on the clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import anyio

from agent.camera.device import FireflyDevice
from agent.camera.guard import Guard
from agent.camera.mailbox import Mailbox, Request, post
from agent.camera.profile import Profile
from agent.camera.session import SystemOwner
from agent.camera.settings import CameraSettings
from agent.camera.vendor_errors import clear_frames
from agent.clock import Clock
from agent.domain.device import (
    CameraEvent,
    CameraInfo,
    EventKind,
    GoldenCheck,
    GoldenOutcome,
    Health,
    NetworkReport,
    NetworkSetup,
    PictureTap,
    ProgressFn,
)
from agent.domain.result import RawInference
from agent.errors import CameraError, CameraGone

T = TypeVar("T")
_ERROR_PAUSE_S = 0.02  # a stream that fails at once must not spin


class WorkerCamera:
    """Implements `agent.domain.device.Camera`. Owner of its thread and its device; close it to end both."""

    def __init__(self, settings: CameraSettings, owner: SystemOwner, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._device = FireflyDevice(settings, owner, clock)
        self._mailbox = Mailbox(clock, settings.timing.requests_capacity)
        self._results = ResultQueue(settings.timing.results_capacity)
        self._tells_results = True
        self._callbacks: list[Callable[[CameraEvent], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Event | None = None
        self._due_ns: int | None = None  # when the thread is to be through with what it does; None while there is none

    @property
    def name(self) -> str:
        return self._settings.name

    # -- the Protocol ------------------------------------------------------------------------------------------------

    async def connect(self, deadline_s: float) -> CameraInfo:
        return await self._ask("connect", self._device.connect, deadline_s, needs_camera=False)

    async def disconnect(self, deadline_s: float) -> None:
        if self._thread is not None and not self._mailbox.closed:
            await self._ask("disconnect", lambda _: self._device.disconnect(), deadline_s, needs_camera=False)

    async def start_stream(self, deadline_s: float, generation: int | None) -> None:
        await self._ask("start the stream", lambda _: self._device.start_stream(generation), deadline_s)

    async def own_pace(self, on: bool, deadline_s: float) -> None:
        await self._ask("choose the pace", lambda _: self._device.own_pace(on), deadline_s)

    async def stop_stream(self, deadline_s: float) -> None:
        await self._ask("stop the stream", lambda _: self._device.stop_stream(), deadline_s)

    async def disable_inference(self, deadline_s: float) -> None:
        await self._ask("disable inference", lambda _: self._device.disable_inference(), deadline_s)

    async def delete_network(self, deadline_s: float) -> None:
        await self._ask("delete the network", lambda _: self._device.delete_network(), deadline_s)

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        await self._ask("upload", lambda guard: self._device.upload_network(blob, guard, progress), deadline_s)

    async def activate_network(
        self, setup: NetworkSetup, deadline_s: float, goldens: Sequence[GoldenCheck] = ()
    ) -> None:
        await self._ask("activate", lambda guard: self._device.activate_network(setup, guard, goldens), deadline_s)

    async def read_network(self, deadline_s: float) -> NetworkReport:
        return await self._ask("read the network", lambda _: self._device.read_network(), deadline_s)

    async def self_test(self, goldens: Sequence[GoldenCheck], deadline_s: float) -> tuple[GoldenOutcome, ...]:
        return await self._ask("self test", lambda guard: self._device.self_test(goldens, guard), deadline_s)

    async def mark_verified(self, subnet_id: str, deadline_s: float) -> None:
        await self._ask("mark verified", lambda _: self._device.mark_verified(subnet_id), deadline_s)

    async def health(self, deadline_s: float) -> Health:
        return await self._ask("health", lambda _: self._device.health(self._results.dropped), deadline_s)

    async def read_line(self, line: str, deadline_s: float) -> bool:
        return await self._ask(f"read {line}", lambda _: self._device.read_line(line), deadline_s)

    def take_results(self) -> Sequence[RawInference]:
        return self._results.take()

    def time_results(self, each: bool) -> None:
        self._device.pace.each = each

    def tell_results(self, at_once: bool) -> None:
        self._tells_results = at_once

    def on_event(self, callback: Callable[[CameraEvent], None]) -> None:
        self._callbacks.append(callback)

    def tap(self, every_s: float, capacity: int, on_picture: Callable[[], None]) -> PictureTap:
        return self._device.pictures.add(every_s, capacity, on_picture)

    # -- beyond the Protocol -----------------------------------------------------------------------------------------

    async def fire_trigger(self, deadline_s: float) -> None:
        """One software trigger; refused by the camera unless the trigger source is `software`."""
        await self._ask("software trigger", lambda _: self._device.fire_trigger(), deadline_s)

    async def profile(self, deadline_s: float) -> Profile:
        """Every node of the camera with type, access, range and entries, as plain data for JSON."""
        return await self._ask("profile", lambda _: self._device.profile(), deadline_s)

    async def inspect(self, what: str, work: Callable[[FireflyDevice, Guard], T], deadline_s: float) -> T:
        """Run `work` on the worker thread with the device itself, for commissioning; nothing else runs meanwhile."""
        return await self._ask(what, lambda guard: work(self._device, guard), deadline_s)

    @property
    def thread_lives(self) -> bool:
        """After `close`: a call of the SDK never came back."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def overdue_s(self) -> float:
        """How long the thread is past the deadline of what it does: in a call of the SDK that does not come back."""
        due_ns = self._due_ns
        return 0.0 if due_ns is None else max(0.0, (self._clock.now_ns() - due_ns) / 1e9)

    async def close(self, deadline_s: float = 10.0) -> None:
        """Disconnect and end the thread. Idempotent, also before the first connect; never raises a CameraError."""
        self._mailbox.close()
        thread, ended = self._thread, self._ended
        if thread is None or ended is None:
            return
        with anyio.move_on_after(deadline_s):
            await ended.wait()
        if ended.is_set():  # otherwise an SDK call hangs; the thread ends when it returns
            self._clock.join(thread, deadline_s)

    # -- the event loop's side ---------------------------------------------------------------------------------------

    async def _ask(self, what: str, work: Callable[[Guard], T], deadline_s: float, needs_camera: bool = True) -> T:
        if self._thread is None and not self._mailbox.closed:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
            self._thread = self._clock.spawn(f"camera {self.name}", self._run)
        return await self._mailbox.ask(f"camera {self.name}: {what}", work, deadline_s, needs_camera)

    def _emit(self, event: CameraEvent) -> None:
        for callback in self._callbacks:
            callback(event)

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._mailbox.closed:
                self._turn()
        finally:
            if self._mailbox.closed:  # else it has died, and is as overdue as one that does not come back
                self._due_ns = None
            self._mailbox.close()  # a fault of this loop leaves nobody waiting
            self._device.disconnect()
            if self._loop is not None and self._ended is not None:
                post(self._loop, self._ended.set)

    def _turn(self) -> None:
        """At most one request, then at most one grab, or a wait when there is neither."""
        self._due_ns = self._clock.now_ns()
        request = self._mailbox.take()
        if request is not None:
            self._serve(request)
        if self._device.streaming:
            self._guarded(self._grab)
        elif request is None:
            self._mailbox.wait(self._settings.timing.idle_check_s)
            self._guarded(self._device.check_idle)

    def _serve(self, request: Request[Any]) -> None:
        if request.needs_camera and not self._device.connected:
            request.fail(CameraGone(f"{request.guard.what}: it is not connected; connect first"))
            return
        self._due_ns = self._clock.now_ns() + round(request.guard.left_s() * 1e9)
        try:
            request.guard.check()
            value = request.work(request.guard)
        except CameraError as exc:
            gone = self._device.gone_after(exc)
            clear_frames(exc)  # before the system is released: a traceback keeps the camera
            if gone is not None and request.needs_camera:
                self._lose(gone)
            request.fail(gone or exc)
        except Exception as exc:  # noqa: BLE001 - the thread must outlive a fault; the caller gets it
            request.fail(exc)
        else:
            request.answer(value)

    def _grab(self) -> None:
        records: Sequence[RawInference] = ()
        try:
            records = self._device.grab()
            for record in records:
                if self._results.put(record) and self._tells_results:
                    self._tell(CameraEvent(EventKind.RESULTS))
        finally:
            self._device.show()
        stalled = self._device.newly_stalled() if not records else None  # nothing is silent that has just told a result
        if stalled is not None:
            self._tell(CameraEvent(EventKind.STALLED, stalled))

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run something that nobody asked for: a lost camera becomes an event, other errors are passing."""
        try:
            step()
        except CameraError as exc:
            gone = self._device.gone_after(exc)
            clear_frames(exc)
            if gone is not None:
                self._lose(gone)
            else:
                self._device.tally.incomplete += 1
                self._clock.sleep(_ERROR_PAUSE_S)
        except Exception as exc:  # noqa: BLE001 - the thread must outlive a fault; the camera is opened anew
            clear_frames(exc)
            self._lose(CameraGone(f"camera {self.name}: fault of the adapter: {exc!r}; connect again and report it"))

    def _lose(self, gone: CameraGone) -> None:
        self._device.disconnect()
        self._tell(CameraEvent(EventKind.LOST, str(gone)))

    def _tell(self, event: CameraEvent) -> None:
        if self._loop is not None:
            post(self._loop, lambda: self._emit(event))


class ResultQueue:
    """Results on their way to the loop: bounded, drops the oldest, counts them. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._mutex = threading.Lock()
        self._records: deque[RawInference] = deque()
        self._capacity = capacity
        self.dropped = 0

    def put(self, record: RawInference) -> bool:
        """Add one; True where the reader has to be told, which it was not since its last `take`."""
        with self._mutex:
            first = not self._records
            if len(self._records) >= self._capacity:
                self._records.popleft()
                self.dropped += 1
            self._records.append(record)
            return first

    def take(self) -> list[RawInference]:
        """All of them, oldest first."""
        with self._mutex:
            records = list(self._records)
            self._records.clear()
            return records
