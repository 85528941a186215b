"""The parts of one camera, and the hooks by which a room gives its registers a meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.sim.acquisition import Acquisition
from agent.sim.events import EventQueue
from agent.sim.faults import FaultPlan
from agent.sim.files import FileEngine
from agent.sim.inference import Vpu
from agent.sim.line import ProductionLine
from agent.sim.registers import RegisterBank
from agent.sim.scene import Scene
from agent.sim.spec import SimulationSpec
from agent.sim.truth import Truth
from agent.sim.wiring import Wiring

# Both take the device's time, ns. A reader gives the value of its feature, or None where it put the register itself.
Reader = Callable[[int], float | int | str | None]
Writer = Callable[[int], None]


@dataclass(slots=True)
class Parts:
    """The parts of one camera. Owner: the device, under its lock."""

    spec: SimulationSpec
    bank: RegisterBank
    faults: FaultPlan
    files: FileEngine
    scene: Scene
    line: ProductionLine
    wiring: Wiring
    vpu: Vpu
    acquisition: Acquisition
    truth: Truth
    events: EventQueue
    owe: Callable[[float], None]
    camera_ns: Callable[[int], int]


class Room(Protocol):
    """Hooks by feature name: values made when they are read, effects of writing."""

    @property
    def readers(self) -> Mapping[str, Reader]: ...
    @property
    def writers(self) -> Mapping[str, Writer]: ...
