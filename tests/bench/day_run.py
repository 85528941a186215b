"""One simulated day of a line, in this process, for `tests.bench.day`.

    python [-X tracemalloc] -m tests.bench.day_run FOLDER HOURS

The real agent (journal, library, adapter, supervisor) on the simulated camera, in virtual time: a frame a second, and
another budget every two minutes, for which the network is swapped. After each tenth of it and after the first two hours
a line of JSON is written. The folder holds a library. Once a minute of the day a fixed piece of work is done and timed:
how fast the machine is in between, which others use too.

The camera keeps few rows of what really happened: it is in this process, and its memory must not be taken for the
agent's.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
import tracemalloc
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest import mock

import psutil

from agent.app import Agent
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.domain.budget import Budget
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.sim.truth import Truth
from agent.supervisor import Supervisor
from agent.telemetry.ids import SeededIds
from tests.support.virtual_line import CAMERA, line_config

PARTS_PER_MINUTE = 60.0
CHANGE_EVERY_S = 120.0
TIGHT, LOOSE = Budget(parts_per_minute=2500.0), Budget(parts_per_minute=600.0)
HOUR_S = 3600.0
WARM_S = 2 * HOUR_S
TRUTH_ROWS = 256
YARDSTICK_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process used and holds so far."""

    at_s: float
    cpu_s: float  # without the yardstick's
    yardstick_s: float
    frames: int
    results: int
    swaps: int
    rss_kib: float
    threads: int
    descriptors: int
    traced_kib: float = 0.0  # in Python's own objects, where Python was told to trace them


def main(folder: Path, hours: float) -> None:
    """Play it."""
    state = folder / "state"
    state.mkdir(parents=True)
    config = replace(line_config(folder, folder / "library"), state_dir=state)
    clock = VirtualClock()
    with mock.patch.object(Truth.__init__, "__defaults__", (TRUTH_ROWS,)):
        run_virtual(clock, _play(config, clock, hours * HOUR_S))


async def _play(config: AgentConfig, clock: VirtualClock, duration_s: float) -> None:
    agent = Agent(config, clock, SeededIds(1))
    async with agent.running():
        (place,) = bus.places()
        assert isinstance(place, LocalBusDevice)
        supervisor = agent.supervisors[CAMERA]
        place.device.set_line(PARTS_PER_MINUTE)
        yardstick = Yardstick()
        tasks = {asyncio.create_task(work) for work in (_ask(supervisor), _read(supervisor), yardstick.run())}
        try:
            for at_s in sorted({HOUR_S, WARM_S, *(duration_s * tenth / 10 for tenth in range(11))}):
                await asyncio.sleep(at_s - clock.now_ns() / 1e9)
                _write(_sample(at_s, place.device, supervisor, yardstick.spent_s))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


class Yardstick:
    """Does the same work again and again; `spent_s` is the CPU time of all of it."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    async def run(self) -> None:
        while True:
            began_s = time.thread_time()
            self._work()
            self.spent_s += time.thread_time() - began_s
            await asyncio.sleep(YARDSTICK_EVERY_S)

    @staticmethod
    def _work() -> None:
        """Some milliseconds of calls, dictionaries and small objects, as the agent is made of."""
        kept: dict[int, tuple[int, str]] = {}
        for number in range(10_000):
            kept[number % 500] = (number, str(number))
        sorted(kept.values())


async def _ask(supervisor: Supervisor) -> None:
    """The line's controller: parts must be judged at once, or may be judged well."""
    while True:
        for budget in (TIGHT, LOOSE):
            await supervisor.set_budget("plc", budget, None, True)
            await asyncio.sleep(CHANGE_EVERY_S)


async def _read(supervisor: Supervisor) -> None:
    """A client that takes every result."""
    feed = supervisor.result_feed(256)
    try:
        while True:
            await feed.next(60.0)
    finally:
        feed.close()


def _sample(at_s: float, device: Firefly, supervisor: Supervisor, yardstick_s: float) -> Sample:
    cpu_s = time.process_time() - yardstick_s
    gc.collect()
    process = psutil.Process()
    counters = device.counters()
    return Sample(
        at_s,
        cpu_s,
        yardstick_s,
        counters.get("exposures", 0),
        counters.get("inferences", 0),
        supervisor.snapshot().swaps_total,
        process.memory_info().rss / 1024,
        threading.active_count(),
        process.num_fds(),
        tracemalloc.get_traced_memory()[0] / 1024,
    )


def _write(sample: Sample) -> None:
    sys.stdout.write(json.dumps(asdict(sample)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
