"""The simulated vendor SDK, generation 4: use it as `PySpin`. What it finds is attached with `agent.sim.bus`.

Surface and behaviour: facts/pyspin-surface.md. Calls that are not there raise NotImplementedError naming the call.
Programs that say `import PySpin` get these names from `agent/sim/drop_in`, in the generation that they ask for.
"""

# ruff: noqa: F403, F405, PLC0414 - this module is made of re-exports
from __future__ import annotations

from typing import TYPE_CHECKING

from agent.sim.host import constants as _constants
from agent.sim.host import errors as _errors
from agent.sim.host.camera import Camera as Camera
from agent.sim.host.camera import CameraPtr as CameraPtr
from agent.sim.host.chunk_data import *
from agent.sim.host.constants import EVENT_TIMEOUT_INFINITE as EVENT_TIMEOUT_INFINITE
from agent.sim.host.constants import EVENT_TIMEOUT_NONE as EVENT_TIMEOUT_NONE
from agent.sim.host.errors import SpinnakerException as SpinnakerException
from agent.sim.host.events import *
from agent.sim.host.image_files import *
from agent.sim.host.image_utility import *
from agent.sim.host.images import Image as Image
from agent.sim.host.images import ImagePtr as ImagePtr
from agent.sim.host.interfaces import *
from agent.sim.host.nodes import *
from agent.sim.host.pointers import *
from agent.sim.host.processing import ImageProcessor as ImageProcessor
from agent.sim.host.quickspin import TransportLayerDevice as TransportLayerDevice
from agent.sim.host.quickspin import TransportLayerInterface as TransportLayerInterface
from agent.sim.host.quickspin import TransportLayerStream as TransportLayerStream
from agent.sim.host.quickspin import TransportLayerSystem as TransportLayerSystem
from agent.sim.host.quickspin import enumeration_class as _enumeration_class
from agent.sim.host.quickspin import transport_enumeration_class as _transport_class
from agent.sim.host.rare import *
from agent.sim.host.statistics import ChannelStatistics as ChannelStatistics
from agent.sim.host.system import CameraList as CameraList
from agent.sim.host.system import InterfaceList as InterfaceList
from agent.sim.host.system import InterfacePtr as InterfacePtr
from agent.sim.host.system import LibraryVersion as LibraryVersion
from agent.sim.host.system import System as System
from agent.sim.host.system import SystemPtr as SystemPtr
from agent.sim.host.video import *

# Static methods are there a second time as functions (facts/pyspin-surface.md 1).
System_GetInstance = System.GetInstance
Image_GetImageStatusDescription = Image.GetImageStatusDescription
Image_Create = Image.Create
Image_Load = Image.Load
NodeMap_ClearXMLCache = INodeMap.ClearXMLCache

globals().update(_constants.constants())
globals().update({k: v for k, v in vars(_errors).items() if k.startswith("SPINNAKER_ERR_")})
globals().update({f"IEnumerationT_{name}Enums": _enumeration_class(name) for name in _constants.TABLE})
globals().update({f"IEnumerationT_{name}Enum": _transport_class(name) for name in _constants.TRANSPORT_TABLE})

if TYPE_CHECKING:

    def __getattr__(name: str) -> int:
        """Enumeration constants, for the type checker."""
