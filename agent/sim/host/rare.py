"""Calls that hardly any program makes (facts/pyspin-surface.md 4): they are there, and say that they do nothing here.

A program that makes one gets NotImplementedError naming the call, instead of an AttributeError that looks like a typo.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "CFeatureBag", "GetGenICamCLProtocolFolder", "GetGenICamCacheFolder", "GetGenICamLogConfig", "ImageList",
    "PointCloud", "SetGenICamCLProtocolFolder", "SetGenICamCacheFolder", "SetGenICamLogConfig", "SetMessageCallback",
    "SetProgressCallback", "UpdateFirmwareConsole",
]  # fmt: skip


def missing(name: str) -> Callable[..., NoReturn]:
    """A function or method that raises NotImplementedError with its name."""

    def call(*_arguments: Any, **_keywords: Any) -> NoReturn:
        raise NotImplementedError(name)

    call.__name__ = name.rpartition(".")[2]
    call.__qualname__ = name
    return call


class RareCameraCalls:
    """Of Camera: buffers of the program's own, and what only GigE cameras know."""

    GetNextImageSync = missing("Camera.GetNextImageSync")
    SetUserBuffers = missing("Camera.SetUserBuffers")
    GetUserBufferCount = missing("Camera.GetUserBufferCount")
    GetUserBufferSize = missing("Camera.GetUserBufferSize")
    GetUserBufferTotalSize = missing("Camera.GetUserBufferTotalSize")
    SetBufferOwnership = missing("Camera.SetBufferOwnership")
    GetBufferOwnership = missing("Camera.GetBufferOwnership")
    DiscoverMaxPacketSize = missing("Camera.DiscoverMaxPacketSize")
    ForceIP = missing("Camera.ForceIP")
    GetGuiXml = missing("Camera.GetGuiXml")
    ReadPort = missing("Camera.ReadPort")
    WritePort = missing("Camera.WritePort")


class RareSystemCalls:
    """Of System."""

    SendActionCommand = missing("System.SendActionCommand")


class RareInterfaceCalls:
    """Of an interface."""

    SendActionCommand = missing("Interface.SendActionCommand")


class CFeatureBag:
    """Features of a node map in a file."""

    __init__ = missing("CFeatureBag")


class ImageList:
    """Images of several streams."""

    __init__ = missing("ImageList")
    Create = staticmethod(missing("ImageList.Create"))
    Load = staticmethod(missing("ImageList.Load"))


class PointCloud:
    """Of stereo cameras."""

    __init__ = missing("PointCloud")


UpdateFirmwareConsole = missing("UpdateFirmwareConsole")
SetProgressCallback = missing("SetProgressCallback")
SetMessageCallback = missing("SetMessageCallback")
GetGenICamCacheFolder = missing("GetGenICamCacheFolder")
SetGenICamCacheFolder = missing("SetGenICamCacheFolder")
GetGenICamLogConfig = missing("GetGenICamLogConfig")
SetGenICamLogConfig = missing("SetGenICamLogConfig")
GetGenICamCLProtocolFolder = missing("GetGenICamCLProtocolFolder")
SetGenICamCLProtocolFolder = missing("SetGenICamCLProtocolFolder")
