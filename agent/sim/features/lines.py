"""Digital lines: inputs as they are wired, outputs as their source drives them."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.nodes.lines import LINES


class LineRoom:
    """Hooks of DigitalIOControl. Owner: the device, under its lock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        parts.acquisition.line_levels = self.levels

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"LineStatusAll": self.levels, "LineStatus": self._put_lines}

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {}

    def levels(self, now_ns: int) -> int:
        """Inputs as they are driven from outside (`Wiring`), outputs as their source has it."""
        driven = self._parts.wiring.driven(now_ns)
        return sum(self._level(name, number, driven, now_ns) << number for number, name in enumerate(LINES))

    def _level(self, name: str, number: int, driven: int, now_ns: int) -> int:
        bank = self._parts.bank
        if bank.symbol("LineMode", name) == "Input":
            return driven >> number & 1
        source = bank.symbol("LineSource", name)
        if source in {"UserOutput0", "UserOutput1"}:
            return int(bank.flag("UserOutputValue", source))
        if source == "InferenceActive":
            # From the threshold on, the newest result drives the line (F-897; the rule itself is a guess).
            latest = self._parts.vpu.latest
            return int(latest is not None and latest.confidence >= bank.real("LineInferenceThreshold", name))
        return int(source == "ExposureActive" and self._parts.acquisition.exposing(now_ns))

    def _put_lines(self, now_ns: int) -> None:
        levels = self.levels(now_ns)
        for number, name in enumerate(LINES):
            inverted = self._parts.bank.flag("LineInverter", name)
            self._parts.bank.put("LineStatus", (levels >> number & 1) ^ int(inverted), name)
