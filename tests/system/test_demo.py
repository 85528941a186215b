"""The demo itself, short: real processes, real time.

Here the ladder is a known one, checked on fewer images; in `make soak` the demo searches it, as `make demo` does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.builder import build
from agent.cli.demo import supply

pytestmark = pytest.mark.timeout(400)
COMMAND = (sys.executable, "-m", "agent", "demo", "--seconds", "20")

# What the demo's search finds, in the words of an architecture file: kernels, expansions, depths, side.
RUNGS = (
    ((3, 0, 0, 3, 0, 0, 3, 0, 0), (2, 0, 0, 2, 0, 0, 2, 0, 0), (1, 1, 1), 40),
    ((3, 0, 0, 3, 0, 0, 3, 0, 0), (6, 0, 0, 6, 0, 0, 6, 0, 0), (1, 1, 1), 48),
    ((5, 0, 0, 5, 0, 0, 5, 0, 0), (6, 0, 0, 6, 0, 0, 6, 0, 0), (1, 1, 1), 56),
    ((3, 3, 0, 5, 0, 0, 3, 0, 0), (6, 6, 0, 4, 0, 0, 2, 0, 0), (2, 1, 1), 56),
    ((5, 5, 0, 5, 0, 0, 5, 0, 0), (4, 6, 0, 2, 0, 0, 4, 0, 0), (2, 1, 1), 64),
    ((5, 5, 0, 3, 0, 0, 5, 5, 0), (6, 4, 0, 4, 0, 0, 4, 6, 0), (2, 1, 2), 56),
    ((5, 5, 0, 5, 5, 0, 5, 5, 0), (6, 6, 0, 6, 6, 0, 6, 6, 0), (2, 2, 2), 64),
    ((5, 5, 5, 5, 5, 5, 5, 5, 5), (6, 6, 6, 6, 6, 6, 6, 6, 6), (3, 3, 3), 64),
)


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State folder with the library of RUNGS, which the demo takes for its own; kept between the tests."""
    folder = tmp_path_factory.mktemp("demo")
    archs = [folder / f"arch-{number}.json" for number in range(len(RUNGS))]
    for path, rung in zip(archs, RUNGS, strict=True):
        path.write_text(json.dumps(dict(zip(("ks", "e", "d", "r"), rung, strict=True))))

    def build_these(request: build.BuildRequest, *told: Any) -> build.BuildReport:
        return whole(replace(request, archs=tuple(archs)), *told)

    whole = build.build_library
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supply, "CALIBRATION_IMAGES", 512)
        patch.setattr(supply, "HELD_OUT_IMAGES", 1000)
        patch.setattr(build, "build_library", build_these)
        supply.ensure_library(folder, supply.SUPERNET, lambda _line: None)
    return folder


def test_a_short_demo_goes_well_and_tells_so_in_json(demo_folder: Path) -> None:
    manifest = demo_folder / "library" / "manifest.json"
    built_ns = manifest.stat().st_mtime_ns
    told = shown(demo_folder)
    assert manifest.stat().st_mtime_ns == built_ns
    assert_well(told)


@pytest.mark.soak
def test_a_demo_in_an_empty_folder_searches_its_ladder_first(tmp_path: Path) -> None:
    assert_well(shown(tmp_path))


def shown(demo_folder: Path) -> dict[str, Any]:
    """What the demo tells, which must be true of any machine."""
    done = subprocess.run(
        (*COMMAND, "--json", "--state-dir", str(demo_folder)), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if told["problems"] else 0)
    assert told["wrong_attributions"] == 0
    assert told["parts"]["seen"] == sum(told["parts"][key] for key in ("inspected", "missed_gap", "missed_busy"))
    assert_nothing_runs(demo_folder)
    return told


def assert_well(told: dict[str, Any]) -> None:
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
