"""What a program that says `import PySpin` is bound to: cameras and generation, handed down in the environment.

`sim exec` writes the variable and puts `agent/sim/drop_in` on the module path; the package PySpin found there reads it.
So children of the program, spawned or started anew, find the same cameras: device processes are shared, cameras of
the program's own process are made anew in each child.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SystemClock
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.host import generation
from agent.sim.link import LocalBusDevice
from agent.sim.remote import RemoteBusDevice
from agent.sim.spec import SimulationSpec

VARIABLE = "OFA_AGENT_SIMULATION"
DROP_IN = Path(__file__).with_name("drop_in")


@dataclass(frozen=True, slots=True)
class Binding:
    """Cameras of other processes (`sockets`), or cameras of this one (`specs`), under the names of a generation."""

    generation: int = 4
    sockets: tuple[str, ...] = ()
    specs: tuple[SimulationSpec, ...] = ()

    def to_text(self) -> str:
        """For the environment."""
        specs = [spec.to_mapping() for spec in self.specs]
        return json.dumps({"generation": self.generation, "sockets": self.sockets, "specs": specs})

    @classmethod
    def from_text(cls, text: str) -> Binding:
        """Back from `to_text`; raises BadInput, ValueError or KeyError where it is something else."""
        found = json.loads(text)
        specs = tuple(map(SimulationSpec.from_mapping, found["specs"]))
        return cls(found["generation"], tuple(found["sockets"]), specs)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` for a child process in which `import PySpin` finds this."""
        path = [str(DROP_IN), *filter(None, base.get("PYTHONPATH", "").split(os.pathsep))]
        return {**base, VARIABLE: self.to_text(), "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}

    def attach(self) -> None:
        """Put the cameras on this process's bus, in real time, for as long as it lives."""
        generation.select(self.generation)
        for socket in self.sockets:
            bus.attach(RemoteBusDevice(Path(socket)))
        clock = SystemClock()
        for spec in self.specs:
            bus.attach(LocalBusDevice(Firefly(spec, clock)))


def bind() -> dict[str, object]:
    """The flat names of the PySpin that the environment asks for; its cameras are on the bus afterwards.

    Raises ImportError where the environment asks for none: a program gets the simulation only on request.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        raise ImportError(
            "this PySpin is the simulated one: start the program with 'ofa-agent sim exec'", name="PySpin"
        )
    Binding.from_text(text).attach()
    from agent.sim import pyspin
    from agent.sim.host.older import names_of

    public = {name: value for name, value in vars(pyspin).items() if not name.startswith("_")}
    for unwanted in ("TYPE_CHECKING", "annotations"):
        public.pop(unwanted, None)
    return names_of(generation.current(), public)
