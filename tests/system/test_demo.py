"""The demo itself, short: real processes, real time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.timeout(400)
COMMAND = (sys.executable, "-m", "agent", "demo", "--seconds", "20")


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State folder whose library is kept between the tests of this module."""
    return tmp_path_factory.mktemp("demo")


def test_a_short_demo_goes_well_and_tells_so_in_json(demo_folder: Path) -> None:
    done = subprocess.run(
        (*COMMAND, "--json", "--state-dir", str(demo_folder)), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert done.returncode == (1 if told["problems"] else 0)
    assert told["wrong_attributions"] == 0
    assert told["parts"]["seen"] == sum(told["parts"][key] for key in ("inspected", "missed_gap", "missed_busy"))
    assert_nothing_runs(demo_folder)
    require_real_time()
    assert told["problems"] == []
    assert told["parts"]["inspected"] > 100
    caused = [swap for swap in told["swaps"] if swap["from"] is not None]
    assert len(caused) >= 2
    assert all(swap["gap_s"] > 0 for swap in caused)
    loosest, tightest = (pick(told["phases"], key=lambda phase: phase["budget_ms"]) for pick in (max, min))
    assert loosest["accuracy"] > tightest["accuracy"]


def test_an_interrupted_demo_leaves_no_process_behind(demo_folder: Path) -> None:
    process = subprocess.Popen(
        (*COMMAND, "--state-dir", str(demo_folder)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.startswith("daemon: process"):
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.wait(60) == 1
    assert_nothing_runs(demo_folder)


def require_real_time() -> None:
    """Latencies are promised for a machine that has time for them."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 2 * cores:
        pytest.skip(f"the timing was not judged: load {load:.1f} on {cores} cores")


def assert_nothing_runs(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while (found := _processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == []


def _processes_of(folder: Path) -> list[str]:
    commands = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [command for command in commands if str(folder) in command]
