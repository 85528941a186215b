"""The processors that a library can be built for, one module each."""

from __future__ import annotations

from pathlib import Path

from agent.builder.targets.base import Artifact, Progress, Target
from agent.builder.targets.firefly import FireflyTarget
from agent.builder.targets.myriad import PROCESSORS, MyriadTarget
from agent.builder.targets.simulated import SimulatedTarget
from agent.errors import BuildError

TARGETS = ("simulated", "myriad2", "myriadx", "firefly-dl")

__all__ = ["TARGETS", "Artifact", "Progress", "Target", "target"]


def target(name: str, shaves: int | None = None, tools: Path | None = None) -> Target:
    """The target called `name`. Raises BuildError where there is none, or `shaves` is out of its range.

    `shaves` None means all that the processor gives to one network; `tools` is a folder of compilers of one's own.
    """
    if name in PROCESSORS:
        return MyriadTarget(PROCESSORS[name], shaves, tools=tools)
    if name == "firefly-dl":
        return FireflyTarget() if shaves is None else FireflyTarget(shaves)
    if name == "simulated":
        return SimulatedTarget()
    raise BuildError(f"target {name!r} is unknown; known: {', '.join(TARGETS)}")
