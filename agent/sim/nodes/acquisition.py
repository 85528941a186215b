"""Acquisition and triggers (facts/firefly-dl.md 1.5, pyspin-surface.md 2.3 and 2.8)."""

from __future__ import annotations

from agent.sim.nodes.table import STREAMING, Category, boolean, command, enumeration, integer, real

_TRIGGER = "TriggerSelector"

ACQUISITION = Category(
    "AcquisitionControl",
    (
        enumeration("AcquisitionMode", entries=("Continuous", "SingleFrame", "MultiFrame"), locked=STREAMING),
        command("AcquisitionStart"),
        command("AcquisitionStop"),
        integer(
            "AcquisitionFrameCount", default=2, minimum=1, maximum=65535,
            locked="{TLParamsLocked} || ({AcquisitionMode} <> {AcquisitionMode.MultiFrame})",
        ),
        integer(
            "AcquisitionBurstFrameCount", default=1, minimum=1, maximum=1023, locked=STREAMING,
            available="{TriggerSelector} = {TriggerSelector.FrameBurstStart}",
        ),
        enumeration("ExposureMode", entries=("Timed", "TriggerWidth"), locked=STREAMING),
        enumeration("ExposureAuto", entries=("Off", "Once", "Continuous"), default="Continuous", live=True),
        real(
            "ExposureTime", default=5000.0, minimum=29.0, maximum=30_000_000.0, unit="us", live=True,
            locked="({ExposureAuto} <> {ExposureAuto.Off}) || ({ExposureMode} = {ExposureMode.TriggerWidth})",
        ),
        real(
            "AutoExposureExposureTimeLowerLimit", default=100.0, minimum=29.0,
            maximum="{AutoExposureExposureTimeUpperLimit}", unit="us",
        ),
        real(
            "AutoExposureExposureTimeUpperLimit", default=15_000.0, minimum="{AutoExposureExposureTimeLowerLimit}",
            maximum=30_000_000.0, unit="us",
        ),
        boolean("AcquisitionFrameRateEnable"),
        real(
            "AcquisitionFrameRate", default=60.0, minimum=1.0, unit="Hz", live=True,
            maximum="({SensorFrameRateMax} < 1.0) ? 1.0 : {SensorFrameRateMax}",
            locked="{AcquisitionFrameRateEnable} = 0",
        ),
        real("AcquisitionResultingFrameRate", access="RO", live=True, unit="Hz"),
        # The rate that exposure, region and link allow.
        real("SensorFrameRateMax", access="RO", default=60.0, live=True, hidden=True, visibility="Invisible"),
        enumeration(_TRIGGER, entries=("FrameStart", "FrameBurstStart", "AcquisitionStart")),
        # Programs switch the trigger on while streaming to drain the buffers (pyspin-surface.md 2.3).
        enumeration("TriggerMode", entries=("Off", "On"), selector=_TRIGGER),
        command("TriggerSoftware", selector=_TRIGGER, available=(
            "({TriggerMode} = {TriggerMode.On}) && ({TriggerSource} = {TriggerSource.Software})"
        )),
        enumeration(
            "TriggerSource", entries=("Software", "Line0", "Line1", "Line2", "Line3", "UserOutput0", "Counter0Start",
            "Counter1Start", "Counter0End", "Counter1End", "LogicBlock0", "LogicBlock1", "InferenceReady"),
            default="Line0", selector=_TRIGGER,
        ),
        enumeration("TriggerActivation", entries=("RisingEdge", "FallingEdge"), selector=_TRIGGER),
        enumeration("TriggerOverlap", entries=("Off", "ReadOut"), selector=_TRIGGER, locked=STREAMING),
        real("TriggerDelay", minimum=0.0, maximum=65520.0, unit="us", selector=_TRIGGER),
        enumeration("SensorShutterMode", access="RO", entries=("Global",), visibility="Expert"),
    ),
)  # fmt: skip
