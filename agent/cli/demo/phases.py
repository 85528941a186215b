"""What the line does in the demo: its speeds, how long each, and what a whole run must have shown."""

from __future__ import annotations

from dataclasses import dataclass

# Parts a minute. The changes call for other rungs of the demo ladder (15 to 52 ms at TIME_SCALE) whatever the hidden
# factors of the simulated VPU; the sensor takes at most 60 frames a second, so 3500 would be too many.
SPEEDS = (680.0, 1580.0, 940.0, 2180.0, 1090.0, 1730.0, 750.0, 1950.0, 830.0)
# A short run still tightens and loosens. Both end slow, so that the default budget calls for the same sub-net.
SHORT_SPEEDS = (680.0, 2180.0, 1200.0, 680.0)
SHORTEST_PHASE_S, USUAL_PHASE_S = 5.0, 6.7
# The reject gate is this many parts behind the camera: a result rides on a later frame (facts/firefly-dl.md section 4).
GATE_PITCHES = 6.0
# Stretches the simulated VPU's law so that the small demo nets take 15 to 52 ms.
TIME_SCALE = 8.0


@dataclass(frozen=True, slots=True)
class Program:
    """The gateway's orders: each speed for `phase_s` seconds; `least_swaps` of them must lead to a swap."""

    speeds: tuple[float, ...]
    phase_s: float
    least_swaps: int


def program(seconds: float) -> Program:
    """The program that fills about `seconds`; under 45 s the short one, never below SHORTEST_PHASE_S a phase."""
    if seconds < SHORTEST_PHASE_S * len(SPEEDS):
        return Program(SHORT_SPEEDS, max(SHORTEST_PHASE_S, seconds / len(SHORT_SPEEDS)), len(SHORT_SPEEDS) - 2)
    count = max(len(SPEEDS), round(seconds / USUAL_PHASE_S))
    speeds = tuple(SPEEDS[index % len(SPEEDS)] for index in range(count))
    rounds = (count - 1) // len(SPEEDS)  # from the last speed to the first no swap is needed
    # One in nine changes may find the present sub-net fast enough, and one is left for chance.
    return Program(speeds, seconds / count, count - 2 - 2 * (1 + rounds))
