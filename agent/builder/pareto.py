"""A library's ladder as a table of steps and as a picture: accuracy against latency, and when a step pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.builder.dwell import MAX_DWELL_S, break_even_dwell_s, swap_s
from agent.builder.predict import LatencyLaw
from agent.builder.report import read_report
from agent.errors import BuildError
from agent.library import open_library
from agent.library.manifest import Manifest, Subnet

_INCHES = (8.0, 8.5)
_DOTS_PER_INCH = 120


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
    """The rungs by rising latency, the steps between them, all that was tried, and the spread of predictions."""

    manifest: Manifest
    rungs: tuple[Subnet, ...]
    steps: tuple[Step, ...]
    tried: tuple[tuple[float, float], ...]
    relative_sigma: float


def read_ladder(path: Path) -> Ladder:
    """From a library, and from the report of its build where that is beside it. Raises LibraryError."""
    library = open_library(path)
    rungs = sorted(library.manifest.subnets, key=lambda one: one.latency.predicted_ms)
    report: Mapping[str, Any] = read_report(path, library.digest) or {}
    tried = tuple((float(row["predicted_ms"]), float(row["top1"])) for row in report.get("tried", ()))
    sigma = float(report.get("latency", {}).get("relative_sigma", LatencyLaw().relative_sigma))
    steps = tuple(_step(slower, faster) for faster, slower in pairwise(rungs))
    return Ladder(library.manifest, tuple(rungs), steps, tried, sigma)


def draw(ladder: Ladder, path: Path) -> None:
    """Write the picture (PNG). Raises BuildError where matplotlib is missing or the file cannot be written."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise BuildError(f"pareto: matplotlib is missing ({exc}); pip install 'ofa-agent[build]'") from exc
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1)
    _draw_accuracy(above, ladder)
    _draw_dwell(below, ladder.steps)
    try:
        # No version of the drawing library in the file: equal ladders give equal pictures.
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as exc:
        raise BuildError(f"{path}: cannot be written: {exc.strerror}") from exc


def _step(to: Subnet, start: Subnet) -> Step:
    gap_s = swap_s(to.artifacts[0].size_bytes)
    dwell = break_even_dwell_s(start.accuracy.top1, to.accuracy.top1, gap_s)
    gain = to.accuracy.top1 - start.accuracy.top1
    return Step(start.id, to.id, gain, gap_s, dwell if math.isfinite(dwell) else None)


def _draw_accuracy(axes: Any, ladder: Ladder) -> None:
    if ladder.tried:
        axes.scatter(*_columns(ladder.tried), s=12, color="0.7", label="tried", zorder=1)
    times = [one.latency.predicted_ms for one in ladder.rungs]
    scores = [100 * one.accuracy.top1 for one in ladder.rungs]
    spread = math.exp(1.959963984540054 * ladder.relative_sigma)
    axes.errorbar(
        times,
        scores,
        yerr=[
            [100 * (one.accuracy.top1 - one.accuracy.ci95_low) for one in ladder.rungs],
            [100 * (one.accuracy.ci95_high - one.accuracy.top1) for one in ladder.rungs],
        ],
        xerr=[[time - time / spread for time in times], [time * spread - time for time in times]],
        marker="o",
        elinewidth=0.8,
        capsize=2,
        label="ladder, with 95 % intervals",
        zorder=2,
    )
    for one, time, score in zip(ladder.rungs, times, scores, strict=True):
        axes.annotate(one.id, (time, score), textcoords="offset points", xytext=(6, -10), fontsize=7)
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis)
    axes.set_xlabel("predicted service time (ms)")
    axes.set_ylabel("top-1 (%)")
    axes.set_title(f"{ladder.manifest.name} version {ladder.manifest.version}")
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right")


def _plain_numbers(axis: Any) -> None:
    """1, 2, 5, 10 and not powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [time for time, _ in points], [100 * top1 for _, top1 in points]


def _draw_dwell(axes: Any, steps: Sequence[Step]) -> None:
    names = [f"{step.from_id}\nto {step.to_id}" for step in steps]
    finite = [step.break_even_s for step in steps if step.break_even_s is not None]
    top = max([*finite, MAX_DWELL_S])
    for place, step in enumerate(steps):
        even = step.break_even_s
        axes.bar(place, top if even is None else even, color="0.8" if even is None else "C0")
        words = "no gain" if even is None else f"{even:.0f} s"
        axes.annotate(words, (place, top if even is None else even), ha="center", va="bottom", fontsize=8)
    axes.axhline(MAX_DWELL_S, color="C3", linewidth=0.8, linestyle="--", label=f"default limit {MAX_DWELL_S:g} s")
    axes.set_yscale("log")
    axes.set_ylim(bottom=1)
    _plain_numbers(axes.yaxis)
    axes.set_xticks(range(len(steps)), names, rotation=30, ha="right", fontsize=7)
    axes.set_ylabel("break-even dwell (s)")
    axes.set_title("how long a line has to stay until the step to a more accurate rung has paid for its swap")
    axes.legend(loc="upper left")
