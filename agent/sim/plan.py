"""Reads from the registers how frames are to be taken."""

from __future__ import annotations

from agent.sim.acquisition import Plan, Trigger
from agent.sim.chunks import FrameSettings, Geometry
from agent.sim.registers import RegisterBank
from agent.sim.vpu import Preprocessing

CHANNELS = ("Channel1", "Channel2", "Channel3")
# Length of the part sensor's pulse on Line0.
PULSE_NS = 10_000_000


def make_plan(bank: RegisterBank, injected: str | None) -> Plan:
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
        infers=bank.flag("InferenceEnable") and bank.symbol("InferenceNetworkTypeSelector") == "Classification",
        preprocessing=_preprocessing(bank),
    )


def resulting_rate(bank: RegisterBank, limited: bool = True) -> float:
    """Frames a second that sensor, exposure and (unless triggered) AcquisitionFrameRate allow."""
    rate = min(bank.real("SensorFrameRateMaxReg"), 1e6 / bank.real("ExposureTime"))
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
    )
    names = bank.description.entries["ChunkSelector"]
    active = bank.flag("ChunkModeActive")
    chunks = frozenset(n for n in names if active and bank.flag("ChunkEnable", n))
    return FrameSettings(geometry, chunks, exposure_us, bank.real("Gain", "All"), bank.real("BlackLevel"))


def _preprocessing(bank: RegisterBank) -> Preprocessing:
    mean = tuple(bank.real("InferencePreprocessChannelMean", c) for c in CHANNELS)
    scale = tuple(bank.real("InferencePreprocessChannelScalar", c) for c in CHANNELS)
    return Preprocessing((mean[0], mean[1], mean[2]), (scale[0], scale[1], scale[2]))
