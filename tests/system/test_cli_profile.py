"""`ofa-agent profile` against a real daemon on a simulated camera in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.builder.measured import SCHEMA
from tests.support.forks import Forks
from tests.system.station import AGENT, CAMERA, Station

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def station(ladder: Path, forks: Forks) -> Iterator[Station]:
    with Station(ladder, forks=forks) as running:
        yield running


def test_a_running_line_is_refused_with_what_to_do(station: Station) -> None:
    done = station.agent("profile")
    assert done.returncode == 4
    assert "not reported as stopped" in done.stderr
    plan = station.json("profile", "--plan", "--while-running", "--frames", "40")
    assert plan["results"] == 40
    assert len(plan["subnet_ids"]) == 5
    assert 4 * 2 < plan["gaps_s"] < plan["takes_s"]
    assert station.agent("profile", "--cancel").stdout == "no run is under way\n"
    assert station.agent("profile", "--subnet", "none", "--while-running").returncode == 2


def test_a_stopped_line_is_measured_and_the_medians_are_written(station: Station, tmp_path: Path) -> None:
    station.agent("line", "stopped", "--ttl", "600")
    ladder = station.json("subnets")["subnets"]
    chosen = min((one for one in ladder if not one["active"]), key=lambda one: one["predicted_ms"])["id"]
    out = tmp_path / "measured.json"
    done = station.agent("profile", "--subnet", chosen, "--frames", "20", "--out", str(out))
    assert done.returncode == 0, done.stderr
    plan, progress, headings, row = done.stdout.splitlines()
    assert plan.startswith("1 sub-net, 20 results each: about ")
    assert progress.startswith(f"{chosen}: ")
    assert headings.split() == ["sub-net", "results", "median", "ms", "p99", "ms", "sigma", "swap", "s"]
    assert row.split()[:2] == [chosen, "20"]
    written = json.loads(out.read_text())
    assert (written["schema"], written["camera"], set(written["subnets"])) == (SCHEMA, CAMERA, {chosen})
    assert written["subnets"][chosen]["results"] == 20
    assert station.json("swaps", "--limit", "9")[-1]["reason"] == "initial"
    assert {one["reason"] for one in station.json("swaps")} >= {"initial", "profile"}


@pytest.mark.soak
def test_ctrl_c_ends_the_run_and_waits_until_the_camera_is_back(station: Station) -> None:
    station.agent("line", "stopped", "--ttl", "600")
    before = station.status()["active_subnet_id"]
    command = subprocess.Popen(
        (*AGENT, "profile", "--frames", "1000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=station._env(),
    )
    station.wait(lambda: station.status()["state"] == "SWAPPING", "the first swap")
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "cancelling" in told
    assert "the run ended early: cancelled" in told
    assert station.status()["state"] == "ACTIVE"
    assert station.status()["active_subnet_id"] == before
