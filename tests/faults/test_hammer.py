"""Threads that share one camera, in real time: no deadlock, no wrong value.

Two threads on a node map whose port is written in Python deadlock unless each takes the camera's lock before it
enters GenApi (design/architecture.md, "GenApi and the GIL"). Such a deadlock holds the GIL: it stops the whole process,
so the threads run in one of their own (tests/support/hammer.py), which ends at its deadline.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.device_process import REPOSITORY, device_process
from tests.support.hammer import DEADLINE_S, SPEC

CASES = {
    "values": "threads that read, write, execute and grab see only right values",
    "events": "callbacks and events come amid writes, registrations and acquisitions of other threads",
    "wake": "EndAcquisition wakes a GetNextImage that waits in another thread (section 2.2, -1012)",
}


@pytest.mark.parametrize("where", ["thread", "process"])
@pytest.mark.parametrize("case", CASES)
def test_threads_on_one_camera_neither_deadlock_nor_see_a_wrong_value(case: str, where: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        arguments = [case]
        if where == "process":
            arguments.append(str(stack.enter_context(device_process(tmp_path, SPEC))))
        ran = subprocess.run(
            [sys.executable, "-m", "tests.support.hammer", *arguments],
            cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, check=False, timeout=2 * DEADLINE_S,
        )  # fmt: skip
    assert ran.returncode == 0, f"{CASES[case]}: {ran.stderr}"
