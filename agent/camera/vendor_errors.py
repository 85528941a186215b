"""The vendor's error numbers as leaves of the error tree.

Numbers are compared, never names: the names changed between SDK generations (facts/firefly-dl.md section 3).
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from agent.errors import CameraBusy, CameraError, CameraGone, CameraRefused, CameraTimeout


@dataclass(frozen=True, slots=True)
class VendorCode:
    """What a published number means here and what to do about it."""

    name: str
    leaf: type[CameraError]
    advice: str


_REPORT = "look at the SDK's log"
_RETRY = "it is retried"
_RECONNECT = "connect again; check cable and power"
_BUG = "this is a fault of the agent; report it"
_NODE = "check the camera's state and firmware"
_MEMORY = "free memory, or raise usbfs_memory_mb"

CODES: dict[int, VendorCode] = {
    -1001: VendorCode("ERROR", CameraError, _REPORT),
    -1002: VendorCode("NOT_INITIALIZED", CameraGone, _RECONNECT),
    -1003: VendorCode("NOT_IMPLEMENTED", CameraRefused, "this firmware or SDK lacks it"),
    -1004: VendorCode("RESOURCE_IN_USE", CameraBusy, "something still holds the camera; close it first"),
    -1005: VendorCode("ACCESS_DENIED", CameraBusy, "another program owns the camera, or a file on it is open"),
    -1006: VendorCode("INVALID_HANDLE", CameraGone, _RECONNECT),
    -1007: VendorCode("INVALID_ID", CameraRefused, _BUG),
    -1008: VendorCode("NO_DATA", CameraBusy, _RETRY),
    -1009: VendorCode("INVALID_PARAMETER", CameraRefused, _BUG),
    -1010: VendorCode("IO", CameraError, "USB transfer failed: check cable, hub and usbfs_memory_mb"),
    -1011: VendorCode("TIMEOUT", CameraTimeout, _RETRY),
    -1012: VendorCode("ABORT", CameraError, _RETRY),
    -1013: VendorCode("INVALID_BUFFER", CameraError, _MEMORY),
    -1014: VendorCode("NOT_AVAILABLE", CameraRefused, _NODE),
    -1015: VendorCode("INVALID_ADDRESS", CameraRefused, _BUG),
    -1016: VendorCode("BUFFER_TOO_SMALL", CameraRefused, _BUG),
    -1017: VendorCode("INVALID_INDEX", CameraRefused, _BUG),
    -1018: VendorCode("PARSING_CHUNK_DATA", CameraError, _RETRY),
    -1019: VendorCode("INVALID_VALUE", CameraRefused, _NODE),
    -1020: VendorCode("RESOURCE_EXHAUSTED", CameraError, _MEMORY),
    -1021: VendorCode("OUT_OF_MEMORY", CameraError, _MEMORY),
    -1022: VendorCode("BUSY", CameraBusy, _RETRY),
    -1023: VendorCode("IP_CONFLICT", CameraError, _REPORT),
    -2001: VendorCode("GENICAM_INVALID_ARGUMENT", CameraRefused, _NODE),
    -2002: VendorCode("GENICAM_OUT_OF_RANGE", CameraRefused, "choose a value in range"),
    -2003: VendorCode("GENICAM_PROPERTY", CameraRefused, _NODE),
    -2004: VendorCode("GENICAM_RUN_TIME", CameraError, _REPORT),
    -2005: VendorCode("GENICAM_LOGICAL", CameraRefused, _NODE),
    -2006: VendorCode(
        "GENICAM_ACCESS", CameraRefused, "the node is locked: stop acquisition, or the firmware lacks it"
    ),
    -2007: VendorCode("GENICAM_TIMEOUT", CameraTimeout, _RETRY),
    -2008: VendorCode("GENICAM_DYNAMIC_CAST", CameraRefused, _BUG),
    -2009: VendorCode("GENICAM_GENERIC", CameraError, _REPORT),
    -2010: VendorCode("GENICAM_BAD_ALLOCATION", CameraError, _MEMORY),
}

_UNKNOWN = VendorCode("UNKNOWN", CameraError, _REPORT)


def error_code(exc: BaseException) -> int | None:
    """The vendor's number on an exception, by its `errorcode` attribute; None where it has none."""
    code = getattr(exc, "errorcode", None)
    return code if isinstance(code, int) else None


def translate(exc: BaseException, what: str) -> CameraError:
    """The leaf for a vendor exception raised while doing `what`; errors of our own tree pass unchanged."""
    if isinstance(exc, CameraError):
        return exc
    code = error_code(exc)
    entry = _UNKNOWN if code is None else CODES.get(code, _UNKNOWN)
    text = " ".join(str(getattr(exc, "message", None) or exc).split()) or type(exc).__name__
    number = "" if code is None or f"[{code}]" in text else f" [{code}]"
    return entry.leaf(f"{what}: {text}{number}; {entry.advice}", code)


def clear_frames(exc: BaseException) -> None:
    """Drop the local variables that a traceback keeps: a camera among them blocks the release (facts section 6)."""
    seen: BaseException | None = exc
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
