"""Acquisition, sensor and image pipeline: start and stop, rates, automatic exposure, regions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from agent.sim.acquisition import Plan
from agent.sim.chunks import TransferFailed
from agent.sim.features.images import ImageSource
from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.files import INJECTED
from agent.sim.nodes.imaging import SENSOR_HEIGHT_PX, SENSOR_WIDTH_PX
from agent.sim.plan import make_plan, resulting_rate, sensor_rate

_BITS = {"Mono8": "Bpp8", "Mono16": "Bpp16", "Mono10Packed": "Bpp12", "Mono12Packed": "Bpp12", "Mono10p": "Bpp10"}
_STEPS = 5  # start and stop each cost a fifth of the overhead of a swap, file operations the rest


class StreamRoom:
    """Hooks of AcquisitionControl, AnalogControl and ImageFormatControl. Owner: the device, under its lock."""

    def __init__(self, parts: Parts, images: ImageSource) -> None:
        self._parts, self._images = parts, images

    @property
    def readers(self) -> Mapping[str, Reader]:
        bank = self._parts.bank
        return {
            "AcquisitionResultingFrameRate": lambda _: resulting_rate(bank),
            "SensorFrameRateMax": lambda _: sensor_rate(bank),
            "ExposureTime": lambda _: self._exposure_us(),
            "Gain": lambda _: self._gain_db(),
            "WidthMax": lambda _: SENSOR_WIDTH_PX // bank.integer("BinningHorizontal"),
            "HeightMax": lambda _: SENSOR_HEIGHT_PX // bank.integer("BinningVertical"),
            "PixelSize": lambda _: _BITS.get(bank.symbol("PixelFormat"), "Bpp12"),
            "PixelDynamicRangeMax": lambda _: 255 if bank.symbol("PixelFormat") == "Mono8" else 65535,
        }

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "AcquisitionStart": self._start,
            "AcquisitionStop": self._stop,
            "TriggerSoftware": self._parts.acquisition.software_trigger,
            "ExposureAuto": self._once("ExposureAuto"),
            "GainAuto": self._once("GainAuto"),
            "BinningHorizontal": lambda _: self._rebin("Width", "OffsetX", SENSOR_WIDTH_PX, "BinningHorizontal"),
            "BinningVertical": lambda _: self._rebin("Height", "OffsetY", SENSOR_HEIGHT_PX, "BinningVertical"),
        }

    def plan(self) -> Plan:
        """How frames are taken from now on."""
        self.meter()
        return make_plan(self._parts.bank, self._parts.spec.scene, self._injected())

    def meter(self) -> None:
        """Let automatic exposure and gain settle (at once: the scene's light is constant)."""
        bank = self._parts.bank
        bank.put("ExposureTime", self._exposure_us())
        bank.put("Gain", self._gain_db(), "All")

    def _exposure_us(self) -> float:
        bank = self._parts.bank
        if bank.symbol("ExposureAuto") != "Continuous":
            return bank.real("ExposureTime")
        low, high = (bank.real(f"AutoExposureExposureTime{end}Limit") for end in ("Lower", "Upper"))
        return min(max(self._parts.spec.scene.exposure_us, low), high)

    def _gain_db(self) -> float:
        """Automatic gain makes up for what exposure lacks."""
        bank = self._parts.bank
        if bank.symbol("GainAuto") != "Continuous":
            return bank.real("Gain", "All")
        wanted = 20 * math.log10(self._parts.spec.scene.exposure_us / self._exposure_us())
        low, high = (bank.real(f"AutoExposureGain{end}Limit") for end in ("Lower", "Upper"))
        return min(max(wanted, low), high)

    def _once(self, name: str) -> Writer:
        """`Once` settles and falls back to Off by itself (SFNC)."""

        def written(_now_ns: int) -> None:
            bank = self._parts.bank
            if bank.symbol(name) == "Once":
                bank.put(name, "Continuous")
                self.meter()
                bank.put(name, "Off")

        return written

    def _rebin(self, size: str, offset: str, full_px: int, binning: str) -> None:
        """Binning resets the region to the whole sensor."""
        self._parts.bank.put(offset, 0)
        self._parts.bank.put(size, full_px // self._parts.bank.integer(binning))

    def _injected(self) -> str | None:
        bank, data = self._parts.bank, self._parts.files.files[INJECTED].data
        if bank.symbol("TestPattern") != "InjectedImage" or not data:
            return None
        if bank.symbol("TestPatternGeneratorSelector") != "PipelineStart":
            return None
        return self._images.inject(bytes(data), bank.integer("InjectedWidth"), bank.integer("InjectedHeight"))

    def _start(self, now_ns: int) -> None:
        parts = self._parts
        fault = parts.faults.strike("acquisition.start")
        effect = fault.effect if fault else None
        parts.owe(parts.spec.transport.swap_overhead_s / _STEPS + (fault.delay_s if fault else 0.0))
        if effect == "io_error":
            raise TransferFailed("fault: acquisition.start")
        # An open file blocks acquisition, and the camera gives no reason (facts/firefly-dl.md S7).
        if parts.files.open_name is None and not parts.acquisition.streaming and effect != "wrong_status":
            parts.acquisition.start(self.plan(), now_ns, silent=effect == "frozen")

    def _stop(self, now_ns: int) -> None:  # noqa: ARG002 - all hooks take the time
        parts = self._parts
        fault = parts.faults.strike("acquisition.stop")
        parts.owe(parts.spec.transport.swap_overhead_s / _STEPS + (fault.delay_s if fault else 0.0))
        if fault and fault.effect == "io_error":
            raise TransferFailed("fault: acquisition.stop")
        if not (fault and fault.effect == "wrong_status"):
            parts.acquisition.stop()
