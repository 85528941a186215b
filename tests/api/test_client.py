"""The client against a real server: reconnection, deadlines, leases."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from agent.api import ApiServer, Services
from agent.client import AgentClient, Interruption, RpcFailed, Watch
from agent.clock import SystemClock
from agent.errors import BadInput, CameraGone, DaemonUnreachable
from agent.pb.ofa_agent.v1 import status_pb2
from tests.api.harness import CALM, Rig, run, serving, until
from tests.support.fake_control import FakeControl


def again(rig: Rig, *controls: FakeControl) -> ApiServer:
    """Another server on the same path."""
    cameras = {control.name: control for control in controls}
    return ApiServer(Services(cameras, rig.journal, SystemClock()), rig.path, CALM)


def names(control: FakeControl) -> list[object]:
    return [call[0] for call in control.calls]


# -- calls ---------------------------------------------------------------------------------------------------------


def test_without_a_daemon_every_call_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AgentClient(tmp_path / "none.sock") as client:
            with pytest.raises(DaemonUnreachable, match=r"none\.sock"):
                await client.get_status()
            with pytest.raises(DaemonUnreachable):
                await anext(client.watch_status())

    run(scenario())


def test_a_host_and_port_where_nobody_listens_is_unreachable() -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
            async with AgentClient(f"127.0.0.1:{taken.getsockname()[1]}") as client:
                with pytest.raises(DaemonUnreachable):
                    await client.get_status()

    run(scenario())


@pytest.mark.parametrize("ttl_s", [math.nan, math.inf, 1e300])
def test_a_ttl_that_the_wire_cannot_carry_is_bad_input(tmp_path: Path, ttl_s: float) -> None:
    async def scenario() -> None:
        async with AgentClient(tmp_path / "none.sock") as client:
            with pytest.raises(BadInput, match="ttl_s"):
                await client.set_budget(max_latency_ms=5, ttl_s=ttl_s)

    run(scenario())


def test_a_call_ends_at_its_deadline(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            async with AgentClient(rig.path, timeout_s=0.05) as hasty:
                with pytest.raises(RpcFailed) as caught:
                    await hasty.set_budget(max_latency_ms=5)
            assert control.gate is not None
            control.gate.set()
        return caught.value

    error = run(scenario())
    assert (error.code, error.reason, error.violations) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", ())


def test_a_relative_path_and_a_unix_target_reach_the_same_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            for target in ("./api.sock", f"unix:{rig.path}", rig.path):
                async with AgentClient(target) as client:
                    await client.get_status()

    monkeypatch.chdir(tmp_path)
    run(scenario())


def test_the_default_name_is_the_same_for_every_process_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    assert AgentClient("/x").name == f"anna@{socket.gethostname()}"


def test_a_user_without_a_name_goes_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("no passwd entry")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert AgentClient("/x").name.startswith(f"uid{os.getuid()}@")


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            await rig.client.get_status()
            await rig.client.close()
            await rig.client.close()

    run(scenario())


# -- streams -------------------------------------------------------------------------------------------------------


def test_a_stream_goes_on_after_the_daemons_restart_and_says_so(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[Interruption], list[str], int]:
        told: list[Interruption] = []
        async with serving(tmp_path) as rig, rig.client.watch_status(on_interruption=told.append) as watch:
            seen = [(await anext(watch)).epoch]
            await rig.server.stop()
            reading = asyncio.ensure_future(anext(watch))
            await until(lambda: len(told) == 1)
            async with again(rig, FakeControl()):
                seen.append((await reading).epoch)
                watch.close()
        return told, seen, watch.interruptions

    told, epochs, count = run(scenario())
    assert told[0].error.reason == "AGENT_STOPPING"
    assert [interruption.count for interruption in told] == list(range(1, count + 1))
    assert len(set(epochs)) == 2


def test_a_stream_ends_where_trying_again_cannot_help(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            watch = rig.client.watch_status("station-1")
            await anext(watch)
            await rig.server.stop()
            async with again(rig, FakeControl("station-2")):
                with pytest.raises(RpcFailed) as caught:
                    await anext(watch)
        return caught.value

    assert run(scenario()).code == "NOT_FOUND"


class Silent:
    """A stream that says one thing and then nothing for ever."""

    def __init__(self) -> None:
        self._messages = [status_pb2.WatchStatusResponse(revision=1)]

    async def read(self) -> Any:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop()

    def cancel(self) -> bool:
        return True


def test_a_silent_daemon_is_connected_again() -> None:
    async def scenario() -> list[Interruption]:
        told: list[Interruption] = []
        opened: Any = Silent
        watch: Watch[status_pb2.WatchStatusResponse] = Watch(opened, "here", told.append, silence_s=0.01)
        async with watch:
            for _ in range(2):
                await anext(watch)
        return told

    (interruption,) = run(scenario())
    assert isinstance(interruption.error, DaemonUnreachable)
    assert "silent for 0.01 s" in str(interruption.error)


def test_a_closed_stream_ends_its_loop(tmp_path: Path) -> None:
    async def scenario() -> int:
        seen = 0
        async with serving(tmp_path) as rig, rig.client.watch_status() as watch:
            async for _ in watch:
                seen += 1
                watch.close()
                watch.close()
        return seen

    assert run(scenario()) == 1


# -- leases --------------------------------------------------------------------------------------------------------


def test_a_lease_is_claimed_renewed_and_released(tmp_path: Path) -> None:
    async def scenario() -> list[object]:
        async with serving(tmp_path) as rig:
            async with rig.client.keep_lease(parts_per_minute=600, ttl_s=0.5) as lease:
                assert lease.answer is not None
                assert lease.answer.claim.budget.parts_per_minute == 600
                await until(lambda: names(rig.control).count("renew_budget") == 2)
            assert rig.control.claims == {}
        return names(rig.control)

    assert run(scenario()) == ["set_budget", "renew_budget", "renew_budget", "release_budget"]


def test_a_lease_that_was_lost_is_claimed_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig, rig.client.keep_lease(max_latency_ms=50, ttl_s=0.5) as lease:
            rig.control.claims.clear()
            await until(lambda: lease.lost == 1 and "tester" in rig.control.claims)

    run(scenario())


def test_a_renewal_that_fails_is_tried_again_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig, rig.client.keep_lease(max_latency_ms=50, ttl_s=0.6) as lease:
            rig.control.error = CameraGone("unplugged")
            await until(lambda: names(rig.control).count("renew_budget") == 3)
            rig.control.error = None
            await until(lambda: lease.renewals == 1)

    with caplog.at_level(logging.INFO, "ofa_agent.client"):
        run(scenario())
    events = [record.message.split()[0] for record in caplog.records if record.name == "ofa_agent.client"]
    assert events == ["lease_not_renewed", "lease_renewed_again"]


def test_a_claim_that_is_refused_opens_no_lease(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed):
                async with rig.client.keep_lease(max_latency_ms=-1, ttl_s=5):
                    pytest.fail("entered")

    run(scenario())


def test_leaving_a_lease_after_the_daemon_is_gone_is_harmless(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig, rig.client.keep_lease(max_latency_ms=50, ttl_s=5):
            await rig.server.stop()

    run(scenario())
