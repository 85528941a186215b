"""The picture of `tests.bench.growth`: cost against number, a panel for each, with a line of linear growth."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from tests.bench.growth_curves import Curve

_DOTS_PER_INCH = 110
_LINEAR = "0.6"


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Medians over repeats with their range, both axes logarithmic."""
    figure = Figure(figsize=(4.2 * len(curves), 4.0), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(1, len(curves), squeeze=False)
    for axes, curve in zip(panels.flat, curves, strict=True):
        for name, repeats in curve.lines.items():
            _line(axes, name, repeats)
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = sorted({size for repeats in curve.lines.values() for size in repeats[0]})
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(curve.against, fontsize=9)
        axes.set_ylabel(curve.cost, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=6.5)
    figure.savefig(path, format="png", metadata={"Software": None})


def _line(axes: Any, name: str, repeats: Sequence[Mapping[int, float]]) -> None:
    """One line, and from its first point what linear growth would be where it is the only one."""
    sizes = list(repeats[0])
    costs = [[one[size] for one in repeats] for size in sizes]
    middle = [statistics.median(one) for one in costs]
    spread = [[m - min(one) for m, one in zip(middle, costs, strict=True)],
              [max(one) - m for m, one in zip(middle, costs, strict=True)]]  # fmt: skip
    axes.errorbar(sizes, middle, yerr=spread, fmt="o-", markersize=3.5, linewidth=1.2, label=name or "measured")
    if not name:
        axes.plot(sizes, [middle[0] * size / sizes[0] for size in sizes], "--", color=_LINEAR, label="linear")
