"""Life cycle of system, lists, cameras and images (facts/pyspin-surface.md 2.1, 2.2, 2.5)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from agent.clock import VirtualClock
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.chunks import LinkBusy
from agent.sim.device import Firefly
from agent.sim.link import LocalLink
from agent.sim.spec import FaultSpec, Quirks, SimulationSpec
from tests.support.vendor import LocalBench, bench


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


@pytest.fixture
def device() -> Iterator[Firefly]:
    with bus.local_camera(SimulationSpec(serial="4711"), VirtualClock()) as held:
        yield held


def test_the_system_is_a_singleton_and_starts_again_after_its_release(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    assert PySpin.System.GetInstance() is system
    system.ReleaseInstance()
    again = PySpin.System.GetInstance()
    assert again is not system
    assert again.GetCameras().GetSize() == 1
    again.ReleaseInstance()


def test_identity_is_readable_before_init(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    camera = system.GetCameras()[0]
    assert type(camera).__name__ == "CameraPtr"
    assert camera.TLDevice.DeviceSerialNumber.GetValue() == "4711"
    node = PySpin.CStringPtr(camera.GetTLDeviceNodeMap().GetNode("DeviceModelName"))
    assert node.GetValue() == "Firefly FFY-U3-16S2M-DL"
    assert PySpin.CEnumerationPtr(camera.GetTLStreamNodeMap().GetNode("StreamMode")) == PySpin.CEnumerationPtr(None)
    with pytest.raises(PySpin.SpinnakerException) as refused:
        camera.GetNodeMap()
    assert refused.value.errorcode == -1002
    del camera, refused
    system.ReleaseInstance()


def test_release_is_refused_while_a_camera_is_referenced(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    cameras = system.GetCameras()
    camera = cameras[0]
    for expected in (cameras, camera):
        with pytest.raises(PySpin.SpinnakerException, match="still holds a reference") as refused:
            system.ReleaseInstance()
        assert refused.value.errorcode == -1004
        if expected is cameras:
            cameras.Clear()
    del camera, expected, refused
    gc.collect()
    system.ReleaseInstance()
    system.ReleaseInstance()


def test_a_camera_is_found_by_serial_and_a_strange_serial_gives_a_null_pointer(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    cameras = system.GetCameras()
    assert cameras.GetBySerial("4711").IsValid()
    assert not cameras.GetBySerial("1")
    with pytest.raises(TypeError):
        cameras.GetBySerial(4711)  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        cameras[1]
    cameras.Clear()
    system.ReleaseInstance()


def test_dropping_an_initialised_camera_leaves_it_openable(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    for _ in range(2):
        camera = system.GetCameras()[0]
        camera.Init()
        assert camera.IsInitialized()
        del camera
    system.ReleaseInstance()


def test_begin_needs_init_and_end_needs_begin(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    camera = system.GetCameras()[0]
    with pytest.raises(PySpin.SpinnakerException, match="-1002"):
        camera.BeginAcquisition()
    camera.Init()
    camera.Init()
    with pytest.raises(PySpin.SpinnakerException, match="Camera is not started"):
        camera.EndAcquisition()
    with pytest.raises(PySpin.SpinnakerException, match="Camera is not streaming") as refused:
        camera.GetNextImage(10)
    assert refused.value.errorcode == -1010
    camera.DeInit()
    del camera, refused
    gc.collect()
    system.ReleaseInstance()


def test_deinit_is_refused_while_streaming(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    with pytest.raises(PySpin.SpinnakerException, match="still streaming") as refused:
        camera.camera.DeInit()
    assert refused.value.errorcode == -1004


def test_a_timeout_is_code_1011_with_the_published_text(camera: LocalBench) -> None:
    camera.trigger_on("Software")
    camera.camera.BeginAcquisition()
    start_ns = camera.clock.now_ns()
    with pytest.raises(PySpin.SpinnakerException) as refused:
        camera.camera.GetNextImage(250)
    assert str(refused.value) == "Spinnaker: Failed waiting for EventData on NEW_BUFFER_DATA event. [-1011]"
    assert camera.clock.now_ns() - start_ns == 250_000_000
    with pytest.raises(TypeError):
        camera.camera.GetNextImage(0.5)  # type: ignore[arg-type]


def test_images_that_are_held_exhaust_the_buffers_and_dropping_one_frees_it(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    held = [camera.camera.GetNextImage(1000) for _ in range(10)]
    assert camera.camera.GetNumImagesInUse() == 10
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(500)
    held.pop()
    camera.camera.GetNextImage(500)
    held[0].Release()
    held[0].Release()
    camera.camera.GetNextImage(500).Release()
    camera.camera.EndAcquisition()
    held[1].Release()
    held.clear()


def test_pixels_are_rendered_for_the_region_of_interest(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    whole = camera.camera.GetNextImage(1000).GetNDArray()
    camera.camera.EndAcquisition()
    camera.integer("Width").SetValue(640)
    camera.integer("Height").SetValue(400)
    camera.integer("OffsetX").SetValue(100)
    camera.integer("OffsetY").SetValue(50)
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    assert image.GetNDArray().dtype == np.uint8
    assert np.array_equal(image.GetNDArray(), whole[50:450, 100:740])
    assert (image.GetWidth(), image.GetHeight(), image.GetImageSize()) == (640, 400, 256_000)


def test_an_array_keeps_its_contents_after_the_image(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    array = image.GetNDArray()
    before = array.copy()
    image.Release()
    camera.camera.GetNextImage(1000).GetNDArray()
    assert np.array_equal(array, before)
    with pytest.raises(PySpin.SpinnakerException):
        image.GetNDArray()


def test_sixteen_bit_frames_have_two_bytes_a_pixel(camera: LocalBench) -> None:
    camera.choose("PixelFormat", "Mono16")
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    assert image.GetNDArray().dtype == np.uint16
    assert image.GetData().size == 1440 * 1080
    assert (image.GetBitsPerPixel(), image.GetPixelFormat()) == (16, PySpin.PixelFormat_Mono16)


def test_images_are_converted_and_saved(camera: LocalBench, tmp_path: Path) -> None:
    camera.integer("Width").SetValue(64)
    camera.integer("Height").SetValue(48)
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    processor = PySpin.ImageProcessor()
    processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
    colour = processor.Convert(image, PySpin.PixelFormat_BGR8)
    assert colour.GetNDArray().shape == (48, 64, 3)
    image.Save(str(tmp_path / "frame.png"))
    with Pillow.open(tmp_path / "frame.png") as saved:
        assert np.array_equal(np.asarray(saved), image.GetNDArray())
    with pytest.raises(PySpin.SpinnakerException):
        processor.Convert(image, PySpin.PixelFormat_BayerRG8)


def test_chunks_show_the_frame_and_are_mirrored_in_the_node_map(camera: LocalBench) -> None:
    camera.flag("ChunkModeActive").SetValue(True)
    for name in ("FrameID", "Width", "ExposureTime", "Timestamp"):
        camera.choose("ChunkSelector", name)
        camera.flag("ChunkEnable").SetValue(True)
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(1000).Release()
    image = camera.camera.GetNextImage(1000)
    chunk = image.GetChunkData()
    assert (chunk.GetFrameID(), chunk.GetWidth(), chunk.GetExposureTime()) == (1, 1440, 5000.0)
    assert chunk.GetTimestamp() == image.GetTimeStamp()
    assert chunk.GetGain() == 0.0
    assert (camera.read("ChunkFrameID"), camera.read("ChunkWidth")) == ("1", "1440")
    assert camera.integer("ChunkTimestamp").GetValue() == image.GetTimeStamp()
    assert camera.integer("ChunkInferenceFrameId").GetValue() == -1


def test_an_image_without_chunk_mode_has_no_chunk_data(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    with pytest.raises(PySpin.SpinnakerException, match="-1008"):
        image.GetChunkData()


def test_a_pulled_cable_times_grabs_out_and_fails_nodes(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(1000).Release()
    camera.device.unplug()
    assert not camera.camera.IsValid()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(1000)
    with pytest.raises(PySpin.SpinnakerException, match="Could not read Port at address") as refused:
        camera.real("DeviceTemperature").GetValue()
    assert refused.value.errorcode == -1010


def test_a_camera_that_an_enumeration_missed_is_removed_for_good_and_comes_back_as_another(camera: LocalBench) -> None:
    """Section 3: -1002 "Camera has been removed from the list and is no longer valid."."""
    system = PySpin.System.GetInstance()
    camera.device.unplug()
    assert system.GetCameras().GetSize() == 0
    camera.device.replug()
    assert not camera.camera.IsValid()
    for use in (camera.camera.GetNodeMap, camera.camera.BeginAcquisition, camera.camera.Init):
        with pytest.raises(PySpin.SpinnakerException, match="removed from the list and is no longer valid") as refused:
            use()
        assert refused.value.errorcode == -1002
    assert camera.camera.TLDevice.DeviceSerialNumber() == "20000001"
    camera.camera.DeInit()
    fresh = system.GetCameras()[0]
    assert fresh != camera.camera
    fresh.Init()
    fresh.BeginAcquisition()
    fresh.GetNextImage(1000).Release()
    fresh.EndAcquisition()
    fresh.DeInit()


def test_after_a_brief_unplug_acquisition_does_not_start_until_the_camera_is_opened_again(camera: LocalBench) -> None:
    """Section 6: -1006 after 100 ms without a cable; it takes DeInit and Init."""
    camera.device.unplug()
    camera.device.replug()
    with pytest.raises(PySpin.SpinnakerException, match="Please try reconnecting the device") as refused:
        camera.camera.BeginAcquisition()
    assert refused.value.errorcode == -1006
    camera.camera.DeInit()
    camera.camera.Init()
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(1000).Release()


def test_a_device_reset_takes_the_camera_off_the_bus_for_a_while(camera: LocalBench) -> None:
    PySpin.CCommandPtr(camera.nodes.GetNode("DeviceReset")).Execute()
    system = PySpin.System.GetInstance()
    assert system.GetCameras().GetSize() == 0
    camera.clock.sleep(3.5)
    assert system.UpdateCameras()
    found = system.GetCameras()
    assert found.GetSize() == 1
    found.Clear()


def test_a_camera_admits_one_host(camera: LocalBench) -> None:
    with pytest.raises(LinkBusy, match="in use by another host"):
        LocalLink(camera.device)
    camera.camera.DeInit()
    link = LocalLink(camera.device)
    with pytest.raises(PySpin.SpinnakerException) as refused:
        camera.camera.Init()
    assert refused.value.errorcode == -1005
    link.close()
    camera.camera.Init()


def test_closing_a_connection_that_died_does_not_disturb_the_next_host(camera: LocalBench) -> None:
    camera.device.unplug()
    camera.device.replug()
    link = LocalLink(camera.device)
    camera.camera.DeInit()
    assert link.is_alive()
    with pytest.raises(LinkBusy):
        LocalLink(camera.device)
    link.close()
    camera.camera.Init()


def test_a_second_core_of_the_same_camera_opens_after_the_first_lost_it(camera: LocalBench) -> None:
    camera.device.unplug()
    camera.device.replug()
    fresh = PySpin.System.GetInstance().GetCameras()[0]
    assert fresh != camera.camera
    fresh.Init()
    assert fresh.DeviceSerialNumber() == "20000001"
    fresh.DeInit()


@pytest.mark.parametrize("effect", ["io_error", "unplug"])
def test_begin_acquisition_fails_with_1006_when_the_camera_does_not_answer(camera: LocalBench, effect: str) -> None:
    operation = "acquisition.start" if effect == "io_error" else "register"
    camera.device.inject_fault(FaultSpec(operation, effect))  # type: ignore[arg-type]
    with pytest.raises(PySpin.SpinnakerException, match="Please try reconnecting") as refused:
        camera.camera.BeginAcquisition()
    assert refused.value.errorcode == -1006
    assert not camera.camera.IsStreaming()


def test_the_library_version_compares_as_numbers(device: Firefly) -> None:
    version = PySpin.System.GetInstance().GetLibraryVersion()
    assert (version.major, version.minor) >= (4, 0)
    PySpin.System.GetInstance().ReleaseInstance()


def test_interfaces_list_the_same_cameras(device: Firefly) -> None:
    system = PySpin.System.GetInstance()
    interfaces = system.GetInterfaces()
    assert interfaces.GetSize() == 1
    cameras = interfaces[0].GetCameras()
    assert [c.GetUniqueID() for c in cameras] == ["4711"]
    assert interfaces[0].TLInterface.InterfaceID.GetValue() == "USB Interface 0"
    cameras.Clear()
    interfaces.Clear()
    system.ReleaseInstance()


def test_init_and_deinit_twice_are_harmless(camera: LocalBench) -> None:
    camera.camera.Init()
    for _ in range(2):
        camera.camera.DeInit()
        assert not camera.camera.IsInitialized()
    camera.camera.Init()
    camera.camera.Init()
    assert camera.read("Width") == "1440"


def test_after_a_host_that_died_the_first_init_cannot_read_the_description() -> None:
    """Section 3: -1008, a quirk of the simulation."""
    spec = SimulationSpec(quirks=Quirks(init_fails_after_dead_host=True))
    with bench(spec) as camera:
        camera.camera.DeInit()
        camera.device.host_died()
        with pytest.raises(PySpin.SpinnakerException, match="Could not read the XML URL") as refused:
            camera.camera.Init()
        assert refused.value.errorcode == -1008
        camera.camera.Init()
        camera.camera.DeInit()
        camera.device.host_died()
        camera.device.power_cycle()
        camera.clock.sleep(5)
        camera.camera = PySpin.System.GetInstance().GetCameras()[0]
        camera.camera.Init()
        del refused
