"""What well-behaved clients of the API feel, alone and beside others that are slow, half dead or many.

The server is a process of its own: for what slow and hostile clients do the real supervisors and the real journal over
scripted cameras, for what the agent's own calls cost a whole daemon whose cameras are processes too. The burden is
another process; the clients are this one. Each client asks in its own rhythm, whatever the others do. A ratio is of two
p99 of the same repeat.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from agent.pb.ofa_agent.v1 import control_pb2, status_pb2
from tests.bench.api_server import BARE, EMPTY
from tests.bench.figures import Figure, Left, p99
from tests.bench.processes import Child, child

REPEATS = 5
SETTLE_S, MEASURE_S = 0.5, 6.0
CLIENTS, CALLS_PER_S = 16, 12.0
CAMERAS = 4
STATUS, BUDGET = "GetStatus", "SetBudget"
BARE_EMPTY, DOOR_EMPTY = "an empty handler, past the agent's door", "an empty handler"
MIX = {STATUS: 3, BUDGET: 1, BARE_EMPTY: 3}
AGAINST_EMPTY = {STATUS: 3, BUDGET: 1, DOOR_EMPTY: 2, BARE_EMPTY: 1}
DAEMON = "tests.bench.api_daemon"
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
            tuple(p99(beside[name]) / p99(alone[name]) for alone, beside in runs[kind]),
            goal=WORST if kind != "watchers" else None,
            parts={
                "alone_p99_ms": statistics.median([p99(alone[name]) * 1e3 for alone, _ in runs[kind]]),
                "p99_ms": statistics.median([p99(beside[name]) * 1e3 for _, beside in runs[kind]]),
            },
        )
        for kind, what in BURDENS.items()
        for name in (STATUS, BUDGET)
    ]


async def _against_empty() -> list[Figure | Left]:
    """16 clients, 4 cameras in processes of their own with 60 results a second each, 64 watchers."""
    with _server(CAMERAS, DAEMON) as server, _burden("watchers_64", server.socket):
        before, began_s = server.results(), time.monotonic()
        runs = [await _measured(server.socket, repeat, AGAINST_EMPTY) for repeat in range(REPEATS)]
        results_per_s = (server.results() - before) / (time.monotonic() - began_s)
        synced = _synced_writes(server.socket.parent / "probe")
    shared = {
        "results_per_s": results_per_s,
        "synced_write_p50_ms": synced[0] * 1e3,
        "synced_write_p99_ms": synced[1] * 1e3,
    }
    return [
        _against("api.door_ratio", DOOR_EMPTY, BARE_EMPTY, None, runs, shared),
        _against("api.status_ratio", STATUS, DOOR_EMPTY, 1.5, runs, shared),
        _against("api.set_budget_ratio", BUDGET, DOOR_EMPTY, 1.5, runs, shared),
    ]


def _against(
    key: str, name: str, empty: str, goal: float | None, runs: Sequence[Latencies], shared: Mapping[str, float]
) -> Figure:
    """Of one call over an empty handler; by parts also over the other one, and of all repeats together."""

    def of(call: str, quantile: Callable[[Sequence[float]], float]) -> float:
        return statistics.median([quantile(run[call]) * 1e3 for run in runs])

    return Figure(
        key,
        f"p99 of {name} ({CLIENTS} clients, {CAMERAS} cameras in processes of their own with 60 results/s each, "
        "64 watchers)",
        f"p99 of {empty} in the same loaded server",
        tuple(p99(run[name]) / p99(run[empty]) for run in runs),
        goal=goal,
        parts={
            "p50_ms": of(name, statistics.median),
            "p99_ms": of(name, p99),
            "empty_p50_ms": of(empty, statistics.median),
            "empty_p99_ms": of(empty, p99),
            "past_the_door_ratio": statistics.median([p99(run[name]) / p99(run[BARE_EMPTY]) for run in runs]),
            **shared,
        },
    )


def _synced_writes(path: Path) -> tuple[float, float]:
    """Median and p99 in seconds of a bare write of 4 KiB that is on the disk: SetBudget is answered after such a one,
    of the journal."""
    found = []
    with path.open("wb", buffering=0) as file:
        for _ in range(100):
            began_s = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            found.append(time.perf_counter() - began_s)
    return statistics.median(found), p99(found)


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

    def __init__(self, process: Child, socket: Path) -> None:
        self._process = process
        self.socket = socket

    def cpu_share(self) -> float:
        """Of one core, over MEASURE_S from now."""
        time.sleep(SETTLE_S)
        before_s, began_s = self._cpu_s(), time.monotonic()
        time.sleep(MEASURE_S)
        return (self._cpu_s() - before_s) / (time.monotonic() - began_s)

    def results(self) -> float:
        """Of all cameras since they were activated; of a daemon only."""
        return self._process.ask("results")

    def _cpu_s(self) -> float:
        return self._process.ask("cpu")


@contextmanager
def _server(cameras: int, module: str = "tests.bench.api_server") -> Iterator[_Server]:
    with (
        tempfile.TemporaryDirectory(prefix="ofa-bench-") as folder,
        child(module, folder, str(cameras)) as process,
    ):
        yield _Server(process, Path(folder) / "api.sock")


@contextmanager
def _burden(kind: str, socket: Path) -> Iterator[None]:
    # What the burden itself computes is no load of the server: on few cores it must not take the server's.
    with child("tests.bench.api_load", kind, str(socket), niceness=10):
        yield


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

    def set_budget() -> bytes:
        """With an id of its own, as the agent's clients send it."""
        budget.request_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        return budget.SerializeToString()

    calls = {
        STATUS: (
            channel.unary_unary("/ofa_agent.v1.StatusService/GetStatus"),
            status_pb2.GetStatusRequest().SerializeToString(),
        ),
        BUDGET: (
            channel.unary_unary("/ofa_agent.v1.ControlService/SetBudget"),
            b"",
        ),
        BARE_EMPTY: (bare.unary_unary(EMPTY), b""),
        DOOR_EMPTY: (channel.unary_unary(EMPTY), b""),
    }
    while time.monotonic() < ends_s:
        await asyncio.sleep(chance.expovariate(CALLS_PER_S))
        (name,) = chance.choices([*mix], [*mix.values()])
        call, body = calls[name]
        body = set_budget() if name == BUDGET else body
        began_s = time.perf_counter()
        await call(body)
        found[name].append(time.perf_counter() - began_s)


def _set_budget(client: str, camera: int) -> control_pb2.SetBudgetRequest:
    request = control_pb2.SetBudgetRequest(client=client, camera=f"station-{camera}")
    request.budget.max_latency_ms = 400.0
    request.ttl.seconds = 600
    return request


def _snake(name: str) -> str:
    return {STATUS: "status", BUDGET: "set_budget"}[name]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([{one.key: one.to_json()} for one in figures()], indent=2) + "\n")
