"""Inference control with pre-processing and properties (facts/firefly-dl.md 1.1, S1 to S3).

Names that no public source gives are guesses (facts section 7, item 3): a program has to look for the display name.
"""

from __future__ import annotations

from agent.sim.nodes.imaging import SENSOR_HEIGHT_PX, SENSOR_WIDTH_PX
from agent.sim.nodes.table import STREAMING, Category, Node, boolean, enumeration, integer, real, text

_CHANNEL = "InferencePreprocessChannelSelector"

_PREPROCESSING = Category(
    "InferencePreprocessing",
    (
        enumeration(
            "InferencePreprocessBppSelector", entries=("Mono8", "Mono16", "BGR8"), locked=STREAMING,
            visibility="Expert", display="Training Pixel Format", old_display="Training Bit Depth",
        ),
        enumeration(
            _CHANNEL, entries=("Channel1", "Channel2", "Channel3"), visibility="Expert",
            display="Network Input Channel", new=True,
        ),
        real(
            "InferencePreprocessChannelMean", default=127.5, minimum=-65536.0, maximum=65536.0, selector=_CHANNEL,
            locked=STREAMING, visibility="Expert", display="Training Mean", old_display="Channel Mean",
        ),
        real(
            "InferencePreprocessChannelScalar", default=127.5, minimum=1e-6, maximum=65536.0, selector=_CHANNEL,
            locked=STREAMING, visibility="Expert", display="Training Scale", old_display="Channel Scale",
        ),
    ),
)  # fmt: skip


def _property(name: str, display: str, unit: str = "", default: int = 0) -> Node:
    return integer(
        name, access="RO", live=not default, default=default, unit=unit, display=display, visibility="Expert", new=True
    )


_PROPERTIES = Category(
    "InferenceProperties",
    (
        _property("InferenceMaxInputSizeX", "Max Input Width", "px", SENSOR_WIDTH_PX),
        _property("InferenceMaxInputSizeY", "Max Input Height", "px", SENSOR_HEIGHT_PX),
        _property("InferenceMaxBoundingBoxes", "Max Bounding Boxes", default=64),
        _property("InferenceNetworkSize", "Network Size", "B"),
        _property("InferenceNetworkTotalLayers", "Network Total Layers"),
        _property("InferenceNetworkInputWidth", "Network Input Width", "px"),
        _property("InferenceNetworkInputHeight", "Network Input Height", "px"),
        _property("InferenceNetworkInputChannels", "Network Input Channels"),
        _property("InferenceNetworkOutputClasses", "Output Classes"),
    ),
    new=True,
)


def _time(name: str, display: str) -> Node:
    return real(name, access="RO", live=True, unit="ms", display=display, visibility="Expert", new=True)


INFERENCE = Category(
    "InferenceControl",
    (
        boolean("InferenceEnable", live=True, locked=STREAMING, visibility="Expert"),
        enumeration(
            "InferenceNetworkTypeSelector", entries=("Detection", "Classification"), default="Classification",
            locked=STREAMING, visibility="Expert", display="Network Type",
        ),
        enumeration(
            "InferenceNetworkOutputFormatSelector", locked=STREAMING, visibility="Expert",
            entries=("XminYminXmaxYmax", "YminXminYmaxXmax", "CenterXCenterYWidthHeight"),
            display="Bounding Box Format",
        ),
        real("InferenceBoundingBoxThreshold", default=0.5, minimum=0.0, maximum=1.0, visibility="Expert"),
        _time("InferenceScalingTime", "Scaling Time"),
        _time("InferencePreprocessingTime", "Preprocessing Time"),
        _time("InferenceTime", "Inference Time"),
        text(
            "InferenceNetworkName", size=64, live=True, display="Inference Network Name", visibility="Expert", new=True
        ),
        enumeration(
            "InferenceNetworkStatus", access="RO", live=True, entries=("NoNetwork", "Loading", "Ready", "Error"),
            visibility="Guru", new=True,
        ),
        integer(
            "InferenceNetworkMaxSize", access="RO", default=0, unit="B", display="Max Network Size",
            visibility="Expert", new=True,
        ),
        _PREPROCESSING,
        _PROPERTIES,
    ),
)  # fmt: skip
