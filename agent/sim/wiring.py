"""What is wired to the camera's digital lines: the part sensor, the line's controller, levels of the plant's own."""

from __future__ import annotations

from agent.errors import BadInput
from agent.sim.line import ProductionLine
from agent.sim.nodes.lines import LINES
from agent.sim.plan import PULSE_NS

PART_SENSOR, STANDS_CONTACT = "Line0", "Line2"
_FREE = LINES[1:]


class Wiring:
    """Levels that drive the lines from outside. Owner: the device, under its lock.

    Line0 is the part sensor; Line2 is high while the line stands, as its controller says. The plant may put a level of
    its own on any line but that of the sensor, also one that is a lie.
    """

    def __init__(self, line: ProductionLine) -> None:
        self._line = line
        self._levels: dict[str, bool] = {}

    def put(self, line: str, high: bool | None) -> None:
        """Drive `line` high or low; None gives it back to what is wired there. Raises BadInput."""
        if line not in _FREE:
            why = " (Line0 is the part sensor: set the speed of the line)" if line == PART_SENSOR else ""
            raise BadInput("line", f"is {line!r}, allowed are {', '.join(_FREE)}{why}")
        if high is not None and not isinstance(high, bool):
            raise BadInput("high", f"is {high!r}, allowed are true, false and null")
        if high is None:
            self._levels.pop(line, None)
        else:
            self._levels[line] = high

    def driven(self, now_ns: int) -> int:
        """What drives the lines, one bit each, Line0 the lowest."""
        wired = {PART_SENSOR: self._part_here(now_ns), STANDS_CONTACT: self._line.stands(now_ns)} | self._levels
        return sum(int(wired.get(name, False)) << number for number, name in enumerate(LINES))

    def _part_here(self, now_ns: int) -> bool:
        line = self._line
        if line.parts_per_minute <= 0 or line.passed(now_ns) < 0.5:
            return False
        phase = (line.passed(now_ns) - 0.5) % 1.0
        return round(phase * 60e9 / line.parts_per_minute) < PULSE_NS
