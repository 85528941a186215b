"""What one run of one proof came to for one item of the list."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_FAILED = 50  # failures that are written out; all are counted


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed case, and the command that plays it again."""

    what: str
    repeat: str


@dataclass
class Measured:
    """Values of one figure, of which none may be above `most`; the unit is in the figure's name."""

    most: float
    values: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, float]:
        """Times, median and worst."""
        return {
            "times": len(self.values),
            "median": round(statistics.median(self.values), 4),
            "worst": round(max(self.values), 4),
            "most": self.most,
        }


@dataclass
class Part:
    """Counted so far. `cases` and `seed` are by unit ("kills"); `ended` is False until the run has come to its end."""

    cases: dict[str, int] = field(default_factory=dict)
    seed: dict[str, list[str]] = field(default_factory=dict)
    failures: int = 0
    failed: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    measured: dict[str, Measured] = field(default_factory=dict)
    seconds: float = 0.0
    scale: float = 1.0
    ended: bool = False
    when: str = ""
    load: tuple[float, float] = (0.0, 0.0)  # of the machine, before and after
    command: str = ""

    def count(self, unit: str, cases: int, seed: object = None) -> None:
        """So many more; a seed is told once."""
        self.cases[unit] = self.cases.get(unit, 0) + cases
        seeds = self.seed.setdefault(unit, [])
        if seed is not None and str(seed) not in seeds:
            seeds.append(str(seed))

    def fail(self, what: str, repeat: str) -> None:
        """One failed case."""
        self.failures += 1
        if len(self.failed) < MOST_FAILED:
            self.failed.append(Failure(what, repeat))

    def measure(self, name: str, value: float, most: float) -> None:
        """One more value of a figure."""
        self.measured.setdefault(name, Measured(most)).values.append(value)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `reliability.json`."""
        return {
            "cases": self.cases,
            "seed": self.seed,
            "failures": self.failures,
            "failed": [{"what": one.what, "repeat": one.repeat} for one in self.failed],
            "skipped": self.skipped,
            "measured": {name: one.to_json() for name, one in self.measured.items()},
            "seconds": round(self.seconds, 1),
            "scale": self.scale,
            "ended": self.ended,
            "when": self.when,
            "load": [round(one, 2) for one in self.load],
            "command": self.command,
        }

    def noted(self) -> dict[str, Any]:
        """For another process: everything, also each value that was measured."""
        values = {name: {"most": one.most, "values": one.values} for name, one in self.measured.items()}
        return {**self.to_json(), "measured": values}

    @classmethod
    def from_notes(cls, noted: Mapping[str, Any]) -> Part:
        """What `noted` said; of counts and failures only, the rest belongs to who runs the proof."""
        return cls(
            cases=dict(noted["cases"]),
            seed=dict(noted["seed"]),
            failures=noted["failures"],
            failed=[Failure(**one) for one in noted["failed"]],
            skipped=list(noted["skipped"]),
            measured={name: Measured(**one) for name, one in noted["measured"].items()},
        )
