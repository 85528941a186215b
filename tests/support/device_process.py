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


@contextmanager
def device_process(folder: Path, spec: Mapping[str, object]) -> Iterator[Path]:
    """The socket of a camera that lives for the length of the block."""
    (folder / "spec.json").write_text(json.dumps(spec))
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.sim.server", "--socket", folder / "cam", "--spec", folder / "spec.json"],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"READY\n"
        yield folder / "cam"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)
        process.stdout.close()
    # A process that was told to end over its plant may be past its signal handlers.
    assert code in {0, -signal.SIGTERM}
