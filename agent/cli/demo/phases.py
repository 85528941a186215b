"""What the line does in the demo: its speeds, how long each, and what a whole run must have shown."""

from __future__ import annotations

from dataclasses import dataclass

# Parts a minute. A swap is made where it is worth its gap: each faster speed leaves no choice, and the first slower one
# wins back enough of the accuracy that the fast one cost; in the short run, only the faster ones are sure of a swap. It
# ends slow, so that the default budget calls for the same sub-net. The sensor takes at most 60 frames a second, so 3500
# would be too many.
SPEEDS = (680.0, 1250.0, 2600.0, 1000.0, 680.0)
SHORT_SPEEDS = (680.0, 1250.0, 2600.0, 680.0)
SHORTEST_PHASE_S, USUAL_ROUND_S, SHORT_S = 5.0, 60.0, 45.0
# The reject gate is this many parts behind the camera: a result rides on a later frame (facts/firefly-dl.md section 4).
GATE_PITCHES = 8.0
# Stretches the simulated VPU's law so that the small demo nets take 15 to 52 ms.
TIME_SCALE = 8.0


@dataclass(frozen=True, slots=True)
class Program:
    """The gateway's orders: each speed for `phase_s` seconds; `least_swaps` of them must lead to a swap."""

    speeds: tuple[float, ...]
    phase_s: float
    least_swaps: int


def program(seconds: float) -> Program:
    """The program that fills about `seconds`, in whole rounds; under SHORT_S the short one."""
    if seconds < SHORT_S:
        return Program(SHORT_SPEEDS, max(SHORTEST_PHASE_S, seconds / len(SHORT_SPEEDS)), 2)
    speeds = SPEEDS * max(1, round(seconds / USUAL_ROUND_S))
    return Program(speeds, seconds / len(speeds), 3)
