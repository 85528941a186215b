"""The simulated vendor SDK: use it as `PySpin`. What it finds on the bus is attached with `agent.sim.bus`.

Surface and behaviour: facts/pyspin-surface.md, generation 4. Calls that are not there raise NotImplementedError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.sim.host import constants as _constants
from agent.sim.host import errors as _errors
from agent.sim.host.camera import Camera, CameraPtr
from agent.sim.host.constants import (
    EVENT_TIMEOUT_INFINITE,
    EVENT_TIMEOUT_NONE,
    INFERENCE_BOX_TYPE_CIRCLE,
    INFERENCE_BOX_TYPE_RECTANGLE,
    INFERENCE_BOX_TYPE_ROTATED_RECTANGLE,
)
from agent.sim.host.errors import (
    SpinnakerException,
)
from agent.sim.host.genapi import (
    NA,
    NI,
    RO,
    RW,
    WO,
)
from agent.sim.host.images import (
    ChunkData,
    Image,
    ImageProcessor,
    ImagePtr,
    InferenceBoundingBoxResult,
)
from agent.sim.host.missing import (
    DeregisterNodeCallback,
    DeviceArrivalEventHandler,
    DeviceEventHandler,
    DeviceRemovalEventHandler,
    ImageEventHandler,
    ImageListEventHandler,
    InterfaceEventHandler,
    LoggingEventHandler,
    NodeCallback,
    RegisterNodeCallback,
    SpinVideo,
    SystemEventHandler,
)
from agent.sim.host.nodes import (
    CBooleanPtr,
    CCategoryPtr,
    CCommandPtr,
    CEnumEntryPtr,
    CEnumerationPtr,
    CFloatPtr,
    CIntegerPtr,
    CNodePtr,
    CRegisterPtr,
    CStringPtr,
    CValuePtr,
    IBoolean,
    ICategory,
    ICommand,
    IEnumEntry,
    IEnumeration,
    IFloat,
    IInteger,
    INode,
    INodeMap,
    IRegister,
    IsAvailable,
    IsImplemented,
    IsReadable,
    IString,
    IsWritable,
    IValue,
    intfIBase,
    intfIBoolean,
    intfICategory,
    intfICommand,
    intfIEnumEntry,
    intfIEnumeration,
    intfIFloat,
    intfIInteger,
    intfIPort,
    intfIRegister,
    intfIString,
    intfIValue,
)
from agent.sim.host.quickspin import (
    TransportLayerDevice,
    TransportLayerInterface,
    TransportLayerStream,
)
from agent.sim.host.quickspin import (
    enumeration_class as _enumeration_class,
)
from agent.sim.host.system import (
    CameraList,
    InterfaceList,
    InterfacePtr,
    LibraryVersion,
    System,
    SystemPtr,
)

System_GetInstance = System.GetInstance
Image_GetImageStatusDescription = Image.GetImageStatusDescription
Image_Create = Image.Create
Image_Load = Image.Load

globals().update(_constants.constants())
globals().update({k: v for k, v in vars(_errors).items() if k.startswith("SPINNAKER_ERR_")})
globals().update({f"IEnumerationT_{name}Enums": _enumeration_class(name) for name in _constants.TABLE})

if TYPE_CHECKING:

    def __getattr__(name: str) -> int:
        """Enumeration constants, for the type checker."""


__all__ = [
    "EVENT_TIMEOUT_INFINITE",
    "EVENT_TIMEOUT_NONE",
    "INFERENCE_BOX_TYPE_CIRCLE",
    "INFERENCE_BOX_TYPE_RECTANGLE",
    "INFERENCE_BOX_TYPE_ROTATED_RECTANGLE",
    "NA",
    "NI",
    "RO",
    "RW",
    "WO",
    "CBooleanPtr",
    "CCategoryPtr",
    "CCommandPtr",
    "CEnumEntryPtr",
    "CEnumerationPtr",
    "CFloatPtr",
    "CIntegerPtr",
    "CNodePtr",
    "CRegisterPtr",
    "CStringPtr",
    "CValuePtr",
    "Camera",
    "CameraList",
    "CameraPtr",
    "ChunkData",
    "DeregisterNodeCallback",
    "DeviceArrivalEventHandler",
    "DeviceEventHandler",
    "DeviceRemovalEventHandler",
    "IBoolean",
    "ICategory",
    "ICommand",
    "IEnumEntry",
    "IEnumeration",
    "IFloat",
    "IInteger",
    "INode",
    "INodeMap",
    "IRegister",
    "IString",
    "IValue",
    "Image",
    "ImageEventHandler",
    "ImageListEventHandler",
    "ImageProcessor",
    "ImagePtr",
    "Image_Create",
    "Image_GetImageStatusDescription",
    "Image_Load",
    "InferenceBoundingBoxResult",
    "InterfaceEventHandler",
    "InterfaceList",
    "InterfacePtr",
    "IsAvailable",
    "IsImplemented",
    "IsReadable",
    "IsWritable",
    "LibraryVersion",
    "LoggingEventHandler",
    "NodeCallback",
    "RegisterNodeCallback",
    "SpinVideo",
    "SpinnakerException",
    "System",
    "SystemEventHandler",
    "SystemPtr",
    "System_GetInstance",
    "TransportLayerDevice",
    "TransportLayerInterface",
    "TransportLayerStream",
    "intfIBase",
    "intfIBoolean",
    "intfICategory",
    "intfICommand",
    "intfIEnumEntry",
    "intfIEnumeration",
    "intfIFloat",
    "intfIInteger",
    "intfIPort",
    "intfIRegister",
    "intfIString",
    "intfIValue",
]
