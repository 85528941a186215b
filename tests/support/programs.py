"""Programs for the vendor's SDK as processes of their own on the simulated camera."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from agent.sim.server import plant_path
from tests.support.forks import Forked, Forks

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
AGENT = (sys.executable, "-m", "agent")
DEADLINE_S = 60.0
ENTER = "\n" * 8  # more than any program asks for
MAGIC = {
    ".jpg": b"\xff\xd8\xff",
    ".png": b"\x89PNG",
    ".bmp": b"BM",
    ".pgm": b"P5",
    ".tiff": b"II*\0",
    ".avi": b"RIFF",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program and how it must end.

    `says` are patterns that its output must have, in this order; `leaves` maps patterns of file names to counts. In
    `arguments` and `options` "{files}" stands for the folder of the files to upload.
    """

    script: str
    says: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    ends: int = 0
    options: tuple[str, ...] = ()
    leaves: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join((*self.options, self.script, *(one.rpartition("/")[2] for one in self.arguments)))


@dataclass(frozen=True, slots=True)
class Chain:
    """Runs one after the other in one folder; `shared`: on one device process of `spec` that outlives them."""

    name: str
    runs: tuple[Run, ...]
    shared: bool = True
    spec: str = "{}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of a run."""

    status: int
    output: str
    errors: str
    folder: Path


def start(work: Run | Chain, folder: Path, files: Path, forks: Forks | None) -> list[Outcome]:
    """Run the programs of `work` in `folder`; without `forks` each in an interpreter that imports all that it needs."""
    runs = work.runs if isinstance(work, Chain) else (work,)
    with device(work.spec, forks) if isinstance(work, Chain) and work.shared else nullcontext(()) as options:
        return [_start(run, folder, files, options, forks) for run in runs]


def _start(run: Run, folder: Path, files: Path, options: tuple[str, ...], forks: Forks | None) -> Outcome:
    given = [one.replace("{files}", str(files)) for one in (*run.options, str(PROGRAMS / run.script), *run.arguments)]
    command = ("sim", "exec", *options, *given)
    if forks is not None:
        done = forks.run(command, given=ENTER, timeout=DEADLINE_S, cwd=folder)
    else:
        done = subprocess.run(
            (*AGENT, *command), input=ENTER, capture_output=True, text=True, timeout=DEADLINE_S, cwd=folder, check=False
        )
    return Outcome(done.returncode, done.stdout, done.stderr, folder)


@contextmanager
def device(spec: str, forks: Forks | None) -> Iterator[tuple[str, ...]]:
    """A device process; the options that make a program use it."""
    folder = tempfile.mkdtemp(prefix="ofa-test-")  # a socket's path must be short
    path = Path(folder) / "camera.sock"
    command = ("sim", "serve", "--socket", str(path), "--spec", spec)
    serving: Forked | subprocess.Popen[bytes] = (
        forks.start(command) if forks is not None else subprocess.Popen((*AGENT, *command), stdout=subprocess.DEVNULL)
    )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not plant_path(path).is_socket():
            assert serving.poll() is None, f"the device ended with {serving.returncode}"
            assert time.monotonic() < deadline, "the device did not come"
            time.sleep(0.02)
        yield ("--socket", str(path))
    finally:
        serving.terminate()
        serving.wait(DEADLINE_S)
        shutil.rmtree(folder, ignore_errors=True)


def check(run: Run, outcome: Outcome) -> str:
    """Status, words in their order, no traceback, files by number and kind; returns the output."""
    told = f"{run}\n{outcome.output}\n{outcome.errors}"
    assert outcome.status == run.ends, told
    assert "Traceback" not in outcome.errors, told
    at = 0
    for pattern in run.says:
        found = re.compile(pattern).search(outcome.output, at)
        assert found, f"{pattern!r} is missing or out of order in {told}"
        at = found.end()
    for pattern, count in run.leaves.items():
        left = [one for one in outcome.folder.glob(pattern) if one.stat().st_size > 0]
        assert len(left) == count, f"{pattern}: {sorted(one.name for one in outcome.folder.iterdir())} of {told}"
    for one in outcome.folder.iterdir():
        assert one.read_bytes().startswith(MAGIC.get(one.suffix, b"")), f"{one.name} is no {one.suffix} in {told}"
    return outcome.output
