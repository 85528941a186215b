"""What `tests.bench.growth` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curve:
    """One panel: costs by number, one mapping for each repeat, of each line by its name."""

    against: str
    cost: str
    lines: Mapping[str, Sequence[Mapping[int, float]]]
