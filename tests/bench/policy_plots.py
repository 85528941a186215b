"""Pictures of the policy benchmark: ratio by scenario, and one hour with its budget, nets and gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from agent.replay.benchmark import TRUE_LAW
from agent.replay.line import Line
from agent.replay.policies import BEST_FIXED, SHIPPED
from agent.replay.simulation import Run
from tests.bench.policy_statistics import Mean, Row

_DOTS_PER_INCH = 110
_PANELS = 5  # in a row
_LEAST_RATIO = 0.93  # below, a policy is an arrow at the edge with its figure
_ROOM = 1.15  # ratio of two labels that do not touch
_LIMIT, _NET, _GAP = "0.55", "C0", "C3"


def draw_ratios(rows: Sequence[Row], scenarios: Sequence[str], path: Path) -> None:
    """Mean and 95 % interval of U/U* for each policy, a panel for each scenario and one for the mean of them."""
    names = (*scenarios, "mean")
    across = min(_PANELS, len(names))
    down = -(-len(names) // across)
    figure = _figure(2.0 + 2.6 * across, 0.5 + down * (0.5 + 0.2 * len(rows)))
    panels: Any = figure.subplots(down, across, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        for place, row in enumerate(rows):
            found = row["ratio"] if name == "mean" else row["scenarios"].get(name)
            if found is not None:
                _dot(axes, place, found, _colour(row["policy"]))
        axes.set_xlim(_LEAST_RATIO - 0.004, 1.003)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    for axes in list(panels.flat)[len(names) :]:
        axes.set_visible(False)
    panels[0, 0].set_yticks(range(len(rows)), [row["policy"] for row in rows])
    panels[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    figure.supxlabel("U/U*: mean and 95 % interval over seeds", fontsize=9)
    figure.savefig(path, format="png", metadata={"Software": None})


def draw_timeline(line: Line, runs: Mapping[str, Run], title: str, path: Path) -> None:
    """The limit over the hour, and for each run the median service time of the active net; gaps are red."""
    figure = _figure(15.0, 0.6 + 2.1 * len(runs))
    rows: Any = figure.subplots(len(runs), 1, sharex=True, sharey=True, squeeze=False)
    trace = line.trace
    minutes = np.append(trace.t_s, trace.end_s) / 60.0
    limits = np.append(trace.limit_ms, trace.limit_ms[-1])
    for axes, (name, run) in zip(rows[:, 0], runs.items(), strict=True):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(_apart([net.service_ms for net in line.ladder.nets])))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:.0f}")
        axes.tick_params(labelsize=7)
        for swap in run.swaps:
            axes.axvspan(
                swap.at_s / 60.0, max(swap.ready_s, swap.at_s + 1.0) / 60.0, color=_GAP, alpha=0.6, linewidth=0
            )
        axes.step(minutes, limits, where="post", color=_LIMIT, linewidth=0.9)
        for start_s, end_s, net in run.stints:
            at_s, median_ms = line.service_steps(net, start_s, min(end_s, trace.end_s))
            axes.step(at_s / 60.0, median_ms, where="post", color=_NET, linewidth=1.6)
        axes.set_ylabel(f"{name}\nms", fontsize=8)
        axes.set_xlim(0.0, trace.end_s / 60.0)
        axes.grid(alpha=0.2, axis="y")
    rows[-1, 0].set_xlabel("minutes", fontsize=8)
    keys = [
        Line2D([], [], color=_LIMIT, label="longest service time in time"),
        Line2D([], [], color=_NET, label="median service time of the active net"),
        Patch(color=_GAP, alpha=0.6, label="gap (no network)"),
    ]
    figure.legend(handles=keys, title=title, loc="outside upper center", ncols=3, fontsize=8, title_fontsize=9)
    figure.savefig(path, format="png", metadata={"Software": None})


def _dot(axes: Any, place: int, found: Mean, colour: str) -> None:
    mean = found["mean"]
    if mean < _LEAST_RATIO:
        axes.plot(_LEAST_RATIO - 0.001, place, marker="<", color=colour, markersize=4)
        axes.annotate(f"{mean:.3f}", (_LEAST_RATIO + 0.002, place), va="center", fontsize=6.5, color=colour)
    else:
        axes.errorbar(mean, place, xerr=found["interval"] or 0.0, fmt="o", markersize=3.5, elinewidth=1.0, color=colour)


def _colour(policy: str) -> str:
    if policy.startswith(SHIPPED):
        return "C0"
    if policy.startswith((TRUE_LAW, "lookahead")):
        return "C2"
    return "black" if policy == BEST_FIXED else "C1"


def _apart(values: Sequence[float]) -> list[float]:
    """Those that a label has room for on a logarithmic axis, from the largest down."""
    found: list[float] = []
    for value in sorted(values, reverse=True):
        if not found or found[-1] / value > _ROOM:
            found.append(value)
    return found


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
