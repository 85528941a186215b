"""What a frame costs: the whole daemon on a free-running camera beside a bare loop of the SDK's calls on the same one.

Both take turns on one camera in a process of its own: 60 fps, full sensor, the same network inferring. What is counted
is the CPU time of the host's process, all threads: of the daemon with its journal, API, policy and everything that it
does beside frames. The bare loop is measured before and after each turn of the daemon.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from agent.camera.device import FireflyDevice
from agent.camera.guard import Guard
from agent.camera.session import SystemOwner
from agent.camera.settings import CameraSettings
from agent.clock import Clock, VirtualClock
from agent.sim import bus, pyspin
from agent.sim.spec import SimulationSpec, VpuSpec
from tests.bench.figures import Figure, Left
from tests.bench.processes import child
from tests.bench.stage import FASTEST_PPM, FRAME_RATE, SLOWEST_PPM, Cost, Stage, cost
from tests.contract.rig import NET_C
from tests.support.libraries import build_ladder

REPEATS = 5
BARE_SETTLE_S, MEASURE_S = 2.0, 10.0
DAEMON_SETTLE_S = 15.0  # the first 256 service times are all read
CPU_RATIO_GOAL, CPU_SHARE_GOAL = 1.6, 0.03
PROFILED_FRAMES = 3000
SPEC = SimulationSpec(vpu=VpuSpec(time_scale=60.0))  # each frame of `inferring` brings a result


@dataclass(slots=True)
class Turns:
    """What was measured with one network: `bare` has one more than `daemon`."""

    bare: list[Cost] = field(default_factory=list)
    daemon: list[Cost] = field(default_factory=list)
    results_per_s: list[float] = field(default_factory=list)  # of the daemon

    def beside(self) -> list[tuple[Cost, float, float]]:
        """Each turn of the daemon, and the bare loop's CPU us a frame and share of a core around it."""
        around = pairwise(self.bare)
        return [
            (one, (a.frame_us + b.frame_us) / 2, (a.share + b.share) / 2)
            for one, (a, b) in zip(self.daemon, around, strict=True)
        ]


def figures() -> list[Figure | Left]:
    """Measure. Takes about seven minutes."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ofa-bench-") as folder:
        build_ladder(Path(folder))
        library = Path(folder) / "library"
        every, some = _turns(library, FASTEST_PPM), _turns(library, SLOWEST_PPM)
    loads = {"load_before": before, "load_after": os.getloadavg()[0]}
    return [
        _ratio("frame.cpu_ratio", "each frame brings a result", every, loads),
        _ratio("frame.cpu_ratio_sparse", "each third frame brings a result", some, loads),
        _share("frame.cpu_share", "each frame brings a result", every, loads),
        _share("frame.cpu_share_sparse", "each third frame brings a result", some, loads),
    ]


def _turns(library: Path, parts_per_minute: float) -> Turns:
    found = Turns()
    stage = Stage(library, 1, parts_per_minute)
    with stage:  # its first daemon puts the network on the camera
        stage.stop("daemon", signal.SIGTERM)
        found.bare.append(bare(stage, MEASURE_S))
        for _ in range(REPEATS):
            stage.start_daemon()
            time.sleep(DAEMON_SETTLE_S)
            results, began_s = _results(stage), time.monotonic()
            turn = cost(stage, stage.pid("daemon"), MEASURE_S)
            found.results_per_s.append((_results(stage) - results) / (time.monotonic() - began_s))
            found.daemon.append(turn)
            stage.stop("daemon", signal.SIGTERM)
            found.bare.append(bare(stage, MEASURE_S))
    return found


def bare(stage: Stage, seconds: float) -> Cost:
    """The bare loop on all cameras of a stage whose daemon does not run."""
    numbered = enumerate(stage.cameras, start=1)
    places = [text for number, name in numbered for text in (str(stage.socket(name)), stage.serial(number))]
    with child("tests.bench.bare_loop", f"{stage.frame_rate}", *places) as loop:
        time.sleep(BARE_SETTLE_S)
        return cost(stage, int(loop.ask("pid")), seconds)


def _results(stage: Stage) -> int:
    """Published for the network that runs."""
    return int((stage.status().get("latency") or {}).get("count", 0))


def _ratio(key: str, what: str, turns: Turns, loads: Mapping[str, float]) -> Figure:
    beside = turns.beside()
    parts = {
        "daemon_us": statistics.median(daemon.frame_us for daemon, _, _ in beside),
        "daemon_loop_us": statistics.median(daemon.loop_us for daemon, _, _ in beside),
        "bare_us": statistics.median(bare_us for _, bare_us, _ in beside),
        "results_per_s": statistics.median(turns.results_per_s),
        "frames_lost": sum(one.lost for one in (*turns.bare, *turns.daemon)),
    }
    return Figure(
        key,
        f"CPU of the whole daemon for each frame, one camera at {FRAME_RATE:g} fps, full sensor; {what}",
        "a bare loop of GetNextImage, GetChunkData and Release on the same camera, just before and after",
        tuple(daemon.frame_us / bare_us for daemon, bare_us, _ in beside),
        CPU_RATIO_GOAL,
        {**parts, **loads},
    )


def _share(key: str, what: str, turns: Turns, loads: Mapping[str, float]) -> Figure:
    beside = turns.beside()
    parts = {
        "daemon_percent": 100 * statistics.median(daemon.share for daemon, _, _ in beside),
        "simulation_percent": 100 * statistics.median(share for _, _, share in beside),
    }
    return Figure(
        key,
        f"share of a core of the daemon less that of a bare loop of the SDK's calls, at {FRAME_RATE:g} fps; {what}",
        "one core",
        tuple(daemon.share - share for daemon, _, share in beside),
        CPU_SHARE_GOAL,
        {**parts, **loads},
    )


def profiled() -> Mapping[str, Callable[[], None]]:
    """What the camera's thread does for each frame, on one thread and in virtual time: nothing is waited for."""
    return {"frame.cpu_ratio": _frame_path}


@contextmanager
def inferring(clock: Clock, serial: str) -> Iterator[FireflyDevice]:
    """A camera of the bus that runs free and infers, as the camera's thread has it, but in the caller's."""
    settings = CameraSettings("station-1", serial, exposure_us=2000.0, frame_rate=FRAME_RATE)
    device, guard = FireflyDevice(settings, SystemOwner(pyspin, clock), clock), Guard(clock, "bench", 600.0)
    device.connect(guard)
    try:
        device.upload_network(NET_C.blob, guard, lambda _done, _total: None)
        device.activate_network(NET_C.setup, guard)
        device.start_stream(1)
        yield device
        device.stop_stream()
    finally:
        device.disconnect()


def one_frame(device: FireflyDevice) -> None:
    """What the camera's thread does for it, once it comes."""
    device.grab()
    device.show()
    device.newly_stalled()


def _frame_path() -> None:
    clock = VirtualClock()
    with bus.local_camera(SPEC, clock) as camera, inferring(clock, camera.spec.serial) as device:
        for _ in range(PROFILED_FRAMES):
            one_frame(device)
