"""The node maps of the two firmware profiles against facts/firefly-dl.md section 1; access is GenApi's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.nodes.camera import FIRMWARES
from agent.sim.registers import load_description
from agent.sim.spec import SimulationSpec
from tests.support.vendor import LocalBench, bench

NEW, OLD = FIRMWARES

# Every node that sections 1.1 to 1.5 name with certainty, by source key; both firmwares have them.
NAMED = {
    "S1": (
        "InferenceEnable", "InferenceNetworkTypeSelector", "InferenceNetworkOutputFormatSelector",
        "InferenceBoundingBoxThreshold",
    ),
    "S13": (
        "InferencePreprocessBppSelector", "InferencePreprocessChannelMean", "InferencePreprocessChannelScalar",
        "DenoiseEnable", "SharpeningEnable", "GammaEnable", "BlackLevelClampingEnable",
        "TestPatternGeneratorSelector", "TestPattern", "InjectedWidth", "InjectedHeight",
    ),
    "S7": (
        "FileSelector", "FileOperationSelector", "FileOpenMode", "FileOperationExecute", "FileOperationStatus",
        "FileOperationResult", "FileSize", "FileAccessOffset", "FileAccessLength", "FileAccessBuffer",
        "FileWriteToFlash",
    ),
    "S6": (
        "ChunkModeActive", "ChunkSelector", "ChunkEnable", "ChunkInferenceFrameId", "ChunkInferenceResult",
        "ChunkInferenceConfidence", "ChunkInferenceBoundingBoxResult",
    ),
    "S8": ("LineSelector", "LineMode", "LineInverter", "LineStatus", "LineStatusAll", "LineSource", "UserOutputValue"),
    "S15": (
        "AcquisitionMode", "AcquisitionFrameRateEnable", "AcquisitionFrameRate", "AcquisitionResultingFrameRate",
        "ExposureAuto", "ExposureTime", "GainAuto", "Gain", "PixelFormat", "Width", "Height", "OffsetX", "OffsetY",
        "DeviceTemperature", "DeviceTemperatureSelector", "DeviceReset", "FactoryReset", "DeviceUptime", "LinkUptime",
        "DeviceLinkSpeed", "DeviceLinkThroughputLimit", "DeviceLinkCurrentThroughput", "DeviceMaxThroughput",
        "TimestampLatch", "TimestampLatchValue", "DeviceFirmwareVersion", "DeviceSerialNumber", "DeviceUserID",
        "UserSetSelector", "UserSetLoad", "UserSetSave", "UserSetDefault", "TriggerSelector", "TriggerSource",
        "TriggerMode", "TriggerActivation", "TriggerOverlap", "TriggerDelay", "TriggerSoftware", "CounterSelector",
        "LogicBlockSelector",
    ),
}  # fmt: skip
# S1, S3: in the reference of 1905.4.103 and not in that of 1905.4.83 (S1b).
NEWER = (
    "InferenceTime", "InferenceNetworkName", "InferenceNetworkStatus", "InferenceMaxInputSizeX",
    "InferenceMaxInputSizeY",
)  # fmt: skip
# Names unknown, display names known (section 7, item 3).
DISPLAYED = {
    "Scaling Time", "Preprocessing Time", "Max Network Size", "Network Input Channel", "Max Bounding Boxes",
    "Network Size", "Network Total Layers", "Network Input Width", "Network Input Height", "Network Input Channels",
    "Output Classes",
}  # fmt: skip


@pytest.fixture(params=FIRMWARES)
def camera(request: pytest.FixtureRequest) -> Iterator[LocalBench]:
    with bench(SimulationSpec(firmware=request.param)) as held:
        yield held


@pytest.fixture
def new() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


@pytest.fixture
def old() -> Iterator[LocalBench]:
    with bench(SimulationSpec(firmware=OLD)) as held:
        yield held


def displayed(camera: LocalBench) -> set[str]:
    return {node.GetDisplayName() for node in camera.nodes.GetNodes()}


@pytest.mark.parametrize("key", NAMED)
def test_both_firmwares_have_every_node_that_the_references_name(camera: LocalBench, key: str) -> None:
    missing = [name for name in NAMED[key] if not PySpin.IsImplemented(camera.nodes.GetNode(name))]
    assert missing == [], key


def test_the_newer_firmware_has_times_name_status_and_properties(new: LocalBench) -> None:
    """S1, S2, S3."""
    assert [name for name in NEWER if not PySpin.IsReadable(new.nodes.GetNode(name))] == []
    assert displayed(new) >= DISPLAYED | {"Training Pixel Format", "Training Mean", "Training Scale"}


def test_the_older_firmware_has_none_of_them_and_older_display_names(old: LocalBench) -> None:
    """S1b."""
    assert [name for name in NEWER if old.nodes.GetNode(name) is not None] == []
    assert not displayed(old) & DISPLAYED
    assert displayed(old) >= {"Training Bit Depth", "Channel Mean", "Channel Scale"}


def test_no_enumeration_keeps_all_its_numbers_from_one_firmware_to_the_other() -> None:
    """Section 7, item 1: only pixel formats have numbers of a standard (PFNC)."""
    new, old = (load_description(firmware).entries for firmware in FIRMWARES)
    same = {name for name in new.keys() & old.keys() if new[name] == old[name]}
    few = {name for name in same if len(new[name]) == 1}  # one entry may meet its number again by chance
    assert same - few == {"PixelFormat", "ChunkPixelFormat"}


def test_conditions_name_entries_and_follow_their_numbers(camera: LocalBench) -> None:
    software = camera.nodes.GetNode("TriggerSoftware")
    assert not PySpin.IsAvailable(software)
    camera.trigger_on("Software")
    assert PySpin.IsWritable(software)
    camera.choose("TriggerSource", "Line0")
    assert not PySpin.IsAvailable(software)


def test_the_older_firmware_has_one_mean_for_all_channels(old: LocalBench) -> None:
    """S1b lists no selector of the channel."""
    old.real("InferencePreprocessChannelMean").SetValue(10.0)
    assert old.real("InferencePreprocessChannelMean").GetValue() == 10.0


def test_the_newer_firmware_has_a_mean_for_each_channel(new: LocalBench) -> None:
    """S2: "Network Input Channel"."""
    new.choose("InferencePreprocessChannelSelector", "Channel2")
    new.real("InferencePreprocessChannelMean").SetValue(10.0)
    new.choose("InferencePreprocessChannelSelector", "Channel1")
    assert new.real("InferencePreprocessChannelMean").GetValue() == 127.5


def test_every_readable_node_can_be_read_as_text(camera: LocalBench) -> None:
    for node in camera.nodes.GetNodes():
        if PySpin.IsReadable(node) and node.GetPrincipalInterfaceType() not in {PySpin.intfICategory, PySpin.intfIPort}:
            PySpin.CValuePtr(node).ToString()


def test_every_node_outside_the_hidden_ones_stands_in_the_tree(camera: LocalBench) -> None:
    found: set[str] = set()

    def walk(node: PySpin.INode | None) -> None:
        for feature in PySpin.CCategoryPtr(node).GetFeatures():
            found.add(feature.GetName())
            if feature.GetPrincipalInterfaceType() == PySpin.intfICategory:
                walk(feature)

    walk(camera.nodes.GetNode("Root"))
    firmware = camera.device.spec.firmware
    known = set(load_description(firmware).feature_register) - {"SensorFrameRateMax", "FileAccessBufferLength"}
    assert known - found == set()
