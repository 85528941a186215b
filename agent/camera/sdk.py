"""The subset of the vendor SDK that the agent uses, typed, and the only place that imports it.

`load_spinnaker` returns the real SDK or raises one of three errors; it never falls back to a simulation. Whoever builds
the agent passes another module of the same shape instead (facts/pyspin-surface.md).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib import metadata
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from agent.errors import SdkMissing, SdkVersionMismatch, SdkWrongPackage

WHEEL_NAME = "spinnaker_python"
ACCESS_DENIED = -1005
TIMEOUT = -1011

NodeHandle = object  # what GetNode returns: an INode or None


class IntegerPtr(Protocol):
    def GetValue(self) -> int: ...
    def SetValue(self, value: int, /) -> None: ...
    def GetMin(self) -> int: ...
    def GetMax(self) -> int: ...
    def GetInc(self) -> int: ...


class FloatPtr(Protocol):
    def GetValue(self) -> float: ...
    def SetValue(self, value: float, /) -> None: ...
    def GetMin(self) -> float: ...
    def GetMax(self) -> float: ...


class BooleanPtr(Protocol):
    def GetValue(self) -> bool: ...
    def SetValue(self, value: bool, /) -> None: ...


class StringPtr(Protocol):
    def GetValue(self) -> str: ...
    def SetValue(self, value: str, /) -> None: ...


class CommandPtr(Protocol):
    def Execute(self) -> None: ...
    def IsDone(self) -> bool: ...


class EnumEntryPtr(Protocol):
    def GetValue(self) -> int: ...
    def GetSymbolic(self) -> str: ...


class EnumerationPtr(Protocol):
    def GetEntryByName(self, symbolic: str, /) -> NodeHandle: ...
    def GetEntries(self) -> list[NodeHandle]: ...
    def GetCurrentEntry(self) -> NodeHandle: ...
    def SetIntValue(self, number: int, /) -> None: ...


class RegisterPtr(Protocol):
    def GetLength(self) -> int: ...
    def Set(self, data: NDArray[np.uint8], verify: bool = ..., /) -> None: ...


class ValueNode(Protocol):
    """What every feature answers, whatever its kind."""

    def GetName(self) -> str: ...
    def GetDisplayName(self) -> str: ...
    def GetPrincipalInterfaceType(self) -> int: ...
    def GetAccessMode(self) -> int: ...


class CategoryPtr(Protocol):
    def GetFeatures(self) -> list[ValueNode]: ...


class NodeMap(Protocol):
    def GetNode(self, name: str, /) -> NodeHandle: ...


class BoxRectangle(Protocol):
    topLeftXCoord: int
    topLeftYCoord: int
    bottomRightXCoord: int
    bottomRightYCoord: int


class InferenceBox(Protocol):
    classId: int
    confidence: float
    rect: BoxRectangle


class BoxResult(Protocol):
    def GetBoxCount(self) -> int: ...
    def GetBoxAt(self, index: int, /) -> InferenceBox: ...


class ChunkData(Protocol):
    def GetFrameID(self) -> int: ...
    def GetExposureTime(self) -> float: ...
    def GetInferenceFrameId(self) -> int: ...
    def GetInferenceResult(self) -> int: ...
    def GetInferenceConfidence(self) -> float: ...
    def GetInferenceBoundingBoxResult(self) -> BoxResult: ...


class Image(Protocol):
    def IsIncomplete(self) -> bool: ...
    def GetImageStatus(self) -> int: ...
    def GetFrameID(self) -> int: ...
    def GetTimeStamp(self) -> int: ...
    def GetNDArray(self) -> NDArray[Any]: ...
    def GetChunkData(self) -> ChunkData: ...
    def Release(self) -> None: ...


class CameraPtr(Protocol):
    def Init(self) -> None: ...
    def DeInit(self) -> None: ...
    def IsInitialized(self) -> bool: ...
    def IsValid(self) -> bool: ...
    def IsStreaming(self) -> bool: ...
    def BeginAcquisition(self) -> None: ...
    def EndAcquisition(self) -> None: ...
    def GetNextImage(self, timeout_ms: int, /) -> Image: ...
    def GetNodeMap(self) -> NodeMap: ...
    def GetTLDeviceNodeMap(self) -> NodeMap: ...
    def GetTLStreamNodeMap(self) -> NodeMap: ...


class CameraList(Protocol):
    def GetSize(self) -> int: ...
    def GetByIndex(self, index: int, /) -> CameraPtr: ...
    def GetBySerial(self, serial: str, /) -> CameraPtr | None: ...
    def Clear(self) -> None: ...


class LibraryVersion(Protocol):
    major: int
    minor: int
    type: int
    build: int


class System(Protocol):
    def GetCameras(self) -> CameraList: ...
    def GetLibraryVersion(self) -> LibraryVersion: ...
    def ReleaseInstance(self) -> None: ...


class SystemClass(Protocol):
    def GetInstance(self) -> System: ...


class Sdk(Protocol):
    """A module-like object with the vendor's names; every failure of a call is a SpinnakerException."""

    @property
    def SpinnakerException(self) -> type[Exception]: ...
    @property
    def System(self) -> SystemClass: ...
    def CIntegerPtr(self, node: NodeHandle, /) -> IntegerPtr: ...
    def CFloatPtr(self, node: NodeHandle, /) -> FloatPtr: ...
    def CBooleanPtr(self, node: NodeHandle, /) -> BooleanPtr: ...
    def CStringPtr(self, node: NodeHandle, /) -> StringPtr: ...
    def CCommandPtr(self, node: NodeHandle, /) -> CommandPtr: ...
    def CEnumerationPtr(self, node: NodeHandle, /) -> EnumerationPtr: ...
    def CEnumEntryPtr(self, node: NodeHandle, /) -> EnumEntryPtr: ...
    def CRegisterPtr(self, node: NodeHandle, /) -> RegisterPtr: ...
    def CCategoryPtr(self, node: NodeHandle, /) -> CategoryPtr: ...
    def IsReadable(self, node: NodeHandle, /) -> bool: ...
    def IsWritable(self, node: NodeHandle, /) -> bool: ...
    def IsAvailable(self, node: NodeHandle, /) -> bool: ...
    def IsImplemented(self, node: NodeHandle, /) -> bool: ...


def load_spinnaker(
    importer: Callable[[str], object] = importlib.import_module,
    version_of: Callable[[str], str] = metadata.version,
) -> Sdk:
    """The vendor SDK. Raises SdkMissing, SdkWrongPackage or SdkVersionMismatch; call before any camera is open."""
    try:
        module = importer("PySpin")
    except ModuleNotFoundError as exc:
        if exc.name != "PySpin":
            raise _native_failure(exc) from exc
        _refuse_spinner(importer)
        raise SdkMissing(
            "PySpin is not installed: install the Spinnaker SDK and the wheel "
            f"{WHEEL_NAME}-<sdk version>-cpXY-... that comes with it (it is not on the package index)"
        ) from exc
    except ImportError as exc:
        raise _native_failure(exc) from exc
    if not hasattr(module, "System"):
        raise _wrong_package("PySpin")
    sdk = cast(Sdk, module)
    _check_versions(sdk, version_of)
    return sdk


def library_version(sdk: Sdk, system: System) -> str:
    """The version of the native library, as `4.4.0.246`."""
    try:
        version = system.GetLibraryVersion()
    except sdk.SpinnakerException as exc:
        raise SdkVersionMismatch(f"the Spinnaker library does not tell its version ({exc}): reinstall the SDK") from exc
    return f"{version.major}.{version.minor}.{version.type}.{version.build}"


def _refuse_spinner(importer: Callable[[str], object]) -> None:
    """The index's `pyspin` hides behind another case of the name (facts/firefly-dl.md section 3, S27)."""
    try:
        module = importer("pyspin")
    except ImportError:
        return
    if not hasattr(module, "System"):
        raise _wrong_package("pyspin")


def _wrong_package(name: str) -> SdkWrongPackage:
    return SdkWrongPackage(
        f"the installed package {name} is the terminal spinner from the package index, not the camera SDK "
        f"(it has no System): run 'pip uninstall pyspin' and install the {WHEEL_NAME} wheel of the Spinnaker SDK"
    )


def _native_failure(exc: ImportError) -> SdkVersionMismatch:
    return SdkVersionMismatch(
        f"PySpin is installed but its native library does not load ({exc}): the {WHEEL_NAME} wheel must match "
        "the installed Spinnaker SDK and this Python exactly; reinstall both from one SDK download"
    )


def _check_versions(sdk: Sdk, version_of: Callable[[str], str]) -> None:
    """A wheel of another SDK release imports, and crashes later (facts/firefly-dl.md section 3)."""
    try:
        wheel = version_of(WHEEL_NAME)
    except metadata.PackageNotFoundError:
        return  # unpacked by hand: nothing to compare
    try:
        system = sdk.System.GetInstance()
    except sdk.SpinnakerException as exc:
        raise SdkVersionMismatch(
            f"PySpin {wheel} cannot start the Spinnaker library ({exc}): "
            "check the SDK installation and GENICAM_GENTL64_PATH"
        ) from exc
    library = library_version(sdk, system)
    system.ReleaseInstance()
    if _numbers(wheel) != _numbers(library):
        raise SdkVersionMismatch(
            f"the PySpin wheel is {wheel} but the installed Spinnaker library is {library}: "
            f"install the wheel of {library}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split("+", maxsplit=1)[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())
