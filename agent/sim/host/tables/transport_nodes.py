"""Attributes of TLDevice, TLStream and TLInterface in QuickSpin (facts/pyspin-surface.md 2.4; TransportLayerDefs, S15).

As with the camera, the lists are the SDK's: `StreamMode` is there and not implemented on a USB camera.
"""

from __future__ import annotations

from agent.sim.host.tables.kinds import Kind, by_name

# The header's lists, and of older generations StreamTotal..., ...Underrun... and StreamDefault...
_DEVICE: dict[Kind, str] = {
    "integer": "GevDeviceIPAddress GevDeviceSubnetMask GevDeviceMACAddress GevDeviceGateway DeviceLinkSpeed "
    "GevVersionMajor GevVersionMinor GevDeviceReadAndWriteTimeout GevDeviceMaximumRetryCount "
    "GevDevicePort GevDeviceMaximumPacketSize GevDeviceForceIPAddress GevDeviceForceSubnetMask "
    "GevDeviceForceGateway",
    "boolean": "DeviceIsUpdater GevDeviceModeIsBigEndian GevDeviceIsWrongSubnet DeviceMulticastMonitorMode "
    "DeviceU3VProtocol",
    "string": "DeviceID DeviceSerialNumber DeviceVendorName DeviceModelName DeviceDisplayName DeviceVersion "
    "DeviceUserID DeviceDriverVersion GUIXMLPath GenICamXMLPath DeviceInstanceId DeviceLocation "
    "DevicePortId",
    "command": "GevDeviceDiscoverMaximumPacketSize GevDeviceAutoForceIP GevDeviceForceIP",
    "enumeration": "DeviceType DeviceAccessStatus GevCCP GUIXMLLocation GenICamXMLLocation DeviceEndianessMechanism "
    "DeviceCurrentSpeed",
}

_STREAM: dict[Kind, str] = {
    "integer": "StreamBufferCountManual StreamBufferCountResult StreamBufferCountMax StreamAnnounceBufferMinimum "
    "StreamAnnouncedBufferCount StreamStartedFrameCount StreamDeliveredFrameCount "
    "StreamReceivedFrameCount StreamIncompleteFrameCount StreamLostFrameCount StreamDroppedFrameCount "
    "StreamInputBufferCount StreamOutputBufferCount StreamChunkCountMaximum StreamBufferAlignment "
    "StreamReceivedPacketCount StreamMissedPacketCount StreamPacketResendTimeout "
    "StreamPacketResendMaxRequests StreamPacketResendRequestCount StreamPacketResendRequestSuccessCount "
    "StreamPacketResendRequestedPacketCount StreamPacketResendReceivedPacketCount "
    "GevMaximumNumberResendRequests GevTotalPacketCount GevFailedPacketCount "
    "GevResendPacketCount StreamFailedBufferCount GevResendRequestCount StreamBlockTransferSize "
    "StreamTotalBufferCount StreamBufferUnderrunCount StreamDefaultBufferCount "
    "StreamDefaultBufferCountMax",
    "boolean": "StreamIsGrabbing StreamCRCCheckEnable StreamPacketResendEnable GevPacketResendMode",
    "string": "StreamID",
    "enumeration": "StreamType StreamMode StreamBufferCountMode StreamBufferHandlingMode StreamDefaultBufferCountMode",
}

_INTERFACE: dict[Kind, str] = {
    "integer": "GevInterfaceGatewaySelector GevInterfaceGateway GevInterfaceMACAddress GevInterfaceSubnetSelector "
    "GevInterfaceSubnetIPAddress GevInterfaceSubnetMask GevInterfaceTransmitLinkSpeed "
    "GevInterfaceReceiveLinkSpeed GevInterfaceMTU GevActionDeviceKey GevActionGroupKey "
    "GevActionGroupMask GevActionTime DeviceCount DeviceSelector GevDeviceIPAddress GevDeviceSubnetMask "
    "GevDeviceGateway GevDeviceMACAddress IncompatibleDeviceCount IncompatibleDeviceSelector "
    "IncompatibleGevDeviceIPAddress IncompatibleGevDeviceSubnetMask IncompatibleGevDeviceMACAddress "
    "GevDeviceForceIPAddress GevDeviceForceSubnetMask GevDeviceForceGateway",
    "string": "InterfaceID InterfaceDisplayName DeviceUnlock DeviceID DeviceVendorName DeviceModelName "
    "DeviceSerialNumber IncompatibleDeviceID IncompatibleDeviceVendorName IncompatibleDeviceModelName "
    "HostAdapterName HostAdapterVendor HostAdapterDriverVersion",
    "command": "ActionCommand DeviceUpdateList GevDeviceForceIP GevDeviceAutoForceIP",
    "enumeration": "InterfaceType POEStatus FilterDriverStatus DeviceAccessStatus",
}

_SYSTEM: dict[Kind, str] = {
    "integer": "GenTLVersionMajor GenTLVersionMinor GenTLSFNCVersionMajor GenTLSFNCVersionMinor "
    "GenTLSFNCVersionSubMinor GevVersionMajor GevVersionMinor InterfaceSelector GevInterfaceMACAddress "
    "GevInterfaceDefaultIPAddress GevInterfaceDefaultSubnetMask GevInterfaceDefaultGateway",
    "boolean": "EnumerateGEVInterfaces EnumerateUSBInterfaces EnumerateGen2Cameras",
    "string": "TLID TLVendorName TLModelName TLVersion TLFileName TLDisplayName TLPath InterfaceID "
    "InterfaceDisplayName",
    "command": "InterfaceUpdateList",
    "enumeration": "TLType",
}

DEVICE_NODES, STREAM_NODES, INTERFACE_NODES = by_name(_DEVICE), by_name(_STREAM), by_name(_INTERFACE)
SYSTEM_NODES = by_name(_SYSTEM)
