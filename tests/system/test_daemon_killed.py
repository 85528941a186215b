"""A daemon that dies in the middle of a swap, next to a camera that goes on living."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.forks import Forks
from tests.system.station import FAST_PPM, Station

pytestmark = pytest.mark.timeout(300)
IN_THE_GAP = ("UPLOADING", "ACTIVATING", "VERIFYING")


@pytest.mark.parametrize("stage", IN_THE_GAP)
def test_after_a_kill_in_a_swap_the_next_start_ends_with_a_verified_network(
    ladder: Path, forks: Forks, stage: str
) -> None:
    with Station(ladder, forks=forks) as station:
        kill_in(station, stage)
        station.start_daemon()
        swaps = station.json("swaps")
        assert "INTERRUPTED" in [one["outcome"] for one in swaps]
        assert swaps[0]["outcome"] == "VERIFIED"
        assert station.status()["generation"] > 1
        assert_results_are_true(station, ladder)


def test_a_restart_takes_over_the_network_that_is_on_the_camera(ladder: Path, forks: Forks) -> None:
    with Station(ladder, forks=forks) as station:
        before = station.status()
        assert station.stop("daemon", signal.SIGTERM) == 0
        station.start_daemon()
        after = station.status()
        assert after["active_subnet_id"] == before["active_subnet_id"]
        assert [one["reason"] for one in station.json("swaps")] == ["recovery", "initial"]
        assert after["generation"] > before["generation"]
        assert_results_are_true(station, ladder)


def kill_in(station: Station, stage: str) -> None:
    """SIGKILL once a swap has reached `stage` (or a later one, where that one was too short to be seen)."""
    late = IN_THE_GAP[IN_THE_GAP.index(stage) :]
    with station.watching() as changes:
        next(changes)
        assert station.agent("budget", "set", "--parts-per-minute", str(FAST_PPM)).returncode in (0, 5)
        for change in changes:
            if change["swap"] and change["swap"]["stage"] in late:
                break
        assert station.stop("daemon", signal.SIGKILL) == -signal.SIGKILL


def assert_results_are_true(station: Station, library: Path) -> None:
    """Every result names the sub-net whose bytes the camera executed on that exposure."""
    manifest = json.loads((library / "manifest.json").read_text())
    digest = {one["id"]: one["artifacts"][0]["sha256"] for one in manifest["subnets"]}
    lines = station.agent("results", "--count", "5", "--json").stdout.splitlines()
    results = [json.loads(line) for line in lines]
    assert len(results) == 5
    with station.plant() as plant:
        truth = plant.truth(results[0]["captured_ns"])
    executed = {row["timestamp_ns"]: row["sha256"] for row in truth["inferences"]}
    for result in results:
        assert executed[result["captured_ns"]] == digest[result["subnet_id"]]
