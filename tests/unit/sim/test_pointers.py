"""Pointers, values and refusals under the vendor's names (facts/pyspin-surface.md 2.3, 2.7; firefly-dl.md 3)."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from agent.sim import pyspin as PySpin
from tests.support.vendor import LocalBench, bench

POINTERS = (
    PySpin.CIntegerPtr,
    PySpin.CFloatPtr,
    PySpin.CBooleanPtr,
    PySpin.CStringPtr,
    PySpin.CCommandPtr,
    PySpin.CRegisterPtr,
    PySpin.CEnumerationPtr,
    PySpin.CEnumEntryPtr,
    PySpin.CCategoryPtr,
)


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


def _refused(call: Callable[[], object]) -> PySpin.SpinnakerException:
    with pytest.raises(PySpin.SpinnakerException) as refused:
        call()
    return refused.value


def test_pointers_are_made_of_nodes_values_pointers_and_quickspin_nodes(camera: LocalBench) -> None:
    node = camera.nodes.GetNode("Width")
    value = PySpin.CCategoryPtr(camera.nodes.GetNode("ImageFormatControl")).GetFeatures()[0]
    assert PySpin.CIntegerPtr(node) == PySpin.CIntegerPtr(PySpin.CValuePtr(node)) == PySpin.CIntegerPtr(node).GetNode()
    assert PySpin.CIntegerPtr(camera.camera.Width) == node
    assert PySpin.CValuePtr(value).GetName() == value.GetName()
    assert PySpin.CIntegerPtr(node) != PySpin.CIntegerPtr(camera.nodes.GetNode("Height"))
    assert type(PySpin.CIntegerPtr(node).GetNode()) is PySpin.INode
    with pytest.raises(TypeError):
        PySpin.CIntegerPtr("Width")


@pytest.mark.parametrize("pointer", POINTERS)
def test_a_pointer_to_nothing_is_false_and_refuses_every_use(pointer: type[PySpin.INode]) -> None:
    null = pointer(None)
    assert not null
    assert null.IsValid() is False
    assert null == pointer(None)
    for use in (null.GetName, null.GetAccessMode, null.GetPrincipalInterfaceType):
        assert _refused(use).errorcode == -2005


def test_every_kind_of_node_fits_one_pointer(camera: LocalBench) -> None:
    fits = {
        "Width": "CIntegerPtr",
        "ExposureTime": "CFloatPtr",
        "GammaEnable": "CBooleanPtr",
        "DeviceUserID": "CStringPtr",
        "TriggerSoftware": "CCommandPtr",
        "FileAccessBuffer": "CRegisterPtr",
        "PixelFormat": "CEnumerationPtr",
        "Root": "CCategoryPtr",
    }
    for name, wanted in fits.items():
        assert [p.__name__ for p in POINTERS if p(camera.nodes.GetNode(name))] == [wanted]


def test_a_refusal_is_spelled_as_the_vendor_does(camera: LocalBench) -> None:
    refused = _refused(lambda: camera.integer("Width").SetValue(1))
    assert str(refused).startswith("Spinnaker: GenICam::OutOfRangeException = Value = 1 must be equal or greater than")
    assert str(refused).endswith("[-2002]")
    assert refused.errorcode == PySpin.SPINNAKER_ERR_GENICAM_OUT_OF_RANGE
    assert refused.message == str(refused)
    assert str(refused) in refused.fullmessage
    assert "[-2006]" in str(_refused(lambda: camera.integer("SensorWidth").SetValue(1)))
    assert "[-2001]" in str(_refused(lambda: PySpin.CValuePtr(camera.nodes.GetNode("Width")).FromString("wide")))


def test_programs_may_raise_the_exception_themselves_and_send_it_to_another_process(camera: LocalBench) -> None:
    assert str(PySpin.SpinnakerException()) == ""
    assert str(PySpin.SpinnakerException("no camera")) == "no camera"
    refused = _refused(lambda: camera.integer("Width").SetValue(1))
    sent = pickle.loads(pickle.dumps(refused))
    assert (str(sent), sent.errorcode) == (str(refused), refused.errorcode)


def test_wrong_argument_types_are_type_errors(camera: LocalBench) -> None:
    width, rate = camera.integer("Width"), camera.real("AcquisitionFrameRate")
    calls: tuple[Callable[[], object], ...] = (
        lambda: width.SetValue(640.0),  # type: ignore[arg-type]
        lambda: width.SetValue("640"),  # type: ignore[arg-type]
        lambda: width.SetValue(1 << 70),
        lambda: rate.SetValue("30"),  # type: ignore[arg-type]
        lambda: camera.enum("PixelFormat").SetIntValue("Mono8"),  # type: ignore[arg-type]
        lambda: camera.enum("PixelFormat").GetEntryByName(0),  # type: ignore[arg-type]
        lambda: PySpin.CStringPtr(camera.nodes.GetNode("DeviceUserID")).SetValue(5),  # type: ignore[arg-type]
    )
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_an_entry_is_chosen_by_its_number_as_int_or_float(camera: LocalBench) -> None:
    source = camera.enum("TriggerSource")
    entry = source.GetEntryByName("Line0")
    assert entry is not None
    source.SetIntValue(entry.GetNumericValue())
    assert source.GetIntValue() == entry.GetValue()
    assert source.GetCurrentEntry().GetName() == "EnumEntry_TriggerSource_Line0"
    with pytest.raises(TypeError):
        source.SetIntValue(0.5)


def test_access_can_be_narrowed_on_the_host_and_widened_no_further_than_the_camera(camera: LocalBench) -> None:
    width = camera.integer("Width")
    width.ImposeAccessMode(PySpin.RO)
    assert width.GetAccessMode() == PySpin.RO
    assert _refused(lambda: width.SetValue(640)).errorcode == -2006
    width.ImposeAccessMode(PySpin.RW)
    width.ImposeMax(640)
    assert width.GetMax() == 640
    sensor = camera.integer("SensorWidth")
    sensor.ImposeAccessMode(PySpin.RW)
    assert sensor.GetAccessMode() == PySpin.RO


def test_registers_take_less_than_their_length_and_refuse_more(camera: LocalBench) -> None:
    buffer = PySpin.CRegisterPtr(camera.nodes.GetNode("FileAccessBuffer"))
    camera.open_for_writing("UserFile1")
    buffer.Set(np.arange(8, dtype=np.uint8), Verify=True)
    found = buffer.Get(4, Verify=False, IgnoreCache=True)
    assert found.dtype.name == "uint8"
    assert found.tolist() == [0, 1, 2, 3]
    assert type(buffer.GetLength()) is type(buffer.GetAddress()) is int
    assert _refused(lambda: buffer.Set(np.zeros(buffer.GetLength() + 4, np.uint8))).errorcode == -2002
    assert _refused(lambda: buffer.Get(buffer.GetLength() + 1)).errorcode == -2002
    assert _refused(lambda: buffer.Get(-1)).errorcode == -2001
    for wrong in (b"bytes", np.zeros(4, np.int64)):
        with pytest.raises(TypeError):
            buffer.Set(wrong)  # type: ignore[arg-type]
    camera.must("Close")


def test_methods_take_the_vendors_keywords(camera: LocalBench) -> None:
    PySpin.CCommandPtr(camera.nodes.GetNode("TimestampLatch")).Execute(Verify=True)
    assert PySpin.CValuePtr(camera.nodes.GetNode("Width")).ToString(Verify=False, IgnoreCache=True) == "1440"
    assert camera.integer("Width").GetValue(IgnoreCache=True) == 1440
    assert camera.camera.PixelFormat.GetCurrentEntry(Verify=False).GetSymbolic() == "Mono8"


def test_nodes_of_a_closed_camera_refuse_and_are_not_available(camera: LocalBench) -> None:
    width, quick = camera.integer("Width"), camera.camera.Width
    camera.camera.DeInit()
    for node in (width, quick):
        assert not PySpin.IsReadable(node)
        assert _refused(node.GetValue).errorcode == -1006
    assert not PySpin.IsReadable(camera.camera.Width)
    camera.camera.Init()


def test_questions_about_access_never_raise() -> None:
    questions = (PySpin.IsReadable, PySpin.IsWritable, PySpin.IsAvailable, PySpin.IsImplemented)
    for thing in (None, PySpin.CIntegerPtr(None), "Width", object(), PySpin.NI):
        assert [question(thing) for question in questions] == [False] * 4
    assert [question(PySpin.WO) for question in questions] == [False, True, True, True]
    assert [question(PySpin.NA) for question in questions] == [False, False, False, True]


def test_lists_of_nodes_are_plain_lists_whose_elements_answer_at_once(camera: LocalBench) -> None:
    features = PySpin.CCategoryPtr(camera.nodes.GetNode("DeviceControl")).GetFeatures()
    entries = camera.enum("PixelFormat").GetEntries()
    nodes = camera.nodes.GetNodes()
    assert {type(found).__name__ for found in (features, entries, nodes)} == {"list"}
    for element in (*features, *entries):
        assert element.GetName()
        assert isinstance(element.GetPrincipalInterfaceType(), int)
        assert isinstance(element.GetDescription(), str)
        assert PySpin.IsReadable(element) in {True, False}
    assert camera.nodes.GetNumNodes() == len(nodes)
