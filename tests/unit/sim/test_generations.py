"""Names of the SDK's generations (facts/pyspin-surface.md 5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from agent.errors import BadInput
from agent.sim import pyspin as PySpin
from agent.sim.host import generation
from agent.sim.host.generation import Generation
from agent.sim.host.older import names_of

# Topic: names of 1.x, of 2.x, of 3.x and 4.x.
NAMES: dict[str, tuple[str, str, str]] = {
    "handlers": (
        "ImageEvent DeviceEvent InterfaceEvent ArrivalEvent RemovalEvent LoggingEvent",
        "ImageEventHandler DeviceEventHandler InterfaceEventHandler LoggingEventHandler",
        "ImageEventHandler DeviceEventHandler InterfaceEventHandler LoggingEventHandler SystemEventHandler",
    ),
    "conversion": ("", "", "ImageProcessor"),
    "algorithms": (
        "HQ_LINEAR NO_COLOR_PROCESSING",
        "HQ_LINEAR NO_COLOR_PROCESSING",
        "SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR SPINNAKER_COLOR_PROCESSING_ALGORITHM_NONE",
    ),
    "log levels": ("LOG_LEVEL_DEBUG", "LOG_LEVEL_DEBUG", "SPINNAKER_LOG_LEVEL_DEBUG"),
    "channels": ("GREY RED", "GREY RED", "SPINNAKER_STATISTICS_CHANNEL_GREY SPINNAKER_STATISTICS_CHANNEL_RED"),
    "status": ("IMAGE_NO_ERROR", "IMAGE_NO_ERROR", "SPINNAKER_IMAGE_STATUS_NO_ERROR"),
    "errors": ("GENICAM_ERR_ACCESS", "GENICAM_ERR_ACCESS", "SPINNAKER_ERR_GENICAM_ACCESS"),
    "video": ("AVIRecorder SpinVideo", "SpinVideo", "SpinVideo"),
    "device types": (
        "DeviceType_GEV DeviceType_U3V",
        "DeviceType_GEV DeviceType_U3V DeviceType_GigEVision DeviceType_USB3Vision",
        "DeviceType_GigEVision DeviceType_USB3Vision",
    ),
}


def _of(wanted: Generation) -> Mapping[str, object]:
    return names_of(wanted, {name: value for name, value in vars(PySpin).items() if not name.startswith("_")})


@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
@pytest.mark.parametrize("topic", NAMES)
def test_a_generation_has_its_own_names_and_not_those_of_the_others(topic: str, wanted: Generation) -> None:
    present = _of(wanted)
    own = set(NAMES[topic][min(wanted, 3) - 1].split())
    others = {name for names in NAMES[topic] for name in names.split()} - own
    assert own <= present.keys()
    assert not others & present.keys()


@pytest.mark.parametrize("wanted", [1, 2])
def test_renamed_constants_keep_their_numbers(wanted: Generation) -> None:
    older = _of(wanted)
    assert older["LOG_LEVEL_WARN"] == PySpin.SPINNAKER_LOG_LEVEL_WARN == 400
    assert older["GENICAM_ERR_ACCESS"] == PySpin.SPINNAKER_ERR_GENICAM_ACCESS == -2006
    assert older["IMAGE_DATA_INCOMPLETE"] == PySpin.SPINNAKER_IMAGE_STATUS_DATA_INCOMPLETE == 9
    assert older["DeviceType_U3V"] == PySpin.DeviceType_USB3Vision == 4


def test_methods_of_one_generation_are_absent_in_the_others() -> None:
    def methods() -> list[bool]:
        names = ((PySpin.Image, "Convert"), (PySpin.System, "RegisterInterfaceEventHandler"))
        return [hasattr(owner, name) for owner, name in (*names, (PySpin.Camera, "RegisterEvent"))]

    found = {}
    for wanted in (1, 2, 3, 4):
        with generation.selected(wanted):
            found[wanted] = methods()
    assert found == {1: [True, False, True], 2: [True, True, False], 3: [False] * 3, 4: [False] * 3}


def test_images_convert_themselves_in_generation_2() -> None:
    grey = PySpin.Image.Create(4, 2, 0, 0, PySpin.PixelFormat_Mono8, np.arange(8, dtype=np.uint8))
    with generation.selected(2):
        colour = grey.Convert(PySpin.PixelFormat_BGR8, _of(2)["HQ_LINEAR"])
    assert colour.GetNDArray().shape == (2, 4, 3)
    assert isinstance(colour, PySpin.ImagePtr)


def test_there_is_no_fifth_generation() -> None:
    with pytest.raises(BadInput, match="5"):
        generation.select(5)
    assert generation.current() == 4
