"""A ladder as a picture: accuracy over service time, and how long each step takes to pay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.builder.dwell import MAX_DWELL_S
from agent.cli.picture import INK, MIDDLE, PALE, new_figure, plain_numbers, save

if TYPE_CHECKING:
    from agent.builder.pareto import Ladder, Step

_Z95 = 1.959963984540054
_AREA = (40.0, 360.0)  # of the smallest and the largest circle, in square points
_LONGEST_NAME = 26


def draw_ladder(ladder: Ladder, path: Path) -> None:
    """Write the picture (PNG). Raises BadInput."""
    figure = new_figure()
    left, right = figure.subplots(1, 2, width_ratios=(7, 3))
    _draw_accuracy(left, ladder)
    _draw_steps(right, ladder.steps)
    manifest = ladder.manifest
    figure.suptitle(f"{manifest.name} version {manifest.version}: {len(ladder.rungs)} sub-nets", fontsize=13)
    save(figure, path)


def _draw_accuracy(axes: Any, ladder: Ladder) -> None:
    if ladder.tried:
        tried = [time for time, _ in ladder.tried], [100 * top1 for _, top1 in ladder.tried]
        axes.scatter(*tried, s=14, marker="x", linewidths=0.8, color=PALE, label="tried and not taken", zorder=1)
    times = [one.latency.predicted_ms for one in ladder.rungs]
    scores = [100 * one.accuracy.top1 for one in ladder.rungs]
    _draw_intervals(axes, ladder, times, scores)
    axes.plot(times, scores, color=INK, linewidth=1.4, zorder=3)
    areas = _areas([one.artifacts[0].size_bytes for one in ladder.rungs])
    label = "the ladder, as predicted; area: size of the file"
    axes.scatter(times, scores, s=areas, color=MIDDLE, edgecolors=INK, linewidths=1.0, label=label, zorder=4)
    measured = [
        (ladder.measured[one.id], time, 100 * one.accuracy.top1)
        for one, time in zip(ladder.rungs, times, strict=True)
        if one.id in ladder.measured
    ]
    for took, time, score in measured:
        axes.plot((time, took), (score, score), color=INK, linewidth=0.8, linestyle=":", zorder=3)
    if measured:
        at = [took for took, _, _ in measured], [score for _, _, score in measured]
        label = "measured on a camera (median)"
        axes.scatter(*at, s=46, marker="s", color="white", edgecolors=INK, linewidths=1.4, label=label, zorder=5)
    for one, time, score in zip(ladder.rungs, times, scores, strict=True):
        words = f"{_short(one.id)}  {one.artifacts[0].size_bytes / 1e6:.2f} MB"
        axes.annotate(words, (time, score), textcoords="offset points", xytext=(9, -13), fontsize=8.5, zorder=6)
    axes.set_xscale("log")
    axes.margins(x=0.08, y=0.08)
    plain_numbers(axes.xaxis)
    axes.set_xlabel("service time (ms)")
    axes.set_ylabel("top-1 accuracy (%)")
    accuracy = ladder.rungs[0].accuracy
    axes.set_title(f"accuracy on {accuracy.n} images of {_short(accuracy.dataset)}, bars: 95 % intervals", fontsize=10)
    axes.grid(alpha=0.25, which="both")
    axes.legend(loc="lower right", fontsize=9)


def _draw_intervals(axes: Any, ladder: Ladder, times: Sequence[float], scores: Sequence[float]) -> None:
    spread = math.exp(_Z95 * ladder.relative_sigma)
    low = [100 * (one.accuracy.top1 - one.accuracy.ci95_low) for one in ladder.rungs]
    high = [100 * (one.accuracy.ci95_high - one.accuracy.top1) for one in ladder.rungs]
    axes.errorbar(
        times,
        scores,
        yerr=[low, high],
        xerr=[[time - time / spread for time in times], [time * spread - time for time in times]],
        fmt="none",
        ecolor=MIDDLE,
        elinewidth=0.8,
        capsize=3,
        zorder=2,
    )


def _areas(sizes: Sequence[int]) -> list[float]:
    """Areas that are proportional to the sizes, but for what would be too small to see."""
    return [max(_AREA[0], _AREA[1] * size / max(sizes)) for size in sizes]


def _draw_steps(axes: Any, steps: Sequence[Step]) -> None:
    finite = [step.break_even_s for step in steps if step.break_even_s is not None]
    most = max([*finite, MAX_DWELL_S])
    for place, step in enumerate(steps):
        even = step.break_even_s
        style = {"color": PALE, "edgecolor": INK, "linewidth": 0.8, "hatch": "//" if even is None else None}
        axes.barh(place, most if even is None else even, height=0.6, **style)
        words = " no gain" if even is None else f" {even:.0f} s for {100 * step.gain:+.1f} %"
        axes.annotate(words, (most if even is None else even, place), va="center", ha="left", fontsize=8.5)
    axes.axvline(MAX_DWELL_S, color=INK, linewidth=1.0, linestyle="--", label=f"limit of a build: {MAX_DWELL_S:g} s")
    axes.set_xscale("log")
    axes.set_xlim(1.0, 20 * most)
    plain_numbers(axes.xaxis, (1,))
    axes.set_yticks(range(len(steps)), [f"to {_short(step.to_id)}" for step in steps], fontsize=8.5)
    axes.set_xlabel("seconds that the line has to stay")
    axes.set_title("when a step has paid for its swap", fontsize=10)
    axes.grid(alpha=0.25, axis="x")
    axes.legend(loc="lower right", fontsize=9)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}…{name[-8:]}"
