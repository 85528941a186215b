"""What 8 to 64 watchers, half of states and half of results, cost the real daemon beyond what it takes without any.

One free-running camera in a process of its own, the watchers in another one.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from tests.bench.processes import child
from tests.bench.stage import SLOWEST_PPM, Stage, cost

COUNTS = (8, 16, 32, 64)
FRAME_RATE = 60.0
LEAST_MS = 0.1  # what is less is not told from nothing
SETTLE_S, BEGUN_S, MEASURE_S = 6.0, 1.0, 6.0


def measured(library: Path, repeats: int) -> tuple[list[dict[int, float]], float]:
    """CPU ms for each second that watchers add, by their number, one for each repeat; and the median without any.

    Without any is measured before and after all of a repeat.
    """
    found, alone_ms = [], []
    stage = Stage(library, 1, SLOWEST_PPM, FRAME_RATE)
    with stage:
        time.sleep(SETTLE_S)
        for _ in range(repeats):
            before_ms = _ms(stage)
            shares = {}
            for count in COUNTS:
                with child("tests.bench.growth_load", str(count), str(stage.api_socket), niceness=5):
                    time.sleep(BEGUN_S)
                    shares[count] = _ms(stage)
            alone_ms.append((before_ms + _ms(stage)) / 2)
            found.append({count: max(LEAST_MS, share - alone_ms[-1]) for count, share in shares.items()})
    return found, statistics.median(alone_ms)


def _ms(stage: Stage) -> float:
    return cost(stage, stage.pid("daemon"), MEASURE_S).share * 1e3
