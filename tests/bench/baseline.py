"""The figures of the last committed run, and how new ones stand to them: `tests/bench/baseline.json`.

Two runs differ where their ranges do not meet; within that, repeats of one run differ as much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure

COMMITTED = Path(__file__).with_name("baseline.json")


@dataclass(frozen=True, slots=True)
class Known:
    """A figure of an earlier run."""

    median: float
    least: float
    most: float
    commit: str

    def stands(self, figure: Figure) -> str:
        """`better`, `worse` or `as before`."""
        if min(figure.values) > self.most:
            return "worse"
        return "better" if max(figure.values) < self.least else "as before"

    def words(self, figure: Figure) -> str:
        """How the figure stands to this one, in one line."""
        at = f" at {self.commit}" if self.commit else ""
        return f"{self.stands(figure)}: was {self.median:.2f}  ({self.least:.2f} .. {self.most:.2f}){at}"


def read(path: Path = COMMITTED) -> dict[str, Known]:
    """By key; empty where there is no such file."""
    if not path.exists():
        return {}
    return {key: _known(entry) for key, entry in json.loads(path.read_text(encoding="utf-8")).items()}


def accepted(measured: Mapping[str, Mapping[str, object]], before: Mapping[str, Known]) -> str:
    """The text of a baseline made of what `bench.json` holds; what it has not measured stays as it was `before`."""
    kept = {
        key: {"median": one.median, "range": [one.least, one.most], "commit": one.commit} for key, one in before.items()
    }
    kept |= {
        key: {"median": one["median"], "range": one["range"], "commit": _commit(one)}
        for key, one in measured.items()
        if "median" in one
    }
    return json.dumps(dict(sorted(kept.items())), indent=2) + "\n"


def _known(entry: Mapping[str, object]) -> Known:
    spread, median = entry["range"], entry["median"]
    assert isinstance(spread, list)
    assert isinstance(median, float | int)
    return Known(median, spread[0], spread[1], str(entry.get("commit", "")))


def _commit(one: Mapping[str, object]) -> str:
    machine = one.get("machine")
    return str(machine.get("commit", "")) if isinstance(machine, Mapping) else ""
