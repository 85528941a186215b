"""How much one client may have under way, and what it hears beyond that."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from agent.api.access import Who
from agent.api.caps import Caps, Peer
from agent.api.errors import Rejected
from agent.client import AgentClient, RpcFailed
from agent.client.errors import failure
from agent.domain.access import Role
from agent.pb.ofa_agent.v1 import control_pb2, status_pb2
from tests.api.harness import CALM, run, serving, until
from tests.support.fake_control import FakeControl

AGENT = "grpc-python/1.85 grpc-c/52 (linux; chttp2)"
UNNAMED = Peer("unix", False)
LOCAL = Who("", "unix", Role.ADMIN, local=True)
ANNA = Who("anna", "unix:uid=1000", Role.READ, local=True)
PLC = Who("spiffe://plant/plc-3", "tls:ipv4:10.0.0.7:51234", Role.CONTROL)
PEERS = {
    "a client of the unix socket that gives no id": (LOCAL, AGENT, UNNAMED),
    "one that gives an id": (LOCAL, f"ofa-client/4f-a.b_c {AGENT}", Peer("unix 4f-a.b_c", True)),
    "one that gives an id behind its own name": (LOCAL, f"plc ofa-client/7 {AGENT}", Peer("unix 7", True)),
    "an id that is no id": (LOCAL, f"ofa-client/{'x' * 65} {AGENT}", UNNAMED),
    "a local user": (ANNA, AGENT, Peer("unix anna", False, "anna")),
    "a client of a local user": (ANNA, f"ofa-client/7 {AGENT}", Peer("unix anna 7", True, "anna")),
    "a certificate": (PLC, AGENT, Peer("spiffe://plant/plc-3", True)),
    "a certificate whose client gives an id": (PLC, f"ofa-client/1 {AGENT}", Peer("spiffe://plant/plc-3", True)),
}


@pytest.mark.parametrize(("who", "agent", "expected"), PEERS.values(), ids=PEERS)
def test_a_call_counts_for(who: Who, agent: str, expected: Peer) -> None:
    assert Peer.of(who, (("te", "trailers"), ("user-agent", agent))) == expected


def held(caps: Caps, stack: ExitStack, peer: Peer, count: int) -> None:
    for _ in range(count):
        stack.enter_context(caps.one(peer))


def test_no_client_can_take_the_places_of_the_others() -> None:
    caps = Caps("TOO_MANY_CALLS", "calls", 10, 4, 6)
    one, other = Peer("unix 1", True), Peer("unix 2", True)
    with ExitStack() as stack:
        held(caps, stack, one, 4)
        with pytest.raises(Rejected, match="4 calls of this client are open and at most 4"), caps.one(one):
            pass
        held(caps, stack, UNNAMED, 6)
        with pytest.raises(Rejected, match="10 calls of all clients"), caps.one(other):
            pass
        assert caps.count == 10
    assert caps.count == 0
    assert not caps._held
    with ExitStack() as stack:
        held(caps, stack, UNNAMED, 6)
        with pytest.raises(Rejected, match="6 calls of local clients without an id"), caps.one(UNNAMED):
            pass
        held(caps, stack, other, 4)


def test_a_local_user_cannot_take_all_places_by_clients_of_any_number() -> None:
    caps = Caps("TOO_MANY_CALLS", "calls", 10, 2, 6, 8)
    annas = [Peer(f"unix anna {number}", True, "anna") for number in range(5)]
    ben, plc = Peer("unix ben 1", True, "ben"), Peer("spiffe://plant/plc-3", True)
    with ExitStack() as stack:
        for peer in annas[:4]:
            held(caps, stack, peer, 2)
        for peer in (annas[4], Peer("unix anna", False, "anna")):
            with pytest.raises(Rejected, match="8 calls of user 'anna' are open and no more"), caps.one(peer):
                pass
        held(caps, stack, ben, 1)
        held(caps, stack, plc, 1)
    assert caps.count == 0
    assert not caps._users


def test_a_place_is_free_again_though_the_call_failed() -> None:
    caps = Caps("TOO_MANY_CALLS", "calls", 1, 1, 1)
    for _ in range(3):
        with pytest.raises(KeyError), caps.one(UNNAMED):
            raise KeyError
    assert caps.count == 0


async def refused(call: Any) -> tuple[str, str, float | None]:
    with pytest.raises(RpcFailed) as caught:
        await call
    return caught.value.code, caught.value.reason, caught.value.retry_after_s


def test_clients_of_the_unix_socket_that_give_an_id_have_their_own_share(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str, float | None]:
        limits = replace(CALM, max_streams=6, max_streams_each=2, max_streams_unnamed=3)
        async with serving(tmp_path, limits=limits) as rig, AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(AgentClient(rig.path)) for _ in range(2)]
            for client in clients:
                for _ in range(2):
                    await anext(await stack.enter_async_context(client.watch_status()))
            answer = await refused(anext(clients[0].watch_results()))
            assert rig.server.streams == 4
            await clients[0].get_status()  # streams take nothing from calls
        return answer

    assert run(scenario()) == ("RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS", 1.0)


def test_two_hundred_watchers_of_one_connection_are_served(tmp_path: Path) -> None:
    async def scenario() -> set[int]:
        async with serving(tmp_path) as rig, grpc.aio.insecure_channel(f"unix:{rig.path}") as channel:
            calls = [watch_status(channel) for _ in range(200)]
            first = await asyncio.gather(*(call.read() for call in calls))
            assert {message.revision for message in first} == {1}
            rig.control.change(detail="new")
            second = await asyncio.gather(*(call.read() for call in calls))
            plain: Any = channel
            await plain.unary_unary("/ofa_agent.v1.StatusService/GetStatus")(b"")
        return {message.revision for message in second}

    assert run(scenario()) == {2}


def watch_status(channel: grpc.aio.Channel) -> Any:
    call: Any = channel.unary_stream(
        "/ofa_agent.v1.StatusService/WatchStatus",
        lambda message: message.SerializeToString(),
        status_pb2.WatchStatusResponse.FromString,
    )
    return call(status_pb2.WatchStatusRequest())


def test_calls_beyond_the_share_of_a_client_are_refused_and_others_are_served(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str, float | None]:
        control = FakeControl(gate=asyncio.Event())
        assert control.gate is not None
        async with serving(tmp_path, control, limits=replace(CALM, max_calls=4, max_calls_each=3)) as rig:
            hanging = [asyncio.ensure_future(rig.client.set_budget(max_latency_ms=5)) for _ in range(3)]
            await until(lambda: len(control.calls) == 3)
            answer = await refused(rig.client.get_status())
            async with AgentClient(rig.path) as other:
                await other.get_status()
            control.gate.set()
            await asyncio.gather(*hanging)
            await rig.client.get_status()
        return answer

    assert run(scenario()) == ("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", 1.0)


# -- longest times and largest messages ----------------------------------------------------------------------------


def test_a_call_without_a_deadline_ends_after_the_longest_time_and_its_change_goes_on(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        control = FakeControl(gate=asyncio.Event())
        assert control.gate is not None
        async with serving(tmp_path, control, limits=replace(CALM, call_s=0.05)) as rig:
            call: Any = rig.channel.unary_unary(
                "/ofa_agent.v1.ControlService/SetBudget",
                lambda message: message.SerializeToString(),
                control_pb2.SetBudgetResponse.FromString,
            )
            request = control_pb2.SetBudgetRequest(client="plc")
            request.budget.max_latency_ms = 50.0
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(request)
            assert control.claims == {}
            control.gate.set()
            await until(lambda: "plc" in control.claims)
        error: Any = failure(caught.value, "test")
        return error.code, error.reason

    assert run(scenario()) == ("DEADLINE_EXCEEDED", "CALL_TOO_LONG")


def test_a_wait_for_an_operation_has_a_longest_time_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> bool:
        async with serving(tmp_path, limits=replace(CALM, call_s=0.02)) as rig:
            started = await rig.client.profile_subnets()
            request = operations_pb2.WaitOperationRequest(name=started.operation.name, timeout=Duration(nanos=10**8))
            answer = await rig.call(
                "/google.longrunning.Operations/WaitOperation", request, operations_pb2.Operation.FromString
            )
        return bool(answer.done)

    assert not run(scenario())


def test_a_request_beyond_the_largest_is_refused_with_a_reason(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[str, str]]:
        found = []
        async with serving(tmp_path, limits=replace(CALM, max_message_bytes=1000)) as rig:
            for length in (990, 1001, 5000):
                channel: Any = rig.channel
                call = channel.unary_unary("/ofa_agent.v1.StatusService/GetStatus")
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(b"\x0a" + bytes((length % 128 + 128, length // 128)) + b"x" * length)
                error: Any = failure(caught.value, "test")
                found.append((error.code, error.reason))
            await rig.client.get_status()
        return found

    told = [("NOT_FOUND", "CAMERA_NOT_FOUND"), ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")]
    assert run(scenario()) == [
        *told,
        ("RESOURCE_EXHAUSTED",) * 2,
    ]  # the last by gRPC, which gives no reason and reads the head only
