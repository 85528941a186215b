"""What well-behaved clients feel beside hostile ones on the network, over real TLS on TCP.

The server is a process of its own with the real supervisors, the real journal and both doors; the hostile clients are
another, which yields the processor to the rest; the well-behaved ones are this one. A ratio is of two p99 of the same
repeat: beside the attack, and of the same server undisturbed just before and just after, so that what else the machine
does meanwhile is in both. The processors are shared by all three: `server_cpu` and `server_cpu_alone` say, in cores,
what an attack costs the server itself.

    python -m tests.bench.hostile ATTACK... [--elsewhere]

measures some attacks only; `--elsewhere` sends them to another server on the same machine, which tells what they cost
by the processors that all share from what they cost by the server itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from agent.pb.ofa_agent.v1 import control_pb2, status_pb2
from tests.bench.api_server import PORT, TLS
from tests.bench.figures import Figure, Left, p99, row
from tests.bench.processes import Child, child
from tests.support.plant import Issued, Plant, TlsFolder

REPEATS = 5
SETTLE_S, MEASURE_S = 0.5, 4.0
CAMERAS = 4
WORST = 2.0
ATTACKS = {
    "no_certificate": "400 handshakes a second of clients without a certificate",
    "wrong_ca": "400 handshakes a second of clients whose certificate is of another CA",
    "half_handshakes": "400 connections that stop within their handshake",
    "wrong_role": "a reader that asks to set budgets as fast as it is refused, on four connections",
    "no_role": "a stranger with a certificate of the plant that calls as fast as it is refused",
    "call_flood": "a reader that asks for the status as fast as it is answered or refused",
    "nobody_serves": "a reader that calls what nobody serves as fast as it is refused",
    "malformed": "clients that speak what is no proper HTTP/2, 64 connections a second",
    "header_bombs": "320 calls a second whose headers grow from 8 kB to 6 MB",
    "resets": "streams that are reset as soon as they are opened, without end",
    "never_reads": "120 streams of results that nobody reads",
}
# Not among the figures: they are counted by the reliability list (tests/reliability/floods.py).
FLOODS = {
    "slow_loris": "64 clients that send a call byte by byte and never end it",
    "ping_flood": "pings on 4 connections, as fast as they are answered",
    "half_open": "1 000 connections from 8 machines that stop before or within their handshake, and are opened again",
}
TLS_STATUS, LOCAL_STATUS, BUDGET = "status", "local_status", "set_budget"
CALLS = {
    TLS_STATUS: "GetStatus over TLS",
    LOCAL_STATUS: "GetStatus over the unix socket",
    BUDGET: "SetBudget over TLS",
}
CLIENTS, CALLS_PER_S = 6, 9.0  # of each call: its clients, and how often each of them calls; 50 a second are allowed
Latencies = dict[str, list[float]]


@dataclass(frozen=True)
class Round:
    """One measurement: seconds of every call, and CPU of the server in cores."""

    latencies: Latencies
    cpu_share: float

    @classmethod
    def of(cls, *rounds: Round) -> Round:
        """Several as one."""
        calls = {call: [took for one in rounds for took in one.latencies[call]] for call in CALLS}
        return cls(calls, statistics.fmean([one.cpu_share for one in rounds]))


@dataclass(frozen=True)
class Pair:
    """A server undisturbed, the same beside an attack, and how often that attacked."""

    alone: Round
    beside: Round
    attacks: float


def figures() -> list[Figure | Left]:
    """Measure. Takes about ten minutes."""
    return _figures([*ATTACKS], elsewhere=False)


def _figures(attacks: Sequence[str], *, elsewhere: bool) -> list[Figure | Left]:
    load = os.getloadavg()[0]
    plant = Plant()
    with ExitStack() as stack:
        server = stack.enter_context(_server(plant))
        target = stack.enter_context(_server(plant)) if elsewhere else server
        runs = asyncio.run(_measured(attacks, server, target))
    loads = {"load_before": load, "load_after": os.getloadavg()[0]}
    return [_figure(attack, call, runs[attack], loads) for attack in attacks for call in CALLS]


def _figure(attack: str, call: str, pairs: Sequence[Pair], loads: dict[str, float]) -> Figure:
    alone = [p99(pair.alone.latencies[call]) for pair in pairs]
    beside = [p99(pair.beside.latencies[call]) for pair in pairs]
    return Figure(
        f"hostile.{attack}.{call}_ratio",
        f"p99 of {CALLS[call]} beside {ATTACKS[attack]}",
        "the same server undisturbed, just before and just after",
        tuple(with_it / without for with_it, without in zip(beside, alone, strict=True)),
        goal=WORST,
        parts={
            "alone_p99_ms": statistics.median(alone) * 1e3,
            "p99_ms": statistics.median(beside) * 1e3,
            "attacks": statistics.median([pair.attacks for pair in pairs]),
            "server_cpu_alone": statistics.median([pair.alone.cpu_share for pair in pairs]),
            "server_cpu": statistics.median([pair.beside.cpu_share for pair in pairs]),
            **loads,
        },
    )


async def _measured(attacks: Sequence[str], server: Server, target: Server) -> dict[str, list[Pair]]:
    """Each attack on `target` beside clients of `server`, between two rounds without one.

    Raises RuntimeError for an attack that never came about.
    """
    runs: dict[str, list[Pair]] = {attack: [] for attack in attacks}
    for repeat in range(REPEATS):
        before = await _round(server, repeat)
        for attack in attacks:
            with child("tests.bench.hostile_load", attack, str(target.folder), niceness=10) as hostile:
                beside = await _round(server, repeat)
                count = hostile.ask("count")
            if not count:
                raise RuntimeError(f"{attack}: nothing was attacked")
            after = await _round(server, repeat)
            runs[attack].append(Pair(Round.of(before, after), beside, count))
            before = after
    return runs


async def _round(server: Server, repeat: int) -> Round:
    async with AsyncExitStack() as stack:
        return await _asked(await _all_connected(stack, server), server, repeat)


async def _all_connected(stack: AsyncExitStack, server: Server) -> list[Client]:
    return [await _connected(stack, server, call, number) for call in CALLS for number in range(CLIENTS)]


async def _asked(clients: Sequence[Client], server: Server, repeat: int) -> Round:
    await asyncio.sleep(SETTLE_S)
    cpu_s, began_s = server.process.ask("cpu"), time.monotonic()
    found: Latencies = {call: [] for call in CALLS}
    chances = [random.Random(100 * repeat + number) for number in range(len(clients))]
    work = [client(chance, found) for client, chance in zip(clients, chances, strict=True)]
    await asyncio.gather(*work)
    share = (server.process.ask("cpu") - cpu_s) / (time.monotonic() - began_s)
    return Round(found, share)


def flooded(repeats: int) -> dict[str, list[Pair]]:
    """Each of FLOODS beside clients that were connected before it, between two rounds without one."""
    with _server(Plant()) as server:
        return asyncio.run(_flooded(server, repeats))


async def _flooded(server: Server, repeats: int) -> dict[str, list[Pair]]:
    runs: dict[str, list[Pair]] = {flood: [] for flood in FLOODS}
    async with AsyncExitStack() as stack:
        clients = await _all_connected(stack, server)
        for repeat in range(repeats):
            before = await _asked(clients, server, repeat)
            for flood in FLOODS:
                with child("tests.bench.hostile_load", flood, str(server.folder), niceness=10) as hostile:
                    beside = await _asked(clients, server, repeat)
                    count = hostile.ask("count")
                after = await _asked(clients, server, repeat)
                runs[flood].append(Pair(Round.of(before, after), beside, count))
                before = after
    return runs


# -- the processes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """The measured process, and the folder with its sockets and its clients' certificates."""

    process: Child
    folder: Path
    plant: Plant
    readers: Sequence[Issued]
    controllers: Sequence[Issued]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{(self.folder / PORT).read_text(encoding='ascii')}"


@contextmanager
def _server(plant: Plant) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="ofa-bench-") as name:
        folder = Path(name)
        TlsFolder(folder / TLS, plant)
        _hostile_clients(folder / "clients", plant)
        readers = [plant.issue(f"spiffe://plant/read/desk-{number}") for number in range(CLIENTS)]
        controllers = [plant.issue(f"spiffe://plant/control/plc-{number}") for number in range(CLIENTS)]
        with child("tests.bench.api_server", name, str(CAMERAS)) as process:
            yield Server(process, folder, plant, readers, controllers)


def _hostile_clients(folder: Path, plant: Plant) -> None:
    folder.mkdir()
    names = ("reader", "reader-0", "reader-1")
    issued = {name: plant.issue(f"spiffe://plant/read/{name}") for name in names}
    issued["stranger"] = plant.issue("spiffe://plant/stranger")
    issued["forged"] = Plant().issue("spiffe://plant/read/reader")
    for name, one in issued.items():
        (folder / f"{name}.pem").write_bytes(one.key_pem + one.pem)


# -- the clients ---------------------------------------------------------------------------------------------------

Client = Callable[[random.Random, Latencies], Any]


async def _connected(stack: AsyncExitStack, server: Server, call: str, number: int) -> Client:
    """One client with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    if call == LOCAL_STATUS:
        channel: Any = grpc.aio.insecure_channel(f"unix:{server.folder / 'api.sock'}", options)
    else:
        issued = (server.controllers if call == BUDGET else server.readers)[number]
        channel = grpc.aio.secure_channel(server.address, issued.channel(server.plant.ca_pem), options)
    await stack.enter_async_context(channel)
    await channel.channel_ready()
    if call == BUDGET:
        method = channel.unary_unary("/ofa_agent.v1.ControlService/SetBudget")
        body = _set_budget(number)
    else:
        method = channel.unary_unary("/ofa_agent.v1.StatusService/GetStatus")
        body = status_pb2.GetStatusRequest().SerializeToString()

    async def work(chance: random.Random, found: Latencies) -> None:
        """Call at random times; one that comes while another is under way waits for it."""
        ends_s = time.monotonic() + MEASURE_S
        while time.monotonic() < ends_s:
            await asyncio.sleep(chance.expovariate(CALLS_PER_S))
            began_s = time.perf_counter()
            await method(body)
            found[call].append(time.perf_counter() - began_s)

    return work


def _set_budget(number: int) -> bytes:
    request = control_pb2.SetBudgetRequest(camera=f"station-{1 + number % CAMERAS}")
    request.budget.max_latency_ms = 400.0
    request.ttl.seconds = 600
    return request.SerializeToString()


def main() -> None:
    """Print the figures of some attacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"by default all: {', '.join(ATTACKS)}")
    parser.add_argument("--elsewhere", action="store_true")
    options = parser.parse_args()
    unknown = sorted(set(options.attacks) - set(ATTACKS))
    if unknown:
        parser.error(f"unknown attack {unknown[0]!r}; known: {', '.join(ATTACKS)}")
    for figure in _figures(options.attacks or [*ATTACKS], elsewhere=options.elsewhere):
        sys.stdout.write(row(figure) + "\n")


if __name__ == "__main__":
    main()
