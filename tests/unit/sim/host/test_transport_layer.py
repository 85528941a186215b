"""Node maps of the host side: what a USB camera has (facts/pyspin-surface.md 2.2, 2.4, 3.4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.clock import VirtualClock
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.host.transport_layer import TEXT_BYTES, interface_values
from agent.sim.link import DeviceInfo
from agent.sim.spec import SimulationSpec
from tests.support.vendor import LocalBench, bench

USB_STREAM = {
    "StreamID", "StreamType", "StreamBufferCountManual", "StreamBufferCountResult", "StreamBufferCountMax",
    "StreamBufferCountMode", "StreamBufferHandlingMode", "StreamAnnounceBufferMinimum", "StreamAnnouncedBufferCount",
    "StreamStartedFrameCount", "StreamDeliveredFrameCount", "StreamReceivedFrameCount", "StreamIncompleteFrameCount",
    "StreamLostFrameCount", "StreamDroppedFrameCount", "StreamInputBufferCount", "StreamOutputBufferCount",
    "StreamIsGrabbing", "StreamChunkCountMaximum", "StreamBufferAlignment", "StreamCRCCheckEnable",
    "StreamBlockTransferSize", "StreamFailedBufferCount", "StreamTotalBufferCount", "StreamBufferUnderrunCount",
}  # fmt: skip


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(SimulationSpec(serial="4711")) as held:
        yield held


def readable(nodes: PySpin.INodeMap) -> set[str]:
    """Names of the features that the map's categories list, all of which must be readable."""
    names: set[str] = set()
    for category in PySpin.CCategoryPtr(nodes.GetNode("Root")).GetFeatures():
        for feature in PySpin.CCategoryPtr(category).GetFeatures():
            assert PySpin.IsReadable(feature) or PySpin.IsWritable(feature), feature.GetName()
            names.add(feature.GetName())
    return names


def test_the_stream_map_lists_what_a_usb_stream_has(camera: LocalBench) -> None:
    nodes = camera.camera.GetTLStreamNodeMap()
    assert readable(nodes) == USB_STREAM
    for name in USB_STREAM:
        assert PySpin.CValuePtr(nodes.GetNode(name)).ToString() is not None


@pytest.mark.parametrize("name", ["StreamMode", "StreamPacketResendEnable", "GevTotalPacketCount"])
def test_a_network_node_is_an_attribute_that_is_not_implemented(camera: LocalBench, name: str) -> None:
    node = getattr(camera.camera.TLStream, name)
    assert not PySpin.IsImplemented(node)
    assert not PySpin.IsReadable(node)
    assert not PySpin.IsReadable(PySpin.CEnumerationPtr(camera.camera.GetTLStreamNodeMap().GetNode(name)))


def test_a_name_that_no_stream_has_is_no_attribute(camera: LocalBench) -> None:
    assert not hasattr(camera.camera.TLStream, "StreamNonsense")
    assert not hasattr(camera.camera.TLDevice, "StreamID")


def test_the_device_map_names_the_camera(camera: LocalBench) -> None:
    nodes = camera.camera.GetTLDeviceNodeMap()
    assert {"DeviceSerialNumber", "DeviceVendorName", "DeviceModelName", "DeviceAccessStatus"} < readable(nodes)
    assert PySpin.CStringPtr(nodes.GetNode("DeviceSerialNumber")).GetValue() == "4711"
    assert camera.camera.TLDevice.DeviceType.GetValue() == PySpin.DeviceType_USB3Vision
    assert camera.camera.TLDevice.DeviceCurrentSpeed.GetValue() == PySpin.DeviceCurrentSpeed_SuperSpeed
    assert camera.camera.TLDevice.DeviceU3VProtocol.GetValue() is True


def test_the_access_status_follows_the_camera(camera: LocalBench) -> None:
    status = camera.camera.TLDevice.DeviceAccessStatus
    assert status.ToString() == "OpenReadWrite"
    camera.camera.DeInit()
    assert status.ToString() == "ReadWrite"
    camera.device.unplug()
    assert status.ToString() == "NoAccess"
    camera.device.replug()
    camera.camera.Init()
    assert status.ToString() == "OpenReadWrite"


def test_the_interface_map_shows_the_devices_on_it() -> None:
    clock = VirtualClock()
    with (
        bus.local_camera(SimulationSpec(serial="11"), clock),
        bus.local_camera(SimulationSpec(serial="22"), clock),
    ):
        system = PySpin.System.GetInstance()
        interfaces = system.GetInterfaces()
        nodes = interfaces[0].GetTLNodeMap()
        assert PySpin.CStringPtr(nodes.GetNode("InterfaceDisplayName")).GetValue() == "USB Interface 0"
        assert PySpin.CEnumerationPtr(nodes.GetNode("InterfaceType")).GetCurrentEntry().GetSymbolic() == "USB3Vision"
        selector = PySpin.CIntegerPtr(nodes.GetNode("DeviceSelector"))
        assert PySpin.CIntegerPtr(nodes.GetNode("DeviceCount")).GetValue() == 2
        serials = []
        for number in range(selector.GetMax() + 1):
            selector.SetValue(number)
            serials.append(PySpin.CStringPtr(nodes.GetNode("DeviceSerialNumber")).GetValue())
        assert serials == ["11", "22"]
        PySpin.CCommandPtr(nodes.GetNode("DeviceUpdateList")).Execute()
        del nodes, selector
        interfaces.Clear()
        system.ReleaseInstance()


def test_the_system_map_has_its_switches() -> None:
    system = PySpin.System.GetInstance()
    nodes = system.GetTLNodeMap()
    switch = PySpin.CBooleanPtr(nodes.GetNode("EnumerateGEVInterfaces"))
    assert PySpin.IsWritable(switch)
    switch.SetValue(False)
    assert switch.GetValue() is False
    assert PySpin.CStringPtr(nodes.GetNode("TLVendorName")).GetValue() == "FLIR"
    del nodes, switch
    system.ReleaseInstance()


def test_texts_of_the_interface_port_are_cut_to_their_room() -> None:
    values = interface_values([DeviceInfo("1" * 31, "M" * 200, "1905.4.103")])
    assert len(values) == TEXT_BYTES * 5
    assert values[:8] == (1).to_bytes(8, "little")
    assert values[3 * TEXT_BYTES : 4 * TEXT_BYTES] == b"M" * (TEXT_BYTES - 1) + b"\0"
