"""The process that is measured: a whole daemon whose cameras are processes of their own; see tests.bench.api.

    python -m tests.bench.api_daemon FOLDER CAMERAS

It is made by the daemon's own composition root from a config, over the SDK's host half: each camera's worker thread
takes 60 frames a second, each with a result of its own, out of a device process, all in this interpreter beside the
API. An empty handler is registered beside the agent's services, and gRPC also listens by itself at BARE. The line
`results` on standard input is answered with the results of all cameras so far, any other with the CPU seconds of this
process. The device processes yield the processor to the rest: they stand for cameras, which take none.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from agent import app
from agent.api import ApiLimits, Services
from agent.api.access import Door
from agent.clock import SystemClock
from agent.config.last_good import load
from agent.domain.states import CameraState
from agent.heap import started
from agent.sim.spec import SimulationSpec
from agent.supervisor import Supervisor
from agent.telemetry.ids import RandomIds
from agent.threads import take_short_turns
from tests.bench.api_server import BenchServer, answer
from tests.support.rung_libraries import Rung, publish_rungs

FRAMES_PER_S = 60.0
RUNGS = (Rung("small", 5.0, 0.80), Rung("middle", 8.0, 0.88), Rung("large", 12.0, 0.95))
SCENE = {"distinct": 8, "parts_per_minute": 0.0}  # the images are no part of what is measured, so they repeat
CONFIG = """\
version: 1
state_dir: state
api: {{unix_socket: api.sock}}
library: {{path: library}}
cameras:
{cameras}
policy:
  default_budget: {{max_latency_ms: 400}}
  fail_safe_budget: {{max_latency_ms: 400}}
  swap: {{min_dwell_s: 3600}}
"""
CAMERA = """\
  - name: station-{number}
    sdk: simulated
    serial: "{serial}"
    accepted_formats: [openvino-ir-10]
    acquisition: {{frame_rate: {rate:g}, exposure_us: 2000, trigger: {{source: free}}}}
    simulation: {{socket: camera-{number}.sock}}
"""


def _serial(number: int) -> str:
    return f"2000000{number}"


def write_config(folder: Path, count: int) -> Path:
    """A config of so many cameras, beside a library for them."""
    publish_rungs(folder / "library", RUNGS, SimulationSpec())
    numbers = range(1, count + 1)
    cameras = "".join(CAMERA.format(number=one, serial=_serial(one), rate=FRAMES_PER_S) for one in numbers)
    path = folder / "agent.yaml"
    path.write_text(CONFIG.format(cameras=cameras), encoding="utf-8")
    return path


@contextmanager
def devices(folder: Path, count: int) -> Iterator[None]:
    """The device processes of so many cameras."""
    with ExitStack() as stack:
        for number in range(1, count + 1):
            stack.enter_context(_device(folder, number))
        yield


@contextmanager
def _device(folder: Path, number: int) -> Iterator[None]:
    spec, socket = folder / f"camera-{number}.json", folder / f"camera-{number}.sock"
    spec.write_text(json.dumps({"serial": _serial(number), "scene": SCENE}), encoding="utf-8")
    command = [sys.executable, "-m", "agent.sim.server", "--socket", str(socket), "--spec", str(spec)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        ["nice", "-n", "10", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"READY\n":
                raise RuntimeError(f"the device process of camera {number} did not begin")
            yield
        finally:
            process.terminate()


async def serve(folder: Path, count: int) -> None:
    """Answer on standard input until it ends, with every camera active."""

    def made(services: Services, doors: Sequence[Door], limits: ApiLimits) -> BenchServer:
        return BenchServer(services, folder, doors, limits)

    cast("Any", app).ApiServer = made  # the empty handler is of the same server
    loaded = load(write_config(folder, count))
    async with app.serving(loaded, SystemClock(), RandomIds()) as (agent, _):
        supervisors = list(agent.supervisors.values())
        while not all(_infers(one) for one in supervisors):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        started()
        await answer(results=lambda: float(sum(_results(one) for one in supervisors)))


def _results(supervisor: Supervisor) -> int:
    latency = supervisor.snapshot().latency
    return 0 if latency is None else latency.count


def _infers(supervisor: Supervisor) -> bool:
    return supervisor.snapshot().state is CameraState.ACTIVE


if __name__ == "__main__":
    FOLDER, COUNT = Path(sys.argv[1]), int(sys.argv[2])
    take_short_turns()  # as run_daemon
    with devices(FOLDER, COUNT):
        asyncio.run(serve(FOLDER, COUNT))
