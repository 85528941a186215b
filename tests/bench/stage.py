"""Free-running cameras in processes of their own and the real daemon on them, and what a process costs.

What a camera's host half costs by itself is told by `tests.bench.bare_loop`, on the same camera.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from agent.sim.server import plant_path
from tests.system.station import Station

FRAME_RATE = 60.0
# Of the shipped law on the cameras' VPU: the fastest sub-net of tests/support/libraries.py then takes less than a frame
# of 1/60 s, so that every frame brings a result: the most that there can be to do.
TIME_SCALE = 6.0
FASTEST_PPM = 3500.0  # a rate that only it keeps, with a result in each frame
SLOWEST_PPM = 600.0  # one that all keep: the most accurate is taken, and brings a result with every third frame


class Stage(Station):
    """As Station, with cameras at their own pace: full sensor, Mono8."""

    def __init__(
        self, library: Path, cameras: int = 1, parts_per_minute: float = FASTEST_PPM, frame_rate: float = FRAME_RATE
    ) -> None:
        super().__init__(library, [f"station-{number}" for number in range(1, cameras + 1)])
        self.frame_rate = frame_rate
        self.config.write_text(
            f"""\
version: 1
state_dir: state
api: {{unix_socket: api.sock}}
library: {{path: {json.dumps(str(library))}}}
cameras:
{"".join(self._free(number, name) for number, name in enumerate(self.cameras, start=1))}
policy:
  default_budget: {{parts_per_minute: {parts_per_minute}}}
  swap: {{min_dwell_s: 0, deadline_s: 60}}
"""
        )

    def start_cameras(self) -> None:
        for number, name in enumerate(self.cameras, start=1):
            spec = {"serial": self.serial(number), "vpu": {"time_scale": TIME_SCALE}, "scene": {"distinct": 16}}
            command = ("sim", "serve", "--socket", str(self.socket(name)), "--spec", json.dumps(spec))
            self._start(name, (*command, "--seed", "5", "--parts-per-minute", "600"))
        sockets = [plant_path(self.socket(name)) for name in self.cameras]
        self.wait(lambda: all(path.is_socket() for path in sockets), "the cameras' sockets")

    def serial(self, number: int) -> str:
        """Of the camera of that number, from 1."""
        return str(self.camera_spec(number)["serial"])

    def exposures(self) -> int:
        """Frames that all cameras took so far."""
        return sum(self._counted(name, "exposures") for name in self.cameras)

    def dropped(self) -> int:
        """Frames that no host took."""
        return sum(self._counted(name, "frames_dropped") for name in self.cameras)

    def _counted(self, camera: str, what: str) -> int:
        with self.plant(camera) as plant:
            return plant.counters().get(what, 0)

    def _free(self, number: int, name: str) -> str:
        return f"""\
  - name: {name}
    sdk: simulated
    serial: "{self.serial(number)}"
    acquisition: {{exposure_us: 2000, frame_rate: {self.frame_rate:g}, trigger: {{source: free}}}}
    simulation: {{socket: {self.socket(name)}}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process used while all cameras took so many frames."""

    cpu_s: float
    wall_s: float
    frames: int
    lost: int
    loop_s: float  # of the CPU's, the main thread's: the event loop of a daemon

    @property
    def loop_us(self) -> float:
        """CPU of the main thread for each frame."""
        return self.loop_s / self.frames * 1e6

    @property
    def frame_us(self) -> float:
        """CPU for each frame."""
        return self.cpu_s / self.frames * 1e6

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.wall_s


def cost(stage: Stage, pid: int, seconds: float) -> Cost:
    """Of the process, from now on for so long. Blocks."""
    loop_before_s, frames, lost = main_thread_s(pid), stage.exposures(), stage.dropped()
    before_s, began_s = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    used_s, took_s = cpu_s(pid) - before_s, time.monotonic() - began_s
    loop_s = main_thread_s(pid) - loop_before_s
    return Cost(used_s, took_s, stage.exposures() - frames, stage.dropped() - lost, loop_s)


def cpu_s(pid: int) -> float:
    """Of all threads of a process so far, those that ended included, by the kernel's own count in ns."""
    return time.clock_gettime((~pid) << 3 | 2)  # CPUCLOCK_SCHED of a process; see clock_getcpuclockid(3)


def main_thread_s(pid: int) -> float:
    """Of a process' main thread so far; see proc(5), schedstat."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9
