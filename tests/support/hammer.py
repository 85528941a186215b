"""Threads that share one camera, in real time, in a process of its own: see tests/faults/test_hammer.py.

    python -m tests.support.hammer CASE [SOCKET]

Without the socket the camera is in this process, too. A deadlock of GenApi's mutex and the GIL stops every Python
thread, so the deadline is faulthandler's, which needs neither.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.remote import RemoteBusDevice
from agent.sim.spec import SimulationSpec
from tests.support.vendor import Bench

_ROUNDS = 1000
DEADLINE_S = 60.0
# No transfer costs time here: threads meet as often as they can.
SPEC = {
    "transport": {"register_s": 0.0, "swap_overhead_s": 0.0, "network_load_s": 0.0, "delivery_s": 0.0},
    "scene": {"parts_per_minute": 0, "distinct": 1},
}


@contextmanager
def _station(path: Path | None) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        if path is None:
            stack.enter_context(bus.local_camera(SimulationSpec.from_mapping(SPEC), SystemClock()))
        else:
            bus.attach(RemoteBusDevice(path))
        system = PySpin.System.GetInstance()
        stack.callback(system.ReleaseInstance)
        held = Bench(SystemClock(), system.GetCameras()[0])
        held.camera.Init()
        yield held
        held.camera.DeInit()
        del held.camera
        gc.collect()  # caught exceptions hold the frames of the calls that raised them


def _together(*works: Callable[[], None]) -> None:
    """Run all at once; a failure of any fails the case."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def values(camera: Bench) -> None:
    """Read, write, execute and grab at once: every value is the right one."""
    camera.camera.BeginAcquisition()
    gamma, delay = camera.real("Gamma"), camera.real("TriggerDelay")
    camera.flag("GammaEnable").SetValue(True)

    def write() -> None:
        for n in range(_ROUNDS):
            value = 0.25 + n % 100 / 100
            gamma.SetValue(value)
            assert gamma.GetValue() == pytest.approx(value)
            assert camera.read("Width") == "1440"

    def execute() -> None:
        last = 0
        for n in range(_ROUNDS):
            PySpin.CCommandPtr(camera.nodes.GetNode("TimestampLatch")).Execute()
            stamp = camera.integer("TimestampLatchValue").GetValue()
            assert stamp >= last
            last = stamp
            delay.SetValue(float(n))
            assert delay.GetValue() == float(n)

    def walk() -> None:
        for _ in range(_ROUNDS // 100):
            for node in camera.nodes.GetNodes():
                PySpin.IsReadable(node)

    def grab() -> None:
        frames = []
        for _ in range(40):
            image = camera.camera.GetNextImage(5000)
            frames.append(image.GetFrameID())
            image.Release()
        assert frames == sorted(set(frames))

    _together(write, execute, walk, grab)
    camera.camera.EndAcquisition()


def events(camera: Bench) -> None:
    """Callbacks and events amid writes, registrations and acquisitions of other threads."""
    calls: list[str] = []

    class Handler(PySpin.DeviceEventHandler):
        def OnDeviceEvent(self, eventname: str) -> None:
            calls.append(camera.read("EventExposureEndFrameID"))

    class Told(PySpin.DeviceEventHandler):
        def __init__(self) -> None:
            super().__init__()
            self.told = threading.Event()

        def OnDeviceEvent(self, eventname: str) -> None:
            self.told.set()

    class Callback(PySpin.NodeCallback):
        def CallbackFunction(self, node: PySpin.INode) -> None:
            calls.append(PySpin.CValuePtr(node).ToString())

    camera.choose("EventSelector", "ExposureEnd")
    camera.choose("EventNotification", "On")
    handler, callback = Handler(), Callback()
    PySpin.RegisterNodeCallback(camera.nodes.GetNode("Gamma"), callback)
    camera.camera.BeginAcquisition()

    def write() -> None:
        for n in range(_ROUNDS):
            camera.real("Gamma").SetValue(0.25 + n % 100 / 100)

    def register() -> None:
        for _ in range(_ROUNDS // 20):
            camera.camera.RegisterEventHandler(handler)
            camera.real("DeviceTemperature").GetValue()
            camera.camera.UnregisterEventHandler(handler)

    def end_and_begin() -> None:
        for _ in range(_ROUNDS // 20):
            camera.camera.GetNextImage(5000).Release()
            camera.camera.EndAcquisition()
            camera.camera.BeginAcquisition()

    def register_another() -> None:
        another = Handler()
        for _ in range(_ROUNDS // 20):
            camera.camera.RegisterEventHandler(another)
            camera.camera.UnregisterEventHandler(another)

    _together(write, register, register_another, end_and_begin)
    last = Told()
    camera.camera.RegisterEventHandler(last)
    assert last.told.wait(DEADLINE_S / 2), "no event comes any more"
    camera.camera.UnregisterEventHandler(last)
    PySpin.DeregisterNodeCallback(callback)
    camera.camera.EndAcquisition()
    assert len(calls) >= _ROUNDS


def wake(camera: Bench) -> None:
    """EndAcquisition in one thread wakes a GetNextImage that waits in another."""
    camera.choose("TriggerSource", "Software")
    camera.choose("TriggerMode", "On")
    texts: list[str] = []

    for _ in range(20):
        camera.camera.BeginAcquisition()

        def grab() -> None:
            with pytest.raises(PySpin.SpinnakerException) as woken:
                camera.camera.GetNextImage()
            texts.append(str(woken.value))

        def end() -> None:
            camera.read("Width")
            camera.camera.EndAcquisition()

        _together(grab, end)
    # A grab that comes late finds no stream.
    allowed = {"Spinnaker: Stream has been aborted [-1012]", "Spinnaker: Camera is not streaming [-1010]"}
    assert set(texts) <= allowed


CASES = {case.__name__: case for case in (values, events, wake)}


def main(case: str, path: Path | None = None) -> None:
    faulthandler.dump_traceback_later(DEADLINE_S, exit=True)
    with _station(path) as camera:
        CASES[case](camera)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)
