"""`simulated`: the simulated camera runs the IR itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.builder.arch import Arch
from agent.builder.plan import Net
from agent.builder.targets.base import Artifact, Progress
from agent.library import inspect_blob

IR_FORMAT: Literal["openvino-ir-10"] = "openvino-ir-10"
# The simulated camera is a Firefly DL: its law of latency is that of all 12 SHAVEs of a Myriad 2.
MODELLED_SHAVES = 12


@dataclass(frozen=True, slots=True)
class SimulatedTarget:
    """Takes every sub-net."""

    name: str = "simulated"
    folds_input: bool = False

    def refuses(self, arch: Arch, net: Net) -> str | None:  # noqa: ARG002
        """Nothing is refused."""
        return None

    def check(self) -> None:
        """No tools are needed."""

    def prepare(self, progress: Progress) -> None:
        """No tools are needed."""

    def compile(self, ir: bytes, net: Net, progress: Progress) -> tuple[Artifact, ...]:  # noqa: ARG002
        """The IR, after a look at it. Raises BlobInvalid."""
        return (ir_artifact(ir),)


def ir_artifact(ir: bytes) -> Artifact:
    """The IR as an artifact. Raises BlobInvalid."""
    inspect_blob(ir, "the sub-net's IR", IR_FORMAT)
    return Artifact(IR_FORMAT, "simulated", MODELLED_SHAVES, ir)
