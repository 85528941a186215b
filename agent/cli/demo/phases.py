"""What the line does in the demo: its speeds, how long each, and what a whole run must have shown."""

from __future__ import annotations

from dataclasses import dataclass

# Parts a minute. Each change calls for another rung of the demo ladder (12 to 39 ms at TIME_SCALE) though the margin
# for a net that was never measured is wide; the sensor takes at most 60 frames a second, so 3500 would be too many.
SPEEDS = (900.0, 2100.0, 1250.0, 2900.0, 1450.0, 2300.0, 1000.0)
# A short run still loosens and tightens.
SHORT_SPEEDS = (900.0, 2900.0, 1250.0, 2400.0)
SHORTEST_PHASE_S = 5.0
# The reject gate is this many parts behind the camera: a result rides on a later frame (facts/firefly-dl.md section 4).
GATE_PITCHES = 6.0
# Stretches the simulated VPU's law so that the small demo nets take 12 to 39 ms.
TIME_SCALE = 6.0


@dataclass(frozen=True, slots=True)
class Program:
    """The gateway's orders: each speed for `phase_s` seconds; `least_swaps` of them must lead to a swap."""

    speeds: tuple[float, ...]
    phase_s: float
    least_swaps: int


def program(seconds: float) -> Program:
    """The program that fills about `seconds`; under 35 s a shorter one, never below SHORTEST_PHASE_S a phase."""
    speeds = SPEEDS if seconds >= SHORTEST_PHASE_S * len(SPEEDS) else SHORT_SPEEDS
    phase_s = max(SHORTEST_PHASE_S, seconds / len(speeds))
    return Program(speeds, phase_s, len(speeds) - 2)
