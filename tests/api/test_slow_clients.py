"""Clients that are slow, half dead or hostile: they harm nobody, and nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.rpc import error_details_pb2, status_pb2

from agent.api.gate import DETAILS_KEY
from agent.domain.notice import UNKNOWN_LINE
from agent.pb.ofa_agent.v1 import status_pb2 as pb
from tests.api.harness import CALM, Rig, run, serving, until
from tests.support.fake_control import FakeControl, a_result
from tests.support.http2 import (
    ACK,
    DATA,
    END_HEADERS,
    FIRST_WINDOW_BYTES,
    HEADERS,
    HELLO,
    PING,
    PREFACE,
    RST_STREAM,
    Frame,
    HalfClient,
    call_frames,
    message,
    window,
)
from tests.support.leaks import open_descriptors

STATUS = "/ofa_agent.v1.StatusService/"
LONG = "x" * 1000
MOST_MIB = 48.0
_MIB = 1 << 20


def steady() -> FakeControl:
    """A camera whose status has no time in it, so that equal questions have equal answers."""
    control = FakeControl()
    control.change(changes=(), coming=None, line=UNKNOWN_LINE, permit_boot_ns=None)
    return control


QUESTIONS = (
    ("/ofa_agent.v1.StatusService/GetStatus", b""),
    ("/ofa_agent.v1.StatusService/ListSubnets", b""),
    ("/ofa_agent.v1.StatusService/Explain", b""),
    ("/ofa_agent.v1.StatusService/ListSwaps", b""),
    ("/ofa_agent.v1.StatusService/ListAlarms", b""),
    ("/grpc.health.v1.Health/List", b""),
    ("/google.longrunning.Operations/ListOperations", b""),
)


def plain(rig: Rig) -> Any:
    """The client's channel, for bytes as they are."""
    return rig.channel


async def answers(rig: Rig) -> list[bytes]:
    """What a well-behaved client hears, byte for byte."""
    return [bytes(await plain(rig).unary_unary(path)(body, timeout=30.0)) for path, body in QUESTIONS]


@asynccontextmanager
async def nothing_left(rig: Rig) -> AsyncIterator[None]:
    """Whatever happens inside leaves no task, no reader and no descriptor to the server."""
    await rig.client.get_status()
    await until(lambda: not calls_under_way())
    descriptors = open_descriptors()
    yield
    await until(lambda: rig.server.streams == rig.control.snapshots.readers == rig.control.results.readers == 0)
    await until(lambda: not calls_under_way())
    gc.collect()
    await until(lambda: not descriptors.leaked(open_descriptors()))


def calls_under_way() -> list[str]:
    """gRPC's own tasks for calls: one runs the handler, one waits until the client has gone."""
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    names = (getattr(coroutine, "__qualname__", "") for coroutine in coroutines)
    return [name for name in names if name in ("_handle_exceptions", "_schedule_rpc_coro")]


# -- what others may do --------------------------------------------------------------------------------------------

Attack = Callable[[Path], Awaitable[list[HalfClient]]]


def saying(*, hello: bytes = HELLO, more: bytes = b"", times: int = 1) -> Attack:
    async def attack(path: Path) -> list[HalfClient]:
        clients = [await HalfClient.connect(path, hello) for _ in range(times)]
        for client in clients:
            client.say(more)
        return clients

    return attack


def streams(name: str, first: int, count: int) -> bytes:
    return b"".join(call_frames(STATUS + name, stream) for stream in range(first, first + 2 * count, 2))


UNENDING = Frame(HEADERS, 0, 1, b"").encoded() + Frame(9, 0, 1, b"\0" * 100).encoded() * 3
OPENED = Frame(HEADERS, END_HEADERS, 1, call_frames(STATUS + "GetStatus", 1)[9:]).encoded()
FLOOD = b"".join(
    call_frames(STATUS + "WatchStatus", stream) + Frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big")).encoded()
    for stream in range(1, 401, 2)
)
ATTACKS: dict[str, Attack] = {
    "says nothing, a hundred times": saying(hello=b"", times=100),
    "stops within its greeting, a hundred times": saying(hello=PREFACE[:5], times=100),
    "greets and falls silent, a hundred times": saying(times=100),
    "never reads a hundred streams": saying(more=streams("WatchResults", 1, 100)),
    "speaks HTTP/1": saying(hello=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "sends garbage": saying(more=bytes(range(256)) * 64),
    "sends a frame of 16 MB": saying(more=Frame(DATA, 0, 1, b"y" * 100_000).encoded(length=0xFFFFFF)),
    "announces a message of 4 GB": saying(
        more=call_frames(STATUS + "GetStatus", 1, ends=False)[:-5] + message(b"z" * 1000, length=0xFFFFFFFF)
    ),
    "sends a message that never ends": saying(more=call_frames(STATUS + "GetStatus", 1, b"z" * 9, ends=False)),
    "sends headers that never end": saying(more=UNENDING),
    "opens streams and resets them at once": saying(more=FLOOD),
    "floods with pings": saying(more=Frame(PING, 0, 0, b"12345678").encoded() * 5000),
    "sends a large request": saying(more=call_frames(STATUS + "GetStatus", 1, b"\x0a\xff\x7f" + b"c" * 16_000)),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_others_hear_the_same_byte_for_byte_beside_a_client_that(tmp_path: Path, attack: Attack) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, steady()) as rig, nothing_left(rig):
            before = await answers(rig)
            hostile = await attack(rig.path)
            for _ in range(8):
                rig.control.results.publish(a_result(1))
                during = await answers(rig)
                assert during == before
            for client in hostile:
                await client.close()
            assert await answers(rig) == before

    run(scenario())


def test_a_change_is_made_beside_clients_that_do_not_read(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with serving(tmp_path, steady()) as rig, nothing_left(rig):
            hostile = await ATTACKS["never reads a hundred streams"](rig.path)
            await until(lambda: rig.control.results.readers == 100)
            answer = await rig.client.set_budget(max_latency_ms=50)
            for client in hostile:
                await client.close()
        return answer.claim.client

    assert run(scenario()) == "tester"


# -- a reader that does not read -----------------------------------------------------------------------------------


def rich_status(error: grpc.aio.AioRpcError) -> Any:
    trailers: Any = error.trailing_metadata()
    return status_pb2.Status.FromString(dict(trailers)[DETAILS_KEY])


async def read_all(call: Any) -> None:
    while True:
        await call.read()


async def stall(rig: Rig) -> None:
    """Change the state until the server has ended the one stream."""
    await until(lambda: rig.control.snapshots.readers == 1)
    while rig.control.snapshots.readers:
        rig.control.change(detail=LONG)
        await asyncio.sleep(0)


def test_a_reader_that_does_not_read_is_ended_and_told_why(tmp_path: Path) -> None:
    async def scenario() -> tuple[grpc.StatusCode, str, bool]:
        async with serving(tmp_path, limits=replace(CALM, stall_s=0.2)) as rig:
            call = plain(rig).unary_stream(STATUS + "WatchStatus")(b"")
            await call.wait_for_connection()
            await stall(rig)
            assert rig.server.streams == 0
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read_all(call)
        status = rich_status(caught.value)
        info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
        retry = any(detail.type_url.endswith("RetryInfo") for detail in status.details)
        return caught.value.code(), info.reason, retry

    assert run(scenario()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "READER_STALLED", True)


def test_a_slow_reader_that_reads_at_all_is_not_ended(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path, limits=replace(CALM, stall_s=0.5)) as rig, nothing_left(rig):
            client = await HalfClient.connect(rig.path)
            client.say(call_frames(STATUS + "WatchStatus", 1))
            await until(lambda: rig.control.snapshots.readers == 1)
            loop = asyncio.get_running_loop()
            for _ in range(6):  # in all far longer than the limit, but a message gets through each time
                until_s = loop.time() + 0.25
                while loop.time() < until_s:
                    rig.control.change(detail=LONG)
                    await asyncio.sleep(0)
                client.say(window(1, 10_000) + window(0, 10_000))
            streams_left = rig.server.streams
            await client.close()
            await until(lambda: rig.server.streams == 0)
        return streams_left

    assert run(scenario()) == 1


def test_a_stalled_stream_keeps_its_place_until_its_client_is_gone(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, bool]:
        async with serving(tmp_path, limits=replace(CALM, stall_s=0.1, max_streams=1)) as rig, nothing_left(rig):
            client = await HalfClient.connect(rig.path)
            client.say(call_frames(STATUS + "WatchStatus", 1))
            await stall(rig)
            assert sorted(calls_under_way()) == ["_handle_exceptions", "_schedule_rpc_coro"]
            second = plain(rig).unary_stream(STATUS + "WatchStatus")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await second(b"").read()
            await client.close()
            while True:  # the place is free as soon as the server has noticed
                third = second(b"")
                with suppress(grpc.aio.AioRpcError):
                    first = await third.read()
                    third.cancel()
                    break
        return caught.value.details() or "", len(first) > 0

    assert run(scenario()) == ("1 streams of all clients are open and at most 1 may be; end one", True)


def test_what_a_reader_that_does_not_read_holds_is_bounded_all_the_time(tmp_path: Path) -> None:
    async def scenario() -> float:
        async with serving(tmp_path) as rig, nothing_left(rig):
            client = await HalfClient.connect(rig.path)
            client.say(streams("WatchStatus", 1, 20) + streams("WatchResults", 41, 20))
            await until(lambda: rig.control.snapshots.readers + rig.control.results.readers == 40)
            before, most = _resident_mib(), 0.0
            for number in range(1500):
                rig.control.change(detail="y" * 100_000)
                rig.control.results.publish(a_result(number)._replace(budget_id="z" * 10_000))
                await asyncio.sleep(0)
                most = max(most, _resident_mib() - before)
            assert rig.control.snapshots.readers + rig.control.results.readers == 40
            await client.close()
        return most

    # 20 readers that were kept everything for would hold 3 GB of states. What they may hold: a state each on its way in
    # gRPC, and of the results the 1000 newest, which are one and the same for all readers.
    assert run(scenario()) < MOST_MIB


def _resident_mib() -> float:
    return float(psutil.Process().memory_info().rss) / _MIB


# -- the dead ------------------------------------------------------------------------------------------------------


def test_a_peer_that_answers_no_ping_is_cut_off(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with (
            serving(tmp_path, limits=replace(CALM, keepalive_s=0.2, keepalive_timeout_s=0.2)) as rig,
            nothing_left(rig),
        ):
            silent = await HalfClient.connect(rig.path)
            silent.say(call_frames(STATUS + "WatchStatus", 1))
            ping = await silent.hear(PING)
            silent.say(Frame(PING, ACK, 0, ping.body).encoded())  # alive once, and then no more
            await until(lambda: rig.control.snapshots.readers == 1)
            await silent.hung_up()
            await until(lambda: rig.server.streams == 0)
            left = rig.control.snapshots.readers
            await silent.close()
        return left

    assert run(scenario()) == 0


def test_who_does_not_greet_in_time_is_cut_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, limits=replace(CALM, handshake_s=0.2)) as rig, nothing_left(rig):
            for hello in (b"", PREFACE[:5], PREFACE):
                client = await HalfClient.connect(rig.path, hello)
                await client.hung_up()
                await client.close()

    run(scenario())


def test_connections_beyond_the_cap_are_refused_and_those_that_are_open_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, limits=replace(CALM, max_connections=5)) as rig, nothing_left(rig):
            await rig.client.get_status()
            half_open = [await HalfClient.connect(rig.path) for _ in range(20)]
            await asyncio.gather(*(client.hung_up() for client in half_open[4:]))
            await rig.client.get_status()
            for client in half_open:
                await client.close()

    run(scenario())


def test_clients_that_hang_up_at_any_moment_leave_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig, nothing_left(rig):
            for turns in range(40):
                client = await HalfClient.connect(rig.path)
                client.say(streams("WatchStatus", 1, 3) + streams("WatchResults", 7, 3))
                client.say(b"".join(call_frames(STATUS + "GetStatus", stream) for stream in range(13, 19, 2)))
                for _ in range(turns):
                    rig.control.change(detail=LONG)
                    rig.control.results.publish(a_result(turns))
                    await asyncio.sleep(0)
                if turns % 2:
                    client.writer.transport.abort()
                await client.close()

    run(scenario())


def test_calls_that_are_cancelled_at_any_moment_leave_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig, nothing_left(rig):
            for turns in range(60):
                name = ("WatchStatus", "WatchResults")[turns % 2]
                call = plain(rig).unary_stream(STATUS + name)(b"")
                reading = asyncio.ensure_future(call.read())
                for _ in range(turns):
                    rig.control.change(detail=LONG)
                    rig.control.results.publish(a_result(turns))
                    await asyncio.sleep(0)
                (reading if turns % 3 else call).cancel()
                await asyncio.wait({reading})
                call.cancel()  # where the message had come before the reading was cancelled

    run(scenario())


def test_stalled_readers_leave_nothing_once_they_are_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, limits=replace(CALM, stall_s=0.1)) as rig, nothing_left(rig):
            client = await HalfClient.connect(rig.path)
            client.say(streams("WatchStatus", 1, 10))
            await until(lambda: rig.control.snapshots.readers == 10)
            while rig.control.snapshots.readers:
                rig.control.change(detail=LONG)
                await asyncio.sleep(0)
            client.say(window(1, FIRST_WINDOW_BYTES))
            await client.close()

    run(scenario())


# -- the end of the server -----------------------------------------------------------------------------------------


def test_the_end_does_not_wait_for_readers_that_do_not_read(tmp_path: Path) -> None:
    async def scenario() -> float:
        async with serving(tmp_path, limits=replace(CALM, stall_s=0.1, drain_s=30.0)) as rig:
            client = await HalfClient.connect(rig.path)
            client.say(call_frames(STATUS + "WatchStatus", 1))
            await stall(rig)
            began_s = asyncio.get_running_loop().time()
            await rig.server.stop()
            took_s = asyncio.get_running_loop().time() - began_s
            await client.close()
        return took_s

    assert run(scenario()) < 10.0


def test_a_new_call_while_the_server_ends_is_told_to_come_back(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str, float | None]:
        control = FakeControl(gate=asyncio.Event())
        assert control.gate is not None
        async with serving(tmp_path, control) as rig:
            change = asyncio.ensure_future(rig.client.set_budget(max_latency_ms=5))
            await control.entered.wait()
            stop = asyncio.ensure_future(rig.server.stop())
            await asyncio.sleep(0)
            call: Any = rig.channel.unary_unary(STATUS + "GetStatus", None, pb.GetStatusResponse.FromString)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"")
            control.gate.set()
            assert (await change).claim.client == "tester"
            await stop
        status = rich_status(caught.value)
        found = {detail.type_url.rpartition(".")[2]: detail.value for detail in status.details}
        reason = error_details_pb2.ErrorInfo.FromString(found["ErrorInfo"]).reason
        retry = error_details_pb2.RetryInfo.FromString(found["RetryInfo"]).retry_delay
        return caught.value.code().name, reason, retry.seconds

    assert run(scenario()) == ("UNAVAILABLE", "AGENT_STOPPING", 1)
