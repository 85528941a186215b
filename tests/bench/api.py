"""What well-behaved clients of the API feel, alone and beside others that are slow, half dead or many.

The server is a process of its own with the real supervisors and the real journal over scripted cameras; the burden is
another; the clients are this one. Each client asks in its own rhythm, whatever the others do. A ratio is of two p99 of
the same repeat.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from agent.pb.ofa_agent.v1 import control_pb2, status_pb2
from tests.bench.api_server import BARE, EMPTY
from tests.bench.figures import Figure, Left

REPEATS = 5
SETTLE_S, MEASURE_S = 0.5, 6.0
CLIENTS, CALLS_PER_S = 16, 12.0
CAMERAS = 4
STATUS, BUDGET = "GetStatus", "SetBudget"
BARE_EMPTY, DOOR_EMPTY = "an empty handler, past the agent's door", "an empty handler"
MIX = {STATUS: 3, BUDGET: 1, BARE_EMPTY: 3}
BURDENS = {
    "never_reads": "a client that has 16 streams of results open and never reads one",
    "half_open": "100 connections that stop before, within or after their greeting",
    "huge": "two clients that send requests of 1 MiB, one after the other",
    "watchers": "200 watchers of a state that changes four times a second",
}
WORST = 2.0
Latencies = dict[str, list[float]]


def figures() -> list[Figure | Left]:
    """Measure. Takes about five minutes."""
    load = os.getloadavg()[0]
    found: list[Figure | Left] = []
    found += asyncio.run(_disturbed())
    found += asyncio.run(_against_empty())
    found.append(_watchers_share())
    loads = {"load_before": load, "load_after": os.getloadavg()[0]}
    return [_with(one, loads) for one in found]


def _with(figure: Figure | Left, parts: dict[str, float]) -> Figure | Left:
    if isinstance(figure, Left):
        return figure
    return Figure(figure.key, figure.what, figure.reference, figure.values, figure.goal, {**figure.parts, **parts})


async def _disturbed() -> list[Figure | Left]:
    """Each burden beside the same server without one; the undisturbed half of a repeat is just before it."""
    runs: dict[str, list[tuple[Latencies, Latencies]]] = {kind: [] for kind in BURDENS}
    with _server(CAMERAS) as server:
        for repeat in range(REPEATS):
            for kind in BURDENS:
                alone = await _measured(server.socket, repeat)
                with _burden(kind, server.socket):
                    runs[kind].append((alone, await _measured(server.socket, repeat)))
    return [
        Figure(
            f"api.{kind}_{_snake(name)}_ratio",
            f"p99 of {name} beside {what}",
            "the same server undisturbed, just before",
            tuple(_p99(beside[name]) / _p99(alone[name]) for alone, beside in runs[kind]),
            goal=WORST if kind != "watchers" else None,
            parts={
                "alone_p99_ms": statistics.median([_p99(alone[name]) * 1e3 for alone, _ in runs[kind]]),
                "p99_ms": statistics.median([_p99(beside[name]) * 1e3 for _, beside in runs[kind]]),
            },
        )
        for kind, what in BURDENS.items()
        for name in (STATUS, BUDGET)
    ]


async def _against_empty() -> list[Figure | Left]:
    """16 clients, 4 cameras with 60 results a second each, 64 watchers."""
    with _server(CAMERAS) as server, _burden("watchers_64", server.socket):
        runs = [await _measured(server.socket, repeat) for repeat in range(REPEATS)]
        ways = [await _measured(server.socket, repeat, {BARE_EMPTY: 1, DOOR_EMPTY: 1}) for repeat in range(REPEATS)]
        synced = _synced_writes(server.socket.parent / "probe")
    door: list[Figure | Left] = [_door_ratio(ways)]
    return door + [
        Figure(
            f"api.{key}_ratio",
            f"p99 of {name} ({CLIENTS} clients, {CAMERAS} scripted cameras with 60 results/s each, 64 watchers)",
            "p99 of an empty handler in the same loaded server, on a socket of gRPC's own",
            tuple(_p99(run[name]) / _p99(run[BARE_EMPTY]) for run in runs),
            goal=1.5,
            parts={
                "p50_ms": statistics.median([statistics.median(run[name]) * 1e3 for run in runs]),
                "p99_ms": statistics.median([_p99(run[name]) * 1e3 for run in runs]),
                "empty_p50_ms": statistics.median([statistics.median(run[BARE_EMPTY]) * 1e3 for run in runs]),
                "empty_p99_ms": statistics.median([_p99(run[BARE_EMPTY]) * 1e3 for run in runs]),
                **({"one_synced_write_p50_ms": synced * 1e3} if name == BUDGET else {}),
            },
        )
        for key, name in (("status", STATUS), ("set_budget", BUDGET))
    ]


def _door_ratio(runs: Sequence[Latencies]) -> Figure:
    """What it costs that the agent passes each byte on, to know who is at the other end."""
    parts = {
        f"{key}_{quantile}_ms": statistics.median([of(run[name]) * 1e3 for run in runs])
        for key, name in (("bare", BARE_EMPTY), ("door", DOOR_EMPTY))
        for quantile, of in (("p50", statistics.median), ("p99", _p99))
    }
    return Figure(
        "api.door_ratio",
        f"p99 of an empty handler through the agent's unix socket ({CLIENTS} clients, 64 watchers)",
        "p99 of the same handler in the same loaded server, on a socket of gRPC's own",
        tuple(_p99(run[DOOR_EMPTY]) / _p99(run[BARE_EMPTY]) for run in runs),
        parts=parts,
    )


def _synced_writes(path: Path) -> float:
    """Median seconds of a bare write of 4 KiB that is on the disk: SetBudget is answered after such, of the journal."""
    found = []
    with path.open("wb", buffering=0) as file:
        for _ in range(100):
            began_s = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            found.append(time.perf_counter() - began_s)
    return statistics.median(found)


def _watchers_share() -> Figure:
    """CPU of the server process with 200 watchers of its one camera, less that without."""
    alone, beside = [], []
    with _server(1) as server:
        for _ in range(REPEATS):
            alone.append(server.cpu_share())
            with _burden("watchers", server.socket):
                beside.append(server.cpu_share())
    return Figure(
        "api.watchers_cpu_share",
        f"CPU that {BURDENS['watchers']} add to a daemon with one camera",
        "one core",
        tuple(with_them - without for with_them, without in zip(beside, alone, strict=True)),
        parts={"share_alone": statistics.median(alone), "share_with_watchers": statistics.median(beside)},
    )


# -- the processes -------------------------------------------------------------------------------------------------


class _Server:
    """The measured process."""

    def __init__(self, process: subprocess.Popen[str], socket: Path) -> None:
        self._process = process
        self.socket = socket

    def cpu_share(self) -> float:
        """Of one core, over MEASURE_S from now."""
        time.sleep(SETTLE_S)
        before_s, began_s = self._cpu_s(), time.monotonic()
        time.sleep(MEASURE_S)
        return (self._cpu_s() - before_s) / (time.monotonic() - began_s)

    def _cpu_s(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("cpu\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def _server(cameras: int) -> Iterator[_Server]:
    with (
        tempfile.TemporaryDirectory(prefix="ofa-bench-") as folder,
        _child("tests.bench.api_server", folder, str(cameras)) as process,
    ):
        yield _Server(process, Path(folder) / "api.sock")


@contextmanager
def _burden(kind: str, socket: Path) -> Iterator[None]:
    # What the burden itself computes is no load of the server: on few cores it must not take the server's.
    with _child("tests.bench.api_load", kind, str(socket), niceness=10):
        yield


@contextmanager
def _child(module: str, *arguments: str, niceness: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A process that says `ready` and ends with its standard input."""
    command = ["nice", "-n", str(niceness), sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if said.strip() != "ready":
            process.kill()
            raise RuntimeError(f"{module}: ended with {said!r} before it was ready")
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


# -- the clients ---------------------------------------------------------------------------------------------------


async def _measured(socket: Path, repeat: int, mix: Mapping[str, int] = MIX) -> Latencies:
    """Seconds of every call, by method. `mix`: how often each is called, beside the others."""
    await asyncio.sleep(SETTLE_S)
    found: Latencies = {name: [] for name in mix}
    ends_s = time.monotonic() + MEASURE_S
    async with AsyncExitStack() as stack:
        ways = []
        for path in (socket, socket.with_name(BARE)):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channels = [grpc.aio.insecure_channel(f"unix:{path}", options) for _ in range(CLIENTS)]
            for channel in channels:
                await stack.enter_async_context(channel)
            await asyncio.gather(*(channel.channel_ready() for channel in channels))
            ways.append(channels)
        seeds = [random.Random(100 * repeat + number) for number in range(CLIENTS)]
        work = [_client(pair, mix, chance, ends_s, found) for *pair, chance in zip(*ways, seeds, strict=True)]
        await asyncio.gather(*work)
    return found


async def _client(
    ways: Sequence[Any], mix: Mapping[str, int], chance: random.Random, ends_s: float, found: Latencies
) -> None:
    """Calls at random times, CALLS_PER_S on average; one that comes while another is under way waits for it.

    `ways`: a channel through the agent's door and one past it.
    """
    channel, bare = ways
    budget = _set_budget(f"bench-{chance.random()}", chance.randint(1, CAMERAS))
    calls = {
        STATUS: (
            channel.unary_unary("/ofa_agent.v1.StatusService/GetStatus"),
            status_pb2.GetStatusRequest().SerializeToString(),
        ),
        BUDGET: (
            channel.unary_unary("/ofa_agent.v1.ControlService/SetBudget"),
            budget,
        ),
        BARE_EMPTY: (bare.unary_unary(EMPTY), b""),
        DOOR_EMPTY: (channel.unary_unary(EMPTY), b""),
    }
    while time.monotonic() < ends_s:
        await asyncio.sleep(chance.expovariate(CALLS_PER_S))
        (name,) = chance.choices([*mix], [*mix.values()])
        call, body = calls[name]
        began_s = time.perf_counter()
        await call(body)
        found[name].append(time.perf_counter() - began_s)


def _set_budget(client: str, camera: int) -> bytes:
    request = control_pb2.SetBudgetRequest(client=client, camera=f"station-{camera}")
    request.budget.max_latency_ms = 400.0
    request.ttl.seconds = 600
    return request.SerializeToString()


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def _snake(name: str) -> str:
    return {STATUS: "status", BUDGET: "set_budget"}[name]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([{one.key: one.to_json()} for one in figures()], indent=2) + "\n")
