"""A name that no client should send ends neither the server nor anybody else's calls."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import grpc
import pytest

from tests.api.harness import Rig, run, serving

NAMES = {"not UTF-8": b"/a\x94b", "empty": b"", "of no service": b"/no.Service/Method", "of no method": b"/a"}
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


def a_call(path: bytes) -> bytes:
    """The bytes of one call for that path, on a connection of its own."""
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": path,
        b":authority": b"localhost",
        b"te": b"trailers",
        b"content-type": b"application/grpc",
    }
    block = b"".join(bytes((0, len(key))) + key + bytes((len(value),)) + value for key, value in fields.items())
    stream = (1).to_bytes(4, "big")
    headers = len(block).to_bytes(3, "big") + bytes((1, 4)) + stream + block
    return _PREFACE + headers + (5).to_bytes(3, "big") + bytes((0, 1)) + stream + bytes(5)


async def sent(rig: Rig, data: bytes) -> None:
    """On a connection of its own; returns when the server has answered or hung up."""
    reader, writer = await asyncio.open_unix_connection(os.fspath(rig.path))
    writer.write(data)
    while b"grpc-status" not in (got := await reader.read(65536)) and got:
        pass
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("path", NAMES.values(), ids=NAMES)
def test_a_call_for_what_nobody_serves_is_answered_and_all_others_go_on(tmp_path: Path, path: bytes) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            before = await rig.client.get_status()
            await sent(rig, a_call(path))
            assert await rig.client.get_status() == before

    run(scenario())


def test_what_is_not_known_is_unimplemented(tmp_path: Path) -> None:
    async def scenario() -> grpc.StatusCode:
        async with serving(tmp_path) as rig, grpc.aio.insecure_channel(f"unix:{rig.path}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/ofa_agent.v2.ControlService/SetBudget", None, None)(b"")
            return caught.value.code()

    assert run(scenario()) is grpc.StatusCode.UNIMPLEMENTED
