"""QuickSpin: listed names, exact types, numbers of the SDK (facts/pyspin-surface.md 2.4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.host.constants import TABLE
from agent.sim.host.tables.camera_nodes import CAMERA_NODES
from agent.sim.host.tables.enumerations import SYMBOLICS, TRANSPORT_SYMBOLICS
from agent.sim.host.tables.transport_nodes import DEVICE_NODES, INTERFACE_NODES, STREAM_NODES
from tests.support.vendor import LocalBench, bench

INTERFACES = {
    PySpin.intfIInteger: "integer",
    PySpin.intfIFloat: "float",
    PySpin.intfIBoolean: "boolean",
    PySpin.intfIString: "string",
    PySpin.intfICommand: "command",
    PySpin.intfIEnumeration: "enumeration",
    PySpin.intfIRegister: "register",
}
PUBLISHED = {
    "Mono8": 0,
    "Mono16": 1,
    "RGB8Packed": 2,
    "BayerGR8": 3,
    "BayerRG8": 4,
    "BayerGB8": 5,
    "BayerBG8": 6,
    "Mono12p": 19,
    "BGR8": 27,
    "RGB8": 63,
}
# Entries of the camera that CameraDefs.h (S15) has no constants for, besides those of inference.
NEWER_THAN_THE_SDK = {
    "ChunkPixelFormat_Mono10Packed",
    "ChunkPixelFormat_Mono10p",
    "ChunkPixelFormat_Mono12p",
    "CounterResetSource_CounterTrigger",
    "EventSelector_Test",
}


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


def test_the_name_lists_have_the_length_of_the_sdks() -> None:
    lengths = [len(names) for names in (CAMERA_NODES, DEVICE_NODES, STREAM_NODES, INTERFACE_NODES)]
    assert 670 <= lengths[0] <= 760
    assert lengths[1] == pytest.approx(45, abs=5)
    assert 32 <= lengths[2] <= 45
    assert lengths[3] == pytest.approx(52, abs=5)


def test_every_listed_name_is_an_attribute_of_its_kind(camera: LocalBench) -> None:
    classes = {
        "integer": PySpin.IInteger,
        "float": PySpin.IFloat,
        "boolean": PySpin.IBoolean,
        "string": PySpin.IString,
        "command": PySpin.ICommand,
        "register": PySpin.IRegister,
    }
    for name, kind in CAMERA_NODES.items():
        node = getattr(camera.camera, name)
        wanted = getattr(PySpin, f"IEnumerationT_{name}Enums") if kind == "enumeration" else classes[kind]
        assert type(node) is wanted, name


def test_the_camera_has_the_listed_nodes_in_the_kind_that_the_sdk_expects(camera: LocalBench) -> None:
    found = {node.GetName(): node.GetPrincipalInterfaceType() for node in camera.nodes.GetNodes()}
    listed = {name: INTERFACES.get(found[name]) for name in CAMERA_NODES if name in found}
    assert len(listed) > 80
    assert listed == {name: CAMERA_NODES[name] for name in listed}


def test_a_listed_attribute_that_the_camera_lacks_answers_questions_about_access_only(camera: LocalBench) -> None:
    node = camera.camera.BalanceWhiteAuto
    assert node.GetAccessMode() == PySpin.NI
    assert node.GetAccessMode() != PySpin.RW
    questions = (PySpin.IsImplemented, PySpin.IsAvailable, PySpin.IsReadable, PySpin.IsWritable)
    assert not any(question(node) for question in questions)
    assert not node.IsValid()
    with pytest.raises(PySpin.SpinnakerException, match=r"BalanceWhiteAuto.*\[-2006\]"):
        node.GetValue()
    with pytest.raises(PySpin.SpinnakerException):
        node.SetValue(PySpin.BalanceWhiteAuto_Off)


@pytest.mark.parametrize("name", ["InferenceEnable", "FileWriteToFlash", "InjectedWidth", "NoSuchNode", "_private"])
def test_a_name_outside_the_list_is_an_attribute_error(camera: LocalBench, name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(camera.camera, name)


@pytest.mark.parametrize(("symbolic", "number"), PUBLISHED.items())
def test_pixel_formats_have_the_published_numbers(symbolic: str, number: int) -> None:
    assert getattr(PySpin, f"PixelFormat_{symbolic}") == number


def test_constants_count_from_zero_and_end_in_a_sentinel() -> None:
    for family, sentinel in ((SYMBOLICS, "NUM_"), (TRANSPORT_SYMBOLICS, "NUM")):
        for node, symbolics in family.items():
            assert [getattr(PySpin, f"{node}_{s}") for s in symbolics] == list(range(len(symbolics))), node
            assert getattr(PySpin, sentinel + node.upper()) == len(symbolics)


def test_constants_of_the_published_enumerations_have_the_published_numbers() -> None:
    assert PySpin.EventNotification_On == 0
    assert [getattr(PySpin, f"FileOperationSelector_{s}") for s in ("Open", "Close", "Read", "Write", "Delete")] == [
        *range(5)
    ]
    assert [getattr(PySpin, f"FileOpenMode_{s}") for s in ("Read", "Write", "ReadWrite")] == [*range(3)]
    assert [getattr(PySpin, f"FileOperationStatus_{s}") for s in ("Success", "Failure", "Overflow")] == [*range(3)]
    assert PySpin.TriggerSelector_FrameStart == PySpin.TriggerSource_Line0 == 1
    assert (PySpin.DeviceType_GigEVision, PySpin.DeviceType_USB3Vision) == (0, 4)


def test_the_sdk_has_no_constants_for_what_only_this_camera_has() -> None:
    for name in ("FileSelector_InferenceNetwork", "ChunkSelector_InferenceResult", "TriggerSource_InferenceReady"):
        assert not hasattr(PySpin, name)


def test_the_sdk_knows_every_symbolic_of_the_camera_but_those_of_inference(camera: LocalBench) -> None:
    unknown = set()
    for name, kind in CAMERA_NODES.items():
        if kind == "enumeration" and PySpin.IsImplemented(node := getattr(camera.camera, name)):
            unknown |= {f"{name}_{s}" for s in node.GetSymbolics() if s not in TABLE[name]}
    assert {u for u in unknown if "Inference" not in u and "Injected" not in u} == NEWER_THAN_THE_SDK


def test_constants_reach_the_cameras_numbers_by_symbolic_name(camera: LocalBench) -> None:
    camera.camera.EventSelector.SetValue(PySpin.EventSelector_ExposureEnd)
    camera.camera.EventNotification.SetValue(PySpin.EventNotification_On)
    assert camera.read("EventNotification") == "On"
    assert camera.camera.EventNotification.GetValue() == PySpin.EventNotification_On
    with pytest.raises(PySpin.SpinnakerException):
        camera.camera.PixelFormat.SetValue(PySpin.PixelFormat_BayerRG8)
    with pytest.raises(TypeError):
        camera.camera.PixelFormat.SetValue("Mono8")


def test_nodes_are_callable(camera: LocalBench) -> None:
    assert camera.camera.DeviceModelName() == camera.read("DeviceModelName")
    camera.camera.TriggerMode.SetValue(PySpin.TriggerMode_On)
    camera.camera.UserSetSelector.SetValue(PySpin.UserSetSelector_Default)
    camera.camera.UserSetLoad()
    assert camera.camera.TriggerMode() == PySpin.TriggerMode_Off


def test_transport_layer_groups_have_the_listed_names_and_no_others(camera: LocalBench) -> None:
    device, stream = camera.camera.TLDevice, camera.camera.TLStream
    assert device.DeviceSerialNumber() == camera.device.spec.serial
    assert device.DeviceType.GetValue() == PySpin.DeviceType_USB3Vision
    assert type(device.DeviceType).__name__ == "IEnumerationT_DeviceTypeEnum"
    assert not PySpin.IsAvailable(device.GevDeviceIPAddress)
    assert not PySpin.IsAvailable(stream.StreamMode)
    assert stream.StreamBufferHandlingMode.GetValue() == PySpin.StreamBufferHandlingMode_OldestFirst
    assert not hasattr(stream, "NoSuchNode")
    assert "StreamMode" in dir(stream)
