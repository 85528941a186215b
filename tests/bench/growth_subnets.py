"""What a supervised camera costs with libraries of 10 to 10 000 sub-nets, per second of a line.

The real supervisor, policy and journal over a scripted camera, in virtual time: 20 results and four turns of the loop a
second, another budget every ten seconds, and what the policy wants is done. CPU of the process.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import anyio
import numpy as np

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget
from agent.domain.subnet import Catalogue
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.bench.decide import TIMES_MS
from tests.support.fake_camera import FakeCamera
from tests.support.ladders import LadderSource, catalogue

SIZES = (10, 100, 1_000, 10_000)
WARM_S, MEASURE_S = 10.0, 60.0
RESULTS_PER_S = 20
LIMITS_MS = (60.0, 150.0, 90.0, 35.0)
CHANGES_S = 10.0
_SETTINGS = SupervisorSettings(
    default_budget=Budget(max_latency_ms=LIMITS_MS[0]),
    fail_safe_budget=Budget(max_latency_ms=LIMITS_MS[0]),
    accepted_formats=("openvino-ir-10",),
    free_running=False,
    min_dwell_s=5.0,
)


def measured(folder: Path, repeats: int) -> list[dict[int, float]]:
    """CPU ms for each second of the line, by size, one for each repeat."""
    return [{size: _cost_ms(folder / f"{size}-{repeat}", size, repeat) for size in SIZES} for repeat in range(repeats)]


def _cost_ms(folder: Path, size: int, seed: int) -> float:
    folder.mkdir()
    clock = VirtualClock()
    return run_virtual(clock, _line(folder, clock, nets(size, seed), seed))


def nets(size: int, seed: int) -> Catalogue:
    """Slower ones are more accurate, give or take."""
    source = np.random.default_rng(seed)
    along = np.sort(source.random(size))
    times_ms = TIMES_MS[0] * (TIMES_MS[1] / TIMES_MS[0]) ** along
    top1 = 0.71 + 0.09 * along + 0.005 * source.standard_normal(size)
    numbered = enumerate(zip(times_ms.tolist(), top1.tolist(), strict=True))
    return catalogue(tuple((f"{n:05}", ms, accuracy) for n, (ms, accuracy) in numbered))


async def _line(folder: Path, clock: VirtualClock, known: Catalogue, seed: int) -> float:
    ids = SeededIds(seed)
    journal = SqliteJournal(folder / "journal.db", clock, ids)
    await journal.open()
    camera = FakeCamera()
    parts = Parts(camera, journal, clock, _SETTINGS, LadderSource(known), ids.uuid, "boot-1")
    supervisor = Supervisor(parts)
    await supervisor.load()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.run)
            tasks.start_soon(_results, camera, supervisor, clock, known)
            await _budgets(supervisor, WARM_S)
            began_s = time.process_time()
            await _budgets(supervisor, MEASURE_S)
            spent_s = time.process_time() - began_s
            supervisor.stop()
            await supervisor.stopped.wait()
            tasks.cancel_scope.cancel()
    finally:
        await journal.close()
    return spent_s / MEASURE_S * 1e3


async def _budgets(supervisor: Supervisor, seconds: float) -> None:
    for number in range(int(seconds / CHANGES_S)):
        budget = Budget(max_latency_ms=LIMITS_MS[number % len(LIMITS_MS)])
        await supervisor.set_budget("plc", budget, None, True)
        await asyncio.sleep(CHANGES_S)


async def _results(camera: FakeCamera, supervisor: Supervisor, clock: VirtualClock, known: Catalogue) -> None:
    """As the network that runs would give them."""
    source, nets_by_id = np.random.default_rng(1), {net.id: net for net in known.subnets}
    while True:
        await asyncio.sleep(1.0 / RESULTS_PER_S)
        active = nets_by_id.get(supervisor.snapshot().active_subnet or "")
        if camera.streaming and camera.generation is not None and active is not None:
            service_ms = active.predicted_ms * float(np.exp(0.02 * source.standard_normal()))
            camera.deliver(clock.now_ns(), service_ms, service_ms + 5.0)
