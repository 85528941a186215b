"""The agent in a storm of faults that the seed drew: it ends in a defined state and never lies about a result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.domain.states import CameraState
from agent.sim.device import Firefly
from tests.support.virtual_line import Act, line_config, play

SLOW = Budget(parts_per_minute=800.0, max_latency_ms=300.0)
FAST = Budget(parts_per_minute=2400.0, max_latency_ms=120.0)
LINE = 200.0

STORMS: dict[str, dict[str, cfg.Plain]] = {
    "transfers": {
        "rates": {"register": 0.004, "file.write": 0.03, "stream": 0.01},
        "effects": ["io_error", "short_write", "corrupt", "stall", "slow_usb"],
        "seconds": 0.5,
    },
    "bus": {
        "rates": {"register": 0.004, "stream": 0.008, "connect": 0.3},
        "effects": ["unplug", "reset", "reset_loop", "busy"],
        "seconds": 2.0,
    },
    "network": {
        "rates": {"network.load": 0.3, "inference": 0.005, "inference.enable": 0.1, "file.delete": 0.1},
        "effects": ["wrong_status", "corrupt", "frozen", "io_error"],
    },
}


def _in_storm(config: AgentConfig, storm: dict[str, cfg.Plain], seed: int) -> AgentConfig:
    (camera,) = config.cameras
    assert camera.simulation is not None
    spec: dict[str, cfg.Plain] = {**camera.simulation.spec, "fault_storm": {**storm, "seed": seed}}
    return replace(config, cameras=(replace(camera, simulation=replace(camera.simulation, spec=spec)),))


def _calm(device: Firefly) -> None:
    device.clear_faults()
    device.replug()


@pytest.mark.parametrize("name", STORMS)
def test_a_storm_ends_in_an_inspected_line_or_an_alarm(tmp_path: Path, ladder: Path, name: str) -> None:
    acts = [
        Act(0.0, LINE, SLOW),
        *(Act(20.0 * k, LINE, (FAST, SLOW)[k % 2]) for k in range(1, 6)),
        Act(120.0, LINE, plant=_calm),
        Act(160.0, LINE, FAST),
    ]
    config = _in_storm(line_config(tmp_path, ladder, "pessimistic"), STORMS[name], seed=5)
    outcome = play(config, acts, 190.0)
    assert sum(count for key, count in outcome.counters.items() if key.startswith("fault.")) > 5
    assert outcome.wrong == []
    assert outcome.unverified == 0
    assert outcome.last is not None
    assert outcome.last.state in {CameraState.ACTIVE, CameraState.FAULTED}
    # FAULTED is two networks in a row that the camera refused: it waits for a person and says so.
    raised = {alarm.key for alarm in outcome.alarms if alarm.cleared_wall_ns is None}
    assert bool(raised) or outcome.last.state is CameraState.ACTIVE
