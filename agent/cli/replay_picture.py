"""A replay as a picture: the budget, the sub-nets that were chosen, what was missed, and what the optimum had more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agent.cli.picture import INK, MIDDLE, PALE, new_figure, plain_numbers, save

if TYPE_CHECKING:
    from agent.replay.compare import Row
    from agent.replay.line import Line
    from agent.replay.simulation import Run

_MINUTE_S = 60.0
_BINS = 240
_POINTS = 2000  # of a curve: more than there are dots across
_MOST_NAMES = 14  # rows of sub-nets with a name each
_FRAME: dict[str, Any] = {"facecolor": "none", "edgecolor": MIDDLE, "linewidth": 1.0}  # of the optimum's sub-nets
_LEAST_GAP = 0.0015  # of the width: a gap is seen however long the trace is

_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]


def draw_replay(line: Line, rows: Sequence[Row], optimum: Row, fixed: Row, path: Path) -> None:
    """Write the picture (PNG) of the first of `rows`, against the optimum and the best fixed net. Raises BadInput."""
    row = rows[0]
    figure = new_figure()
    limits, nets, misses, behind = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 1.4, 2))
    _draw_limits(limits, line, row.run)
    _draw_nets(nets, line, row, optimum)
    _draw_misses(misses, line, row.run)
    _draw_behind(behind, line, (row, fixed), optimum)
    behind.set_xlim(0.0, line.trace.end_s / _MINUTE_S)
    behind.set_xlabel("minutes")
    share = "" if row.ratio is None else f", {100 * row.ratio:.2f} % of the optimum's {row.value_star:.0f}"
    found = row.outcome
    figure.suptitle(
        f"{row.policy}: {found.value:.0f} correct parts{share}; {found.swaps} swaps, {found.in_gap} parts in gaps,"
        f" {found.late} late",
        fontsize=12,
    )
    save(figure, path)


def _draw_limits(axes: Any, line: Line, run: Run) -> None:
    """The longest service time in time and that of the active net, both without jitter; gaps and stops are shaded."""
    trace = line.trace
    minutes, limits = np.append(trace.t_s, trace.end_s) / _MINUTE_S, np.append(trace.limit_ms, trace.limit_ms[-1])
    _shade(axes, line, run)
    axes.step(minutes, limits, where="post", color=MIDDLE, linewidth=1.2, linestyle="--", label="budget")
    pieces = [line.service_steps(net, start_s, min(end_s, trace.end_s)) for start_s, end_s, net in run.stints]
    at_s, took_ms = (np.concatenate([np.append(piece[i], np.nan) for piece in pieces]) for i in (0, 1))
    axes.step(at_s / _MINUTE_S, took_ms, where="post", color=INK, linewidth=2.0, label="sub-net that runs")
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)
    axes.set_ylabel("service time (ms)")
    axes.grid(alpha=0.25, axis="y")
    axes.margins(y=0.12)
    _legend(axes)


def _shade(axes: Any, line: Line, run: Run) -> None:
    trace = line.trace
    least_s = _LEAST_GAP * trace.end_s
    gaps = [(swap.at_s, max(swap.ready_s - swap.at_s, least_s)) for swap in run.swaps]
    spans = np.diff(np.append(trace.t_s, trace.end_s))
    stops = [(trace.t_s[row], spans[row]) for row in np.flatnonzero(trace.stopped).tolist()]
    standing = {"facecolor": "white", "edgecolor": PALE, "hatch": "///", "linewidth": 0, "label": "line stands"}
    dark = {"color": MIDDLE, "alpha": 0.55, "linewidth": 0, "label": "gap (no network)"}
    for found, style in ((stops, standing), (gaps, dark)):
        if found:
            minutes = [(at_s / _MINUTE_S, width_s / _MINUTE_S) for at_s, width_s in found]
            axes.broken_barh(minutes, (0.0, 1.0), transform=axes.get_xaxis_transform(), **style)


def _draw_nets(axes: Any, line: Line, row: Row, optimum: Row) -> None:
    """Which net ran when, fastest at the bottom; that of the optimum as an open frame."""
    from matplotlib.patches import Patch

    end_s = line.trace.end_s
    places = {net: place for place, net in enumerate(line.ladder.by_speed)}
    for run, height, style in ((row.run, 0.42, {"color": INK}), (optimum.run, 0.84, _FRAME)):
        for net, place in places.items():
            stints = [(at_s, min(until_s, end_s) - at_s) for at_s, until_s, one in run.stints if one == net]
            spans = [(at_s / _MINUTE_S, took_s / _MINUTE_S) for at_s, took_s in stints if took_s > 0]
            axes.broken_barh(spans, (place - height / 2, height), **style)
    names = [line.ladder.nets[net] for net in line.ladder.by_speed]
    every = -(-len(names) // _MOST_NAMES)
    shown = range(0, len(names), every)
    words = [f"{names[place].id[:22]}  {100 * names[place].top1:.1f} %" for place in shown]
    axes.set_yticks(list(shown), words, fontsize=8)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(alpha=0.25, axis="x")
    _legend(axes, handles=[Patch(color=INK, label=row.policy), Patch(**_FRAME, label="optimum")])


def _draw_misses(axes: Any, line: Line, run: Run) -> None:
    covered, hit, _ = _scored(line, run)
    edges = np.linspace(0.0, line.trace.end_s, _BINS + 1)
    late, dark = (np.histogram(line.part_times[flags], edges)[0] for flags in (covered & ~hit, ~covered))
    at, width = edges[:-1] / _MINUTE_S, np.diff(edges) / _MINUTE_S
    axes.bar(at, late, width, align="edge", color=INK, label="late")
    axes.bar(at, dark, width, bottom=late, align="edge", color=PALE, edgecolor=MIDDLE, linewidth=0.3, label="in a gap")
    axes.set_ylabel("parts missed")
    axes.set_ylim(0, max(1.0, 1.15 * float(np.max(late + dark, initial=0))))
    axes.grid(alpha=0.25, axis="y")
    _legend(axes)


def _draw_behind(axes: Any, line: Line, rows: Sequence[Row], optimum: Row) -> None:
    """What was earned so far, as its distance to what the optimum has earned by then."""
    times = np.linspace(0.0, line.trace.end_s, _POINTS)
    best = _earned(line, optimum.run, times)
    axes.axhline(0.0, color=MIDDLE, linewidth=1.0)
    for row, style in zip(rows, ("-", ":"), strict=True):
        behind = _earned(line, row.run, times) - best
        label = f"{row.policy}: {row.outcome.value:.1f}"
        axes.plot(times / _MINUTE_S, behind, color=INK, linewidth=1.6, linestyle=style, label=label)
    axes.set_ylabel("correct parts more\nthan the optimum")
    axes.grid(alpha=0.25)
    axes.plot([], [], color=MIDDLE, linewidth=1.0, label=f"optimum: {optimum.outcome.value:.1f}")
    _legend(axes)


def _legend(axes: Any, **more: Any) -> None:
    """Above its panel, where it hides nothing."""
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.97), "borderpad": 0.1}
    axes.legend(ncols=4, fontsize=8.5, frameon=False, **place, **more)


def _earned(line: Line, run: Run, times: _Floats) -> _Floats:
    """The accuracies of the parts in time, summed, until each of `times`."""
    _, _, worth = _scored(line, run)
    so_far = np.concatenate(([0.0], np.cumsum(worth)))
    return np.asarray(so_far[line.part_times.searchsorted(times, side="right")])


def _scored(line: Line, run: Run) -> tuple[_Flags, _Flags, _Floats]:
    """For each part whether there was a network, whether it was in time, and what it was worth."""
    parts = len(line.part_times)
    covered, hit = np.zeros(parts, dtype=np.bool_), np.zeros(parts, dtype=np.bool_)
    worth = np.zeros(parts)
    for start_s, end_s, net in run.stints:
        low, high = line.part_times.searchsorted((start_s, end_s), side="left").tolist()
        covered[low:high] = True
        hit[low:high] = line.in_time[net][low:high]
        worth[low:high] = line.ladder.nets[net].top1 * hit[low:high]
    return covered, hit, worth
