"""Pictures of the policy benchmark: ratio by scenario, and one hour with its budget, nets and gaps."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agent.replay.line import Line
from agent.replay.simulation import Run
from tests.bench.policy_table import Cell, by_scenario, interval

_DOTS_PER_INCH = 110
_MARKERS = "osv"  # colours repeat after ten


def draw_ratios(cells: Sequence[Cell], path: Path) -> None:
    """Mean and 95 % interval of U/U* for each policy and scenario."""
    figure = _figure(11.0, 6.0)
    axes = figure.subplots()
    found = by_scenario(cells)
    for place, (policy, scenarios) in enumerate(found.items()):
        at = [number + (place - len(found) / 2) * 0.8 / len(found) for number in range(len(scenarios))]
        means = [statistics.fmean(values) for values in scenarios.values()]
        errors = [interval(values) or 0.0 for values in scenarios.values()]
        axes.errorbar(
            at,
            means,
            yerr=errors,
            fmt=_MARKERS[place // 10 % len(_MARKERS)],
            markersize=4,
            elinewidth=0.8,
            label=policy,
        )
        axes.set_xticks(range(len(scenarios)), list(scenarios), fontsize=8)
    axes.set_ylim(top=1.005)
    axes.set_ylabel("U/U*, mean and 95 % interval over seeds")
    axes.grid(alpha=0.3, axis="y")
    axes.legend(fontsize=7, ncols=3, loc="lower left")
    figure.savefig(path, format="png", metadata={"Software": None})


def draw_timeline(line: Line, runs: Mapping[str, Run], path: Path) -> None:
    """The limit over the hour, and for each run the service time of the active net; gaps are red."""
    figure = _figure(12.0, 2.6 * len(runs))
    rows: Any = figure.subplots(len(runs), 1, sharex=True, squeeze=False)
    trace = line.trace
    times = [*trace.t_s.tolist(), trace.end_s]
    for axes, (name, run) in zip(rows[:, 0], runs.items(), strict=True):
        axes.step(
            times, [*trace.limit_ms.tolist(), float(trace.limit_ms[-1])], where="post", color="0.6", linewidth=0.8
        )
        for start_s, end_s, net in run.stints:
            profiled_ms = line.ladder.nets[net].service_ms
            axes.hlines(profiled_ms, start_s, min(end_s, trace.end_s), color="C0", linewidth=2.0)
        for swap in run.swaps:
            axes.axvspan(swap.at_s, max(swap.ready_s, swap.at_s + 1.0), color="C3", alpha=0.5, linewidth=0)
        axes.set_ylabel(f"{name}\nms", fontsize=8)
        axes.set_yscale("log")
    rows[-1, 0].set_xlabel("s; grey: limit, blue: profiled time of the active net, red: gaps")
    figure.savefig(path, format="png", metadata={"Software": None})


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
