"""System, interfaces, arrival and removal, logging (facts/pyspin-surface.md 2.1, 3.1, 3.4)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.clock import VirtualClock
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.device import Firefly
from agent.sim.host.generation import selected
from agent.sim.link import DeviceInfo, LocalLink
from agent.sim.quirks import Quirks
from agent.sim.spec import SimulationSpec
from tests.support.vendor import LocalBench, bench


class Visits(PySpin.InterfaceEventHandler):
    """Tells arrivals and removals by serial number, and holds the cameras that came."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.cameras: list[PySpin.CameraPtr] = []

    def OnDeviceArrival(self, camera: PySpin.CameraPtr) -> None:
        self.rows.append("+" + _serial(camera))
        self.cameras.append(camera)

    def OnDeviceRemoval(self, camera: PySpin.CameraPtr) -> None:
        self.rows.append("-" + _serial(camera))


class Records(PySpin.LoggingEventHandler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.data: list[PySpin.LoggingEventDataPtr] = []

    def OnLogEvent(self, loggingEventData: PySpin.LoggingEventDataPtr) -> None:
        self.data.append(loggingEventData)


def _serial(camera: PySpin.CameraPtr) -> str:
    return PySpin.CStringPtr(camera.GetTLDeviceNodeMap().GetNode("DeviceSerialNumber")).GetValue()


@contextmanager
def _system() -> Iterator[tuple[VirtualClock, Firefly, PySpin.SystemPtr]]:
    clock = VirtualClock()
    with bus.local_camera(SimulationSpec(serial="1"), clock) as device:
        system = PySpin.System.GetInstance()
        yield clock, device, system
        gc.collect()
        system.ReleaseInstance()


@pytest.fixture
def station() -> Iterator[tuple[VirtualClock, Firefly, PySpin.SystemPtr]]:
    with _system() as made:
        yield made


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


Station = tuple[VirtualClock, Firefly, PySpin.SystemPtr]


def test_the_cable_calls_the_handler_with_the_camera_that_went_and_the_one_that_came(station: Station) -> None:
    """S19: the departed camera's TL device map still gives the serial number."""
    clock, device, system = station
    handler = Visits()
    system.RegisterEventHandler(handler)
    device.unplug()
    clock.sleep(1.0)
    assert handler.rows == ["-1"]
    device.replug()
    clock.sleep(1.0)
    assert handler.rows == ["-1", "+1"]
    handler.cameras[0].Init()
    handler.cameras[0].DeInit()
    handler.cameras.clear()
    system.UnregisterEventHandler(handler)


def test_a_second_camera_arrives(station: Station) -> None:
    clock, _, system = station
    handler = Visits()
    interfaces = system.GetInterfaces()
    interfaces[0].RegisterEventHandler(handler)
    with bus.local_camera(SimulationSpec(serial="2"), clock):
        clock.sleep(1.0)
        handler.cameras.clear()
    clock.sleep(1.0)
    interfaces[0].UnregisterEventHandler(handler)
    interfaces.Clear()
    assert handler.rows == ["+2", "-2"]


def test_a_device_reset_is_a_removal_and_an_arrival(camera: LocalBench) -> None:
    system, handler = PySpin.System.GetInstance(), Visits()
    system.RegisterEventHandler(handler, False)
    camera.camera.DeviceReset()
    camera.clock.sleep(5.0)
    assert handler.rows == ["-20000001", "+20000001"]
    assert not camera.camera.IsValid()
    handler.cameras.clear()
    system.UnregisterEventHandler(handler)


def test_arrival_alone_and_removal_alone_are_handlers_of_their_own(station: Station) -> None:
    clock, device, system = station
    rows: list[str] = []

    class Arrival(PySpin.DeviceArrivalEventHandler):
        def OnDeviceArrival(self, camera: PySpin.CameraPtr) -> None:
            rows.append("+")

    class Removal(PySpin.DeviceRemovalEventHandler):
        def OnDeviceRemoval(self, camera: PySpin.CameraPtr) -> None:
            rows.append("-")

    handlers = (Arrival(), Removal())
    for handler in handlers:
        system.RegisterEventHandler(handler)
    device.unplug()
    clock.sleep(1.0)
    device.replug()
    clock.sleep(1.0)
    for handler in handlers:
        system.UnregisterEventHandler(handler)
    assert rows == ["-", "+"]


def test_interfaces_never_come_or_go_on_usb(station: Station) -> None:
    clock, device, system = station
    handler = PySpin.SystemEventHandler()
    system.RegisterEventHandler(handler)
    device.unplug()
    clock.sleep(2.0)
    system.UnregisterEventHandler(handler)
    with pytest.raises(NotImplementedError, match="OnInterfaceArrival"):
        handler.OnInterfaceArrival(system.GetInterfaces()[0])


def test_handlers_are_registered_once_and_of_the_right_kind(station: Station) -> None:
    _, _, system = station
    handler = Visits()
    system.RegisterEventHandler(handler)
    with pytest.raises(PySpin.SpinnakerException, match="already registered") as refused:
        system.RegisterEventHandler(handler)
    assert refused.value.errorcode == -1004
    system.UnregisterEventHandler(handler)
    with pytest.raises(PySpin.SpinnakerException, match="not registered"):
        system.UnregisterEventHandler(handler)
    for wrong in (object(), PySpin.ImageEventHandler()):
        with pytest.raises(TypeError):
            system.RegisterEventHandler(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        system.UnregisterEventHandler(object())  # type: ignore[arg-type]


def test_releasing_the_system_ends_handlers_that_are_still_registered() -> None:
    with _system() as (_, _, system):
        system.RegisterEventHandler(Visits())


def test_the_second_generation_gets_serial_numbers_by_its_own_method(station: Station) -> None:
    clock, device, system = station
    rows: list[object] = []

    class Old(PySpin.InterfaceEventHandler):
        def OnDeviceRemoval(self, camera: object) -> None:
            rows.append(camera)

    with selected(2):
        handler = Old()
        system.RegisterInterfaceEventHandler(handler, False)
        device.unplug()
        clock.sleep(1.0)
        system.UnregisterInterfaceEventHandler(handler)
    assert rows == [1]
    assert not hasattr(system, "RegisterInterfaceEventHandler")


def test_at_debug_level_enumeration_logs_and_at_error_level_it_does_not(station: Station) -> None:
    _, _, system = station
    records = Records()
    system.RegisterLoggingEventHandler(records)
    system.SetLoggingEventPriorityLevel(PySpin.SPINNAKER_LOG_LEVEL_ERROR)
    system.GetCameras().Clear()
    assert records.data == []
    system.SetLoggingEventPriorityLevel(PySpin.SPINNAKER_LOG_LEVEL_DEBUG)
    assert system.GetLoggingEventPriorityLevel() == PySpin.SPINNAKER_LOG_LEVEL_DEBUG
    system.GetCameras().Clear()
    first = records.data[0]
    assert (first.GetCategoryName(), first.GetPriority(), first.GetPriorityName()) == ("Interface", 700, "DEBUG")
    assert (first.GetThreadName(), first.GetNDC()) == ("MainThread", "")
    assert first.GetLogMessage() == "enumeration found 1 cameras"
    assert len(first.GetTimestamp()) == len("2026-01-31 12:00:00,000")
    system.UnregisterLoggingEventHandler(records)
    count = len(records.data)
    system.GetCameras().Clear()
    assert len(records.data) == count


def test_a_camera_logs_its_life(camera: LocalBench) -> None:
    system, records = PySpin.System.GetInstance(), Records()
    system.RegisterLoggingEventHandler(records)
    system.SetLoggingEventPriorityLevel(PySpin.SPINNAKER_LOG_LEVEL_INFO)
    camera.camera.BeginAcquisition()
    camera.camera.EndAcquisition()
    camera.camera.DeInit()
    camera.camera.Init()
    system.UnregisterAllLoggingEventHandlers()
    assert [r.GetLogMessage().removeprefix("20000001: ") for r in records.data] == [
        "acquisition started",
        "acquisition ended",
        "de-initialized",
        "initialized",
    ]


def test_a_logging_handler_that_enumerates_does_not_log_for_ever(station: Station) -> None:
    _, _, system = station
    calls: list[int] = []

    class Enumerates(PySpin.LoggingEventHandler):
        def OnLogEvent(self, loggingEventData: PySpin.LoggingEventDataPtr) -> None:
            calls.append(system.GetCameras().GetSize())

    system.RegisterLoggingEventHandler(Enumerates())
    system.SetLoggingEventPriorityLevel(PySpin.SPINNAKER_LOG_LEVEL_DEBUG)
    system.UpdateCameras()
    assert calls == [1, 1]
    system.UnregisterAllLoggingEventHandlers()


def test_wrong_logging_arguments_are_refused(station: Station) -> None:
    _, _, system = station
    with pytest.raises(PySpin.SpinnakerException, match="no logging level"):
        system.SetLoggingEventPriorityLevel(123)
    with pytest.raises(PySpin.SpinnakerException, match="not registered"):
        system.UnregisterLoggingEventHandler(Records())
    with pytest.raises(TypeError):
        system.RegisterLoggingEventHandler(object())  # type: ignore[arg-type]


def test_the_systems_map_switches_enumeration_of_network_cameras(station: Station) -> None:
    _, _, system = station
    nodes = system.GetTLNodeMap()
    flag = PySpin.CBooleanPtr(nodes.GetNode("EnumerateGEVInterfaces"))
    assert PySpin.IsWritable(flag)
    flag.SetValue(False)
    assert PySpin.CBooleanPtr(system.GetTLNodeMap().GetNode("EnumerateGEVInterfaces")).GetValue() is False
    system.UpdateInterfaceList()


def test_the_interface_counts_its_cameras_and_says_whether_one_is_held(station: Station) -> None:
    clock, _, system = station
    interfaces = system.GetInterfaces()
    interface = interfaces.GetByIndex(0)
    assert interface.IsValid()
    assert PySpin.CIntegerPtr(interface.GetTLNodeMap().GetNode("DeviceCount")).GetValue() == 1
    with bus.local_camera(SimulationSpec(serial="2"), clock):
        assert interface.UpdateCameras() is True
        assert interface.UpdateCameras() is False
        cameras = interface.GetCameras()
        assert [c.GetDeviceID() for c in cameras] == ["1", "2"]
        assert interface.IsInUse()
        cameras.Clear()
    assert not interface.IsInUse()
    assert isinstance(interface, PySpin.IInterface)
    del interface
    interfaces.Clear()


def test_a_held_interface_refuses_the_release(station: Station) -> None:
    _, _, system = station
    interface = system.GetInterfaces()[0]
    with pytest.raises(PySpin.SpinnakerException, match="still holds a reference") as refused:
        system.ReleaseInstance()
    assert refused.value.errorcode == -1004
    del interface, refused


def test_a_list_that_is_not_updated_shows_what_was_found_last(station: Station) -> None:
    clock, _, system = station
    system.UpdateCameras()
    with bus.local_camera(SimulationSpec(serial="2"), clock):
        assert system.GetCameras(updateInterfaces=False, updateCameras=False).GetSize() == 1
        assert system.GetCameras(updateInterfaces=False, updateCameras=True).GetSize() == 2


def test_lists_take_cameras_out_and_join(station: Station) -> None:
    clock, _, system = station
    with bus.local_camera(SimulationSpec(serial="2"), clock):
        cameras, others = system.GetCameras(), system.GetCameras()
        cameras.RemoveByIndex(0)
        assert [c.GetUniqueID() for c in cameras] == ["2"]
        others.RemoveBySerial("2")
        cameras.Append(others)
        assert [c.GetUniqueID() for c in cameras] == ["2", "1"]
        assert cameras.GetByDeviceID("1") == others[0]
        with pytest.raises(PySpin.SpinnakerException):
            cameras.RemoveByIndex(5)


def test_a_released_system_answers_nothing() -> None:
    with _system() as (_, _, system):
        pass
    for use in (system.GetCameras, system.GetInterfaces, system.GetTLNodeMap, system.UpdateCameras):
        with pytest.raises(PySpin.SpinnakerException, match="has been released") as refused:
            use()
        assert refused.value.errorcode == -1006


def test_a_camera_that_leaves_is_logged_once(station: Station) -> None:
    _, device, system = station
    records = Records()
    system.GetCameras().Clear()
    system.RegisterLoggingEventHandler(records)
    system.SetLoggingEventPriorityLevel(PySpin.SPINNAKER_LOG_LEVEL_NOTICE)
    device.unplug()
    for _ in range(3):
        system.UpdateCameras()
    assert [r.GetLogMessage() for r in records.data] == ["1: camera left the bus"]


def test_a_camera_that_is_opened_while_another_thread_enumerates_stays(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, system = station
    held = [system.GetCameras().GetByIndex(0)]
    (place,) = bus.places()
    answer = place.present

    def opened_meanwhile() -> DeviceInfo | None:
        held[0].Init()
        return answer()

    monkeypatch.setattr(place, "present", opened_meanwhile)
    assert system.GetCameras().GetSize() == 1
    assert held[0].IsValid()
    held[0].DeInit()
    held.clear()


def test_a_refused_init_is_logged_as_an_error(camera: LocalBench) -> None:
    system, records = PySpin.System.GetInstance(), Records()
    camera.camera.DeInit()
    other = LocalLink(camera.device)
    system.RegisterLoggingEventHandler(records)
    with pytest.raises(PySpin.SpinnakerException) as refused:
        camera.camera.Init()
    assert refused.value.errorcode == -1005
    assert [(r.GetPriorityName(), "in use by another host" in r.GetLogMessage()) for r in records.data] == [
        ("ERROR", True)
    ]
    other.close()
    camera.camera.Init()
    system.UnregisterAllLoggingEventHandlers()


def test_a_camera_that_left_is_in_use_while_it_is_held(station: Station) -> None:
    _, device, system = station
    camera = system.GetCameras()[0]
    camera.Init()
    device.unplug()
    device.replug()
    assert system.UpdateCameras()
    assert system.IsInUse()
    with pytest.raises(PySpin.SpinnakerException, match="still holds a reference") as refused:
        system.ReleaseInstance()
    assert refused.value.errorcode == -1004
    del camera, refused
    gc.collect()
    assert not system.IsInUse()


@pytest.mark.parametrize("refuses", [False, True])
def test_clearing_a_list_with_a_held_camera_is_a_quirk(refuses: bool) -> None:
    """Section 3 has a message for it, pyspin-surface.md 2.1 says that only the list's references go."""
    spec = SimulationSpec(quirks=Quirks(clear_refuses_held_cameras=refuses))
    with bus.local_camera(spec, VirtualClock()):
        system = PySpin.System.GetInstance()
        cameras = system.GetCameras()
        camera = cameras[0]
        if refuses:
            with pytest.raises(PySpin.SpinnakerException, match=r"something still holds a reference.*-1004"):
                cameras.Clear()
            assert len(cameras) == 1
        else:
            cameras.Clear()
        assert camera.IsValid()
        del camera
        gc.collect()  # a caught exception holds the frames of the call
        cameras.Clear()
        assert len(cameras) == 0
        system.ReleaseInstance()
