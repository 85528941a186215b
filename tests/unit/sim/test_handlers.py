"""Handlers of a camera: images, device events, their registration and their end (facts/pyspin-surface.md 3.1)."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.host.generation import selected
from agent.sim.spec import SimulationSpec, TransportSpec
from tests.support.vendor import LocalBench, bench

QUICK = SimulationSpec(transport=TransportSpec(swap_overhead_s=0.0, network_load_s=0.0))


class Images(PySpin.ImageEventHandler):
    """Keeps the frame ids of what it got."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[int] = []
        self.threads: set[threading.Thread] = set()

    def OnImageEvent(self, image: PySpin.ImagePtr) -> None:
        self.frames.append(image.GetFrameID())
        self.threads.add(threading.current_thread())


class Nothing(PySpin.DeviceEventHandler):
    """Gets events and drops them."""

    def OnDeviceEvent(self, eventname: str) -> None:
        pass


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(QUICK) as held:
        yield held


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What handlers raised, as the interpreter would report it."""
    found: list[str] = []
    monkeypatch.setattr("threading.excepthook", lambda args: found.append(repr(args.exc_value)))
    return found


def _code(refused: pytest.ExceptionInfo[PySpin.SpinnakerException]) -> int:
    return refused.value.errorcode


def test_every_image_goes_to_the_handler_on_a_thread_of_the_library(camera: LocalBench) -> None:
    handler = Images()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(1.0)
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    assert handler.frames == list(range(len(handler.frames)))
    assert len(handler.frames) >= 58
    assert threading.current_thread() not in handler.threads


def test_handlers_stay_registered_from_one_acquisition_to_the_next(camera: LocalBench) -> None:
    handler = Images()
    camera.camera.RegisterEventHandler(handler, 0)
    for _ in range(3):
        camera.camera.BeginAcquisition()
        camera.clock.sleep(0.1)
        camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    assert handler.frames.count(0) == 3


def test_a_handler_that_is_registered_while_streaming_gets_the_next_images(camera: LocalBench) -> None:
    handler = Images()
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.2)
    camera.camera.RegisterEventHandler(handler)
    camera.clock.sleep(0.2)
    camera.camera.UnregisterEventHandler(handler)
    count = len(handler.frames)
    camera.clock.sleep(0.2)
    assert len(handler.frames) == count > 5
    camera.camera.GetNextImage(1000).Release()


def test_images_that_a_handler_does_not_release_free_their_buffers_all_the_same(camera: LocalBench) -> None:
    handler = Images()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.5)
    assert len(handler.frames) > 20
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)


def test_a_handler_may_read_nodes_save_and_end_the_acquisition(camera: LocalBench) -> None:
    class Last(PySpin.ImageEventHandler):
        temperature = 0.0

        def OnImageEvent(self, image: PySpin.ImagePtr) -> None:
            self.temperature = camera.real("DeviceTemperature").GetValue()
            if image.GetFrameID() == 5:
                camera.camera.EndAcquisition()

    handler = Last()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(1.0)
    assert not camera.camera.IsStreaming()
    assert handler.temperature > 20
    camera.camera.UnregisterEventHandler(handler)


def test_what_a_handler_raises_is_reported_and_the_next_image_comes(camera: LocalBench, reports: list[str]) -> None:
    class Broken(PySpin.ImageEventHandler):
        def OnImageEvent(self, image: PySpin.ImagePtr) -> None:
            raise ValueError(image.GetFrameID())

    handler = Broken()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.1)
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    assert reports[:2] == ["ValueError(0)", "ValueError(1)"]


def test_a_handler_without_its_method_is_reported_by_name(camera: LocalBench, reports: list[str]) -> None:
    handler = PySpin.ImageEventHandler()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.03)
    camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(handler)
    assert reports[0] == "NotImplementedError('ImageEventHandler.OnImageEvent')"


def test_a_subclass_that_forgets_to_initialise_its_base_works(camera: LocalBench) -> None:
    class Forgetful(PySpin.DeviceEventHandler):
        def __init__(self) -> None:
            self.names: list[str] = []

        def OnDeviceEvent(self, eventname: str) -> None:
            self.names.append(self.GetDeviceEventName())

    handler = Forgetful()
    assert (handler.GetDeviceEventId(), handler.GetDeviceEventName()) == (0, "")
    camera.camera.RegisterEventHandler(handler)
    camera.choose("EventSelector", "ExposureEnd")
    camera.choose("EventNotification", "On")
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.1)
    camera.camera.UnregisterEventHandler(handler)
    assert set(handler.names) == {"EventExposureEnd"}


def test_a_handler_may_unregister_itself_and_be_registered_again(camera: LocalBench) -> None:
    class Once(PySpin.DeviceEventHandler):
        told = 0

        def OnDeviceEvent(self, eventname: str) -> None:
            self.told += 1
            camera.camera.UnregisterEventHandler(self)

    handler = Once()
    camera.choose("EventSelector", "ExposureEnd")
    camera.choose("EventNotification", "On")
    camera.camera.BeginAcquisition()
    for count in range(1, 4):
        camera.camera.RegisterEventHandler(handler)
        camera.clock.sleep(0.2)
        assert handler.told == count


def test_deinit_is_refused_until_handlers_are_unregistered(camera: LocalBench) -> None:
    for handler in (Images(), Nothing()):
        camera.camera.RegisterEventHandler(handler)
        with pytest.raises(PySpin.SpinnakerException, match="still registered") as refused:
            camera.camera.DeInit()
        assert _code(refused) == -1004
        assert camera.camera.IsInitialized()
        camera.camera.UnregisterEventHandler(handler)
    camera.camera.DeInit()


def test_a_handler_is_registered_once_and_unregistered_once(camera: LocalBench) -> None:
    handler = Nothing()
    camera.camera.RegisterEventHandler(handler, "EventTest")
    camera.camera.RegisterEventHandler(handler, "EventExposureEnd")
    with pytest.raises(PySpin.SpinnakerException, match="already registered"):
        camera.camera.RegisterEventHandler(handler, "EventTest")
    camera.camera.UnregisterEventHandler(handler)
    with pytest.raises(PySpin.SpinnakerException, match="not registered"):
        camera.camera.UnregisterEventHandler(handler)


def test_wrong_handlers_are_refused_by_type(camera: LocalBench) -> None:
    for wrong in (object(), PySpin.DeviceArrivalEventHandler()):
        with pytest.raises(TypeError):
            camera.camera.RegisterEventHandler(wrong)
    with pytest.raises(TypeError):
        camera.camera.RegisterEventHandler(Nothing(), 0)
    with pytest.raises(TypeError):
        camera.camera.UnregisterEventHandler(object())
    with pytest.raises(NotImplementedError, match="ImageListEventHandler"):
        camera.camera.RegisterEventHandler(PySpin.ImageListEventHandler())


def test_device_events_need_an_initialised_camera_and_a_name_that_it_has(camera: LocalBench) -> None:
    with pytest.raises(PySpin.SpinnakerException, match="no event EventNoSuch"):
        camera.camera.RegisterEventHandler(Nothing(), "EventNoSuch")
    camera.camera.DeInit()
    with pytest.raises(PySpin.SpinnakerException, match="not initialized") as refused:
        camera.camera.RegisterEventHandler(Nothing())
    assert _code(refused) == -1002


def test_a_camera_that_is_dropped_with_its_handlers_leaves_no_thread(camera: LocalBench) -> None:
    threads = threading.active_count()
    camera.camera.RegisterEventHandler(Images())
    camera.camera.RegisterEventHandler(Nothing())
    camera.camera.BeginAcquisition()
    assert threading.active_count() == threads + 2
    old, camera.camera = camera.camera, PySpin.CameraPtr()
    del old
    gc.collect()
    assert threading.active_count() == threads
    camera.camera = PySpin.System.GetInstance().GetCameras()[0]
    camera.camera.Init()


def test_a_pulled_cable_leaves_handlers_that_can_be_ended_in_order(camera: LocalBench) -> None:
    images, events = Images(), Nothing()
    camera.camera.RegisterEventHandler(images)
    camera.camera.RegisterEventHandler(events)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.1)
    camera.device.unplug()
    camera.clock.sleep(1.0)
    with pytest.raises(PySpin.SpinnakerException):
        camera.camera.EndAcquisition()
    camera.camera.UnregisterEventHandler(images)
    camera.camera.UnregisterEventHandler(events)
    camera.camera.DeInit()


def test_the_first_generation_has_the_old_method_names(camera: LocalBench) -> None:
    assert not hasattr(camera.camera, "RegisterEvent")
    with selected(1):
        handler = Images()
        camera.camera.RegisterEvent(handler)
        camera.camera.UnregisterEvent(handler)


def test_the_end_of_the_acquisition_waits_only_so_long_for_a_handler_that_does_not_return(camera: LocalBench) -> None:
    class Stuck(PySpin.ImageEventHandler):
        def OnImageEvent(self, image: PySpin.ImagePtr) -> None:
            camera.clock.sleep(60.0)

    handler = Stuck()
    camera.camera.RegisterEventHandler(handler)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(0.1)
    start_ns = camera.clock.now_ns()
    camera.camera.EndAcquisition()
    assert camera.clock.now_ns() - start_ns < 6_000_000_000
    camera.camera.UnregisterEventHandler(handler)
    camera.clock.sleep(60.0)
