"""A library's ladder: its rungs by latency, and for each step what it gains and when it pays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.builder.dwell import break_even_dwell_s, swap_s
from agent.builder.measured import service_times
from agent.builder.predict import LatencyLaw
from agent.builder.report import read_report
from agent.library import open_library
from agent.library.manifest import Manifest, Subnet


@dataclass(frozen=True, slots=True)
class Step:
    """From a rung to the next more accurate one: what it gains, what its swap costs, and when that is even.

    `break_even_s` is None where the step is no gain.
    """

    from_id: str
    to_id: str
    gain: float
    gap_s: float
    break_even_s: float | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs by rising latency, the steps between them, all that was tried, and the spread of predictions.

    `measured`: service times of a camera in ms, by sub-net; empty where none were given.
    """

    manifest: Manifest
    rungs: tuple[Subnet, ...]
    steps: tuple[Step, ...]
    tried: tuple[tuple[float, float], ...]
    relative_sigma: float
    measured: Mapping[str, float]


def read_ladder(path: Path, measured: Path | None = None) -> Ladder:
    """From a library, the report of its build where that is beside it, and what a camera measured.

    Raises LibraryError, BuildError.
    """
    library = open_library(path)
    rungs = sorted(library.manifest.subnets, key=lambda one: one.latency.predicted_ms)
    report: Mapping[str, Any] = read_report(path, library.digest) or {}
    tried = tuple((float(row["predicted_ms"]), float(row["top1"])) for row in report.get("tried", ()))
    sigma = float(report.get("latency", {}).get("relative_sigma", LatencyLaw().relative_sigma))
    steps = tuple(_step(slower, faster) for faster, slower in pairwise(rungs))
    return Ladder(
        library.manifest, tuple(rungs), steps, tried, sigma, {} if measured is None else service_times(measured)
    )


def _step(to: Subnet, start: Subnet) -> Step:
    gap_s = swap_s(to.artifacts[0].size_bytes)
    dwell = break_even_dwell_s(start.accuracy.top1, to.accuracy.top1, gap_s)
    gain = to.accuracy.top1 - start.accuracy.top1
    return Step(start.id, to.id, gain, gap_s, dwell if math.isfinite(dwell) else None)
