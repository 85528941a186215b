"""Bytes that pass a link: all of them, in order, no more waiting than told, and an end for every end."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import pytest

from agent.api import proxy
from agent.api.proxy import CHUNK_BYTES, READ_BYTES, Link
from tests.api.harness import run, until

MUCH_BYTES = 3_000_000


@dataclass
class Linked:
    """A client, what it is linked to, and the link between them."""

    client: socket.socket
    server: socket.socket
    link: Link
    ended: list[str]


@contextmanager
def linked() -> Iterator[Linked]:
    """Both far ends do not block; all is closed at the end."""
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(2)]
        for one in (one for pair in pairs for one in pair):
            one.setblocking(False)
            stack.enter_context(one)
        (client, outer), (inner, server) = pairs
        ended: list[str] = []
        link = Link(asyncio.get_running_loop(), outer, inner, lambda: ended.append("ended"))
        stack.callback(link.close)
        yield Linked(client, server, link, ended)


async def received(reader: socket.socket) -> bytes:
    """All until the end."""
    found = bytearray()
    while data := await asyncio.get_running_loop().sock_recv(reader, 1 << 16):
        found += data
    return bytes(found)


def filled(writer: socket.socket, at_once: int = 4096) -> int:
    """Write until nothing more is taken now."""
    total = 0
    try:
        while True:
            total += writer.send(bytes(at_once))
    except BlockingIOError:
        return total


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def unmetered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are read as fast as they send."""
    monkeypatch.setattr(proxy, "WINDOW_S", 0.0)


@pytest.mark.usefixtures("unmetered")
@pytest.mark.parametrize("way", ["in", "out"])
def test_all_bytes_arrive_as_they_were_and_then_the_end(way: str) -> None:
    async def scenario() -> None:
        with linked() as it:
            near, far = (it.client, it.server) if way == "in" else (it.server, it.client)
            data = random.Random(7).randbytes(MUCH_BYTES)
            reading = asyncio.ensure_future(received(far))
            await asyncio.get_running_loop().sock_sendall(near, data)
            if way == "in":
                near.shutdown(socket.SHUT_WR)
            else:
                near.close()  # gRPC closes whole
            assert await reading == data
            assert it.ended == ([] if way == "in" else ["ended"])

    run(scenario())


def test_a_client_that_has_said_all_is_still_answered() -> None:
    async def scenario() -> None:
        with linked() as it:
            it.client.send(b"question")
            it.client.shutdown(socket.SHUT_WR)
            assert await received(it.server) == b"question"
            it.server.send(b"answer")
            it.server.close()
            assert await received(it.client) == b"answer"
            await until(lambda: it.ended == ["ended"])

    run(scenario())


@pytest.mark.usefixtures("unmetered")
@pytest.mark.parametrize("way", ["in", "out"])
def test_a_reader_that_does_not_read_stops_its_writer(way: str) -> None:
    async def scenario() -> None:
        with linked() as it:
            near, far = (it.client, it.server) if way == "in" else (it.server, it.client)
            took = 0
            while more := filled(near):
                took += more
                await turns()
            assert took <= taken_by_the_kernel(4096) + CHUNK_BYTES + taken_by_the_kernel(CHUNK_BYTES)
            await turns()
            assert not filled(near)
            total = 0
            while total < took:  # and nothing of it was lost
                total += len(await asyncio.get_running_loop().sock_recv(far, 1 << 16))
            assert total == took
            assert filled(near)

    run(scenario())


def taken_by_the_kernel(at_once: int) -> int:
    """How much one connection holds that nobody reads, written in pieces of that size."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        return filled(near, at_once)


@pytest.mark.parametrize("unread", [b"", b"not read by the server"], ids=["idle", "with bytes on their way"])
def test_a_server_that_hangs_up_is_an_end_for_the_client_at_once(unread: bytes) -> None:
    async def scenario() -> None:
        with linked() as it:
            it.client.sendall(unread)
            await turns(3)
            it.server.close()
            assert await received(it.client) == b""
            assert it.ended == ["ended"]

    run(scenario())


def test_what_a_server_said_before_it_hung_up_arrives_though_the_client_speaks_on() -> None:
    async def scenario() -> None:
        with linked() as it:
            it.server.send(b"too many of you")
            it.server.close()
            it.client.send(b"more")
            assert await received(it.client) == b"too many of you"

    run(scenario())


@pytest.mark.parametrize("aborted", [False, True], ids=["closed", "with answers not read"])
def test_a_client_that_hangs_up_is_an_end_for_the_server(aborted: bool) -> None:
    async def scenario() -> None:
        with linked() as it:
            it.client.send(b"question")
            if aborted:
                it.server.send(b"answer")
                await turns(3)
            it.client.close()
            assert await received(it.server) == b"question"
            it.server.close()
            await until(lambda: it.ended == ["ended"])

    run(scenario())


def test_a_server_is_not_fed_for_a_client_that_is_gone() -> None:
    async def scenario() -> None:
        with linked() as it:
            it.client.close()
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                await asyncio.get_running_loop().sock_sendall(it.server, bytes(MUCH_BYTES))
            assert it.ended == ["ended"]

    run(scenario())


def test_a_client_that_reads_nothing_of_a_server_that_hung_up_is_let_go_at_the_second_look() -> None:
    async def scenario() -> None:
        with linked() as it:
            while filled(it.server):
                await turns()
            for _ in range(3):
                it.link.look()  # stuck, but the server is there: it is the server that ends slow readers
            assert not it.ended
            it.server.close()
            await turns()
            it.link.look()
            assert not it.ended
            it.link.look()
            assert it.ended == ["ended"]

    run(scenario())


@pytest.mark.parametrize("at_once", [1, 300, CHUNK_BYTES])
def test_a_client_that_sends_without_end_is_read_for_a_chunk_at_a_time(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(proxy, "WINDOW_S", 3600.0)

    async def scenario() -> int:
        with linked() as it:
            data = bytes(MUCH_BYTES)
            answering = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(it.server, data))
            for _ in range(4 * CHUNK_BYTES // max(at_once, READ_BYTES)):
                with suppress(BlockingIOError):
                    it.client.send(bytes(at_once))
                await turns(2)
            heard = 0
            while heard < len(data):  # what it is told is not held back
                heard += len(await asyncio.get_running_loop().sock_recv(it.client, 1 << 16))
            await answering
            return len(it.server.recv(1 << 20))

    reads = -(-CHUNK_BYTES // max(at_once, READ_BYTES))
    assert run(scenario()) == reads * at_once


def test_a_client_that_was_read_enough_of_is_read_on() -> None:
    async def scenario() -> int:
        with linked() as it:
            reading = asyncio.ensure_future(received(it.server))
            await asyncio.get_running_loop().sock_sendall(it.client, bytes(5 * CHUNK_BYTES))
            it.client.shutdown(socket.SHUT_WR)
            return len(await reading)

    assert run(scenario()) == 5 * CHUNK_BYTES


def test_a_link_is_closed_once() -> None:
    async def scenario() -> None:
        with linked() as it:
            for _ in range(3):
                it.link.close()
            assert it.ended == ["ended"]

    run(scenario())
