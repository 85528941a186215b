"""Reads from the registers how frames are to be taken."""

from __future__ import annotations

from agent.sim.acquisition import SENSOR_RATE_HZ, Plan, Trigger
from agent.sim.chunks import BITS_PER_PIXEL, FrameSettings, Geometry, Processing
from agent.sim.outputs import MAX_BOXES, OutputReading
from agent.sim.registers import RegisterBank
from agent.sim.spec import SceneSpec
from agent.sim.vpu import Preprocessing

CHANNELS = ("Channel1", "Channel2", "Channel3")
# Length of the part sensor's pulse on Line0.
PULSE_NS = 10_000_000
_DEFAULT_GAMMA, _DEFAULT_BLACK = 0.8, 0.01  # as in the table of nodes


def make_plan(bank: RegisterBank, scene: SceneSpec, injected: str | None) -> Plan:
    """The plan of the next frames; `injected` is the digest of the injected image where one replaces the sensor."""
    exposure_us = bank.real("ExposureTime")
    trigger, delay_ns = _trigger(bank)
    mode = bank.symbol("AcquisitionMode")
    return Plan(
        trigger=trigger,
        exposure_ns=round(exposure_us * 1e3),
        period_ns=round(1e9 / resulting_rate(bank, trigger == "free")),
        delay_ns=delay_ns,
        frames={"SingleFrame": 1, "MultiFrame": bank.integer("AcquisitionFrameCount")}.get(mode),
        settings=_settings(bank, exposure_us),
        injected=injected,
        infers=bank.flag("InferenceEnable"),
        preprocessing=_preprocessing(bank),
        processing=_processing(bank, scene, injected is not None),
        reading=output_reading(bank),
    )


def payload_bytes(bank: RegisterBank) -> int:
    """Bytes of one image."""
    pixels = bank.integer("Width") * bank.integer("Height")
    return pixels * BITS_PER_PIXEL[bank.symbol("PixelFormat")] // 8


def sensor_rate(bank: RegisterBank) -> float:
    """Frames a second that sensor (S9), exposure and the share of the link allow."""
    link = bank.integer("DeviceLinkThroughputLimit") / payload_bytes(bank)
    return min(SENSOR_RATE_HZ, 1e6 / bank.real("ExposureTime"), link)


def resulting_rate(bank: RegisterBank, limited: bool = True) -> float:
    """`sensor_rate` and (unless triggered) AcquisitionFrameRate."""
    rate = sensor_rate(bank)
    if limited and bank.flag("AcquisitionFrameRateEnable"):
        rate = min(rate, bank.real("AcquisitionFrameRate"))
    return rate


def _trigger(bank: RegisterBank) -> tuple[Trigger, int]:
    start = "FrameStart"
    if bank.symbol("TriggerMode", start) != "On":
        return "free", 0
    source = bank.symbol("TriggerSource", start)
    delay_ns = round(bank.real("TriggerDelay", start) * 1e3)
    if source == "Line0":
        falling = bank.symbol("TriggerActivation", start) == "FallingEdge"
        return "line", delay_ns + (PULSE_NS if falling else 0)
    known: dict[str, Trigger] = {"Software": "software", "InferenceReady": "inference"}
    # Nothing is wired to the other lines.
    return known.get(source, "never"), delay_ns


def _settings(bank: RegisterBank, exposure_us: float) -> FrameSettings:
    geometry = Geometry(
        bank.integer("Width"),
        bank.integer("Height"),
        bank.integer("OffsetX"),
        bank.integer("OffsetY"),
        bank.symbol("PixelFormat"),
        bank.integer("BinningHorizontal"),
        bank.integer("BinningVertical"),
        bank.symbol("BinningHorizontalMode") == "Sum",
        bank.flag("ReverseX"),
        bank.flag("ReverseY"),
    )
    names = bank.description.entries["ChunkSelector"]
    active = bank.flag("ChunkModeActive")
    chunks = frozenset(n for n in names if active and bank.flag("ChunkEnable", n))
    return FrameSettings(geometry, chunks, exposure_us, bank.real("Gain", "All"), bank.real("BlackLevel", "All"))


def _processing(bank: RegisterBank, scene: SceneSpec, injected: bool) -> Processing:
    """What sensor and pipeline do to the pixels.

    The scene is drawn as the camera shows it with `scene.exposure_us` and its default pipeline, so only what differs
    counts. An injected image enters before the pipeline (S13): what is on changes it.
    """
    gamma = bank.real("Gamma") if bank.flag("GammaEnable") else 1.0
    black = bank.real("BlackLevel", "All") / 100
    if injected:
        clamps = bank.flag("BlackLevelClampingEnable")
        sharpens, denoises = bank.flag("SharpeningEnable"), bank.flag("DenoiseEnable")
        return Processing(1.0, gamma, -black if clamps else 0.0, sharpens, denoises)
    light = bank.real("ExposureTime") / scene.exposure_us * 10 ** (bank.real("Gain", "All") / 20)
    # Rounded, so that automatic gain which makes up for a short exposure gives the very same image.
    return Processing(round(light, 3), round(gamma / _DEFAULT_GAMMA, 6), round(black - _DEFAULT_BLACK, 6))


def output_reading(bank: RegisterBank) -> OutputReading:
    """How the answer of a network is read."""
    limit = "InferenceMaxBoundingBoxes"
    return OutputReading(
        kind="Detection" if bank.symbol("InferenceNetworkTypeSelector") == "Detection" else "Classification",
        box_format=bank.symbol("InferenceNetworkOutputFormatSelector"),
        threshold=bank.real("InferenceBoundingBoxThreshold"),
        max_boxes=bank.integer(limit) if bank.has(limit) else MAX_BOXES,
    )


def _preprocessing(bank: RegisterBank) -> Preprocessing:
    mean = tuple(bank.real("InferencePreprocessChannelMean", c) for c in CHANNELS)
    scale = tuple(bank.real("InferencePreprocessChannelScalar", c) for c in CHANNELS)
    trained_on = bank.symbol("InferencePreprocessBppSelector")
    return Preprocessing((mean[0], mean[1], mean[2]), (scale[0], scale[1], scale[2]), trained_on)
