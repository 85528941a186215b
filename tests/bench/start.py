"""How long a daemon takes from the start of its process until it tells systemd that it serves: wall clock and CPU.

It runs as its unit runs it, on a signed library, with its state of the run before; the camera is simulated in a process
of its own. The yardstick is a bare interpreter that imports grpc and protobuf and says as much, once for each start.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.figures import Figure, Left
from tests.support.libraries import build_ladder
from tests.support.service_manager import manager
from tests.support.wide_libraries import signed, widen
from tests.system.station import AGENT, Station

REPEATS = 7
MANY = 10_000
GOALS_S = {"": 1.0, f"_{MANY}": 1.5}
PATIENCE_S = 60.0
_BARE = """\
import os, socket, grpc, google.protobuf.message
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
    way.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
import time; time.sleep(600)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """What one start took: by the wall clock, and of the process' own time on a processor (to 10 ms)."""

    wall_s: float
    cpu_s: float


def figures() -> list[Figure | Left]:
    """Measure. Takes about two minutes."""
    load = os.getloadavg()[0]
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_ladder(folder)
        for suffix, size in (("", 0), (f"_{MANY}", MANY)):
            library = widen(folder / "library", folder / f"library{suffix or '_usual'}", size)
            starts, bares = _starts(library, signed(library, folder), folder / "notify")
            found += _figures(suffix, starts, bares)
    loads = {"load_before": load, "load_after": os.getloadavg()[0]}
    return [Figure(f.key, f.what, f.reference, f.values, f.goal, {**f.parts, **loads}) for f in found]


def _figures(suffix: str, starts: Sequence[Took], bares: Sequence[Took]) -> list[Figure]:
    with_what = f"with {MANY} sub-nets" if suffix else "with a usual library"
    parts = {
        "cpu_s": statistics.median(one.cpu_s for one in starts),
        "bare_s": statistics.median(one.wall_s for one in bares),
        "bare_cpu_s": statistics.median(one.cpu_s for one in bares),
    }
    absolute = Figure(
        f"start.s{suffix}",
        f"process start to READY {with_what}",
        "a second",
        tuple(one.wall_s for one in starts),
        GOALS_S[suffix],
        parts,
    )
    relative = Figure(
        f"start.cpu_over_bare{suffix}",
        f"CPU from process start to READY {with_what}",
        "that of an interpreter that imports grpc and protobuf, just before",
        tuple(one.cpu_s / bare.cpu_s for one, bare in zip(starts, bares, strict=True)),
    )
    return [absolute, relative]


def _starts(library: Path, public: Path, notify: Path) -> tuple[list[Took], list[Took]]:
    """Each start just after one of the yardstick; the first of both is not counted."""
    station = Station(library)
    told = f"library: {{path: {library}, trusted_keys: [{public}]}}"
    lines = station.config.read_text().splitlines()
    station.config.write_text("".join(f"{told if line.startswith('library:') else line}\n" for line in lines))
    daemon = (*AGENT, "run", "--config", str(station.config), "--or-last-good")
    starts, bares = [], []
    try:
        station.start_cameras()
        for _ in range(REPEATS + 1):
            bares.append(_started((sys.executable, "-c", _BARE), notify))
            starts.append(_started(daemon, notify))
    finally:
        station.close()
    return starts[1:], bares[1:]


def _started(command: Sequence[str], notify: Path) -> Took:
    """One start, ended again once it was READY. Raises RuntimeError where it never is."""
    notify.unlink(missing_ok=True)
    with manager(notify) as inbox:
        inbox.settimeout(PATIENCE_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(notify)}
        begun = time.perf_counter()
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                _await_ready(inbox, process)
                wall_s = time.perf_counter() - begun
                cpu = psutil.Process(process.pid).cpu_times()
            finally:
                process.send_signal(signal.SIGTERM)
                _ended(process)
    return Took(wall_s, float(cpu.user + cpu.system))


def _ended(process: subprocess.Popen[bytes]) -> None:
    try:
        process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _await_ready(inbox: socket.socket, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            message = inbox.recv(65_536)
        except TimeoutError as exc:
            raise RuntimeError(f"{process.args!r}: not READY within {PATIENCE_S:g} s") from exc
        if b"READY=1" in message.split(b"\n"):
            return
