"""Digital lines: the part sensor on Line0, the standing line on Line2, outputs as they are driven."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.nodes.lines import LINES
from agent.sim.plan import PULSE_NS


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
        """Line0 is the part sensor, Line2 is high while the line stands (wired to the plant's controller)."""
        line = self._parts.line
        since_ns = PULSE_NS + 1
        if line.parts_per_minute > 0:
            phase = (line.passed(now_ns) - 0.5) % 1.0
            since_ns = round(phase * 60e9 / line.parts_per_minute)
        part_here = since_ns < PULSE_NS and line.passed(now_ns) >= 0.5
        inputs = int(part_here) | (int(line.parts_per_minute <= 0) << 2)
        return sum(self._level(name, number, inputs, now_ns) << number for number, name in enumerate(LINES))

    def _level(self, name: str, number: int, inputs: int, now_ns: int) -> int:
        bank = self._parts.bank
        if bank.symbol("LineMode", name) == "Input":
            return inputs >> number & 1
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
