"""Names of the SDK's older generations, made from those of generation 4 (facts/pyspin-surface.md 5).

Where a name changed, the new one is absent in the older generation and the old one in the newer, as on the real SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.sim.host.constants import STATISTICS_CHANNELS
from agent.sim.host.generation import Generation
from agent.sim.host.images import Image
from agent.sim.host.video import AVIOption, H264Option, MJPGOption, SpinVideo

# Constants of 3.x and later: prefix there, prefix before.
_PREFIXES = {
    "SPINNAKER_LOG_LEVEL_": "LOG_LEVEL_",
    "SPINNAKER_IMAGE_STATUS_": "IMAGE_",
    "SPINNAKER_ERR_GENICAM_": "GENICAM_ERR_",
    "SPINNAKER_STATISTICS_CHANNEL_": "",
    "SPINNAKER_IMAGE_FILE_FORMAT_": "",
}
_COLOR_PREFIX = "SPINNAKER_COLOR_PROCESSING_ALGORITHM_"
# The older enumeration began with DEFAULT and called NONE otherwise (SpinnakerDefs.h, S15).
_COLOR_PROCESSING = (
    "DEFAULT",
    "NO_COLOR_PROCESSING",
    "NEAREST_NEIGHBOR",
    "NEAREST_NEIGHBOR_AVG",
    "BILINEAR",
    "EDGE_SENSING",
    "HQ_LINEAR",
    "IPP",
    "DIRECTIONAL_FILTER",
    "RIGOROUS",
    "WEIGHTED_DIRECTIONAL_FILTER",
)
_LATER_THAN_2 = ("ImageProcessor", "SystemEventHandler", "ImageListEventHandler")
_HANDLERS_1 = {
    "ImageEventHandler": "ImageEvent",
    "DeviceEventHandler": "DeviceEvent",
    "InterfaceEventHandler": "InterfaceEvent",
    "DeviceArrivalEventHandler": "ArrivalEvent",
    "DeviceRemovalEventHandler": "RemovalEvent",
    "LoggingEventHandler": "LoggingEvent",
}
_DEVICE_TYPES = {"DeviceType_GigEVision": "DeviceType_GEV", "DeviceType_USB3Vision": "DeviceType_U3V"}


class AVIRecorder:
    """Video of generation 1; SpinVideo took its place."""

    def __init__(self) -> None:
        self._video = SpinVideo()

    def AVIOpen(self, pFileName: str, option: AVIOption | MJPGOption | H264Option, /) -> None:
        self._video.Open(pFileName, option)

    def AVIAppend(self, image: Image, /) -> None:
        self._video.Append(image)

    def AVIClose(self) -> None:
        self._video.Close()

    def SetMaximumFileSize(self, size: int) -> None:
        self._video.SetMaximumFileSize(size)


def names_of(generation: Generation, newest: Mapping[str, object]) -> dict[str, object]:
    """The flat names of `generation`, from those of generation 4."""
    names = dict(newest)
    if generation >= 3:
        return names
    for name in newest:
        if name.startswith(_COLOR_PREFIX) or name in _LATER_THAN_2:
            del names[name]
        prefix = next((p for p in _PREFIXES if name.startswith(p)), None)
        if prefix is not None:
            names[_PREFIXES[prefix] + name.removeprefix(prefix)] = names.pop(name)
    names |= {name: number for number, name in enumerate(_COLOR_PROCESSING)}
    names["NUM_STATISTICS_CHANNELS"] = len(STATISTICS_CHANNELS)
    # The constants were renamed within 2.x: both names are taken there.
    names |= {older: newest[newer] for newer, older in _DEVICE_TYPES.items()}
    return names if generation == 2 else _first(names)


def _first(names: dict[str, object]) -> dict[str, object]:
    """Generation 1, from the names of generation 2."""
    for newer in _DEVICE_TYPES:
        del names[newer]
    for newer, older in _HANDLERS_1.items():
        names[older] = names.pop(newer)
    names["AVIRecorder"] = AVIRecorder
    return names
