"""`myriad2` and `myriadx`: OpenVINO blobs, compiled without a device in a child process (facts/myriad-blobs.md 2 A).

The old libraries never enter this process. A compilation takes about five seconds, most of them a search for a device
that cannot be switched off; on one machine such searches come one after the other.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.builder.arch import Arch
from agent.builder.plan import Net
from agent.builder.targets import toolbox
from agent.builder.targets.base import Artifact, Progress
from agent.builder.targets.errors import CompileFailed, CompileTimedOut
from agent.builder.targets.pixels import takes_pixels
from agent.builder.targets.simulated import IR_FORMAT, ir_artifact
from agent.errors import BlobInvalid, BuildError
from agent.library import BlobInfo, inspect_blob
from agent.library.ir import unpack_ir
from agent.library.openvino_blob import MAGIC_OFFSET

BLOB_FORMAT: Literal["openvino-blob-6"] = "openvino-blob-6"
DEADLINE_S = 300
# The largest once-for-all sub-net (192 MB in f32) takes less than half of this.
MEMORY_BYTES = 4 << 30
_CHILD = Path(__file__).with_name("myriad_child.py")
_FP16_BYTES = 2
# `inputs_size` and `outputs_size` of the blob's header (facts/myriad-blobs.md 3).
_SIZES_OFFSET = MAGIC_OFFSET + 0x1C
_MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class Processor:
    """What the compiler calls a processor, and the SHAVEs that one network may take there.

    A Myriad X has 16, but the compiler reserves them for two inferences at a time (facts/myriad-blobs.md 2).
    """

    name: Literal["myriad2", "myriadx"]
    platform: str
    default_shaves: int
    max_shaves: int


MYRIAD2 = Processor("myriad2", "VPU_MYRIAD_2450", 12, 12)
MYRIADX = Processor("myriadx", "VPU_MYRIAD_2480", 8, 8)
PROCESSORS: Mapping[str, Processor] = {one.name: one for one in (MYRIAD2, MYRIADX)}


@dataclass(frozen=True, slots=True)
class MyriadTarget:
    """Blobs with 8-bit input and half-precision answers. `shaves` None means the processor's default.

    Raises BuildError where `shaves` is out of range.
    """

    processor: Processor
    shaves: int | None = None
    u8: bool = True
    tools: Path | None = None
    deadline_s: int = DEADLINE_S
    memory_bytes: int = field(default=MEMORY_BYTES, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.used_shaves <= self.processor.max_shaves:
            raise BuildError(
                f"target {self.name}: {self.used_shaves} SHAVEs, expected 1 .. {self.processor.max_shaves}"
            )

    @property
    def name(self) -> str:
        """As in manifests."""
        return self.processor.name

    @property
    def folds_input(self) -> bool:
        """8-bit input is raw pixels."""
        return self.u8

    @property
    def used_shaves(self) -> int:
        """SHAVEs that a blob of this target asks for."""
        return self.processor.default_shaves if self.shaves is None else self.shaves

    def refuses(self, arch: Arch, net: Net) -> str | None:  # noqa: ARG002
        """Every family compiles (facts/myriad-blobs.md, net-writing rules)."""
        return None

    def check(self) -> None:
        """Raises ToolsMissing where the compiler is not there."""
        toolbox.check_toolbox(toolbox.toolbox_folder(self.tools))

    def prepare(self, progress: Progress) -> None:
        """Fetch the compiler where it is not there. Raises ToolsMissing."""
        toolbox.fetch_toolbox(toolbox.toolbox_folder(self.tools), progress)
        self.check()

    def compile(self, ir: bytes, net: Net, progress: Progress) -> tuple[Artifact, ...]:  # noqa: ARG002
        """The blob, then its IR as the simulation's twin. Raises ToolsMissing, CompileFailed, BlobInvalid."""
        twin = ir_artifact(ir)
        if self.u8 and not takes_pixels(ir):
            raise CompileFailed(
                f"{self.name}: the network takes normalised values, its blob raw pixels; fold the input"
            )
        return Artifact(BLOB_FORMAT, self.name, self.used_shaves, self.compile_ir(ir, progress)), twin

    def compile_ir(self, ir: bytes, progress: Progress) -> bytes:
        """The blob of a single-file IR, checked against it. Raises as `compile`."""
        self.check()
        source = inspect_blob(ir, "the network's IR", IR_FORMAT)
        parts = unpack_ir(ir, "the network's IR")
        progress(f"compiling for {self.name} with {self.used_shaves} SHAVEs")
        with tempfile.TemporaryDirectory(prefix="ofa-agent-myriad-") as scratch:
            folder = Path(scratch)
            (folder / "model.xml").write_bytes(parts.xml)
            (folder / "model.bin").write_bytes(parts.weights)
            self._run(folder)
            try:
                data = (folder / "model.blob").read_bytes()
            except OSError as exc:
                raise CompileFailed(f"{self.name}: the compiler wrote no blob: {exc.strerror}") from exc
        self._check_blob(data, source)
        return data

    def _run(self, folder: Path) -> None:
        """One child process; its limits hold even where this process dies."""
        library = toolbox.toolbox_folder(self.tools)
        shaves = str(self.used_shaves)
        config = {
            "VPU_MYRIAD_PLATFORM": self.processor.platform,
            "MYRIAD_NUMBER_OF_SHAVES": shaves,
            "MYRIAD_NUMBER_OF_CMX_SLICES": shaves,
        }
        job = {
            "library": str(library),
            "model": str(folder / "model.xml"),
            "out": str(folder / "model.blob"),
            "config": config,
            "input": "U8" if self.u8 else "FP16",
            "output": "FP16",
            "memory_bytes": self.memory_bytes,
            "deadline_s": self.deadline_s + 1,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(_CHILD)],
                input=json.dumps(job).encode(),
                env={"LD_LIBRARY_PATH": str(library), "LC_ALL": "C", "TMPDIR": str(folder)},
                cwd=folder,
                capture_output=True,
                timeout=self.deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise CompileTimedOut(f"{self.name}: the compiler did not end within {self.deadline_s} s") from exc
        if done.returncode:
            text = done.stderr.decode(errors="replace").replace(f"{folder}/", "")
            raise CompileFailed(f"{self.name}: the compiler refused the network: {reason(text, done.returncode)}")

    def _check_blob(self, data: bytes, source: BlobInfo) -> None:
        """The blob must be what was asked for: processor, SHAVEs, input and output of the IR. Raises CompileFailed."""
        try:
            info = inspect_blob(data, f"{self.name} blob", BLOB_FORMAT, self.processor.name)
        except BlobInvalid as exc:
            raise CompileFailed(f"{exc}; the compiler wrote it") from exc
        input_bytes, output_bytes = struct.unpack_from("<2I", data, _SIZES_OFFSET)
        taken = (source.inputs or 0) * (1 if self.u8 else _FP16_BYTES)
        for what, actual, expected in (
            ("SHAVEs", info.shaves, self.used_shaves),
            ("input", info.input_shape, source.input_shape),
            ("output", info.output_shape, source.output_shape),
            ("bytes of input", input_bytes, taken),
            ("bytes of output", output_bytes, (source.outputs or 0) * _FP16_BYTES),
        ):
            if actual != expected:
                raise CompileFailed(f"{self.name}: {what} of the compiled blob: {actual}, expected {expected}")


def reason(text: str, status: int) -> str:
    """What the child said on standard error, in one line: the exception's text, or else its last line."""
    _, found, said = text.partition("what():")
    if found:
        # In front stand the places in the compiler's source, and a general code.
        said = re.sub(r"\S+\.[ch]pp:\d+:?|\[ GENERAL_ERROR \]", "", said)
    else:
        said = next((line for line in reversed(text.splitlines()) if line.strip()), f"it died with status {status}")
    return " ".join(said.split())[:_MAX_REASON]
