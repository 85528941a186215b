"""What a daemon weighs, without the status page and with it, and what ten who watch the page cost.

The camera is simulated in a process of its own; what its host half weighs in an idle process is taken off.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from tests.bench.figures import Figure, Left
from tests.support.libraries import build_ladder
from tests.system.station import Station
from tests.web.station import PageStation

REPEATS = 3
WATCHERS = 10
SETTLE_S, WATCH_S = 12.0, 12.0
RSS_GOAL_MIB, RSS_WEB_GOAL_MIB = 48.0, 64.0
CPU_GOAL = 0.02  # of a core, for all watchers together
_MIB = 2**20
_HOST_HALF = "import agent.sim.pyspin, agent.sim.remote; print('ready', flush=True); import time; time.sleep(600)"


def figures() -> list[Figure | Left]:
    """Measure. Takes about three minutes."""
    host_mib = _host_half_mib()
    bare, served, watched, cpu = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        build_ladder(Path(folder))
        for _ in range(REPEATS):
            with Station(Path(folder) / "library") as station:
                time.sleep(SETTLE_S)
                bare.append(_mib(_daemon(station)) - host_mib)
            page = PageStation(Path(folder) / "library")
            with page:
                time.sleep(SETTLE_S)
                daemon = _daemon(page)
                served.append(_mib(daemon) - host_mib)
                alone = _share(daemon, 0, page.url)
                cpu.append(max(0.0, _share(daemon, WATCHERS, page.url) - alone))
                watched.append(_mib(daemon) - host_mib)
    return [
        _weight("rss.daemon_mib", "resident memory of the daemon", bare, RSS_GOAL_MIB, host_mib),
        _weight("rss.daemon_web_mib", "the same with the status page", served, RSS_WEB_GOAL_MIB, host_mib),
        _weight("rss.daemon_watched_mib", f"the same after {WATCHERS} watched it", watched, RSS_WEB_GOAL_MIB, host_mib),
        Figure(
            "page.cpu",
            f"CPU that {WATCHERS} watchers of the page add to the daemon",
            f"{CPU_GOAL:.0%} of a core",
            tuple(one / CPU_GOAL for one in cpu),
            1.0,
            {"percent_of_a_core": 100 * sorted(cpu)[REPEATS // 2]},
        ),
    ]


def _weight(key: str, what: str, mib: list[float], goal_mib: float, host_mib: float) -> Figure:
    parts = {"mib": sorted(mib)[len(mib) // 2], "host_half_mib": host_mib}
    return Figure(key, what, f"{goal_mib:g} MiB", tuple(one / goal_mib for one in mib), 1.0, parts)


def _host_half_mib() -> float:
    """An idle process that has imported the host half of the simulation and nothing else."""
    with subprocess.Popen((sys.executable, "-c", _HOST_HALF), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = _mib(psutil.Process(process.pid))
        process.kill()
    return found


def _daemon(station: Station) -> psutil.Process:
    return psutil.Process(station.pid("daemon"))


def _mib(process: psutil.Process) -> float:
    found: int = process.memory_info().rss
    return found / _MIB


def _share(daemon: psutil.Process, watchers: int, url: str) -> float:
    """Of a core that the daemon takes while so many watch."""
    before = daemon.cpu_times()
    begun = time.perf_counter()
    asyncio.run(_watch(url, watchers))
    after, took_s = daemon.cpu_times(), time.perf_counter() - begun
    return float(after.user + after.system - before.user - before.system) / took_s


async def _watch(url: str, watchers: int) -> None:
    async with aiohttp.ClientSession() as client:
        tasks = [asyncio.create_task(_read(client, f"{url}events")) for _ in range(watchers)]
        await asyncio.sleep(WATCH_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(client: aiohttp.ClientSession, url: str) -> None:
    with contextlib.suppress(aiohttp.ClientError):
        async with client.get(url) as answer:
            async for _ in answer.content.iter_any():
                pass
