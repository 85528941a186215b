"""Inference control: the network slot, its properties and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.sim.acquisition import Plan
from agent.sim.chunks import TransferFailed
from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.files import NETWORK
from agent.sim.plan import output_reading


class InferenceRoom:
    """Hooks of InferenceControl and what a change of the network file means. Owner: the device, under its lock."""

    def __init__(self, parts: Parts, plan: Callable[[], Plan]) -> None:
        self._parts, self._plan = parts, plan

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {
            "InferenceTime": lambda _: self._last("inference_ms"),
            "InferencePreprocessingTime": lambda _: self._last("preprocessing_ms"),
            "InferenceScalingTime": lambda _: self._last("scaling_ms"),
            "InferenceNetworkStatus": self._status,
            "InferenceNetworkSize": lambda now: self._property(now, "size_bytes"),
            "InferenceNetworkTotalLayers": lambda now: self._property(now, "total_layers"),
            "InferenceNetworkInputWidth": lambda now: self._property(now, "width"),
            "InferenceNetworkInputHeight": lambda now: self._property(now, "height"),
            "InferenceNetworkInputChannels": lambda now: self._property(now, "channels"),
            "InferenceNetworkOutputClasses": lambda now: self._property(now, "classes"),
        }

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {"InferenceEnable": self._enable}

    def takes(self, feature: str) -> bool:
        """Whether a write of `feature` has any effect now (quirk `type_fixed_while_enabled`)."""
        fixed = feature == "InferenceNetworkTypeSelector" and self._parts.spec.quirks.type_fixed_while_enabled
        return not (fixed and self._parts.bank.flag("InferenceEnable"))

    def file_closed(self, name: str, now_ns: int) -> None:
        """A written file was closed: a network is loaded."""
        if name == NETWORK:
            self._parts.vpu.drop(now_ns)
            self._parts.vpu.load(bytes(self._parts.files.files[NETWORK].data), now_ns)

    def file_deleted(self, name: str, now_ns: int) -> None:
        """A file was deleted: the network goes with its file, the last result mostly not (quirk)."""
        if name == NETWORK:
            self._parts.vpu.drop(now_ns)
            self._parts.vpu.slot.clear(now_ns)
            if not self._parts.spec.quirks.result_outlives_network:
                self._parts.vpu.forget_result()

    def boot(self, now_ns: int) -> None:
        """Power-on: a network that lies in flash is loaded."""
        parts = self._parts
        if parts.files.size(NETWORK):
            parts.vpu.load_at_boot(bytes(parts.files.files[NETWORK].data), now_ns)

    def _status(self, now_ns: int) -> str:
        vpu, bank = self._parts.vpu, self._parts.bank
        mismatched = bank.flag("InferenceEnable") and vpu.mismatched(output_reading(bank), now_ns)
        return "Error" if mismatched else vpu.slot.status(now_ns)

    def _last(self, field: str) -> float:
        latest = self._parts.vpu.latest
        return float(getattr(latest.time, field)) if latest else 0.0

    def _property(self, now_ns: int, field: str) -> int:
        network = self._parts.vpu.slot.ready(now_ns)
        return int(getattr(network, field)) if network else 0

    def _enable(self, now_ns: int) -> None:
        parts = self._parts
        if not parts.bank.flag("InferenceEnable"):
            parts.vpu.drop(now_ns)
        else:
            fault = parts.faults.strike("inference.enable")
            parts.owe(fault.delay_s if fault else 0.0)
            if fault and fault.effect in {"io_error", "wrong_status"}:
                parts.bank.put("InferenceEnable", 0)
            if fault and fault.effect == "io_error":
                raise TransferFailed("fault: inference.enable")
        parts.acquisition.replan(self._plan())
        parts.acquisition.advance(now_ns)
