"""Node maps of the host side: TL device (identity, before Init), TL stream (buffers)."""

from __future__ import annotations

from xml.sax.saxutils import escape

from agent.sim.device import DeviceInfo

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<RegisterDescription ModelName="{name}" VendorName="FLIR" ToolTip="{name}" StandardNameSpace="None"
 SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" MajorVersion="1" MinorVersion="0"
 SubMinorVersion="0" ProductGuid="7C0C8C0E-53B0-4C61-8E53-2F0D6C5B2C1{digit}"
 VersionGuid="8D1D9D1F-64C1-4D72-9F64-3A1E7D6C3D2{digit}" xmlns="http://www.genicam.org/GenApi/Version_1_1"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_1
 http://www.genicam.org/GenApi/GenApiSchema_Version_1_1.xsd">
"""
_SPEEDS = ("UnknownSpeed", "LowSpeed", "FullSpeed", "HighSpeed", "SuperSpeed")
_ACCESS = ("Unknown", "ReadWrite", "ReadOnly", "NoAccess", "Busy", "OpenReadWrite", "OpenReadOnly")
_MODES = ("OldestFirst", "OldestFirstOverwrite", "NewestOnly", "NewestFirst")


def device_xml(info: DeviceInfo) -> str:
    """TL device map of one camera."""
    texts = {
        "DeviceID": info.serial,
        "DeviceSerialNumber": info.serial,
        "DeviceVendorName": "FLIR",
        "DeviceModelName": info.model,
        "DeviceDisplayName": f"FLIR {info.model}",
        "DeviceVersion": f"FW:v{info.firmware}",
        "DeviceInstanceId": f"SIM{info.serial}",
    }
    nodes = [_text(name, value) for name, value in texts.items()]
    nodes.append(_enumeration("DeviceType", {"USB3Vision": 4, "GigEVision": 0}, 4, read_only=True))
    speeds = {name: number for number, name in enumerate(_SPEEDS)}
    nodes.append(_enumeration("DeviceCurrentSpeed", speeds, 4, read_only=True))
    access = {name: number for number, name in enumerate(_ACCESS)}
    nodes.append(_enumeration("DeviceAccessStatus", access, 1, read_only=False))
    features = [*texts, "DeviceType", "DeviceCurrentSpeed", "DeviceAccessStatus"]
    return _document("TLDevice", 1, {"DeviceInformation": features}, nodes)


def stream_xml() -> str:
    """TL stream map: how many buffers, and which frame is lost when they are full. No StreamMode on USB."""
    modes = {name: 3 + number for number, name in enumerate(_MODES)}
    locked = "<pIsLocked>StreamIsGrabbing</pIsLocked>"
    nodes = [
        _text("StreamID", "Stream0"),
        _enumeration("StreamType", {"USB3Vision": 1}, 1, read_only=True),
        _enumeration("StreamBufferHandlingMode", modes, modes["OldestFirst"], read_only=False, extra=locked),
        _enumeration("StreamBufferCountMode", {"Manual": 4, "Auto": 7}, 7, read_only=False, extra=locked),
        "<IntSwissKnife Name='CountLocked'><pVariable Name='GRAB'>StreamIsGrabbing</pVariable>"
        "<pVariable Name='MODE'>StreamBufferCountMode</pVariable>"
        "<Formula>GRAB || (MODE &lt;&gt; 4)</Formula></IntSwissKnife>",
        "<Integer Name='StreamBufferCountManual'><pIsLocked>CountLocked</pIsLocked><Value>10</Value>"
        "<Min>1</Min><Max>1000</Max></Integer>",
        "<Integer Name='StreamBufferCountMax'><ImposedAccessMode>RO</ImposedAccessMode><Value>1000</Value></Integer>",
        "<Integer Name='StreamIsGrabbing'><Visibility>Invisible</Visibility><Value>0</Value></Integer>",
    ]
    buffers = ["StreamBufferHandlingMode", "StreamBufferCountMode", "StreamBufferCountManual", "StreamBufferCountMax"]
    return _document(
        "TLStream", 2, {"StreamInformation": ["StreamID", "StreamType"], "BufferHandlingControl": buffers}, nodes
    )


def interface_xml() -> str:
    """TL interface map of the one simulated host adapter."""
    texts = {
        "InterfaceID": "USB Interface 0",
        "InterfaceDisplayName": "USB Interface 0",
        "HostAdapterName": "Simulated xHCI",
        "HostAdapterVendor": "Simulation",
        "HostAdapterDriverVersion": "1.0",
    }
    nodes = [_text(name, value) for name, value in texts.items()]
    nodes.append(_enumeration("InterfaceType", {"USB3Vision": 4}, 4, read_only=True))
    return _document("TLInterface", 3, {"InterfaceInformation": [*texts, "InterfaceType"]}, nodes)


def _text(name: str, value: str) -> str:
    read_only = "<ImposedAccessMode>RO</ImposedAccessMode>"
    return f"<String Name='{name}'>{read_only}<Value>{escape(value)}</Value></String>"


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
