"""Simulated cameras and a real daemon as processes of their own, and the command to talk to them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from agent.sim.plant import PlantClient
from agent.sim.server import plant_path
from tests.support.forks import Forked, Forks

CAMERA = "station-1"
TIME_SCALE = 9.0  # that of tests/support/libraries.py
SLOW_PPM, FAST_PPM = 600.0, 1500.0
PATIENCE_S = 60.0
AGENT = (sys.executable, "-m", "agent")


class Station:
    """Use as `with Station(library) as station`. Owner of the processes and of a short folder for sockets and state."""

    def __init__(
        self, library: Path, cameras: Sequence[str] = (CAMERA,), faults: str = "[]", forks: Forks | None = None
    ) -> None:
        """Several cameras are one group; `faults` are armed in the device process of the first by the config.

        With `forks` no process imports anything; without, each is started as users start it.
        """
        self.cameras = tuple(cameras)
        self._forks = forks
        self.folder = Path(tempfile.mkdtemp(prefix="ofa-test-"))
        self.config = self.folder / "agent.yaml"
        self.api_socket = self.folder / "api.sock"
        self._running: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self.config.write_text(
            f"""\
version: 1
state_dir: state
api: {{unix_socket: api.sock}}
library: {{path: {json.dumps(str(library))}}}
cameras:
{"".join(self._camera(number, name, faults if number == 1 else "[]") for number, name in enumerate(cameras, start=1))}
groups: {self._groups()}
policy:
  default_budget: {{parts_per_minute: {SLOW_PPM}}}
  swap: {{min_dwell_s: 0, deadline_s: 60}}
"""
        )

    def __enter__(self) -> Station:
        try:
            self.start_cameras()
            self.start_daemon()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for name in ("daemon", *self.cameras):
            self.stop(name, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_cameras(self) -> None:
        options = ("--time-scale", f"{TIME_SCALE}", "--parts-per-minute", f"{SLOW_PPM}", "--seed", "5")
        for number, name in enumerate(self.cameras, start=1):
            spec = ("--spec", json.dumps(self.camera_spec(number)))
            self._start(name, ("sim", "serve", "--socket", str(self.socket(name)), *spec, *options))
        sockets = [plant_path(self.socket(name)) for name in self.cameras]
        self.wait(lambda: all(path.is_socket() for path in sockets), "the cameras' sockets")

    def camera_spec(self, number: int) -> dict[str, object]:
        """What the simulated camera of that number, from 1, is told of itself beside its options."""
        return {"serial": _serial(number)}

    def socket(self, camera: str) -> Path:
        return self.folder / f"{camera}.sock"

    def start_daemon(self) -> None:
        self._start("daemon", ("run", "--config", str(self.config)))
        self.wait(self.is_active, "an ACTIVE camera")

    def stop(self, name: str, number: signal.Signals) -> int | None:
        """End one process and reap it; its exit code."""
        process = self._running.pop(name, None)
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait(20)

    def pid(self, name: str) -> int:
        """Of a process that runs."""
        return self._running[name].pid

    def hang_up(self) -> None:
        """Send SIGHUP to the daemon."""
        self._running["daemon"].send_signal(signal.SIGHUP)

    def agent(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command of `ofa-agent` against this daemon."""
        if self._forks is not None:
            return self._forks.run(arguments, timeout=PATIENCE_S, env=self._env())
        return subprocess.run(
            (*AGENT, *arguments), capture_output=True, text=True, timeout=PATIENCE_S, env=self._env(), check=False
        )

    def json(self, *arguments: str) -> Any:
        """The same with --json; it must succeed."""
        done = self.agent(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json("status")["cameras"][0]
        return found

    def is_active(self) -> bool:
        done = self.agent("status", "--json")
        if done.returncode != 0:
            return False
        cameras = json.loads(done.stdout)["cameras"]
        return all(camera["state"] == "ACTIVE" and camera["verified"] for camera in cameras)

    @contextmanager
    def watching(self) -> Iterator[Iterator[dict[str, Any]]]:
        """State changes as they come."""
        process = self._started(("watch", "--json"), stdout=subprocess.PIPE, env=self._env())
        assert process.stdout is not None
        try:
            yield (json.loads(line) for line in process.stdout)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    @contextmanager
    def plant(self, camera: str = CAMERA) -> Iterator[PlantClient]:
        """The plant around the camera."""
        with PlantClient(plant_path(self.socket(camera))) as plant:
            yield plant

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self, met: Any, what: str) -> None:
        """Ask again until `met()`; fails with the logs where a process died or nothing came."""
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            for name, process in self._running.items():
                assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log(name)}"
            assert time.monotonic() < deadline, f"waited for {what} in vain: {self.log('daemon')}"
            time.sleep(0.05)

    def _start(self, name: str, arguments: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = self._started(
                arguments, stdout=log.fileno(), stderr=log.fileno(), start_new_session=True
            )

    def _started(
        self, arguments: Sequence[str], stdout: int, stderr: int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None, start_new_session: bool = False,
    ) -> subprocess.Popen[bytes] | Forked:  # fmt: skip
        if self._forks is not None:
            return self._forks.start(
                arguments, stdout=stdout, stderr=stderr, env=env, start_new_session=start_new_session
            )
        return subprocess.Popen(
            (*AGENT, *arguments), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env,
            start_new_session=start_new_session,
        )  # fmt: skip

    def _camera(self, number: int, name: str, faults: str) -> str:
        return f"""\
  - name: {name}
    sdk: simulated
    serial: "{_serial(number)}"
    acquisition: {{exposure_us: 2000, trigger: {{source: Line0, activation: rising}}}}
    simulation: {{socket: {self.socket(name)}, faults: {faults}}}
"""

    def _groups(self) -> str:
        return f"[{{name: line-1, cameras: [{', '.join(self.cameras)}]}}]" if len(self.cameras) > 1 else "[]"

    def _env(self) -> dict[str, str]:
        return {**os.environ, "OFA_AGENT_SOCKET": str(self.api_socket)}


def _serial(number: int) -> str:
    return f"2000000{number}"
