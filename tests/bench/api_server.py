"""The process that is measured: the real server, supervisors and journal over scripted cameras; see tests.bench.api.

    python -m tests.bench.api_server FOLDER CAMERAS

Each camera has 60 results a second and, by its tick, a new state four times a second. An empty handler is registered
beside the agent's services, and gRPC also listens by itself at BARE in the folder: what comes there does not pass the
agent's door, so that the agent's own services refuse it. Where the folder has one `tls` with certificates, it serves
TCP too, at the port that it writes to PORT. A line on standard input is answered with the CPU seconds of this process
so far.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import grpc

from agent.api import ApiLimits, ApiServer, Services
from agent.api.access import Auth, Door, Who
from agent.api.drain import Drain
from agent.api.errors import Rejected
from agent.api.gate import Gate
from agent.api.serving import Handlers
from agent.api.tls_door import TlsDoor
from agent.api.tls_files import TlsFiles, TlsPaths
from agent.api.unix_door import UnixDoor
from agent.clock import Clock, SystemClock
from agent.domain.access import Role
from agent.domain.alarms import AlarmKey
from agent.domain.budget import Budget
from agent.domain.states import CameraState
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.telemetry.ids import RandomIds
from agent.telemetry.journal import SqliteJournal
from tests.support.fake_camera import FakeCamera
from tests.support.ladders import LadderSource

RESULTS_PER_S = 60.0
EMPTY = "/ofa_agent.bench.Empty/Empty"
BARE = "bare.sock"
TLS, PORT = "tls", "port"
ROLES = {"spiffe://plant/read/*": Role.READ, "spiffe://plant/control/*": Role.CONTROL}
SETTINGS = SupervisorSettings(
    default_budget=Budget(max_latency_ms=400.0),
    fail_safe_budget=Budget(max_latency_ms=400.0),
    accepted_formats=("openvino-ir-10",),
    min_dwell_s=3600.0,
)


class _Bare:
    """A door of gRPC's own, through which nobody is known: what the agent's door is measured against."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def bind(self, server: grpc.aio.Server) -> None:
        server.add_insecure_port(f"unix:{self._path}")

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def remove(self) -> None: ...

    def who(self, peer: str, auth: Auth) -> Who | None:
        return None

    def refused(self, peer: str, error: Rejected | None) -> str | None:
        return None


class _NoAlarms:
    async def happened(self, key: AlarmKey, text: str) -> None: ...

    async def cleared(self, key: AlarmKey) -> None: ...


class BenchServer(ApiServer):
    """With one method more, which does nothing and passes nothing of the agent's own, and one way in more."""

    def __init__(self, services: Services, folder: Path, doors: Sequence[Door], limits: ApiLimits) -> None:
        super().__init__(services, [*doors, _Bare(folder / BARE)], limits)

    def _services_of(self, drain: Drain, gate: Gate) -> dict[str, Handlers]:
        async def empty(body: bytes, context: Any) -> bytes:
            return b""

        _, service, method = EMPTY.split("/")
        more = {service: {method: grpc.unary_unary_rpc_method_handler(empty)}}
        return {**super()._services_of(drain, gate), **more}


class Station(FakeCamera):
    """A camera whose service time is never twice the same, so that its figures change."""

    taken: int = 0

    def jitter(self) -> float:
        self.taken += 1
        return (self.taken % 97) / 100.0


def _tls_door(folder: Path, clock: Clock) -> TlsDoor | None:
    if not folder.is_dir():
        return None
    paths = TlsPaths(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    return TlsDoor("127.0.0.1:0", TlsFiles(paths, clock), ROLES, clock, _NoAlarms(), folder=folder)


async def line(cameras: list[Station]) -> None:
    """Deliver results, each camera's in its own turn, until cancelled."""
    loop = asyncio.get_running_loop()
    due_s, step_s = loop.time(), 1.0 / (RESULTS_PER_S * len(cameras))
    while True:
        for camera in cameras:
            if camera.streaming:
                camera.deliver(time.monotonic_ns(), 20.0 + camera.jitter(), 30.0)
            due_s += step_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))


async def serve(folder: Path, count: int) -> None:
    clock, ids = SystemClock(), RandomIds()
    journal = SqliteJournal(folder / "journal.db", clock, ids)
    await journal.open()
    cameras = [Station(f"station-{number}") for number in range(1, count + 1)]
    supervisors = [
        Supervisor(Parts(camera, journal, clock, SETTINGS, LadderSource(), ids.uuid, "boot-1")) for camera in cameras
    ]
    services = Services({one.name: one for one in supervisors}, journal, clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        for supervisor in supervisors:
            await supervisor.load()
            tasks.start_soon(supervisor.run)
        tasks.start_soon(line, cameras)
        tls = _tls_door(folder / TLS, clock)
        limits = ApiLimits()
        doors: list[Door] = [UnixDoor(folder / "api.sock", None, limits), *([] if tls is None else [tls])]
        await stack.enter_async_context(BenchServer(services, folder, doors, limits))
        if tls is not None:
            (folder / PORT).write_text(str(tls.port), encoding="ascii")
            tasks.start_soon(tls.run)
        while any(one.snapshot().state is not CameraState.ACTIVE for one in supervisors):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await answer()
        tasks.cancel_scope.cancel()


async def answer(**figures: Callable[[], float]) -> None:
    """Say that all is up, then for each line the figure of that name, or the CPU time; until the input ends."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while name := await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(f"{figures.get(name.strip(), time.process_time)()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
