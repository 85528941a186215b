"""The daemon as a process starts it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from agent.app import lease_s, run_daemon, serving, swap_groups
from agent.clock import SystemClock, VirtualClock
from agent.config import Camera, Group, Policy, SwapTimes
from agent.config.last_good import NAME, load
from agent.config.schema import AgentConfig
from agent.domain.states import CameraState
from agent.errors import Refused
from agent.telemetry.ids import RandomIds

CONFIG = """\
version: 1
state_dir: state
api: {unix_socket: api.sock}
cameras: [{name: a, sdk: simulated, simulation: {}}]
"""


def test_what_keeps_the_daemon_from_starting_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    Path("agent.yaml").write_text(CONFIG)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("api.sock")
        other.listen()
        with pytest.raises(Refused, match="another process serves this socket"):
            run_daemon(load(Path("agent.yaml")))
    assert not (tmp_path / "state" / NAME).exists()  # a config that nothing ran on is not a good one


def test_clients_are_let_in_before_anything_is_asked_of_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("agent.yaml").write_text(CONFIG)

    async def main() -> CameraState:
        async with serving(load(Path("agent.yaml")), SystemClock(), RandomIds()) as (agent, _):
            return agent.supervisors["a"].snapshot().state

    assert asyncio.run(main()) is CameraState.DISCONNECTED


def test_a_ticket_is_let_for_the_longest_swap_of_the_group(tmp_path: Path) -> None:
    own = Policy(swap=SwapTimes(deadline_s=90.0))
    cameras = (Camera("a", "spinnaker", "1", ()), Camera("b", "spinnaker", "2", (), policy=own))
    config = AgentConfig(tmp_path / "agent.yaml", cameras)
    assert lease_s(config, Group("line", ("a",))) == 2 * 60 + 10
    assert lease_s(config, Group("line", ("a", "b"))) == 2 * 90 + 10


def test_tickets_are_let_anew_when_a_reload_gives_swaps_more_time(tmp_path: Path) -> None:
    cameras = (Camera("a", "spinnaker", "1", ()), Camera("b", "spinnaker", "2", ()))
    config = AgentConfig(tmp_path / "agent.yaml", cameras, groups=(Group("line", ("a", "b")),))
    group = swap_groups(config, VirtualClock())["a"]
    assert group.office.rules.lease_s == 130.0
    group.relet(250.0)
    assert group.office.rules.lease_s == 250.0
    assert group.office.rules.cameras == ("a", "b")
