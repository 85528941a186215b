"""What each further camera costs one daemon: 1, 2, 4 and 8 free-running ones, each in a process of its own.

The same cameras are streamed by bare loops of the SDK's calls, one thread each in one process: what the simulation's
host half costs by itself. They run slower than a single camera is measured at, so that all of them fit on few cores.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.bench.figures import Figure, Left
from tests.bench.frame import bare
from tests.bench.stage import SLOWEST_PPM, Stage, cost
from tests.support.libraries import build_ladder

COUNTS = (1, 2, 4, 8)
REPEATS = 3
FRAME_RATE = 30.0
SETTLE_S, MEASURE_S = 6.0, 12.0
GOAL = 1.1


@dataclass(slots=True)
class Shares:
    """Of one core, one for each repeat: of the daemon, and of bare loops on as many cameras."""

    daemon: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    frames_per_s: list[float] = field(default_factory=list)


def figures() -> list[Figure | Left]:
    """Measure. Takes about eight minutes."""
    before = os.getloadavg()[0]
    found = measured()
    one, eight = found[COUNTS[0]], found[COUNTS[-1]]
    beyond = {count: [a - b for a, b in zip(of.daemon, of.bare, strict=True)] for count, of in found.items()}
    parts = {f"daemon_percent_{count}": 100 * statistics.median(of.daemon) for count, of in found.items()}
    parts |= {f"simulation_percent_{count}": 100 * statistics.median(of.bare) for count, of in found.items()}
    parts |= {f"beyond_simulation_percent_{count}": 100 * statistics.median(shares) for count, shares in beyond.items()}
    parts |= {f"frames_per_s_{count}": statistics.median(of.frames_per_s) for count, of in found.items()}
    return [
        Figure(
            "cameras.scale",
            f"CPU of the daemon with {COUNTS[-1]} cameras at {FRAME_RATE:g} fps each",
            f"{COUNTS[-1]} times that with one, of the same repeat",
            tuple(many / (COUNTS[-1] * single) for many, single in zip(eight.daemon, one.daemon, strict=True)),
            GOAL,
            {**parts, "load_before": before, "load_after": os.getloadavg()[0]},
        )
    ]


@cache
def measured() -> dict[int, Shares]:
    """By the number of cameras; measured once a process, also for the growth."""
    found = {count: Shares() for count in COUNTS}
    with tempfile.TemporaryDirectory(prefix="ofa-bench-") as folder:
        build_ladder(Path(folder))
        for _ in range(REPEATS):
            for count in COUNTS:
                _measure(Path(folder) / "library", count, found[count])
    return found


def _measure(library: Path, count: int, into: Shares) -> None:
    stage = Stage(library, count, SLOWEST_PPM, FRAME_RATE)
    with stage:
        time.sleep(SETTLE_S)
        daemon = cost(stage, stage.pid("daemon"), MEASURE_S)
        stage.stop("daemon", signal.SIGTERM)
        alone = bare(stage, MEASURE_S)
    into.daemon.append(daemon.share)
    into.bare.append(alone.share)
    into.frames_per_s.append(daemon.frames / daemon.wall_s)
