"""Analog control, image format and test patterns (facts/firefly-dl.md 1.5 and section 8)."""

from __future__ import annotations

from agent.sim.nodes.table import STREAMING, Category, boolean, enumeration, integer, real

# PFNC numbers (GenICam Pixel Format Naming Convention): the same in every camera.
PIXEL_FORMATS = {
    "Mono8": 0x01080001,
    "Mono16": 0x01100007,
    "Mono10Packed": 0x010C0004,
    "Mono12Packed": 0x010C0006,
    "Mono10p": 0x010A0046,
    "Mono12p": 0x010C0047,
}
SENSOR_WIDTH_PX, SENSOR_HEIGHT_PX = 1440, 1080

ANALOG = Category(
    "AnalogControl",
    (
        enumeration("GainSelector", entries=("All",)),
        enumeration("GainAuto", entries=("Off", "Once", "Continuous"), default="Continuous", live=True),
        real(
            "Gain", minimum=0.0, maximum=48.0, unit="dB", live=True, selector="GainSelector",
            locked="{GainAuto} <> {GainAuto.Off}",
        ),
        real("AutoExposureGainLowerLimit", minimum=0.0, maximum="{AutoExposureGainUpperLimit}", unit="dB"),
        real(
            "AutoExposureGainUpperLimit", default=18.0, minimum="{AutoExposureGainLowerLimit}", maximum=48.0, unit="dB"
        ),
        enumeration("BlackLevelSelector", entries=("All",)),
        real("BlackLevel", default=1.0, minimum=0.0, maximum=10.0, unit="%", selector="BlackLevelSelector"),
        boolean("BlackLevelClampingEnable", default=1),
        real("Gamma", default=0.8, minimum=0.25, maximum=4.0, locked="{GammaEnable} = 0"),
        boolean("GammaEnable", default=1),
        boolean("SharpeningEnable", default=1, visibility="Expert"),
        real(
            "Sharpening", default=1.0, minimum=-1.0, maximum=8.0, locked="{SharpeningEnable} = 0", visibility="Expert"
        ),
        boolean("DenoiseEnable", default=1, visibility="Expert"),
    ),
)  # fmt: skip

_BINNINGS = (1, 2)

IMAGE_FORMAT = Category(
    "ImageFormatControl",
    (
        integer("SensorWidth", access="RO", default=SENSOR_WIDTH_PX, unit="px"),
        integer("SensorHeight", access="RO", default=SENSOR_HEIGHT_PX, unit="px"),
        integer("WidthMax", access="RO", default=SENSOR_WIDTH_PX, live=True, unit="px"),
        integer("HeightMax", access="RO", default=SENSOR_HEIGHT_PX, live=True, unit="px"),
        integer(
            "Width", default=SENSOR_WIDTH_PX, minimum=32, maximum="{WidthMax} - {OffsetX}", increment=16, unit="px",
            locked=STREAMING, invalidators=("BinningHorizontal", "BinningVertical"),
        ),
        integer(
            "Height", default=SENSOR_HEIGHT_PX, minimum=4, maximum="{HeightMax} - {OffsetY}", increment=2, unit="px",
            locked=STREAMING, invalidators=("BinningHorizontal", "BinningVertical"),
        ),
        integer(
            "OffsetX", minimum=0, maximum="{WidthMax} - {Width}", increment=4, unit="px", locked=STREAMING,
            invalidators=("BinningHorizontal", "BinningVertical"),
        ),
        integer(
            "OffsetY", minimum=0, maximum="{HeightMax} - {Height}", increment=2, unit="px", locked=STREAMING,
            invalidators=("BinningHorizontal", "BinningVertical"),
        ),
        enumeration(
            "PixelFormat", entries=tuple(PIXEL_FORMATS), numbers=tuple(PIXEL_FORMATS.values()), locked=STREAMING
        ),
        enumeration("PixelSize", access="RO", live=True, entries=("Bpp8", "Bpp10", "Bpp12", "Bpp16")),
        enumeration("PixelColorFilter", access="RO", entries=("None",)),
        integer("PixelDynamicRangeMin", access="RO", default=0),
        integer("PixelDynamicRangeMax", access="RO", default=255, live=True),
        enumeration("AdcBitDepth", entries=("Bit10",), locked=STREAMING),
        enumeration("BinningSelector", entries=("All", "Sensor"), locked=STREAMING),
        enumeration("BinningHorizontalMode", entries=("Sum", "Average"), locked=STREAMING),
        enumeration("BinningVerticalMode", entries=("Sum", "Average"), locked=STREAMING),
        integer("BinningHorizontal", default=1, minimum=_BINNINGS[0], maximum=_BINNINGS[1], locked=STREAMING),
        integer("BinningVertical", default=1, minimum=_BINNINGS[0], maximum=_BINNINGS[1], locked=STREAMING),
        boolean("ReverseX", locked=STREAMING),
        boolean("ReverseY", locked=STREAMING),
        enumeration("TestPatternGeneratorSelector", entries=("Sensor", "PipelineStart"), locked=STREAMING),
        enumeration(
            "TestPattern", entries=("Off", "Increment", "InjectedImage"), selector="TestPatternGeneratorSelector",
            shared=True, locked=STREAMING,
        ),
        integer(
            "InjectedWidth", default=SENSOR_WIDTH_PX, minimum=16, maximum="{SensorWidth}", increment=2, unit="px",
            locked=STREAMING,
        ),
        integer(
            "InjectedHeight", default=SENSOR_HEIGHT_PX, minimum=16, maximum="{SensorHeight}", increment=2, unit="px",
            locked=STREAMING,
        ),
    ),
)  # fmt: skip
