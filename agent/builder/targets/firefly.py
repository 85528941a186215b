"""`firefly-dl`: NCSDK 2 graphs, the only format that the camera is known to take (facts/firefly-dl.md S21, S22).

The compiler, `mvNCCompile`, cannot be had from a package index and runs on Ubuntu 16.04 only. Where it is not on the
PATH, the frozen TensorFlow graph is as far as this machine gets, and the user is told what to run on one that has it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.builder.arch import Arch
from agent.builder.plan import Net
from agent.builder.targets.base import Artifact, Progress
from agent.builder.targets.errors import CompileFailed, CompileTimedOut, ToolsMissing
from agent.builder.targets.frozen import INPUT_NAME, OUTPUT_NAME, frozen_graph
from agent.builder.targets.legal import plan_fault
from agent.builder.targets.output import write_whole
from agent.builder.targets.simulated import IR_FORMAT, ir_artifact
from agent.errors import BlobInvalid, BuildError
from agent.library import inspect_blob
from agent.library.blob import MYRIAD2_SHAVES

GRAPH_FORMAT: Literal["ncsdk-graph-2"] = "ncsdk-graph-2"
COMPILER = "mvNCCompile"
DEADLINE_S = 900
_MAX_REASON = 400
_NOTES = """\
{frozen} is a frozen TensorFlow 1 graph: input `{input}` (NHWC, normalised), answers `{output}` (SoftMax).

On a machine with the NCSDK 2 (Ubuntu 16.04), in the folder of that file:

    {command}

Then, where ofa-agent is installed:

    ofa-agent library inspect {graph}
    ofa-agent library add {graph} --library DIR --labels FILE --accuracy A
"""


@dataclass(frozen=True, slots=True)
class FireflyTarget:
    """Graphs with normalised input: mean and scale are written to the camera's pre-processing nodes.

    Raises BuildError where `shaves` is out of range.
    """

    shaves: int = MYRIAD2_SHAVES
    deadline_s: int = DEADLINE_S
    name: str = "firefly-dl"
    folds_input: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.shaves <= MYRIAD2_SHAVES:
            raise BuildError(f"target {self.name}: {self.shaves} SHAVEs, expected 1 .. {MYRIAD2_SHAVES}")

    def refuses(self, arch: Arch, net: Net) -> str | None:
        """Why the NCSDK is not known to compile this sub-net."""
        return plan_fault(arch, net)

    def check(self) -> None:
        """Raises ToolsMissing where `mvNCCompile` is not on the PATH."""
        if shutil.which(COMPILER) is None:
            raise ToolsMissing(
                f"{COMPILER} (NCSDK 2, Ubuntu 16.04) is not on the PATH; `ofa-agent library compile --target ncsdk`"
                " writes the TensorFlow graph that it takes, and `ofa-agent library add` imports what it makes"
            )

    def prepare(self, progress: Progress) -> None:  # noqa: ARG002
        """Nothing can be fetched."""
        self.check()

    def compile(self, ir: bytes, net: Net, progress: Progress) -> tuple[Artifact, ...]:  # noqa: ARG002
        """The graph, then its IR as the simulation's twin. Raises ToolsMissing, CompileFailed, BlobInvalid."""
        twin = ir_artifact(ir)
        return Artifact(GRAPH_FORMAT, self.name, self.shaves, self.compile_ir(ir, progress)), twin

    def compile_ir(self, ir: bytes, progress: Progress) -> bytes:
        """The graph of a single-file IR, checked against it. Raises as `compile`."""
        frozen = frozen_graph(ir)
        self.check()
        progress(f"compiling for {self.name} with {self.shaves} SHAVEs")
        with tempfile.TemporaryDirectory(prefix="ofa-agent-ncsdk-") as scratch:
            folder = Path(scratch)
            (folder / "model.pb").write_bytes(frozen)
            self._run(folder)
            try:
                data = (folder / "model.graph").read_bytes()
            except OSError as exc:
                raise CompileFailed(f"{self.name}: {COMPILER} wrote no graph: {exc.strerror}") from exc
        self._check_graph(data, ir)
        return data

    def command(self, frozen: str, out: str) -> tuple[str, ...]:
        """What turns a frozen graph into the file for the camera, as the vendor does it (S21)."""
        ends = (f"-in={INPUT_NAME}", f"-on={OUTPUT_NAME}")
        return (COMPILER, "-s", str(self.shaves), frozen, *ends, "-o", out)

    def _run(self, folder: Path) -> None:
        """The compiler starts programs of its own: a late one goes with all of them."""
        with subprocess.Popen(
            self.command("model.pb", "model.graph"),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=self.deadline_s)
            except subprocess.TimeoutExpired as exc:
                os.killpg(process.pid, signal.SIGKILL)
                raise CompileTimedOut(f"{self.name}: {COMPILER} did not end within {self.deadline_s} s") from exc
        if process.returncode:
            text = reason(said.decode(errors="replace"))
            raise CompileFailed(f"{self.name}: {COMPILER} ended with status {process.returncode}: {text}")

    def _check_graph(self, data: bytes, ir: bytes) -> None:
        """The graph must be what was asked for: SHAVEs, values in and out. Raises CompileFailed."""
        source = inspect_blob(ir, "the network's IR", IR_FORMAT)
        try:
            info = inspect_blob(data, f"{self.name} graph", GRAPH_FORMAT, "myriad2")
        except BlobInvalid as exc:
            raise CompileFailed(f"{exc}; {COMPILER} wrote it") from exc
        for what, actual, expected in (
            ("SHAVEs", info.shaves, self.shaves),
            ("input values", info.inputs, source.inputs),
            ("output values", info.outputs, source.outputs),
        ):
            if actual != expected:
                raise CompileFailed(f"{self.name}: {what} of the compiled graph: {actual}, expected {expected}")


@dataclass(frozen=True, slots=True)
class HandOver:
    """What is left to do elsewhere: a frozen graph and the text that says how to compile it."""

    frozen: Path
    notes: Path
    command: str


def hand_over(target: FireflyTarget, ir: bytes, out: Path) -> HandOver:
    """Write the frozen graph and a text with its command beside `out`. Raises CompileFailed, BuildError."""
    frozen, notes = out.with_suffix(".pb"), out.with_suffix(".txt")
    if out in (frozen, notes):
        raise BuildError(f"{out}: the frozen graph and its notes take the endings .pb and .txt; use .graph")
    command = shlex.join(target.command(frozen.name, out.name))
    text = _NOTES.format(
        frozen=frozen.name, input=INPUT_NAME, output=OUTPUT_NAME, command=command, graph=shlex.quote(out.name)
    )
    write_whole(frozen, frozen_graph(ir))
    write_whole(notes, text.encode())
    return HandOver(frozen, notes, command)


def reason(text: str) -> str:
    """What the compiler said: its numbered error, or else its last line."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    numbered = [line for line in lines if line.startswith("[Error")]
    return (numbered or lines or ["nothing"])[-1][:_MAX_REASON]
