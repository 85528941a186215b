"""What the line does in the demo: its speeds, how long each, and what a whole run must have shown."""

from __future__ import annotations

from dataclasses import dataclass

# Parts a minute. Each change calls for another rung of the demo ladder (15 to 52 ms at TIME_SCALE), and the sensor
# takes at most 60 frames a second, so that 3500 would be too many.
SPEEDS = (1100.0, 2400.0, 1300.0, 3000.0, 1600.0, 2000.0, 1150.0)
# A short run still loosens and tightens.
SHORT_SPEEDS = (1100.0, 3000.0, 1300.0, 2400.0)
SHORTEST_PHASE_S = 5.0
# The reject gate is this many parts behind the camera: a result rides on a later frame (facts/firefly-dl.md section 4).
GATE_PITCHES = 3.0
# Stretches the simulated VPU's law so that the small demo nets take 15 to 52 ms.
TIME_SCALE = 8.0


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
