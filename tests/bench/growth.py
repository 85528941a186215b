"""How the daemon's cost grows with cameras, watchers, sub-nets and the journal: exponents, and a picture of them.

An exponent is the slope of a line through cost against number, both as logarithms, by least squares: 1 is linear. One
for each repeat. Where a part of the cost is there from the start, the steepest step between two points says more; it is
among the parts. The picture is written beside `bench.json`.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.bench import cameras, growth_journal, growth_subnets, growth_watchers
from tests.bench.figures import Figure, Left
from tests.bench.growth_curves import Curve
from tests.support.libraries import build_ladder

REPEATS = 3
GOAL = 1.1
PICTURE = Path("bench-growth.png")


def figures() -> list[Figure | Left]:
    """Measure. Takes about fifteen minutes, with the room `cameras` before it seven."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ofa-bench-") as name:
        folder = Path(name)
        build_ladder(folder)
        watchers, alone_ms = growth_watchers.measured(folder / "library", REPEATS)
        subnets = growth_subnets.measured(folder, REPEATS)
        journal = growth_journal.measured(folder, REPEATS)
    shares = cameras.measured()
    of_cameras = [
        {count: found.daemon[repeat] * 1e3 for count, found in shares.items()} for repeat in range(cameras.REPEATS)
    ]
    curves = [
        Curve("cameras", "CPU ms/s of the daemon", {"": of_cameras}),
        Curve("watchers", "CPU ms/s that they add to the daemon", {"": watchers}),
        Curve("sub-nets", "CPU ms/s of a supervised camera", {"": subnets}),
        Curve(
            "swaps in the journal",
            "CPU us of an operation",
            {name: [one[name] for one in journal] for name in journal[0]},
        ),
    ]
    _picture(curves)
    loads = {"load_before": before, "load_after": os.getloadavg()[0]}
    found = [
        _figure("growth.cameras", "the daemon's CPU against 1 to 8 free-running cameras", of_cameras, loads),
        _figure(
            "growth.watchers",
            "the CPU that 8 to 64 watchers add to the daemon, half of them of states and half of results",
            watchers,
            {"alone_ms_per_s": alone_ms, **loads},
        ),
        _figure("growth.subnets", "a supervised camera's CPU against 10 to 10 000 sub-nets", subnets, loads),
        _journal(journal, loads),
    ]
    return [*found]


def _figure(key: str, what: str, repeats: Sequence[Mapping[int, float]], more: Mapping[str, float]) -> Figure:
    costs = medians(repeats)
    parts = {f"ms_per_s_at_{size}": cost for size, cost in costs.items()}
    return _exponents(key, what, [exponent(one) for one in repeats], {**parts, "steepest": steepest(costs), **more})


def _journal(repeats: Sequence[growth_journal.Costs], more: Mapping[str, float]) -> Figure:
    """By the operation that grows fastest."""
    by_name = {name: [exponent(one[name]) for one in repeats] for name in repeats[0]}
    worst = max(by_name, key=lambda name: statistics.median(by_name[name]))
    parts = {f"exponent_{name}": statistics.median(found) for name, found in by_name.items()}
    for name in by_name:
        costs = medians([one[name] for one in repeats])
        parts |= {f"{name}_us_at_{size}": cost for size, cost in costs.items() if size in (min(costs), max(costs))}
    what = f"the CPU of an operation of the journal against {min(costs)} to {max(costs)} swaps, budgets and audit "
    return _exponents("growth.journal", f"{what}entries in it, of the one that grows fastest: {worst}", by_name[worst],
                      {**parts, **more})  # fmt: skip


def _exponents(key: str, what: str, found: Sequence[float], parts: Mapping[str, float]) -> Figure:
    return Figure(key, f"exponent of {what}", "linear growth, which has 1", tuple(found), GOAL, parts)


def _by_operation(repeats: Sequence[growth_journal.Costs]) -> dict[str, list[dict[int, float]]]:
    return {name: [one[name] for one in repeats] for name in repeats[0]}


def _picture(curves: Sequence[Curve]) -> None:
    try:
        from tests.bench.growth_plots import draw
    except ImportError as exc:
        sys.stdout.write(f"no picture: {exc} (pip install matplotlib)\n")
        return
    draw(curves, PICTURE)
    sys.stdout.write(f"picture: {PICTURE}\n")


def exponent(costs: Mapping[int, float]) -> float:
    """The slope of cost against number, both as logarithms, by least squares."""
    sizes, found = np.log(list(costs)), np.log(list(costs.values()))
    return float(np.polyfit(sizes, found, 1)[0])


def steepest(costs: Mapping[int, float]) -> float:
    """The largest slope between two neighbouring points."""
    return max(exponent({a: costs[a], b: costs[b]}) for a, b in pairwise(sorted(costs)))


def medians(repeats: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Of the cost at each number over the repeats."""
    return {size: statistics.median(one[size] for one in repeats) for size in repeats[0]}
