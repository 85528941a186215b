"""Opening and closing: the one System of the process, finding a camera, Init with back-off, teardown in order.

Order of teardown: EndAcquisition, DeInit, every reference to the camera dropped, the list cleared, the System released
last and once (facts/firefly-dl.md section 6: otherwise -1004 and, in the C++ destructor, an abort).
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from agent.camera.guard import Guard
from agent.camera.nodes import Nodes
from agent.camera.sdk import CameraList, CameraPtr, Sdk, System, library_version
from agent.camera.settings import Timing
from agent.camera.vendor_errors import clear_frames, error_code, translate
from agent.clock import Clock
from agent.errors import CameraBusy, CameraError, CameraGone

T = TypeVar("T")
_RESOURCE_IN_USE = -1004
_RELEASE_TRIES = 3


class SystemOwner:
    """The process's one SDK System, shared by the cameras and counted. One thread at a time is let in.

    Segfaults are reported where several threads start the SDK (facts section 6): every use is between `enter`
    and `leave`, and the turn is passed with the clock's signals, because the SDK may wait while it is held.
    """

    def __init__(self, sdk: Sdk, clock: Clock) -> None:
        self.sdk = sdk
        self._mutex = threading.Lock()
        self._free = clock.signal()
        self._busy = False
        self._system: System | None = None
        self._users = 0

    def acquire(self, guard: Guard) -> System:
        """The System, started for the first user; raises a CameraError."""
        with _Turn(self, guard):
            if self._system is None:
                try:
                    self._system = self.sdk.System.GetInstance()
                except self.sdk.SpinnakerException as exc:
                    raise translate(exc, "start the Spinnaker system") from exc
            self._users += 1
            return self._system

    def release(self, guard: Guard) -> None:
        """Give it back; the last user's release ends the System. Never raises a vendor error."""
        with _Turn(self, guard):
            self._users -= 1
            if self._users > 0 or self._system is None:
                return
            system, self._system = self._system, None
            self._end(system)

    def find(self, serial: str, guard: Guard) -> CameraPtr:
        """The camera with that serial number; raises CameraGone where there is none now."""
        with _Turn(self, guard):
            if self._system is None:
                raise CameraGone(f"camera {serial}: the Spinnaker system is not started; connect first")
            try:
                cameras = self._system.GetCameras()
                try:
                    return self._pick(cameras, serial)
                finally:
                    _clear(cameras, self.sdk)
            except self.sdk.SpinnakerException as exc:
                raise translate(exc, f"look for camera {serial}") from exc

    def survey(self, look: Callable[[CameraPtr], T], guard: Guard) -> list[T]:
        """`look` at every camera on the bus; it must keep no reference to it."""
        with _Turn(self, guard):
            if self._system is None:
                raise CameraGone("the Spinnaker system is not started; acquire it first")
            try:
                cameras = self._system.GetCameras()
                try:
                    return [look(cameras.GetByIndex(index)) for index in range(cameras.GetSize())]
                finally:
                    _clear(cameras, self.sdk)
            except self.sdk.SpinnakerException as exc:
                raise translate(exc, "list the cameras") from exc

    def _pick(self, cameras: CameraList, serial: str) -> CameraPtr:
        if not serial:
            return self._only(cameras)
        camera = cameras.GetBySerial(serial)
        if camera is None or not camera.IsValid():  # an unknown serial is no exception (pyspin-surface.md 2.1)
            seen = cameras.GetSize()
            raise CameraGone(
                f"no camera with serial {serial} among {seen} found; check cable, power and the udev rule for 1e10"
            )
        return camera

    def _only(self, cameras: CameraList) -> CameraPtr:
        """The camera of a config that names no serial: unambiguous, or none."""
        seen = cameras.GetSize()
        if seen != 1:
            raise CameraGone(f"{seen} cameras found and no serial is configured; set `serial`, or connect just one")
        return cameras.GetByIndex(0)

    def _end(self, system: System) -> None:
        for _ in range(_RELEASE_TRIES):
            try:
                system.ReleaseInstance()
            except self.sdk.SpinnakerException as exc:
                if error_code(exc) != _RESOURCE_IN_USE:
                    return
                gc.collect()  # a traceback may still hold a camera
            else:
                return


def _clear(cameras: CameraList, sdk: Sdk) -> None:
    """Drop a list. Clear may refuse while a camera is held (-1004, facts section 3); then the list dies by itself."""
    with suppress(sdk.SpinnakerException):
        cameras.Clear()


class _Turn:
    """One thread's turn at the System; waits on the clock, never on a lock."""

    def __init__(self, owner: SystemOwner, guard: Guard) -> None:
        self._owner = owner
        self._guard = guard

    def __enter__(self) -> None:
        owner = self._owner
        while True:
            with owner._mutex:
                if not owner._busy:
                    owner._busy = True
                    owner._free.clear()
                    return
            owner._free.wait(max(0.001, min(1.0, self._guard.left_s())))
            self._guard.check()

    def __exit__(self, *_: object) -> None:
        with self._owner._mutex:
            self._owner._busy = False
        self._owner._free.set()


class Session:
    """One opened camera: pointer and node maps. Owner: its device, on the worker thread."""

    def __init__(self, camera: CameraPtr, nodes: Nodes, stream_nodes: Nodes, sdk_version: str) -> None:
        self.camera: CameraPtr | None = camera
        self.nodes = nodes
        self.stream_nodes = stream_nodes
        self.sdk_version = sdk_version
        self.streaming = False

    def begin(self) -> None:
        """Start acquisition; raises a CameraError."""
        camera = self.pointer
        try:
            camera.BeginAcquisition()
        except self.nodes.vendor_exception as exc:
            raise translate(exc, "start acquisition") from exc
        self.streaming = True

    def end(self) -> None:
        """Stop acquisition; harmless when not streaming. Tried twice: nearly every node stays locked until it works."""
        if not self.streaming:
            return
        try:
            self._end()
        except CameraGone:
            raise
        except CameraError:
            self._end_again()
        self.streaming = False

    def alive(self) -> bool:
        """Whether the camera still answers; one uncached read."""
        camera = self.camera
        if camera is None:
            return False
        try:
            if not camera.IsValid() or not camera.IsInitialized():
                return False
            self.nodes.get_enum("FileOperationStatus")
        except (self.nodes.vendor_exception, CameraError):
            return False
        return True

    def close(self) -> None:
        """EndAcquisition, DeInit, drop the pointer. Never raises: the camera may be gone."""
        vendor_exception = self.nodes.vendor_exception
        with suppress(CameraError):
            self.end()
        self.streaming = False
        if self.camera is not None:
            with suppress(vendor_exception):
                self.camera.DeInit()
        self.camera = None
        self.nodes.forget()
        self.stream_nodes.forget()

    def _end(self) -> None:
        camera = self.pointer
        try:
            camera.EndAcquisition()
        except self.nodes.vendor_exception as exc:
            raise translate(exc, "stop acquisition") from exc

    def _end_again(self) -> None:
        """The SDK may think that it ended while the camera was not told."""
        if self.pointer.IsStreaming():
            self._end()
        else:
            self.nodes.execute("AcquisitionStop")

    @property
    def pointer(self) -> CameraPtr:
        if self.camera is None:
            raise CameraGone("the camera was closed; connect again")
        return self.camera


def open_session(owner: SystemOwner, serial: str, guard: Guard, clock: Clock, timing: Timing) -> Session:
    """Find and initialise; retried, because Init is flaky right after another process died (facts section 6).

    Raises CameraGone where it stays away, CameraBusy where somebody else owns it, CameraTimeout from `guard`.
    """
    system = owner.acquire(guard)
    try:
        wait_s = timing.init_backoff_s
        for attempt in range(1, timing.init_attempts + 1):
            try:
                return _try_open(owner, system, serial, guard)
            except (CameraGone, CameraBusy):
                if attempt == timing.init_attempts or guard.left_s() <= wait_s:
                    raise
            guard.pause(wait_s)
            wait_s *= 2
        raise CameraGone(f"camera {serial}: no attempt to open it was made; raise init_attempts")
    except BaseException as exc:
        clear_frames(exc)
        owner.release(Guard(clock, f"release the system after camera {serial}", timing.close_wait_s))
        raise


def _try_open(owner: SystemOwner, system: System, serial: str, guard: Guard) -> Session:
    sdk = owner.sdk
    camera = owner.find(serial, guard)
    try:
        camera.Init()
        nodes = Nodes(sdk, camera.GetNodeMap(), serial)
        stream_nodes = Nodes(sdk, camera.GetTLStreamNodeMap(), serial)
    except sdk.SpinnakerException as exc:
        with suppress(sdk.SpinnakerException):
            camera.DeInit()
        raise translate(exc, f"open camera {serial}") from exc
    return Session(camera, nodes, stream_nodes, library_version(sdk, system))
