"""A real daemon that is short of disk, descriptors or memory for a while, and a client that was there before.

The shortages are made from outside, at a process that runs: prlimit(2), and a little file system of its own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from agent.pb.ofa_agent.v1 import config_pb2, control_pb2, status_pb2, types_pb2
from tests.support.forks import Forked, Forks

AGENT = (sys.executable, "-m", "agent")
PATIENCE_S = 60.0
CALL_S = 20.0
CLIENT = "plc"
_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    *((f"grpc.{name}_reconnect_backoff_ms", 50) for name in ("initial", "min", "max")),
)
_CONFIG = """\
version: 1
state_dir: {state}
api: {{unix_socket: api.sock}}
cameras:
  - name: station-1
    sdk: simulated
    serial: "20000001"
    acquisition: {{exposure_us: 2000, trigger: {{source: Line0, activation: rising}}}}
    simulation: {{parts_per_minute: 60}}
policy:
  default_budget: {{max_latency_ms: 80}}
"""


class Refused(Exception):
    """A call that ended with an error: its code and words."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code = error.code().name
        self.words = error.details() or ""
        super().__init__(f"{self.code}: {self.words}")


class Starved:
    """Use as `with Starved() as daemon`. Owner of the process, of its folder and of the file system in it."""

    def __init__(self, mounted_bytes: int | None = None, forks: Forks | None = None) -> None:
        """`mounted_bytes`: the state lies on a file system of its own of that size. `forks`: nothing is imported."""
        self._forks = forks
        self.folder = Path(tempfile.mkdtemp(prefix="ofa-test-"))
        self.state = self.folder / "disk" / "state"
        self._mounted = mounted_bytes is not None
        self._process: subprocess.Popen[bytes] | Forked | None = None
        (self.folder / "disk").mkdir()
        if mounted_bytes is not None:
            _run("mount", "-t", "tmpfs", "-o", f"size={mounted_bytes}", "tmpfs", str(self.folder / "disk"))
        self.state.mkdir()
        (self.folder / "agent.yaml").write_text(_CONFIG.format(state=self.state))

    def __enter__(self) -> Starved:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def address_space(self) -> int:
        """Bytes of virtual memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[0]) * resource.getpagesize()

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(errors="replace")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon; harmless where it does not run."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            process.wait(20)

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        if self._mounted:
            _run("umount", "-l", str(self.folder / "disk"))
        shutil.rmtree(self.folder, ignore_errors=True)

    def remount(self, mode: str) -> None:
        """`ro` or `rw`, for the file system of its own."""
        _run("mount", "-o", f"remount,{mode}", str(self.folder / "disk"))

    def fill(self) -> Path:
        """Use up what is left of it; the file that does."""
        path = self.folder / "disk" / "filler"
        with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        return path

    @contextmanager
    def limited(self, kind: int, most: int) -> Iterator[None]:
        """Under that limit of the kernel for as long as the context lasts."""
        before = resource.prlimit(self.pid, kind)
        resource.prlimit(self.pid, kind, (most, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self.pid, kind, before)

    # -- calls --------------------------------------------------------------------------------------------------------

    def client(self) -> Client:
        """A connection of its own."""
        return Client(self.folder / "api.sock")

    @contextmanager
    def crowd(self, count: int) -> Iterator[None]:
        """So many connections beside, that say nothing; the daemon need not take them."""
        with ExitStack() as held:
            for _ in range(count):
                one = held.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                with contextlib.suppress(OSError):
                    one.connect(str(self.folder / "api.sock"))
            yield

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Ask again until it is so; fails where the daemon has ended or it never comes."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not met():
            assert self.lives(), f"the daemon ended: {self.log[-4000:]}"
            assert time.monotonic() < deadline_s, f"waited for {what} in vain: {self.log[-4000:]}"
            time.sleep(0.02)

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the daemon, until it answers."""
        arguments = ("run", "--config", str(self.folder / "agent.yaml"))
        with (self.folder / "daemon.log").open("ab") as log:
            if self._forks is not None:
                self._process = self._forks.start(
                    arguments, stdout=log.fileno(), stderr=log.fileno(), start_new_session=True
                )
            else:
                self._process = subprocess.Popen(
                    (*AGENT, *arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        with self.client() as client:
            self.until(client.answers, "its answer")


class Client:
    """One client's connection."""

    def __init__(self, path: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix:{path}", options=_OPTIONS)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def answers(self) -> bool:
        try:
            self.status()
        except Refused:
            return False
        return True

    def status(self) -> types_pb2.CameraStatus:
        answer = self._ask("StatusService/GetStatus", status_pb2.GetStatusRequest(), status_pb2.GetStatusResponse)
        (found,) = answer.cameras
        assert isinstance(found, types_pb2.CameraStatus)
        return found

    def alarms(self) -> dict[str, str]:
        """The texts of those that stand, by key."""
        answer = self._ask("StatusService/ListAlarms", status_pb2.ListAlarmsRequest(), status_pb2.ListAlarmsResponse)
        return {one.key: one.text for one in answer.alarms}

    def swaps(self) -> int:
        answer = self._ask("StatusService/ListSwaps", status_pb2.ListSwapsRequest(), status_pb2.ListSwapsResponse)
        return len(answer.swaps)

    def claims(self) -> dict[str, float]:
        """The bounds that are held, by client, in ms."""
        return {one.client: one.budget.max_latency_ms for one in self.status().claims}

    def set_budget(self, latency_ms: float, request_id: str = "") -> control_pb2.SetBudgetResponse:
        budget = types_pb2.Budget(max_latency_ms=latency_ms)
        request = control_pb2.SetBudgetRequest(client=CLIENT, budget=budget, request_id=request_id)
        answer = self._ask("ControlService/SetBudget", request, control_pb2.SetBudgetResponse)
        assert isinstance(answer, control_pb2.SetBudgetResponse)
        return answer

    def reload(self) -> None:
        request = config_pb2.ReloadConfigRequest(client=CLIENT)
        self._ask("ControlService/ReloadConfig", request, config_pb2.ReloadConfigResponse)

    def _ask(self, method: str, request: Message, answer: type[Message]) -> Any:
        call = self._channel.unary_unary(
            f"/ofa_agent.v1.{method}", lambda one: one.SerializeToString(), answer.FromString
        )
        try:
            return call(request, timeout=CALL_S)
        except grpc.RpcError as error:
            raise Refused(error) from error


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
