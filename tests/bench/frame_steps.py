"""Where the camera's thread spends a frame: `python -m tests.bench.frame_steps`. Half a minute.

Each step twice, in us of the thread's CPU time, medians of the times that it was made: as on a line, a frame every
sixtieth of a second from a camera in a process of its own, and one right after another, in virtual time and without
another process. The agent's steps run the same code both times: what differs is how much of it the processor's caches
still hold. What asks the camera differs by the way to the other process as well.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from agent.camera.clock_map import ClockMap
from agent.camera.feed import Feed
from agent.camera.frames import FrameReader
from agent.camera.network import ServiceTime
from agent.camera.stream import Stream
from agent.clock import Clock, SystemClock, VirtualClock
from agent.sim import bus
from agent.sim.remote import RemoteBusDevice
from tests.bench.frame import SPEC, inferring, one_frame
from tests.bench.stage import FRAME_RATE
from tests.support.device_process import device_process

WARM, FRAMES = 400, 600  # the first 256 service times are all read
ALL = "all of it"
# What is wrapped, by the name of its row; the SDK's two calls are what the reading has beside them.
STEPS: Mapping[str, tuple[type, str]] = {
    "reading": (FrameReader, "read"),
    "chunk data, and whose result it is": (FrameReader, "_take"),
    "Release": (FrameReader, "_release"),
    "the camera's clock against ours": (ClockMap, "observe"),
    "the frame, its time and part": (Stream, "note"),
    "the result's record": (Stream, "record"),
    "whether it fell silent": (Feed, "newly_stalled"),
    "a service time, where it is read": (ServiceTime, "read"),
}


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="ofa-bench-") as folder:
        spec = json.loads(json.dumps(SPEC.to_mapping()))
        with device_process(Path(folder), spec) as socket, ExitStack() as stack:
            place = RemoteBusDevice(socket)
            bus.attach(place)
            stack.callback(bus.detach, place)
            line = spent(SystemClock(), SPEC.serial)
    clock = VirtualClock()
    with bus.local_camera(SPEC, clock) as camera:
        together = spent(clock, camera.spec.serial)
    sys.stdout.write(f"{'step':36}{'on a line':>12}{'in a row':>12}{'times':>8}{'a second':>10}\n")
    for name, (line_us, often) in line.items():
        row_us = together[name].us
        sys.stdout.write(f"{name:36}{line_us:12.1f}{row_us:12.1f}{line_us / row_us:8.1f}{often * FRAME_RATE:10.1f}\n")
    return 0


class Spent(NamedTuple):
    """Median us of a step, and how often it is made for a frame."""

    us: float
    often: float


def spent(clock: Clock, serial: str, warm: int = WARM, frames: int = FRAMES) -> dict[str, Spent]:
    """Of each step, over that many frames after the `warm` ones."""
    with inferring(clock, serial) as device, _watched() as taken:
        for number in range(warm + frames):
            if number == warm:
                for times in taken.values():
                    times.clear()
            began = time.thread_time_ns()
            one_frame(device)
            taken[ALL].append(time.thread_time_ns() - began)
    found = {name: Spent(statistics.median(times) / 1e3, len(times) / frames) for name, times in taken.items()}
    reading = found.pop("reading")
    inside_us = found["chunk data, and whose result it is"].us + found["Release"].us
    return {"GetNextImage": Spent(reading.us - inside_us, reading.often), **found}


@contextmanager
def _watched() -> Iterator[dict[str, list[int]]]:
    """What each step takes while the block runs."""
    taken: dict[str, list[int]] = {name: [] for name in (*STEPS, ALL)}
    with ExitStack() as stack:
        for name, (owner, method) in STEPS.items():
            stack.enter_context(mock.patch.object(owner, method, _timed(getattr(owner, method), taken[name])))
        yield taken


def _timed(method: Callable[..., Any], taken: list[int]) -> Callable[..., Any]:
    now = time.thread_time_ns

    @wraps(method)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = now()
        try:
            return method(*args, **kwargs)
        finally:
            taken.append(now() - began)

    return timed


if __name__ == "__main__":
    sys.exit(main())
