"""Whether a daemon of a day is as good as a fresh one: CPU a frame, memory, threads and descriptors over 24 hours.

The day is simulated, in a process of its own; see `tests.bench.day_run`. Growth is counted from the second hour on:
what is done once an hour has been done once by then, and what is bounded is full.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.day_run import HOUR_S, WARM_S, Sample
from tests.bench.figures import Figure, Left
from tests.support.libraries import build_ladder

HOURS = 24.0
FRAME_GOAL, SWAP_GOAL_KIB = 1.1, 1.0


def figures() -> list[Figure | Left]:
    """Measure. Takes about ten minutes."""
    before = os.getloadavg()[0]
    samples = measured(HOURS)
    loads = {"load_before": before, "load_after": os.getloadavg()[0]}
    return [_frames(samples, loads), _memory(samples, loads), _handles(samples)]


def measured(hours: float) -> list[Sample]:
    """The samples of one day."""
    with tempfile.TemporaryDirectory(prefix="ofa-bench-") as folder:
        build_ladder(Path(folder))
        command = (sys.executable, "-m", "tests.bench.day_run", folder, str(hours))
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [Sample(**json.loads(line)) for line in done.stdout.splitlines()]


def _frames(samples: list[Sample], loads: dict[str, float]) -> Figure:
    """Both tenths by the yardstick that was timed in them."""
    tenths = [one for one in samples if one.at_s not in (HOUR_S, WARM_S)]
    first, last = _frame_cost(*tenths[:2]), _frame_cost(*tenths[-2:])
    parts = {"first_tenth_us": first[0], "last_tenth_us": last[0], "frames": float(samples[-1].frames)}
    return Figure(
        "day.frame_cpu_ratio",
        f"CPU a frame in the last tenth of {HOURS:g} simulated hours, camera and line included",
        "the same in the first tenth; each over a fixed piece of work that was timed in between",
        (last[1] / first[1],),
        FRAME_GOAL,
        {**parts, **loads},
    )


def _frame_cost(begin: Sample, end: Sample) -> tuple[float, float]:
    """us, and us over the yardstick's seconds."""
    cost_us = (end.cpu_s - begin.cpu_s) / (end.frames - begin.frames) * 1e6
    return cost_us, cost_us / (end.yardstick_s - begin.yardstick_s)


def _memory(samples: list[Sample], loads: dict[str, float]) -> Figure:
    start, warm, middle, end = _marks(samples)
    growth_kib, swaps = end.rss_kib - warm.rss_kib, end.swaps - warm.swaps
    parts = {
        "growth_kib": growth_kib,
        "growth_kib_from_first_hour": end.rss_kib - next(one for one in samples if one.at_s == HOUR_S).rss_kib,
        "swaps": float(swaps),
        "kib_a_swap_second_half": (end.rss_kib - middle.rss_kib) / (end.swaps - middle.swaps),
        **{f"rss_mib_{name}": one.rss_kib / 1024 for name, one in _named(start, warm, middle, end)},
    }
    return Figure(
        "day.rss_growth_kib",
        f"KiB that the process grew by for each swap, from the second hour to the end of {HOURS:g} simulated ones",
        "one swap",
        (growth_kib / swaps,),
        SWAP_GOAL_KIB,
        {**parts, **loads},
    )


def _handles(samples: list[Sample]) -> Figure:
    start, warm, middle, end = _marks(samples)
    parts = {f"threads_{name}": float(one.threads) for name, one in _named(start, warm, middle, end)}
    parts |= {f"descriptors_{name}": float(one.descriptors) for name, one in _named(start, warm, middle, end)}
    return Figure(
        "day.handles_growth",
        f"threads and descriptors at the end of {HOURS:g} simulated hours",
        "those after the first two hours",
        ((end.threads + end.descriptors) / (warm.threads + warm.descriptors),),
        1.0,
        parts,
    )


def _marks(samples: list[Sample]) -> tuple[Sample, Sample, Sample, Sample]:
    """At the start, after the first two hours, in the middle, and at the end."""
    end = samples[-1]
    warm = next(one for one in samples if one.at_s == WARM_S)
    return samples[0], warm, min(samples, key=lambda one: abs(one.at_s - end.at_s / 2)), end


def _named(start: Sample, warm: Sample, middle: Sample, end: Sample) -> list[tuple[str, Sample]]:
    return [("start", start), ("two_hours", warm), ("middle", middle), ("end", end)]
