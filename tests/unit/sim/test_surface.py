"""The surface that programs use, name by name: facts/pyspin-surface.md sections 1 to 4.

`must` and `should` names do something; what does nothing says so with NotImplementedError and its own name.
"""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from agent.sim import pyspin as PySpin

_CLASSES = """
    System SystemPtr CameraList CameraPtr Camera InterfaceList InterfacePtr IInterface Image ImagePtr ImageProcessor
    INodeMap INode IValue IInteger IFloat IBoolean IString ICommand IEnumeration IEnumerationT_PixelFormatEnums
    IEnumEntry ICategory IRegister TransportLayerDevice TransportLayerStream TransportLayerInterface LibraryVersion
    SpinnakerException ChunkData InferenceBoundingBox InferenceBoundingBoxResult
    CNodePtr CValuePtr CIntegerPtr CFloatPtr CBooleanPtr CStringPtr CCommandPtr CEnumerationPtr CEnumEntryPtr
    CCategoryPtr CRegisterPtr
    ImageEventHandler DeviceEventHandler InterfaceEventHandler DeviceArrivalEventHandler DeviceRemovalEventHandler
    SystemEventHandler LoggingEventHandler ImageListEventHandler NodeCallback
    SpinVideo AVIOption MJPGOption H264Option JPEGOption PNGOption BMPOption TIFFOption PGMOption
"""
_NODE = "GetName GetDisplayName GetToolTip GetDescription IsValid GetNode ImposeAccessMode GetAccessMode "
_VALUE = f"{_NODE} ToString FromString GetPrincipalInterfaceType "
_MUST = {
    "": "System_GetInstance Image_Create Image_Load Image_GetImageStatusDescription IsReadable IsWritable IsAvailable "
    "IsImplemented",
    "System": "GetInstance GetCameras ReleaseInstance GetLibraryVersion IsInUse",
    "CameraList": "Clear GetSize __len__ __getitem__ GetByIndex GetBySerial",
    "CameraPtr": "Init DeInit BeginAcquisition EndAcquisition GetNextImage GetNodeMap GetTLDeviceNodeMap "
    "GetTLStreamNodeMap IsValid IsInitialized IsStreaming TLDevice TLStream",
    "InterfacePtr": "TLInterface",
    "INodeMap": "GetNode GetNodes GetNumNodes",
    "CIntegerPtr": _VALUE + "GetValue SetValue GetMin GetMax GetInc GetUnit",
    "CFloatPtr": _VALUE + "GetValue SetValue GetMin GetMax GetInc GetUnit",
    "CBooleanPtr": _VALUE + "GetValue SetValue",
    "CStringPtr": _VALUE + "GetValue SetValue",
    "CCommandPtr": _NODE + "Execute IsDone",
    "CValuePtr": _VALUE,
    "CCategoryPtr": _NODE + "GetFeatures",
    "CEnumEntryPtr": _VALUE + "GetValue GetSymbolic GetNumericValue",
    "CEnumerationPtr": _VALUE + "GetEntryByName GetEntry GetEntries SetIntValue GetIntValue GetCurrentEntry",
    "IEnumerationT_PixelFormatEnums": "GetValue SetValue GetEntry GetEntries GetEntryByName SetIntValue "
    "GetCurrentEntry __call__",
    "IInteger": "__call__",
    "ICommand": "__call__",
    "ImagePtr": "Release IsIncomplete GetImageStatus GetNDArray GetData GetWidth GetHeight Save GetTimeStamp "
    "GetFrameID "
    "GetID GetChunkData GetBitsPerPixel GetStride GetBufferSize GetPixelFormat GetPixelFormatName GetImageSize",
    "ImageProcessor": "SetColorProcessing GetColorProcessing Convert",
}
_SHOULD = {
    "": "RegisterNodeCallback DeregisterNodeCallback",
    "DeviceEventHandler": "GetDeviceEventId GetDeviceEventName",
    "CameraPtr": "RegisterEventHandler UnregisterEventHandler GetUniqueID GetDeviceID GetNumImagesInUse",
    "InterfacePtr": "RegisterEventHandler UnregisterEventHandler GetTLNodeMap GetCameras UpdateCameras",
    "InterfaceList": "GetSize __len__ __getitem__ GetByIndex Clear",
    "System": "RegisterEventHandler UnregisterEventHandler RegisterLoggingEventHandler UnregisterLoggingEventHandler "
    "UnregisterAllLoggingEventHandlers SetLoggingEventPriorityLevel GetLoggingEventPriorityLevel GetInterfaces "
    "UpdateCameras UpdateInterfaceList GetTLNodeMap",
    "LoggingEventData": "GetCategoryName GetPriority GetPriorityName GetTimestamp GetNDC GetThreadName GetLogMessage",
    "ChunkData": "GetFrameID GetTimestamp GetExposureTime GetGain GetBlackLevel GetWidth GetHeight GetOffsetX "
    "GetOffsetY "
    "GetCRC GetSequencerSetActive GetExposureEndLineStatusAll GetLineStatusAll GetInferenceFrameId GetInferenceResult "
    "GetInferenceConfidence GetInferenceBoundingBoxResult",
    "InferenceBoundingBoxResult": "GetBoxCount GetVersion GetBoxSize GetBoxAt",
    "CRegisterPtr": _VALUE + "GetLength GetAddress Set Get",
    "Image": "Create DeepCopy Load CalculateChannelStatistics",
    "SpinVideo": "Open Append Close SetMaximumFileSize",
}
# What programs override: the base class has nothing to do.
_OVERRIDDEN = """
    ImageEventHandler.OnImageEvent DeviceEventHandler.OnDeviceEvent InterfaceEventHandler.OnDeviceArrival
    InterfaceEventHandler.OnDeviceRemoval SystemEventHandler.OnInterfaceArrival SystemEventHandler.OnInterfaceRemoval
    LoggingEventHandler.OnLogEvent NodeCallback.CallbackFunction
"""
_RARE_THAT_WORK = """
    Image.CheckCRC Image.HasCRC Image.GetXOffset Image.GetYOffset Image.GetXPadding Image.GetYPadding
    INode.ImposeAccessMode INode.GetEventID IInteger.ImposeMin IInteger.ImposeMax IFloat.ImposeMin IFloat.ImposeMax
"""
_RARE_THAT_SAY_NO = """
    Image.ResetImage ImageList Camera.GetNextImageSync Camera.SetUserBuffers Camera.SetBufferOwnership
    Camera.GetBufferOwnership Camera.DiscoverMaxPacketSize Camera.ForceIP System.SendActionCommand CFeatureBag
    ImageUtility.CreateScaled ImageUtilityHeatmap.CreateHeatmap ImageUtilityPolarization.CreateDolp
    ImageUtilityStereo.ComputePointCloud ImageUtilityCCM.CreateColorCorrected PointCloud IInteger.GetListOfValidValues
    IFloat.GetListOfValidValues INode.GetProperty NodeMap_ClearXMLCache UpdateFirmwareConsole SetProgressCallback
    SetMessageCallback GetGenICamCacheFolder SetGenICamCacheFolder GetGenICamLogConfig SetGenICamLogConfig
    GetGenICamCLProtocolFolder SetGenICamCLProtocolFolder
"""


def _names(table: dict[str, str]) -> list[str]:
    return [f"{owner}.{name}".removeprefix(".") for owner, names in table.items() for name in names.split()]


def _find(name: str) -> object:
    found: object = PySpin
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _only_refuses(found: object) -> bool:
    """Whether a function does nothing but raise NotImplementedError."""
    if isinstance(found, property) or not inspect.isfunction(found):
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    body = [s for s in tree.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])


@pytest.mark.parametrize("name", _CLASSES.split())
def test_classes_are_real_classes_that_annotations_can_join(name: str) -> None:
    found = _find(name)
    assert isinstance(found, type)
    assert found.__name__ == name
    assert isinstance(None, found | None)
    assert not isinstance(object(), found)


@pytest.mark.parametrize("name", [*_names(_MUST), *_names(_SHOULD), *_RARE_THAT_WORK.split()])
def test_what_programs_call_does_something(name: str) -> None:
    assert not _only_refuses(_find(name)), f"{name} only raises NotImplementedError"


@pytest.mark.parametrize("name", _OVERRIDDEN.split())
def test_handlers_have_the_methods_that_programs_override(name: str) -> None:
    assert callable(_find(name))


@pytest.mark.parametrize("name", _RARE_THAT_SAY_NO.split())
def test_what_is_not_there_says_so_with_its_name(name: str) -> None:
    found = _find(name)
    assert callable(found)
    arguments = () if isinstance(found, type) or "." not in name else (object(),)
    with pytest.raises(NotImplementedError, match=name.rpartition(".")[2]):
        found(*arguments)


def test_enumeration_pointers_have_no_value_methods() -> None:
    assert not hasattr(PySpin.CEnumerationPtr, "GetValue")
    assert not hasattr(PySpin.CEnumerationPtr, "SetValue")


def test_interface_types_and_access_modes_have_the_numbers_of_genapi() -> None:
    names = "intfIInteger intfIBoolean intfICommand intfIFloat intfIString intfIRegister intfICategory intfIEnumeration"
    assert [_find(name) for name in names.split()] == [*range(2, 10)]
    assert [_find(name) for name in ("NI", "NA", "WO", "RO", "RW")] == [*range(5)]


def test_color_processing_algorithms_have_constants() -> None:
    names = "NONE NEAREST_NEIGHBOR NEAREST_NEIGHBOR_AVG BILINEAR EDGE_SENSING HQ_LINEAR IPP DIRECTIONAL_FILTER RIGOROUS"
    found = [_find(f"SPINNAKER_COLOR_PROCESSING_ALGORITHM_{name}") for name in names.split()]
    assert found == [*range(9)]


@pytest.mark.parametrize("call", [PySpin.CameraPtr.GetNextImage, PySpin.Image.Save, PySpin.ImageProcessor.Convert,
    PySpin.SpinVideo.Open, PySpin.CameraPtr.RegisterEventHandler])  # fmt: skip
def test_overloaded_methods_take_positional_arguments_only(call: object) -> None:
    assert inspect.isfunction(call)
    _, *parameters = inspect.signature(call).parameters.values()
    kinds = {p.kind for p in parameters}
    assert kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}


def test_methods_with_one_form_take_keywords() -> None:
    for name, keywords in {
        "CCommandPtr.Execute": {"Verify"},
        "System.GetCameras": {"updateInterfaces", "updateCameras"},
        "CValuePtr.ToString": {"Verify", "IgnoreCache"},
        "CRegisterPtr.Set": {"Verify"},
        "CRegisterPtr.Get": {"Verify", "IgnoreCache"},
    }.items():
        found = _find(name)
        assert inspect.isfunction(found)
        assert keywords <= inspect.signature(found).parameters.keys(), name
