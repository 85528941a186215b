"""Hostile clients of an agent's port, over real TLS, while others are measured; see tests.bench.hostile.

    python -m tests.bench.hostile_load ATTACK FOLDER

FOLDER is that of tests.bench.api_server, with keys and certificates of clients in `clients`. It says `ready` once the
attack is on, answers a line on standard input with how often it has attacked so far, and ends with its standard input.
Every attack is bounded: in connections, and in attempts each second where a server would take any number of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.pb.ofa_agent.v1 import control_pb2
from tests.bench.api_server import PORT, TLS
from tests.support.hostile import (
    CONTROL,
    GET_STATUS,
    HALF_HELLO,
    SAYINGS,
    STATUS,
    Ends,
    Hostile,
    indexed_headers,
    opened_and_reset,
)
from tests.support.http2 import (
    ACK,
    HELLO,
    PING,
    SETTINGS,
    Frame,
    call_frames,
    window,
)

ATTACKER = "127.0.0.66"  # where the attack comes from: another machine than that of the others
WORKERS = 16
HANDSHAKES_PER_S = 400.0  # of all workers together; a full handshake takes either side about a millisecond
HALF_OPEN = 400  # of the 512 connections that the agent takes
MANY_HALF_OPEN = 1000
MACHINES = [f"127.0.0.{number}" for number in range(60, 68)]  # of one machine it takes 256 connections
SLOW_CLIENTS, SLOW_BYTES_PER_S = 64, 20.0
PINGS_AT_ONCE = 100
CALLERS, CALLS_AT_ONCE = 4, 32
READERS, STREAMS = 2, 60
SAYING_S = 0.1  # how long one that said something malformed is listened to
RESETS_AT_ONCE = 50
BOMBS, BOMB_BYTES, BOMB_TIMES = 8, 3000, 2000  # 8 kB that become 6 MB, and that so many times on a connection


@dataclass
class Attack:
    """What attacks share. Owner of the count."""

    folder: Path
    done: int = 0
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._port = int((self.folder / PORT).read_text(encoding="ascii"))

    async def bare(self, say: bytes = b"", machine: str = ATTACKER) -> Hostile:
        """A connection without TLS."""
        client = Hostile(*await asyncio.open_connection("127.0.0.1", self._port, local_addr=(machine, 0)))
        client.say(say)
        return client

    async def inside(self, name: str, say: bytes = b"") -> Hostile:
        """A connection within TLS with the certificate of that name, or without one where it is empty."""
        context = self._contexts.setdefault(name, self._context(name))
        made = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(ATTACKER, 0), ssl=context, server_hostname="localhost", limit=1 << 24
        )
        client = Hostile(*made)
        client.say(say)
        return client

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / TLS / "ca.pem"))
        context.set_alpn_protocols(["h2"])
        if name:
            context.load_cert_chain(self.folder / "clients" / f"{name}.pem")
        return context


async def again(once: Callable[[], Awaitable[None]], count: int, each_per_s: float | None = None) -> None:
    """So many workers that do it again and again, whatever becomes of it; each at most so often a second."""
    loop = asyncio.get_running_loop()

    async def worker() -> None:
        while True:
            began_s = loop.time()
            with contextlib.suppress(OSError, EOFError):  # refused, reset, hung up
                await once()
            if each_per_s is not None:
                await asyncio.sleep(max(0.0, began_s + 1.0 / each_per_s - loop.time()))

    await asyncio.gather(*(worker() for _ in range(count)))


# -- before there is a connection ----------------------------------------------------------------------------------


def handshakes(name: str) -> Callable[[Attack], Awaitable[None]]:
    """Connections that begin a handshake with the certificate of that name, or without, and are refused."""

    async def attack(on: Attack) -> None:
        async def once() -> None:
            on.done += 1
            client = await on.inside(name)
            try:
                await client.hung_up()
            finally:
                await client.close()

        await again(once, WORKERS, HANDSHAKES_PER_S / WORKERS)

    return attack


def half_handshakes(count: int, machines: Sequence[str] = (ATTACKER,)) -> Callable[[Attack], Awaitable[None]]:
    """So many connections that stop within their handshake; one that is cut off is opened again."""

    async def attack(on: Attack) -> None:
        stops, origins = itertools.cycle((b"", HALF_HELLO[:3], HALF_HELLO)), itertools.cycle(machines)

        async def once() -> None:
            client = await on.bare(next(stops), next(origins))
            on.done += 1
            try:
                await client.hung_up()
            finally:
                await client.close()

        await again(once, count, 1.0)

    return attack


# -- within a connection -------------------------------------------------------------------------------------------


def calling(name: str, path: str, body: bytes = b"") -> Callable[[Attack], Awaitable[None]]:
    """Calls as fast as they are answered, CALLS_AT_ONCE under way on each connection."""

    async def attack(on: Attack) -> None:
        async def once() -> None:
            client = await on.inside(name, HELLO + window(0, 0x7FFF0000))
            streams, ends, room = itertools.count(1, 2), Ends(client), CALLS_AT_ONCE
            try:
                while True:
                    client.say(b"".join(call_frames(path, next(streams), body) for _ in range(room)))
                    on.done += room
                    room = await ends.heard()
            finally:
                await client.close()

        await again(once, CALLERS, 10.0)

    return attack


async def malformed(on: Attack) -> None:
    """Each connection says something that is no proper HTTP/2; see tests.support.hostile."""
    sayings = itertools.cycle(SAYINGS.values())

    async def once() -> None:
        client = await on.inside("reader", next(sayings))
        on.done += 1
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(client.hung_up(), SAYING_S)
        finally:
            await client.close()

    await again(once, WORKERS, 4.0)


async def header_bombs(on: Attack) -> None:
    """Headers that grow a thousand times when they are unpacked."""
    bombs = [indexed_headers(GET_STATUS, BOMB_BYTES, BOMB_TIMES, stream) for stream in range(1, 2 * BOMBS, 2)]

    async def once() -> None:
        client = await on.inside("reader", HELLO)
        try:
            await client.hear(SETTINGS)  # gRPC holds its peers to what they have confirmed
            client.say(Frame(SETTINGS, ACK, 0).encoded())
            for bomb in bombs:
                client.say(bomb)
                on.done += 1
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(client.hung_up(), SAYING_S)
        finally:
            await client.close()

    await again(once, CALLERS, 10.0)


async def resets(on: Attack) -> None:
    """Streams that are reset as soon as they are opened; the next ones when the server has read those."""

    async def once() -> None:
        client = await on.inside("reader", HELLO)
        try:
            for first in itertools.count(1, 2 * RESETS_AT_ONCE):
                number = first.to_bytes(8, "big")
                client.say(opened_and_reset(first, RESETS_AT_ONCE) + Frame(PING, 0, 0, number).encoded())
                on.done += RESETS_AT_ONCE
                client.heard.clear()
                await client.hear(PING, 0, ACK)
        finally:
            await client.close()

    await again(once, CALLERS, 10.0)


async def never_reads(on: Attack) -> None:
    """Clients with streams of every camera's results that read none of them."""

    async def once(name: str) -> None:
        client = await on.inside(name, HELLO)
        for number in range(STREAMS):
            camera = f"station-{1 + number % 4}".encode()
            client.say(call_frames(STATUS + "WatchResults", 1 + 2 * number, b"\x0a" + bytes((len(camera),)) + camera))
            on.done += 1
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # else asyncio reads up to its limit
        await asyncio.Event().wait()

    await asyncio.gather(*(once(f"reader-{number}") for number in range(READERS)))


async def slow_loris(on: Attack) -> None:
    """Calls that come byte by byte; who is cut off begins again."""
    said = HELLO + call_frames(GET_STATUS, 1, bytes(100_000))

    async def once() -> None:
        client = await on.inside("reader")
        hung_up = asyncio.ensure_future(client.hung_up())
        try:
            for byte in said:
                if hung_up.done():
                    return
                client.say(bytes((byte,)))
                on.done += 1
                await asyncio.sleep(1.0 / SLOW_BYTES_PER_S)
        finally:
            hung_up.cancel()
            await asyncio.wait({hung_up})
            await client.close()

    await again(once, SLOW_CLIENTS, 1.0)


async def ping_flood(on: Attack) -> None:
    """Pings as fast as they are answered; who is told that it asks too often, and cut off, begins again."""

    async def once() -> None:
        client = await on.inside("reader", HELLO)
        try:
            for first in itertools.count():
                numbers = range(first * PINGS_AT_ONCE, (first + 1) * PINGS_AT_ONCE)
                client.say(b"".join(Frame(PING, 0, 0, number.to_bytes(8, "big")).encoded() for number in numbers))
                on.done += PINGS_AT_ONCE
                client.heard.clear()
                await client.hear(PING, 0, ACK)
        finally:
            await client.close()

    await again(once, CALLERS, 10.0)


def _set_budget() -> bytes:
    request = control_pb2.SetBudgetRequest(camera="station-1")
    request.budget.max_latency_ms = 1.0
    request.ttl.seconds = 600
    return request.SerializeToString()


KINDS: dict[str, Callable[[Attack], Awaitable[None]]] = {
    "no_certificate": handshakes(""),
    "half_handshakes": half_handshakes(HALF_OPEN),
    "half_open": half_handshakes(MANY_HALF_OPEN, MACHINES),
    "wrong_ca": handshakes("forged"),
    "wrong_role": calling("reader", CONTROL + "SetBudget", _set_budget()),
    "no_role": calling("stranger", GET_STATUS),
    "call_flood": calling("reader", GET_STATUS),
    "nobody_serves": calling("reader", STATUS + "Nothing"),
    "malformed": malformed,
    "header_bombs": header_bombs,
    "resets": resets,
    "never_reads": never_reads,
    "slow_loris": slow_loris,
    "ping_flood": ping_flood,
}
BEGINS_S = 0.5


async def main(kind: str, folder: Path) -> None:
    on = Attack(folder)
    attack = asyncio.ensure_future(KINDS[kind](on))
    await asyncio.wait({attack}, timeout=BEGINS_S)
    _say("ready")
    while await asyncio.to_thread(sys.stdin.readline):
        _say(str(on.done))
    attack.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await attack


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
