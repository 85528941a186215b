"""The one System: turns between threads, release while something still holds the camera, sessions that do not open."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agent.camera.guard import Guard
from agent.camera.sdk import Sdk
from agent.camera.session import SystemOwner, open_session
from agent.camera.settings import Timing
from agent.clock import VirtualClock
from agent.errors import CameraBusy, CameraError, CameraGone, CameraTimeout
from tests.unit.camera.fakes import Vendor


class FakeSystem:
    """Enumeration takes a second and must never be entered by two threads."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.inside = 0
        self.entries = 0
        self.refuse_release = 0
        self.released = 0
        self.cameras: list[Any] = []

    def GetCameras(self) -> FakeSystem:
        self.inside += 1
        self.entries += 1
        assert self.inside == 1, "two threads in the SDK"
        self.clock.sleep(1.0)
        self.inside -= 1
        return self

    def GetBySerial(self, _serial: str, /) -> Any:
        return self.cameras[0] if self.cameras else None

    def GetSize(self) -> int:
        return len(self.cameras)

    def Clear(self) -> None:
        pass

    def ReleaseInstance(self) -> None:
        if self.refuse_release:
            self.refuse_release -= 1
            raise Vendor(-1004, "Can't clear a camera because something still holds a reference to the camera")
        self.released += 1


class Refusing:
    """A camera that another program owns."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.tries = 0

    def IsValid(self) -> bool:
        return True

    def Init(self) -> None:
        self.tries += 1
        raise Vendor(self.code)

    def DeInit(self) -> None:
        raise Vendor(-1002)


def owner_of(clock: VirtualClock, system: FakeSystem, starts: bool = True) -> SystemOwner:
    class Module:
        SpinnakerException = Vendor

        class System:
            @staticmethod
            def GetInstance() -> FakeSystem:
                if not starts:
                    raise Vendor(-1001, "System instance cannot be acquired.")
                return system

    return SystemOwner(cast(Sdk, Module()), clock)


def guard(clock: VirtualClock, seconds: float = 60) -> Guard:
    return Guard(clock, "test", seconds)


def test_threads_take_turns_and_the_system_ends_with_the_last_user() -> None:
    """facts/firefly-dl.md section 6: segfaults where several threads start the SDK."""
    clock = VirtualClock()
    system = FakeSystem(clock)
    owner = owner_of(clock, system)

    def use() -> None:
        owner.acquire(guard(clock))
        with pytest.raises(CameraGone, match="among 0 found"):
            owner.find("1", guard(clock))
        clock.sleep(10)  # all of them are users by now
        owner.release(guard(clock))

    threads = [clock.spawn(f"camera {n}", use) for n in range(3)]
    assert all(clock.join(thread, 60) for thread in threads)
    assert (system.entries, system.released) == (3, 1)
    assert clock.now_ns() >= 3_000_000_000


def test_a_turn_that_does_not_come_ends_with_the_deadline() -> None:
    clock = VirtualClock()
    owner = owner_of(clock, FakeSystem(clock))
    owner.acquire(guard(clock))

    def hold() -> None:
        with pytest.raises(CameraGone):
            owner.find("1", guard(clock))

    thread = clock.spawn("holds", hold)
    clock.sleep(0.1)
    with pytest.raises(CameraTimeout):
        owner.find("1", guard(clock, 0.2))
    assert clock.join(thread, 10)


@pytest.mark.parametrize(("refusals", "released"), [(1, 1), (99, 0)])
def test_a_release_that_is_refused_is_tried_again_and_never_raises(refusals: int, released: int) -> None:
    clock = VirtualClock()
    system = FakeSystem(clock)
    system.refuse_release = refusals
    owner = owner_of(clock, system)
    owner.acquire(guard(clock))
    owner.release(guard(clock))
    assert system.released == released


def test_a_system_that_does_not_start_is_an_error_of_the_camera() -> None:
    clock = VirtualClock()
    with pytest.raises(CameraError, match="cannot be acquired"):
        owner_of(clock, FakeSystem(clock), starts=False).acquire(guard(clock))


def test_find_before_the_system_is_started_is_refused() -> None:
    clock = VirtualClock()
    with pytest.raises(CameraGone, match="not started"):
        owner_of(clock, FakeSystem(clock)).find("1", guard(clock))


@pytest.mark.parametrize(
    ("code", "leaf", "tries"), [(-1005, CameraBusy, 3), (-1008, CameraBusy, 3), (-1012, CameraError, 1)]
)
def test_init_is_tried_again_where_that_can_help(code: int, leaf: type[CameraError], tries: int) -> None:
    """Section 6: flaky right after another process died."""
    clock = VirtualClock()
    system = FakeSystem(clock)
    camera = Refusing(code)
    system.cameras.append(camera)
    with pytest.raises(leaf, match="open camera 7"):
        open_session(owner_of(clock, system), "7", guard(clock), clock, Timing(init_attempts=3))
    assert (camera.tries, system.released) == (tries, 1)


def test_opening_stops_trying_before_the_deadline() -> None:
    clock = VirtualClock()
    system = FakeSystem(clock)
    with pytest.raises(CameraGone):
        open_session(owner_of(clock, system), "7", guard(clock, 4), clock, Timing(init_attempts=99))
    assert clock.now_ns() <= 5_000_000_000, "the deadline and one call of the SDK"
    assert system.released == 1
