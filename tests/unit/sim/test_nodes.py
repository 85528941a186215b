"""Node map and pointers (facts/pyspin-surface.md 2.3, 2.4)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import SimulationSpec
from tests.support.vendor import LocalBench, bench


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


def _code(refused: pytest.ExceptionInfo[PySpin.SpinnakerException]) -> int:
    return refused.value.errorcode


def test_a_missing_node_is_none_and_its_pointers_are_simply_not_there(camera: LocalBench) -> None:
    assert camera.nodes.GetNode("NoSuchNode") is None
    pointer = PySpin.CIntegerPtr(None)
    assert not pointer
    assert not pointer.IsValid()
    assert not PySpin.IsReadable(pointer)
    with pytest.raises(PySpin.SpinnakerException):
        pointer.GetValue()


def test_a_pointer_of_the_wrong_kind_is_null_until_it_is_used(camera: LocalBench) -> None:
    pointer = PySpin.CFloatPtr(camera.nodes.GetNode("Width"))
    assert not pointer
    with pytest.raises(PySpin.SpinnakerException):
        pointer.GetValue()


def test_access_functions_take_anything_and_never_raise(camera: LocalBench) -> None:
    width = camera.nodes.GetNode("Width")
    entry = camera.enum("PixelFormat").GetEntryByName("Mono8")
    for thing in (width, PySpin.CIntegerPtr(width), camera.camera.Width, entry, PySpin.RW):
        assert PySpin.IsReadable(thing)
    for thing in (None, PySpin.CIntegerPtr(None), PySpin.NI):
        assert not PySpin.IsReadable(thing)
        assert not PySpin.IsImplemented(thing)


def test_values_are_plain_python(camera: LocalBench) -> None:
    values = [camera.camera.Width(), camera.camera.ExposureTime(), camera.camera.GammaEnable(), camera.read("Width")]
    assert [type(v) for v in values] == [int, float, bool, str]


def test_text_forms_are_those_of_the_vendor(camera: LocalBench) -> None:
    assert camera.read("GammaEnable") == "1"
    assert camera.read("PixelFormat") == "Mono8"
    PySpin.CValuePtr(camera.nodes.GetNode("Width")).FromString("640")
    assert camera.integer("Width").GetValue() == 640


def test_out_of_range_wrong_increment_and_wrong_type_are_refused(camera: LocalBench) -> None:
    width = camera.integer("Width")
    with pytest.raises(PySpin.SpinnakerException) as refused:
        width.SetValue(10_000)
    assert _code(refused) == -2002
    with pytest.raises(PySpin.SpinnakerException) as refused:
        width.SetValue(641)
    assert _code(refused) == -2002
    with pytest.raises(TypeError):
        width.SetValue(640.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        camera.nodes.GetNode(3)  # type: ignore[arg-type]
    width.SetValue(np.int64(640))
    camera.real("Gain")
    camera.choose("GainAuto", "Off")
    camera.real("Gain").SetValue(3)
    assert camera.real("Gain").GetValue() == 3.0


def test_limits_are_live(camera: LocalBench) -> None:
    offset = camera.integer("OffsetX")
    assert offset.GetMax() == 0
    camera.integer("Width").SetValue(640)
    assert offset.GetMax() == 800
    offset.SetValue(400)
    assert camera.integer("Width").GetMax() == 1040


def test_exposure_is_writable_only_without_auto_and_limits_the_frame_rate(camera: LocalBench) -> None:
    exposure = camera.real("ExposureTime")
    assert exposure.GetAccessMode() == PySpin.RO
    with pytest.raises(PySpin.SpinnakerException) as refused:
        exposure.SetValue(100.0)
    assert _code(refused) == -2006
    camera.choose("ExposureAuto", "Off")
    assert exposure.GetAccessMode() == PySpin.RW
    exposure.SetValue(100_000.0)
    camera.flag("AcquisitionFrameRateEnable").SetValue(True)
    assert camera.real("AcquisitionFrameRate").GetMax() == pytest.approx(10.0)


@pytest.mark.parametrize(
    "name",
    [
        "Width",
        "PixelFormat",
        "InferenceEnable",
        "InferenceNetworkTypeSelector",
        "InferencePreprocessChannelMean",
        "ChunkModeActive",
        "ChunkEnable",
        "UserSetLoad",
        "FileOperationExecute",
    ],
)
def test_what_the_camera_locks_is_not_writable_while_streaming(camera: LocalBench, name: str) -> None:
    camera.choose("ChunkSelector", "FrameID")
    node = camera.nodes.GetNode(name)
    assert PySpin.IsWritable(node)
    camera.camera.BeginAcquisition()
    assert not PySpin.IsWritable(node)
    camera.camera.EndAcquisition()
    assert PySpin.IsWritable(node)


def test_the_image_chunk_is_always_on(camera: LocalBench) -> None:
    camera.choose("ChunkSelector", "Image")
    assert camera.flag("ChunkEnable").GetValue() is True
    assert camera.flag("ChunkEnable").GetAccessMode() == PySpin.RO


def test_enumerations_have_no_value_methods_but_quickspin_ones_have(camera: LocalBench) -> None:
    assert not hasattr(camera.enum("TriggerMode"), "GetValue")
    assert camera.camera.TriggerMode.GetValue() == PySpin.TriggerMode_Off
    assert type(camera.camera.TriggerMode).__name__ == "IEnumerationT_TriggerModeEnums"
    assert isinstance(camera.camera.TriggerMode, PySpin.IEnumeration)


def test_quickspin_numbers_are_the_sdks_and_int_values_the_cameras(camera: LocalBench) -> None:
    node = camera.camera.PixelFormat
    assert node.GetValue() == PySpin.PixelFormat_Mono8 == 0
    assert node.GetIntValue() == 0x01080001
    node.SetValue(PySpin.PixelFormat_Mono16)
    assert node.GetCurrentEntry().GetSymbolic() == "Mono16"


def test_a_wrong_enumerations_constant_is_still_a_number(camera: LocalBench) -> None:
    camera.camera.TriggerSource.SetValue(PySpin.TriggerSelector_FrameStart)
    assert camera.read("TriggerSource") == "Line0"


def test_an_entry_that_the_sdk_does_not_know_reads_by_name_only(camera: LocalBench) -> None:
    camera.choose("FileSelector", "InferenceNetwork")
    assert camera.camera.FileSelector.ToString() == "InferenceNetwork"
    assert camera.camera.FileSelector.GetCurrentEntry().GetSymbolic() == "InferenceNetwork"
    with pytest.raises(PySpin.SpinnakerException):
        camera.camera.FileSelector.GetValue()


def test_a_quickspin_enumeration_finds_entries_by_the_sdks_constant(camera: LocalBench) -> None:
    entry = camera.camera.PixelFormat.GetEntry(PySpin.PixelFormat_Mono8)
    assert (entry.GetSymbolic(), entry.GetValue()) == ("Mono8", 0x01080001)
    assert camera.camera.PixelFormat.GetEntry(99) is None
    assert camera.enum("PixelFormat").GetEntry(99) is None


def test_a_listed_attribute_that_the_camera_lacks_is_not_implemented(camera: LocalBench) -> None:
    assert type(camera.camera.DecimationHorizontal) is PySpin.IInteger
    assert not PySpin.IsReadable(camera.camera.DecimationHorizontal)
    assert not PySpin.IsWritable(camera.camera.BalanceWhiteAuto)


def test_entries_carry_node_and_symbolic_in_their_name(camera: LocalBench) -> None:
    entries = camera.enum("TriggerSource").GetEntries()
    assert "EnumEntry_TriggerSource_InferenceReady" in [e.GetName() for e in entries]
    assert camera.enum("TriggerSource").GetEntryByName("Nowhere") is None
    assert isinstance(entries[0].GetNumericValue(), float)


def test_deep_learning_nodes_have_no_quickspin_attribute_but_their_chunks_have(camera: LocalBench) -> None:
    for name in ("InferenceEnable", "FileWriteToFlash", "InjectedWidth", "NoSuchNode"):
        assert not hasattr(camera.camera, name)
    assert hasattr(camera.camera, "ChunkInferenceResult")
    assert type(camera.camera.Width) is PySpin.IInteger


def test_every_node_can_be_walked_from_the_root(camera: LocalBench) -> None:
    def walk(category: PySpin.CCategoryPtr) -> int:
        count = 0
        for feature in category.GetFeatures():
            assert feature.GetName()
            if feature.GetPrincipalInterfaceType() == PySpin.intfICategory:
                count += walk(PySpin.CCategoryPtr(feature))
            elif PySpin.IsReadable(feature):
                assert isinstance(feature.ToString(), str)
                count += 1
        return count

    assert walk(PySpin.CCategoryPtr(camera.nodes.GetNode("Root"))) > 90


def test_the_older_firmware_lacks_the_nodes_that_came_later() -> None:
    with bench(SimulationSpec(firmware="1905.4.83")) as camera:
        for name in ("InferenceTime", "InferenceNetworkStatus", "InferenceNetworkName", "InferenceNetworkSize"):
            assert not PySpin.IsImplemented(camera.nodes.GetNode(name)), name
        assert PySpin.IsWritable(camera.nodes.GetNode("InferenceEnable"))
        assert camera.read("DeviceFirmwareVersion") == "1905.4.83"


def test_the_timestamp_is_latched_and_goes_on(camera: LocalBench) -> None:
    latch = PySpin.CCommandPtr(camera.nodes.GetNode("TimestampLatch"))
    latch.Execute()
    first = camera.integer("TimestampLatchValue").GetValue()
    camera.clock.sleep(2.0)
    assert camera.integer("TimestampLatchValue").GetValue() == first
    latch.Execute()
    assert camera.integer("TimestampLatchValue").GetValue() - first == pytest.approx(2e9, rel=0.01)


def test_line_inputs_show_the_part_sensor_and_the_standing_line(camera: LocalBench) -> None:
    assert camera.integer("LineStatusAll").GetValue() & 0b100 == 0
    camera.device.set_line(0.0)
    camera.choose("LineSelector", "Line2")
    assert camera.flag("LineStatus").GetValue() is True
    assert camera.integer("LineStatusAll").GetValue() == 0b100


def test_two_threads_may_use_one_node_map(camera: LocalBench) -> None:
    done = []

    def poll() -> None:
        for _ in range(200):
            camera.real("DeviceTemperature").GetValue()
        done.append(True)

    threads = [camera.clock.spawn(f"poll {k}", poll) for k in range(2)]
    assert all(camera.clock.join(t, 60.0) for t in threads)
    assert len(done) == 2
