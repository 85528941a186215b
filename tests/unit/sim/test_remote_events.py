"""Events, handlers and hosts that die, with the camera in a process of its own and in real time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.plant import PlantClient
from agent.sim.remote import RemoteBusDevice, RemoteLink
from agent.sim.server import plant_path
from tests.support.device_process import REPOSITORY, device_process, mortal_process
from tests.support.networks import tiny_ir
from tests.support.vendor import Bench, remote_bench

SPEC: dict[str, object] = {
    "serial": "77",
    "scene": {"parts_per_minute": 1200, "distinct": 10},
    "transport": {"swap_overhead_s": 0.0, "network_load_s": 0.0},
    "quirks": {"init_fails_after_dead_host": True},
}
_DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with device_process(tmp_path_factory.mktemp("camera"), SPEC) as socket:
        yield socket


@pytest.fixture
def camera(path: Path) -> Iterator[Bench]:
    with remote_bench(RemoteBusDevice(path)) as held:
        yield held


class Results(PySpin.DeviceEventHandler):
    """Collects (frame id, class) until there are `wanted`."""

    def __init__(self, bench: Bench, wanted: int) -> None:
        super().__init__()
        self.bench, self.wanted, self.done = bench, wanted, threading.Event()
        self.rows: dict[int, int] = {}

    def OnDeviceEvent(self, eventname: str) -> None:
        frame_id = self.bench.integer("EventInferenceFrameID").GetValue()
        self.rows[frame_id] = self.bench.integer("EventInferenceResult").GetValue()
        if len(self.rows) >= self.wanted:
            self.done.set()


def test_inference_events_agree_with_the_chunks(camera: Bench) -> None:
    handler = Results(camera, 10)
    camera.load(tiny_ir())
    camera.choose("EventSelector", "Inference")
    camera.choose("EventNotification", "On")
    camera.camera.RegisterEventHandler(handler, "EventInference")
    camera.camera.BeginAcquisition()
    carried = {frame_id: class_id for _, frame_id, class_id, _ in camera.grab(40, 5000)}
    assert handler.done.wait(_DEADLINE_S)
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    common = set(carried) & set(handler.rows)
    assert len(common) > 3
    assert all(carried[frame_id] == handler.rows[frame_id] for frame_id in common)
    camera.flag("InferenceEnable").SetValue(False)


def test_a_handler_can_be_registered_again_and_again(camera: Bench) -> None:
    class Ends(PySpin.DeviceEventHandler):
        def __init__(self) -> None:
            super().__init__()
            self.told = threading.Event()

        def OnDeviceEvent(self, eventname: str) -> None:
            self.told.set()

    camera.choose("EventSelector", "ExposureEnd")
    camera.choose("EventNotification", "On")
    camera.camera.BeginAcquisition()
    for _ in range(5):
        handler = Ends()
        camera.camera.RegisterEventHandler(handler)
        assert handler.told.wait(_DEADLINE_S)
        camera.camera.UnregisterEventHandler(handler)
    camera.camera.EndAcquisition()
    camera.choose("EventNotification", "Off")


def test_images_go_to_a_handler(camera: Bench) -> None:
    class Ten(PySpin.ImageEventHandler):
        def __init__(self) -> None:
            super().__init__()
            self.frames: list[int] = []
            self.done = threading.Event()

        def OnImageEvent(self, image: PySpin.ImagePtr) -> None:
            self.frames.append(image.GetFrameID())
            if len(self.frames) == 10:
                self.done.set()

    handler = Ten()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    assert handler.done.wait(_DEADLINE_S)
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    assert handler.frames[:10] == list(range(10))


class Visits(PySpin.InterfaceEventHandler):
    """Tells arrivals and removals by serial number."""

    def __init__(self) -> None:
        super().__init__()
        self.came, self.went = threading.Event(), threading.Event()
        self.serials: list[str] = []

    def OnDeviceArrival(self, camera: PySpin.CameraPtr) -> None:
        self.serials.append("+" + camera.TLDevice.DeviceSerialNumber())
        self.came.set()

    def OnDeviceRemoval(self, camera: PySpin.CameraPtr) -> None:
        self.serials.append("-" + camera.TLDevice.DeviceSerialNumber())
        self.went.set()


def test_the_cable_makes_removal_and_arrival_events(path: Path) -> None:
    place = RemoteBusDevice(path)
    bus.attach(place)
    try:
        system, handler = PySpin.System.GetInstance(), Visits()
        system.RegisterEventHandler(handler)
        with PlantClient(plant_path(path)) as plant:
            plant.unplug()
            assert handler.went.wait(_DEADLINE_S)
            plant.replug()
            assert handler.came.wait(_DEADLINE_S)
        system.UnregisterEventHandler(handler)
        assert handler.serials == ["-77", "+77"]
        system.ReleaseInstance()
    finally:
        bus.detach(place)


def test_a_camera_that_another_host_has_says_so(path: Path) -> None:
    place, other = RemoteBusDevice(path), RemoteLink(path)
    bus.attach(place)
    try:
        system = PySpin.System.GetInstance()
        camera = system.GetCameras()[0]
        assert camera.TLDevice.DeviceAccessStatus.GetCurrentEntry().GetSymbolic() == "Busy"
        assert camera.GetAccessMode() == PySpin.RO
        with pytest.raises(PySpin.SpinnakerException) as refused:
            camera.Init()
        assert refused.value.errorcode == -1005
        other.close()
        assert camera.TLDevice.DeviceAccessStatus.GetCurrentEntry().GetSymbolic() == "ReadWrite"
        camera.Init()
        assert camera.TLDevice.DeviceAccessStatus.GetCurrentEntry().GetSymbolic() == "OpenReadWrite"
        assert camera.GetAccessMode() == PySpin.RW
        camera.DeInit()
        del camera, refused
        system.ReleaseInstance()
    finally:
        bus.detach(place)


_PROGRAM = """
import sys
from pathlib import Path
from agent.sim import bus, pyspin as PySpin
from agent.sim.remote import RemoteBusDevice

class Handler(PySpin.ImageEventHandler, PySpin.DeviceEventHandler, PySpin.InterfaceEventHandler):
    def OnImageEvent(self, image):
        pass

bus.attach(RemoteBusDevice(Path(sys.argv[1])))
system = PySpin.System.GetInstance()
handler, device_handler = Handler(), PySpin.DeviceEventHandler()
system.RegisterEventHandler(handler)
camera = system.GetCameras()[0]
camera.Init()
camera.RegisterEventHandler(handler)
camera.RegisterEventHandler(device_handler)
camera.BeginAcquisition()
print("RUNNING", flush=True)
{end}
"""


def _program(path: Path, end: str) -> subprocess.Popen[str]:
    text = textwrap.dedent(_PROGRAM).format(end=end)
    return subprocess.Popen([sys.executable, "-c", text, str(path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("end", ["", "import time; time.sleep(60)"], ids=["ends", "killed"])
def test_after_a_host_that_closed_nothing_the_first_init_cannot_read_the_description(path: Path, end: str) -> None:
    """Section 3: -1008 right after a killed process. A program that cleans nothing up ends with status 0."""
    with _program(path, end) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "RUNNING\n"
        if end:
            process.send_signal(signal.SIGKILL)
        assert process.wait(_DEADLINE_S) == (-signal.SIGKILL if end else 0)
    place = RemoteBusDevice(path)
    bus.attach(place)
    try:
        system = PySpin.System.GetInstance()
        camera = system.GetCameras()[0]
        _await_free(place)
        with pytest.raises(PySpin.SpinnakerException, match="Could not read the XML URL") as refused:
            camera.Init()
        assert refused.value.errorcode == -1008
        camera.Init()
        camera.DeInit()
        del camera, refused
        system.ReleaseInstance()
    finally:
        bus.detach(place)


def _await_free(place: RemoteBusDevice) -> None:
    """The process hears of the death through its socket, a moment after it."""
    for _ in range(2000):
        info = place.present()
        if info is not None and not info.busy:
            return
    raise AssertionError("camera stayed busy")


def _open_in_child(path: Path) -> str:
    """What a child sees of a camera that its parent enumerated."""
    if not bus.places():
        bus.attach(RemoteBusDevice(path))
    system = PySpin.System.GetInstance()
    camera = system.GetCameras()[0]
    camera.Init()
    serial = str(camera.DeviceSerialNumber())
    camera.BeginAcquisition()
    camera.GetNextImage(5000).Release()
    camera.EndAcquisition()
    camera.DeInit()
    del camera
    system.ReleaseInstance()
    return serial


def test_a_forked_child_opens_a_camera_that_its_parent_has_enumerated(path: Path) -> None:
    place = RemoteBusDevice(path)
    bus.attach(place)
    try:
        system = PySpin.System.GetInstance()
        cameras = system.GetCameras()
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if _open_in_child(path) == "77" else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        cameras[0].Init()
        cameras[0].DeInit()
        cameras.Clear()
        system.ReleaseInstance()
    finally:
        bus.detach(place)


_SPAWNS = """
import multiprocessing
import sys
from pathlib import Path
from agent.sim import bus, pyspin as PySpin
from agent.sim.remote import RemoteBusDevice

def serial_of_first(path):
    bus.attach(RemoteBusDevice(path))
    camera = PySpin.System.GetInstance().GetCameras()[0]
    camera.Init()
    serial = camera.DeviceSerialNumber()
    camera.DeInit()
    return serial

if __name__ == "__main__":
    path = Path(sys.argv[1])
    bus.attach(RemoteBusDevice(path))
    cameras = PySpin.System.GetInstance().GetCameras()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(serial_of_first, (path,)))
        pool.close()
        pool.join()
"""


def test_a_spawned_child_opens_a_camera_that_its_parent_has_enumerated(path: Path, tmp_path: Path) -> None:
    (tmp_path / "spawns.py").write_text(_SPAWNS)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run(
        [sys.executable, tmp_path / "spawns.py", path], capture_output=True, text=True, env=environment, check=True
    )
    assert ran.stdout == "77\n"


def test_handlers_end_in_order_after_the_device_process_died(tmp_path: Path) -> None:
    class Counts(PySpin.ImageEventHandler):
        def __init__(self) -> None:
            super().__init__()
            self.first = threading.Event()

        def OnImageEvent(self, image: PySpin.ImagePtr) -> None:
            self.first.set()

    images, events, visits = Counts(), PySpin.DeviceEventHandler(), Visits()
    with (
        mortal_process(tmp_path, SPEC) as (socket, process),
        remote_bench(RemoteBusDevice(socket)) as camera,
    ):
        system = PySpin.System.GetInstance()
        system.RegisterEventHandler(visits)
        camera.camera.RegisterEventHandler(images)
        camera.camera.RegisterEventHandler(events)
        camera.camera.BeginAcquisition()
        assert images.first.wait(_DEADLINE_S)
        process.kill()
        process.wait(_DEADLINE_S)
        assert visits.went.wait(_DEADLINE_S)
        with pytest.raises(PySpin.SpinnakerException):
            camera.camera.EndAcquisition()
        camera.camera.UnregisterEventHandler(images)
        camera.camera.UnregisterEventHandler(events)
        camera.camera.DeInit()
        system.UnregisterEventHandler(visits)
    assert visits.serials == ["-77"]
