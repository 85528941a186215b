"""The processors that a library can be built for, one module each."""

from __future__ import annotations

from agent.builder.targets.base import Artifact, Progress, Target
from agent.builder.targets.simulated import SimulatedTarget
from agent.errors import BuildError

TARGETS = ("simulated", "myriad2", "myriadx", "firefly-dl")

__all__ = ["TARGETS", "Artifact", "Progress", "Target", "target"]


def target(name: str) -> Target:
    """The target called `name`. Raises BuildError where there is none."""
    if name == "simulated":
        return SimulatedTarget()
    raise BuildError(f"target {name!r} is unknown; known: {', '.join(TARGETS)}")
