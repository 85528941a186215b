"""Nobody passes for somebody else at the unix socket, by whatever way in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.api.inner_socket import PEER
from tests.api.harness import run, until
from tests.api.unix_rig import STATUS, Rig, said, serving
from tests.support.http2 import HalfClient


async def asks_directly(rig: Rig, name: bytes | None) -> str:
    """What a process hears that found the way to gRPC's own socket and calls itself `name` there."""
    assert rig.door._guests is not None
    with socket.socket(socket.AF_UNIX) as direct:
        if name is not None:
            direct.bind(b"\0" + name)
        direct.setblocking(False)
        way = f"/proc/self/fd/{rig.door._guests.inner._place}"
        await asyncio.get_running_loop().sock_connect(direct, way)
        async with _relay(direct, rig.path.with_name("relay")) as channel:
            return await said(channel, STATUS)


@asynccontextmanager
async def _relay(to: socket.socket, path: Path) -> AsyncIterator[Any]:
    """A gRPC channel whose bytes go over an open socket."""
    reader, writer = await asyncio.open_unix_connection(sock=to.dup())

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 16):
                sink.write(data)
        sink.close()

    pumps: list[asyncio.Task[None]] = []

    def serve(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        pumps.extend((asyncio.ensure_future(pump(source, writer)), asyncio.ensure_future(pump(reader, sink))))

    server = await asyncio.start_unix_server(serve, path)
    try:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(f"unix:{path}", options) as channel:
            yield channel
    finally:
        server.close()
        writer.close()
        await asyncio.gather(*pumps)
        os.unlink(path)


def names(rig: Rig) -> list[str]:
    return [peer.removeprefix(PEER) for peer in rig.door._guests or ()]


def test_who_finds_grpcs_own_socket_is_nobody_whatever_name_is_given(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        found = []
        async with serving(tmp_path) as rig:
            async with rig.channel() as channel:
                assert await said(channel, STATUS) == "OK"
                (taken,) = names(rig)
                with pytest.raises(OSError, match="in use"):  # while it is believed nobody else can have it
                    await asks_directly(rig, taken.encode())
                made_up = taken[:-4] + ("0000" if taken[-4:] != "0000" else "1111")
                for name in (None, made_up.encode(), b"ofa-agent/root", b"user=root uid=0 pid=1"):
                    found.append(await asks_directly(rig, name))
            await until(lambda: not names(rig))
            found.append(await asks_directly(rig, taken.encode()))  # and when nobody has it, it is worth nothing
        return found

    assert run(scenario()) == ["NO_ROLE"] * 5


def test_no_two_connections_have_one_name_and_none_can_be_foreseen(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with serving(tmp_path) as rig:
            clients = [await HalfClient.connect(rig.path) for _ in range(20)]
            await until(lambda: len(names(rig)) == 20)
            found = names(rig)
            for client in clients:
                await client.close()
        return found

    tokens = [name.removeprefix("ofa-agent/") for name in run(scenario())]
    assert len({token[:8] for token in tokens}) == 20
    assert {len(bytes.fromhex(token)) for token in tokens} == {16}


def everything(folder: Path) -> list[Path]:
    return [*folder.rglob("*")]


def test_grpcs_own_socket_has_no_path(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with serving(tmp_path) as rig, rig.channel() as channel:
            await said(channel, STATUS)
            return [str(path.relative_to(tmp_path)) for path in everything(tmp_path)]

    assert run(scenario()) == ["api.sock"]
