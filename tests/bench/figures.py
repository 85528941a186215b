"""Figures of a benchmark: ratios against a reference of the same run, with median and range over repeats."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `values` are the ratios of what is measured to `reference`, one for each repeat.

    `goal` is the most that the median may be; `parts` are absolute medians for the reader, with units in their names.
    """

    key: str
    what: str
    reference: str
    values: tuple[float, ...]
    goal: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median over the repeats."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return None if self.goal is None else self.median <= self.goal

    @property
    def of_goal(self) -> float:
        """The median over the goal: above 1 where it is missed; 0 without a goal."""
        return self.median / self.goal if self.goal else 0.0

    def to_json(self) -> dict[str, object]:
        """Entry of `bench.json`."""
        return {
            "what": self.what,
            "reference": self.reference,
            "median": round(self.median, 4),
            "range": [round(min(self.values), 4), round(max(self.values), 4)],
            "repeats": len(self.values),
            "goal": self.goal,
            "met": self.met,
            "parts": {name: round(value, 4) for name, value in self.parts.items()},
        }


@dataclass(frozen=True, slots=True)
class Left:
    """A figure that could not be measured here, with the reason."""

    key: str
    reason: str

    def to_json(self) -> dict[str, object]:
        """Entry of `bench.json`."""
        return {"skipped": self.reason}


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred is above."""
    return sorted(values)[int(0.99 * (len(values) - 1))]


def write(path: Path, figures: Sequence[Figure | Left], machine: Mapping[str, object]) -> None:
    """Put the figures into `bench.json`, each with the machine as it was then, beside those of other keys there."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {figure.key: {**figure.to_json(), "machine": dict(machine)} for figure in figures}
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def row(figure: Figure | Left, compared: str = "") -> str:
    """The lines of one figure in the table; `compared`: how it stands to an earlier run."""
    if isinstance(figure, Left):
        return f"{figure.key:18} not measured: {figure.reason}"
    goal = "" if figure.goal is None else f"   goal <= {figure.goal:g}: {'met' if figure.met else 'MISSED'}"
    spread = f"{min(figure.values):.2f} .. {max(figure.values):.2f}"
    parts = ", ".join(f"{name} {value:.3g}" for name, value in figure.parts.items())
    lines = [f"{figure.median:.2f}  ({spread}){goal}", figure.what, f"over {figure.reference}", compared, parts]
    told = [line for line in lines if line]
    return "\n".join(f"{figure.key if number == 0 else '':18} {line}" for number, line in enumerate(told))
