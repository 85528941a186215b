"""The server's life: its socket, and how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import anyio
import grpc
import pytest

from agent.api import ApiServer, Services, socket_path
from agent.client import AgentClient, RpcFailed
from agent.client.errors import failure
from agent.clock import SystemClock
from agent.errors import BadInput, DaemonUnreachable, Refused
from agent.pb.ofa_agent.v1 import status_pb2
from tests.api.harness import CALM, Rig, run, serving, until
from tests.support.fake_control import FakeControl, FakeJournal


def a_server(path: Path) -> ApiServer:
    return ApiServer(Services({"station-1": FakeControl()}, FakeJournal(), SystemClock()), path, CALM)


def leave_stale(path: Path) -> None:
    """A socket whose server is dead."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))


# -- the socket ----------------------------------------------------------------------------------------------------


def test_the_socket_is_for_its_owner_and_group_and_goes_with_the_server(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path) as rig:
            return rig.path.stat().st_mode

    before = os.umask(0)
    try:
        mode = run(scenario())
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660
    assert list(tmp_path.iterdir()) == []


def test_a_dead_servers_socket_is_taken_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            await rig.client.get_status()

    leave_stale(tmp_path / "api.sock")
    run(scenario())


def test_a_living_servers_socket_is_not_stolen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            second = a_server(rig.path)
            with pytest.raises(Refused, match="another process serves"):
                await second.start()
            await second.stop()
            await rig.client.get_status()

    run(scenario())


def test_a_hanging_servers_socket_is_not_stolen(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(os.fspath(tmp_path / "api.sock"))
        hanging.listen(0)
        for _ in range(5):  # until its backlog is full, and still then
            with pytest.raises(Refused):
                socket_path.claim(tmp_path / "api.sock")
    assert (tmp_path / "api.sock").exists()


@pytest.mark.parametrize(
    ("name", "why"), [("file", "no socket"), ("missing/api.sock", "no.* folder"), ("x" * 200, "longer than 107 bytes")]
)
def test_a_path_that_cannot_be_bound_is_refused_before_anything_is_changed(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(BadInput, match=why.replace("no.* folder", "is not a folder")) as caught:
        run(a_server(tmp_path / name).start())
    assert caught.value.field == "api.unix_socket"
    assert (tmp_path / "file").read_text() == "precious"


def test_a_folder_that_takes_no_socket_is_refused_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path / "api.sock")
        with pytest.raises(BadInput, match="cannot be bound"):
            await server.start()
        await server.stop()

    monkeypatch.setattr(socket_path, "claim", lambda path: None)  # as if the path was taken just after the look
    (tmp_path / "api.sock").mkdir()
    run(scenario())


def test_what_has_taken_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            rig.path.rename(tmp_path / "moved")
            rig.path.write_text("another's")

    run(scenario())
    assert (tmp_path / "api.sock").read_text() == "another's"


def test_a_server_that_never_started_can_be_stopped(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path / "api.sock")
        await server.stop()
        await server.start()
        await server.stop()
        await server.stop()

    run(scenario())


# -- the end -------------------------------------------------------------------------------------------------------


def bare_stream(rig: Rig, name: str) -> Any:
    request, answer = getattr(status_pb2, f"{name}Request"), getattr(status_pb2, f"{name}Response")
    path = f"/ofa_agent.v1.StatusService/{name}"
    call: Any = rig.channel.unary_stream(path, lambda message: message.SerializeToString(), answer.FromString)
    return call(request())


async def read_all(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
        pass


@pytest.mark.parametrize("name", ["WatchStatus", "WatchResults"])
def test_a_stream_hears_of_the_end(tmp_path: Path, name: str) -> None:
    async def scenario() -> RpcFailed | DaemonUnreachable:
        async with serving(tmp_path) as rig:
            call = bare_stream(rig, name)
            await until(lambda: rig.server.streams == 1)
            await rig.server.stop()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read_all(call)
        assert rig.server.streams == rig.control.results.readers == rig.control.snapshots.readers == 0
        return failure(caught.value, "test")

    error = run(scenario())
    assert isinstance(error, RpcFailed)
    assert (error.code, error.reason) == ("UNAVAILABLE", "AGENT_STOPPING")


def test_a_change_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    async def scenario() -> str:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            call = asyncio.ensure_future(rig.client.set_budget(max_latency_ms=5))
            await control.entered.wait()
            stop = asyncio.ensure_future(rig.server.stop())
            await asyncio.sleep(0)
            assert not stop.done()
            assert control.gate is not None
            control.gate.set()
            answer = await call
            await stop
        return answer.claim.client

    assert run(scenario()) == "tester"


def test_the_end_comes_though_a_change_hangs(tmp_path: Path) -> None:
    async def scenario() -> None:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            call = asyncio.ensure_future(rig.client.set_budget(max_latency_ms=5))
            await control.entered.wait()
            await rig.server.stop(drain_s=0.05)
            with pytest.raises((RpcFailed, DaemonUnreachable)):
                await call

    run(scenario())


def test_the_end_is_orderly_in_a_cancelled_scope(tmp_path: Path) -> None:
    async def scenario() -> None:
        control = FakeControl(gate=asyncio.Event())
        assert control.gate is not None
        server = ApiServer(Services({"station-1": control}, FakeJournal(), SystemClock()), tmp_path / "api.sock", CALM)
        async with AgentClient(tmp_path / "api.sock", name="tester") as client:
            with anyio.CancelScope() as scope:
                async with server:
                    call = asyncio.ensure_future(client.set_budget(max_latency_ms=5))
                    await control.entered.wait()
                    asyncio.get_running_loop().call_later(0.02, control.gate.set)
                    scope.cancel()
                    await asyncio.sleep(0)
            assert "tester" in control.claims
            assert (await call).claim.client == "tester"

    run(scenario())


def test_after_the_end_nobody_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            await rig.client.get_status()
            await rig.server.stop()
            with pytest.raises(DaemonUnreachable, match="is it running"):
                await rig.client.get_status()
            async with AgentClient(rig.path) as another:
                with pytest.raises(DaemonUnreachable):
                    await another.get_status()

    run(scenario())
