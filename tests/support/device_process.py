"""A simulated camera in a process of its own, as `ofa-agent sim serve` runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_END_S = 20.0


@contextmanager
def mortal_process(folder: Path, spec: Mapping[str, object]) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Socket and process of a camera; the block may kill it."""
    (folder / "spec.json").write_text(json.dumps(spec))
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.sim.server", "--socket", folder / "cam", "--spec", folder / "spec.json"],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"READY\n"
        yield folder / "cam", process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)
        process.stdout.close()


@contextmanager
def device_process(folder: Path, spec: Mapping[str, object]) -> Iterator[Path]:
    """The socket of a camera that lives for the length of the block, and ends well."""
    with mortal_process(folder, spec) as (socket, process):
        yield socket
    assert process.returncode == 0
