"""One test for each rule of the vendor that adapter or simulation rely on, straight on the SDK.

Docstrings name the source in facts/firefly-dl.md; test_vendor_table.py holds that no source is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from agent.camera import acquisition, network
from agent.camera.guard import Guard
from agent.camera.sdk import TIMEOUT, CameraPtr, Image
from agent.camera.selftest import ISP_NODES
from agent.camera.session import Session, open_session
from agent.camera.settings import Timing
from agent.camera.upload import INJECTED_IMAGE, NETWORK, FileSlot
from agent.camera.vendor_errors import error_code
from agent.errors import CameraError, CameraRefused, UploadFailed
from tests.contract.rig import NEW_FIRMWARE, OLD_FIRMWARE, SERIAL, Rig, ignore_progress, only_on, profile, rig, settings


@contextmanager
def opened() -> Iterator[tuple[Rig, Session]]:
    """A camera opened as the vendor's examples open it; nothing is configured."""
    with rig() as made:
        guard = Guard(made.clock, "vendor rule", 60.0)
        session = open_session(made.owner, settings().serial, guard, made.clock, Timing())
        try:
            acquisition.stop_leftover(session.nodes)
            session.nodes.set_enum("TriggerMode", "Off")
            yield made, session
        finally:
            session.close()
            made.owner.release(Guard(made.clock, "release", 5.0))


def images(session: Session, count: int) -> Iterator[Image]:
    """`count` images of a running acquisition; each is released."""
    for _ in range(count):
        image = session.pointer.GetNextImage(1000)
        yield image
        image.Release()


def grab_code(camera: CameraPtr, session: Session, timeout_ms: int) -> int | None:
    """The vendor's number that GetNextImage ends with; None where an image came."""
    try:
        camera.GetNextImage(timeout_ms).Release()
    except session.nodes.vendor_exception as exc:
        return error_code(exc)
    return None


# -- inference control ---------------------------------------------------------------------------------------------


def test_inference_control_has_the_published_names() -> None:
    """S1: the box format is InferenceNetworkOutputFormatSelector; InferenceBoundingBoxFormat is no node."""
    with opened() as (_, session):
        nodes = session.nodes
        for name in (network.ENABLE, network.TYPE, network.BOX_FORMAT, network.BOX_THRESHOLD):
            assert nodes.writable(name), name
        assert nodes.implemented("InferenceBoundingBoxFormat") is None
        assert nodes.float_range(network.BOX_THRESHOLD) == (0.0, 1.0)


def test_the_type_is_written_by_name_and_keeps_it() -> None:
    """S1: entries Classification and Detection; their numbers are the camera's own (section 7 item 1)."""
    with opened() as (_, session):
        nodes = session.nodes
        nodes.set_bool(network.ENABLE, False)
        for entry in ("Detection", "Classification"):
            nodes.set_enum(network.TYPE, entry)
            assert nodes.get_enum(network.TYPE) == entry


@pytest.mark.simulation
def test_old_firmware_has_the_first_group_of_nodes_only() -> None:
    """S1b: neither times nor name, status or sizes; the rest is on both."""
    with opened() as (_, session):
        nodes = session.nodes
        optional = (network.SERVICE_TIME, network.NAME, network.STATUS, network.MAX_SIZE, network.SIZE)
        assert [nodes.readable(name) for name in optional] == [profile().optional_nodes] * len(optional)
        for name in (network.ENABLE, network.TYPE, network.PIXEL_FORMAT, network.MEAN, network.SCALE):
            assert nodes.readable(name), name


def test_mean_and_scale_are_one_for_each_channel_or_one_for_all() -> None:
    """S2: a selector of channels; without one there is a single pair of values."""
    with opened() as (_, session):
        nodes = session.nodes
        channel = nodes.first(network.CHANNEL)
        entries = nodes.entries(channel) if channel else ("",)
        for number, entry in enumerate(entries):
            if channel:
                nodes.set_enum(channel, entry)
            nodes.set_float(network.MEAN, 100.0 + number)
            nodes.set_float(network.SCALE, 50.0 + number)
        if channel:
            nodes.set_enum(channel, entries[0])
        assert (nodes.get_float(network.MEAN), nodes.get_float(network.SCALE)) == (100.0, 50.0)


@only_on(NEW_FIRMWARE, "pessimistic")
def test_the_properties_of_the_network_are_read_only() -> None:
    """S3: InferenceMaxInputSizeX and the figures of the loaded network."""
    with opened() as (_, session):
        nodes = session.nodes
        for name in ("InferenceMaxInputSizeX", network.SIZE, network.WIDTH, network.HEIGHT, network.CLASSES):
            assert nodes.readable(name), name
            assert not nodes.writable(name), name
        assert nodes.get_int("InferenceMaxInputSizeX") > 0


# -- events --------------------------------------------------------------------------------------------------------


@only_on(NEW_FIRMWARE, "pessimistic")
def test_inference_events_are_read_only_nodes() -> None:
    """S4: id, timestamp, result, confidence and frame id, filled by the event."""
    with opened() as (_, session):
        for name in ("EventInference", "EventInferenceTimestamp", "EventInferenceResult", "EventInferenceConfidence"):
            assert session.nodes.implemented(name), name
            assert not session.nodes.writable(name), name


def test_a_notification_belongs_to_the_selected_event() -> None:
    """S5: EventSelector and EventNotification."""
    with opened() as (_, session):
        nodes = session.nodes
        first, second = nodes.entries("EventSelector")[:2]
        for entry, state in ((first, "On"), (second, "Off")):
            nodes.set_enum("EventSelector", entry)
            nodes.set_enum("EventNotification", state)
        nodes.set_enum("EventSelector", first)
        assert nodes.get_enum("EventNotification") == "On"
        nodes.set_enum("EventNotification", "Off")


# -- chunks --------------------------------------------------------------------------------------------------------


def test_chunks_are_fixed_once_acquisition_runs() -> None:
    """S6: chunks cannot be changed once acquisition has started."""
    with opened() as (_, session):
        nodes = session.nodes
        acquisition.enable_chunks(nodes, "classification", settings())
        session.begin()
        assert not nodes.writable("ChunkModeActive")
        assert not nodes.writable("ChunkEnable")
        session.end()
        nodes.set_bool("ChunkModeActive", False)


def test_the_image_chunk_is_always_on() -> None:
    """S6: Image cannot be switched off; who writes only what differs never meets that."""
    with opened() as (_, session):
        nodes = session.nodes
        nodes.set_bool("ChunkModeActive", True)
        if not nodes.has_entry("ChunkSelector", "Image"):
            pytest.skip("this camera does not list its image as a chunk")
        nodes.set_enum("ChunkSelector", "Image")
        assert nodes.get_bool("ChunkEnable")
        assert not nodes.writable("ChunkEnable")
        nodes.set_bool("ChunkModeActive", False)


@pytest.mark.simulation
def test_results_are_those_of_earlier_frames_and_repeat() -> None:
    """S20: without InferenceReady one result is on several frames, and InferenceFrameId names an earlier one."""
    from tests.contract.rig import NET_C

    with opened() as (made, session):
        nodes = session.nodes
        FileSlot(nodes, NETWORK).write(NET_C.blob, False, Guard(made.clock, "upload", 60.0), ignore_progress)
        network.configure(nodes, NET_C.setup, settings())
        network.enable(nodes)
        timing = settings().timing
        pace = network.LoadPace(timing)
        network.wait_loaded(nodes, NET_C.setup, Guard(made.clock, "load", 60.0), made.clock, timing, pace)
        acquisition.enable_chunks(nodes, "classification", settings())
        made.device.set_slowdown(60.0)
        session.begin()
        seen = [(i.GetChunkData().GetFrameID(), i.GetChunkData().GetInferenceFrameId()) for i in images(session, 60)]
        late = seen[20:]
        assert all(0 <= inferred < frame for frame, inferred in late)
        assert 1 < len({inferred for _, inferred in late}) < len(late)


# -- files ---------------------------------------------------------------------------------------------------------


def test_an_open_file_keeps_frames_from_coming_until_it_is_closed() -> None:
    """S7: while any file is open the camera cannot start acquisition, and gives no reason."""
    with opened() as (_, session):
        slot = FileSlot(session.nodes, INJECTED_IMAGE)
        slot.delete()
        slot.open("Write")
        try:
            try:
                session.begin()
            except CameraError:
                pass  # some SDK may tell; what counts is that no frame comes
            else:
                assert grab_code(session.pointer, session, 500) == TIMEOUT
                session.end()
        finally:
            slot.close_leftover()
        session.begin()
        assert grab_code(session.pointer, session, 1000) is None


def test_file_operations_are_locked_while_frames_come() -> None:
    """S7: FileOperationExecute is disabled during acquisition, so an upload needs EndAcquisition."""
    with opened() as (_, session):
        slot = FileSlot(session.nodes, INJECTED_IMAGE)
        session.begin()
        assert not session.nodes.writable("FileOperationExecute")
        with pytest.raises((CameraRefused, UploadFailed)):
            slot.open("Write")
        session.end()
        assert session.nodes.writable("FileOperationExecute")


def test_the_files_of_the_firefly_are_chosen_by_name() -> None:
    """S12: FileSelector entries that no constant of the SDK knows."""
    with opened() as (_, session):
        entries = session.nodes.entries("FileSelector")
        assert {NETWORK, INJECTED_IMAGE} <= set(entries)
        session.nodes.set_enum("FileSelector", NETWORK)
        assert session.nodes.get_int("FileSize") >= 0


def test_the_storage_is_chosen_after_open() -> None:
    """S12 step d: FileWriteToFlash is written where it is writable, which is while the file is open."""
    with opened() as (_, session):
        slot = FileSlot(session.nodes, INJECTED_IMAGE)
        slot.delete()
        slot.open("Write")
        try:
            assert session.nodes.writable("FileWriteToFlash")
            session.nodes.set_bool("FileWriteToFlash", False)
        finally:
            slot.close_leftover()


def test_the_camera_advances_the_offset_itself() -> None:
    """S12 step f: the host never writes FileAccessOffset between chunks, and FileOperationResult counts bytes."""
    with opened() as (_, session):
        nodes, slot = session.nodes, FileSlot(session.nodes, INJECTED_IMAGE)
        slot.delete()
        slot.open("Write")
        try:
            nodes.set_bool("FileWriteToFlash", False)
            nodes.set_int("FileAccessOffset", 0)
            nodes.set_int("FileAccessLength", 64)
            for _ in range(3):
                nodes.register("FileAccessBuffer").Set(np.zeros(64, np.uint8), False)
                slot.operate("Write")
                assert nodes.get_int("FileOperationResult") == 64
        finally:
            slot.close_leftover()
        assert slot.size() == 3 * 64
        slot.delete()


def test_opening_an_open_file_fails_and_closing_it_helps() -> None:
    """S12 step c: how the vendor recovers a file that a crashed run left open."""
    with opened() as (_, session):
        slot = FileSlot(session.nodes, INJECTED_IMAGE)
        slot.delete()
        slot.open("Write")
        with pytest.raises(UploadFailed):
            slot.operate("Open")
        slot.operate("Close")
        slot.operate("Open")
        slot.operate("Close")


def test_the_last_chunk_is_padded_and_its_length_is_the_true_count() -> None:
    """S14: the buffer is written in multiples of 4 bytes, FileAccessLength stays at what remains."""
    with opened() as (made, session):
        slot = FileSlot(session.nodes, INJECTED_IMAGE, longest=64)
        for size in (61, 62, 63, 64, 65):
            slot.write(bytes(range(size)), False, Guard(made.clock, "write", 30.0), ignore_progress)
            assert slot.size() == size
        slot.delete()


# -- acquisition and device ----------------------------------------------------------------------------------------


def test_inference_ready_is_a_trigger_source() -> None:
    """S12: selector, source, then mode."""
    with opened() as (_, session):
        nodes = session.nodes
        nodes.set_enum("TriggerSelector", "FrameStart")
        nodes.set_enum("TriggerSource", "InferenceReady")
        nodes.set_enum("TriggerMode", "On")
        assert nodes.get_enum("TriggerSource") == "InferenceReady"
        nodes.set_enum("TriggerMode", "Off")


def test_image_processing_can_be_switched_off_for_an_injected_image() -> None:
    """S13: the nodes that would change the pixels, and the ones that put the image into the pipeline."""
    with opened() as (_, session):
        nodes = session.nodes
        for name in ISP_NODES:
            if nodes.readable(name):
                assert nodes.writable(name), name
        assert nodes.has_entry("TestPatternGeneratorSelector", "PipelineStart")
        nodes.set_enum("TestPatternGeneratorSelector", "PipelineStart")
        assert nodes.has_entry("TestPattern", INJECTED_IMAGE)
        acquisition.injection_off(nodes)
        assert nodes.get_enum("TestPatternGeneratorSelector") == "Sensor"


def test_a_latched_timestamp_is_in_nanoseconds() -> None:
    """S14, CameraTimeToPCTime: TimestampLatch, then TimestampLatchValue."""
    with opened() as (made, session):
        nodes = session.nodes
        readings = []
        for _ in range(2):
            nodes.execute("TimestampLatch")
            readings.append((made.clock.now_ns(), nodes.get_int("TimestampLatchValue")))
            made.clock.sleep(0.5)
        (host, camera), (later, after) = readings
        assert (after - camera) / (later - host) == pytest.approx(1.0, abs=0.05)


def test_acquisition_nodes_are_those_of_the_sdk_headers() -> None:
    """S15: the names that the adapter writes are in the SDK's own list of camera nodes."""
    names = ("AcquisitionMode", "AcquisitionFrameRateEnable", "ExposureAuto", "GainAuto", "PixelFormat", "Width",
             "Height", "OffsetX", "OffsetY", "UserSetSelector", "DeviceTemperature", "DeviceReset")  # fmt: skip
    with opened() as (_, session):
        for name in names:
            assert session.nodes.implemented(name), name


def test_there_are_four_lines() -> None:
    """S8: four bidirectional lines on the connector."""
    with opened() as (_, session):
        assert {"Line0", "Line1", "Line2", "Line3"} <= set(session.nodes.entries("LineSelector"))


def test_the_sensor_has_the_size_and_rate_of_the_data_sheet() -> None:
    """S9: 1440 x 1080, up to 60 frames a second."""
    with opened() as (_, session):
        nodes = session.nodes
        nodes.set_int("OffsetX", 0)
        nodes.set_int("OffsetY", 0)
        assert (nodes.int_range("Width")[1], nodes.int_range("Height")[1]) == (1440, 1080)
        nodes.set_enum("ExposureAuto", "Off")
        nodes.set_float("ExposureTime", 5000.0)
        nodes.set_bool("AcquisitionFrameRateEnable", True)
        assert 55.0 < nodes.float_range("AcquisitionFrameRate")[1] < 65.0


@pytest.mark.simulation
def test_firmware_before_the_fixes_is_warned_about() -> None:
    """S10: freezes and crashes that 1905.4.103 mended."""
    from agent.camera.info import read_info

    with opened() as (_, session):
        warnings = read_info(session).warnings
    assert bool(warnings) == (profile().firmware == OLD_FIRMWARE)


def test_a_grab_that_ends_in_a_timeout_says_so_by_number() -> None:
    """S18: GetNextImage raises -1011, also behind a trigger that never fires."""
    with opened() as (_, session):
        nodes = session.nodes
        nodes.set_enum("TriggerSelector", "FrameStart")
        nodes.set_enum("TriggerSource", "Software")
        nodes.set_enum("TriggerMode", "On")
        session.begin()
        assert grab_code(session.pointer, session, 100) == TIMEOUT
        nodes.execute("TriggerSoftware")
        assert grab_code(session.pointer, session, 1000) is None
        session.end()
        nodes.set_enum("TriggerMode", "Off")


def test_the_vendors_own_preprocessing_is_accepted() -> None:
    """S22: mean = scale = 127.5, pixel format Mono8 or BGR8."""
    with opened() as (_, session):
        nodes = session.nodes
        nodes.set_float(network.MEAN, 127.5)
        nodes.set_float(network.SCALE, 127.5)
        if nodes.writable(network.PIXEL_FORMAT):
            assert any(entry.lower() == "mono8" for entry in nodes.entries(network.PIXEL_FORMAT))


@pytest.mark.simulation
@pytest.mark.parametrize("flash", [False, True])
def test_a_network_in_ddr_is_gone_after_a_power_cycle_and_one_in_flash_is_not(flash: bool) -> None:
    """S24 and S12: FileWriteToFlash True survives a power cycle, False is fast and lost."""
    from tests.contract.rig import NET_A

    with opened() as (made, session):
        guard = Guard(made.clock, "write", 60.0)
        FileSlot(session.nodes, NETWORK).write(NET_A.blob, flash, guard, ignore_progress)
        session.close()
        made.owner.release(Guard(made.clock, "release", 5.0))
        made.device.power_cycle()
        made.clock.sleep(5.0)
        again = open_session(made.owner, SERIAL, guard, made.clock, Timing())
        size = FileSlot(again.nodes, NETWORK).size()
        again.close()
    assert size == (len(NET_A.blob) if flash else 0)
