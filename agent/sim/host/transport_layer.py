"""Node maps of the host side as GenICam XML: TL system, interface, device (identity, before Init), stream (buffers).

What changes while a program runs is read through a port of host values (`host_port.py`); an address names a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from xml.sax.saxutils import escape

from agent.sim.buffers import DEFAULT_BUFFERS, StreamCounts
from agent.sim.link import DeviceInfo

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<RegisterDescription ModelName="{name}" VendorName="FLIR" ToolTip="{name}" StandardNameSpace="None"
 SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" MajorVersion="1" MinorVersion="0"
 SubMinorVersion="0" ProductGuid="7C0C8C0E-53B0-4C61-8E53-2F0D6C5B2C1{digit}"
 VersionGuid="8D1D9D1F-64C1-4D72-9F64-3A1E7D6C3D2{digit}" xmlns="http://www.genicam.org/GenApi/Version_1_1"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_1
 http://www.genicam.org/GenApi/GenApiSchema_Version_1_1.xsd">
"""
# The port of computed values: 64 bits each, text at most this long.
HOST_PORT = "Host"
TEXT_BYTES = 64
MAX_BUFFERS = 1000
_SPEEDS = ("UnknownSpeed", "LowSpeed", "FullSpeed", "HighSpeed", "SuperSpeed")
_ACCESS = ("Unknown", "ReadWrite", "ReadOnly", "NoAccess", "Busy", "OpenReadWrite", "OpenReadOnly")
_MODES = ("OldestFirst", "OldestFirstOverwrite", "NewestOnly", "NewestFirst")
_USB3_VISION = {"GigEVision": 0, "CameraLink": 1, "CameraLinkHS": 2, "CoaXPress": 3, "USB3Vision": 4, "Custom": 5}
_LOCATIONS = {"Device": 0, "Host": 1}
# Numbers of the map, on purpose other than those of the SDK's constants.
_MANUAL, _AUTO, _FIRST_MODE = 4, 7, 3


class Access(IntEnum):
    """Values of DeviceAccessStatus."""

    READ_WRITE = _ACCESS.index("ReadWrite")
    NO_ACCESS = _ACCESS.index("NoAccess")
    BUSY = _ACCESS.index("Busy")
    OPEN_READ_WRITE = _ACCESS.index("OpenReadWrite")


def system_xml() -> str:
    """TL system map: the producer and the interfaces that it looks at."""
    texts = {
        "TLID": "Simulated Spinnaker GenTL",
        "TLVendorName": "FLIR",
        "TLModelName": "FLIR USB3Vision",
        "TLVersion": "4.4.0.246",
        "TLFileName": "FLIR_GenTL.cti",
        "TLDisplayName": "FLIR",
        "TLPath": "/",
        "InterfaceID": "USB Interface 0",
        "InterfaceDisplayName": "USB Interface 0",
    }
    numbers = {
        "GenTLVersionMajor": 1,
        "GenTLVersionMinor": 5,
        "GenTLSFNCVersionMajor": 1,
        "GenTLSFNCVersionMinor": 0,
        "GenTLSFNCVersionSubMinor": 0,
    }
    types = {**_USB3_VISION, "Mixed": 6}
    flags = {"EnumerateGEVInterfaces": True, "EnumerateUSBInterfaces": True, "EnumerateGen2Cameras": False}
    nodes = [_text(name, value) for name, value in texts.items()]
    nodes += [_number(name, value) for name, value in numbers.items()]
    nodes += [_flag(name, value, read_only=False) for name, value in flags.items()]
    nodes += [
        _enumeration("TLType", types, types["Mixed"], read_only=True),
        "<Integer Name='InterfaceSelector'><Value>0</Value><Min>0</Min><Max>0</Max></Integer>",
        _command("InterfaceUpdateList"),
    ]
    interfaces = ["InterfaceUpdateList", "InterfaceSelector", "InterfaceID", "InterfaceDisplayName"]
    listed = [n for n in (*texts, *numbers, "TLType") if n not in interfaces]
    categories = {"SystemInformation": listed, "InterfaceEnumeration": interfaces + list(flags)}
    return _document("TLSystem", 4, categories, nodes)


def interface_xml() -> str:
    """TL interface map of the one simulated host adapter; the devices on it come through the port."""
    texts = {
        "InterfaceID": "USB Interface 0",
        "InterfaceDisplayName": "USB Interface 0",
        "HostAdapterName": "Simulated xHCI",
        "HostAdapterVendor": "Simulation",
        "HostAdapterDriverVersion": "1.0",
    }
    nodes = [_text(name, value) for name, value in texts.items()]
    nodes += [
        _enumeration("InterfaceType", _USB3_VISION, _USB3_VISION["USB3Vision"], read_only=True),
        *_live("DeviceCount", 0),
        "<IntSwissKnife Name='LastDevice'><pVariable Name='COUNT'>DeviceCountReg</pVariable>"
        "<Formula>(COUNT &gt; 0) ? (COUNT - 1) : 0</Formula></IntSwissKnife>",
        "<Integer Name='DeviceSelector'><Value>0</Value><Min>0</Min><pMax>LastDevice</pMax></Integer>",
        "<IntSwissKnife Name='DeviceText'><pVariable Name='N'>DeviceSelector</pVariable>"
        f"<Formula>{TEXT_BYTES} + N * {TEXT_BYTES * len(INTERFACE_TEXTS)}</Formula></IntSwissKnife>",
        *(_live_text(name, "DeviceText", TEXT_BYTES * n) for n, name in enumerate(INTERFACE_TEXTS)),
        "<Command Name='DeviceUpdateList'><pValue>DeviceUpdateReg</pValue><CommandValue>1</CommandValue></Command>",
        "<IntReg Name='DeviceUpdateReg'><Address>8</Address><Length>8</Length><AccessMode>WO</AccessMode>"
        f"<pPort>{HOST_PORT}</pPort><Cachable>NoCache</Cachable><Sign>Unsigned</Sign><Endianess>LittleEndian</Endianess>"
        "</IntReg>",
        f"<Port Name='{HOST_PORT}'></Port>",
    ]
    categories = {
        "InterfaceInformation": [*texts, "InterfaceType"],
        "DeviceEnumeration": ["DeviceUpdateList", "DeviceCount", "DeviceSelector", *INTERFACE_TEXTS],
    }
    return _document("TLInterface", 3, categories, nodes)


INTERFACE_TEXTS = ("DeviceID", "DeviceVendorName", "DeviceModelName", "DeviceSerialNumber")


def interface_values(devices: Sequence[DeviceInfo]) -> bytes:
    """What the port of the interface map shows: the count, then four texts for each device."""
    texts = [t for d in devices for t in (d.serial, "FLIR", d.model, d.serial)]
    head = len(devices).to_bytes(8, "little").ljust(TEXT_BYTES, b"\0")
    return head + b"".join(t.encode()[: TEXT_BYTES - 1].ljust(TEXT_BYTES, b"\0") for t in texts)


def device_xml(info: DeviceInfo) -> str:
    """TL device map of one camera."""
    texts = {
        "DeviceID": info.serial,
        "DeviceSerialNumber": info.serial,
        "DeviceVendorName": "FLIR",
        "DeviceModelName": info.model,
        "DeviceDisplayName": f"FLIR {info.model}",
        "DeviceVersion": f"FW:v{info.firmware}",
        "DeviceUserID": "",
        "DeviceDriverVersion": "none",
        "DeviceInstanceId": f"SIM{info.serial}",
        "DeviceLocation": "simulated bus",
        "DevicePortId": "0",
        "GenICamXMLPath": "",
        "GUIXMLPath": "",
    }
    speeds = {name: number for number, name in enumerate(_SPEEDS)}
    nodes = [_text(name, value) for name, value in texts.items()]
    nodes += [
        _enumeration("DeviceType", _USB3_VISION, _USB3_VISION["USB3Vision"], read_only=True),
        _enumeration("DeviceCurrentSpeed", speeds, speeds["SuperSpeed"], read_only=True),
        _live_enumeration("DeviceAccessStatus", {name: number for number, name in enumerate(_ACCESS)}, 0),
        _enumeration("DeviceEndianessMechanism", {"Legacy": 0, "Standard": 1}, 1, read_only=True),
        _enumeration("GenICamXMLLocation", _LOCATIONS, 0, read_only=False),
        _enumeration("GUIXMLLocation", _LOCATIONS, 0, read_only=False),
        _flag("DeviceIsUpdater", False, read_only=True),
        _flag("DeviceU3VProtocol", True, read_only=True),
        f"<Port Name='{HOST_PORT}'></Port>",
    ]
    settings = ("GenICamXMLLocation", "GenICamXMLPath", "GUIXMLLocation", "GUIXMLPath", "DeviceEndianessMechanism")
    numbers = ("DeviceType", "DeviceCurrentSpeed", "DeviceAccessStatus", "DeviceIsUpdater", "DeviceU3VProtocol")
    identity = [name for name in texts if name not in settings]
    categories = {"DeviceInformation": [*identity, *numbers], "DeviceControl": list(settings)}
    return _document("TLDevice", 1, categories, nodes)


# Statistics node to the count that it shows; the address of a node is its place here. The last three are names of
# older generations: every buffer filled, damaged ones, and frames that found none.
STREAM_STATISTICS: dict[str, str] = {
    "StreamAnnouncedBufferCount": "buffers",
    "StreamStartedFrameCount": "started",
    "StreamDeliveredFrameCount": "delivered",
    "StreamReceivedFrameCount": "received",
    "StreamIncompleteFrameCount": "incomplete",
    "StreamLostFrameCount": "lost",
    "StreamDroppedFrameCount": "dropped",
    "StreamInputBufferCount": "input",
    "StreamOutputBufferCount": "output",
    "StreamTotalBufferCount": "received",
    "StreamFailedBufferCount": "incomplete",
    "StreamBufferUnderrunCount": "lost",
}


def stream_values(counts: StreamCounts) -> bytes:
    """What the port of the stream map shows."""
    return b"".join(int(getattr(counts, field)).to_bytes(8, "little") for field in STREAM_STATISTICS.values())


def stream_xml() -> str:
    """TL stream map: how many buffers, which frame is lost when they are full, and counts. No StreamMode on USB."""
    modes = {name: _FIRST_MODE + number for number, name in enumerate(_MODES)}
    locked = "<pIsLocked>GrabbingReg</pIsLocked>"
    fixed = {"StreamAnnounceBufferMinimum": 1, "StreamChunkCountMaximum": 1, "StreamBufferAlignment": 1}
    nodes = [
        _text("StreamID", "Stream0"),
        _enumeration("StreamType", _USB3_VISION, _USB3_VISION["USB3Vision"], read_only=True),
        _enumeration("StreamBufferHandlingMode", modes, modes["OldestFirst"], read_only=False, extra=locked),
        _enumeration("StreamBufferCountMode", {"Manual": _MANUAL, "Auto": _AUTO}, _AUTO, read_only=False, extra=locked),
        *_buffer_counts(),
        "<Boolean Name='StreamIsGrabbing'><ImposedAccessMode>RO</ImposedAccessMode><pValue>GrabbingReg</pValue>"
        "</Boolean>",
        "<Integer Name='GrabbingReg'><Visibility>Invisible</Visibility><Value>0</Value></Integer>",
        _flag("StreamCRCCheckEnable", False, read_only=False, extra=locked),
        f"<Integer Name='StreamBlockTransferSize'>{locked}<Value>1048576</Value><Min>1024</Min><Max>1048576</Max>"
        "<Inc>1024</Inc></Integer>",
        *(_number(name, value) for name, value in fixed.items()),
        *(part for n, name in enumerate(STREAM_STATISTICS) for part in _live(name, 8 * n)),
        f"<Port Name='{HOST_PORT}'></Port>",
    ]
    handling = ["HandlingMode", "CountMode", "CountManual", "CountMax", "CountResult"]
    categories = {
        "StreamInformation": ["StreamID", "StreamType", "StreamIsGrabbing", "StreamCRCCheckEnable"],
        "BufferHandlingControl": [*(f"StreamBuffer{n}" for n in handling), *fixed, "StreamBlockTransferSize"],
        "StreamStatistics": list(STREAM_STATISTICS),
    }
    return _document("TLStream", 2, categories, nodes)


def _buffer_counts() -> tuple[str, ...]:
    variables = "<pVariable Name='MODE'>StreamBufferCountMode</pVariable>"
    return (
        f"<IntSwissKnife Name='CountLocked'><pVariable Name='GRAB'>GrabbingReg</pVariable>{variables}"
        f"<Formula>GRAB || (MODE &lt;&gt; {_MANUAL})</Formula></IntSwissKnife>",
        "<Integer Name='StreamBufferCountManual'><pIsLocked>CountLocked</pIsLocked>"
        f"<Value>{DEFAULT_BUFFERS}</Value><Min>1</Min><pMax>StreamBufferCountMax</pMax></Integer>",
        _number("StreamBufferCountMax", MAX_BUFFERS),
        f"<IntSwissKnife Name='StreamBufferCountResult'>{variables}"
        "<pVariable Name='MANUAL'>StreamBufferCountManual</pVariable>"
        f"<Formula>(MODE = {_MANUAL}) ? MANUAL : {DEFAULT_BUFFERS}</Formula></IntSwissKnife>",
    )


def _text(name: str, value: str) -> str:
    read_only = "<ImposedAccessMode>RO</ImposedAccessMode>"
    return f"<String Name='{name}'>{read_only}<Value>{escape(value)}</Value></String>"


def _number(name: str, value: int) -> str:
    return f"<Integer Name='{name}'><ImposedAccessMode>RO</ImposedAccessMode><Value>{value}</Value></Integer>"


def _flag(name: str, value: bool, read_only: bool, extra: str = "") -> str:
    access = "<ImposedAccessMode>RO</ImposedAccessMode>" if read_only else ""
    value_of = f"<Integer Name='{name}Reg'><Visibility>Invisible</Visibility><Value>{int(value)}</Value></Integer>"
    return f"<Boolean Name='{name}'>{access}{extra}<pValue>{name}Reg</pValue></Boolean>{value_of}"


def _command(name: str) -> str:
    register = f"<Integer Name='{name}Reg'><Visibility>Invisible</Visibility><Value>0</Value></Integer>"
    return f"<Command Name='{name}'><pValue>{name}Reg</pValue><CommandValue>1</CommandValue></Command>{register}"


def _live(name: str, address: int) -> tuple[str, str]:
    """An integer that the host knows."""
    integer = f"<Integer Name='{name}'><pValue>{name}Reg</pValue></Integer>"
    return integer, _register(f"{name}Reg", address)


def _register(name: str, address: int) -> str:
    return (
        f"<IntReg Name='{name}'><Visibility>Invisible</Visibility><Address>{address}</Address><Length>8</Length>"
        f"<AccessMode>RO</AccessMode><pPort>{HOST_PORT}</pPort><Cachable>NoCache</Cachable><Sign>Unsigned</Sign>"
        "<Endianess>LittleEndian</Endianess></IntReg>"
    )


def _live_text(name: str, base: str, offset: int) -> str:
    return (
        f"<StringReg Name='{name}'><pIsAvailable>DeviceCountReg</pIsAvailable><pAddress>{base}</pAddress>"
        f"<Address>{offset}</Address><Length>{TEXT_BYTES}</Length><AccessMode>RO</AccessMode>"
        f"<pPort>{HOST_PORT}</pPort><Cachable>NoCache</Cachable></StringReg>"
    )


def _live_enumeration(name: str, entries: dict[str, int], address: int) -> str:
    listed = "".join(f"<EnumEntry Name='{k}'><Value>{v}</Value></EnumEntry>" for k, v in entries.items())
    value = f"<pValue>{name}Reg</pValue></Enumeration>" + _register(f"{name}Reg", address)
    return f"<Enumeration Name='{name}'><ImposedAccessMode>RO</ImposedAccessMode>{listed}{value}"


def _enumeration(name: str, entries: dict[str, int], value: int, read_only: bool, extra: str = "") -> str:
    listed = "".join(f"<EnumEntry Name='{k}'><Value>{v}</Value></EnumEntry>" for k, v in entries.items())
    access = "<ImposedAccessMode>RO</ImposedAccessMode>" if read_only else ""
    return f"<Enumeration Name='{name}'>{access}{extra}{listed}<Value>{value}</Value></Enumeration>"


def _document(name: str, digit: int, categories: dict[str, list[str]], nodes: list[str]) -> str:
    listed = {"Root": list(categories), **categories}
    blocks = [
        f"<Category Name='{c}'>{''.join(f'<pFeature>{f}</pFeature>' for f in features)}</Category>"
        for c, features in listed.items()
    ]
    return _HEAD.format(name=name, digit=digit) + "\n".join(blocks + nodes) + "</RegisterDescription>"
