"""A supervised camera in virtual time whose calls hang as told, on a disk that does, and what its operations promised.

Everything is the agent's own but the camera: supervisor, journal in SQLite, and the handlers of
google.longrunning.Operations without gRPC, so that the time in which they answer is virtual too.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from google.longrunning import operations_pb2

from agent.api.drain import Drain
from agent.api.profile import OperationHandlers
from agent.api.services import Services
from agent.clock import Clock, VirtualClock
from agent.domain.budget import Budget
from agent.domain.device import CameraInfo, GoldenCheck, GoldenOutcome, NetworkReport, NetworkSetup, ProgressFn
from agent.domain.operation import Operation
from agent.errors import CameraTimeout
from agent.policy.tickets import TicketRules
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.supervisor.group import SwapGroup
from agent.swap.transaction import Payload
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.fake_camera import FakeCamera
from tests.support.journal_faults import Bench
from tests.support.ladders import LadderSource

CALL_S = 0.3  # of each call of the camera, and of reading a network
LATE_S = 1.0  # after its announced deadline an operation has ended
LOOK_S = 0.05
HANG_S = 12.0  # of the disk: longer than the journal has patience, and than is left to any deadline
SETTINGS = SupervisorSettings(
    default_budget=Budget(max_latency_ms=400.0),
    fail_safe_budget=Budget(max_latency_ms=60.0),
    accepted_formats=("openvino-ir-10",),
    min_dwell_s=0.0,
    quarantine_s=30.0,
    swap_deadline_s=5.0,
)
GAP_CALLS = ("stop", "disable", "delete", "upload", "activate", "read", "self_test", "mark", "start")


@dataclass
class StuckCamera(FakeCamera):
    """Each call takes its time. `hangs`: calls that do not come back, by name; `silent`: not at their deadline either.

    `hang_after`: so many of them do before.
    """

    clock: Clock = field(default_factory=VirtualClock)
    hangs: frozenset[str] = frozenset()
    hang_after: int = 0
    silent: bool = False

    async def _slow(self, call: str, deadline_s: float) -> None:
        if call not in self.hangs:
            await asyncio.sleep(CALL_S)
            return
        self.hang_after -= 1
        if self.hang_after >= 0:
            await asyncio.sleep(CALL_S)
            return
        await asyncio.sleep(math.inf if self.silent else deadline_s)
        raise CameraTimeout(f"{call}: not done within {deadline_s:.1f} s")

    async def connect(self, deadline_s: float) -> CameraInfo:
        await self._slow("connect", deadline_s)
        return await super().connect(deadline_s)

    async def start_stream(self, deadline_s: float, generation: int | None) -> None:
        await self._slow("start", deadline_s)
        await super().start_stream(deadline_s, generation)

    async def stop_stream(self, deadline_s: float) -> None:
        await self._slow("stop", deadline_s)
        await super().stop_stream(deadline_s)

    async def disable_inference(self, deadline_s: float) -> None:
        await self._slow("disable", deadline_s)
        await super().disable_inference(deadline_s)

    async def delete_network(self, deadline_s: float) -> None:
        await self._slow("delete", deadline_s)
        await super().delete_network(deadline_s)

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        progress(len(blob) // 2, len(blob))
        await self._slow("upload", deadline_s)
        await super().upload_network(blob, deadline_s, progress)

    async def activate_network(
        self, setup: NetworkSetup, deadline_s: float, goldens: Sequence[GoldenCheck] = ()
    ) -> None:
        await self._slow("activate", deadline_s)
        await super().activate_network(setup, deadline_s, goldens)

    async def read_network(self, deadline_s: float) -> NetworkReport:
        await self._slow("read", deadline_s)
        return await super().read_network(deadline_s)

    async def self_test(self, goldens: Sequence[GoldenCheck], deadline_s: float) -> tuple[GoldenOutcome, ...]:
        await self._slow("self_test", deadline_s)
        return await super().self_test(goldens, deadline_s)

    async def mark_verified(self, subnet_id: str, deadline_s: float) -> None:
        await self._slow("mark", deadline_s)
        await super().mark_verified(subnet_id, deadline_s)


class SlowSource(LadderSource):
    """Reading takes a while."""

    async def load(self, subnet_id: str) -> Payload:
        await asyncio.sleep(CALL_S)
        return await super().load(subnet_id)


@dataclass
class Known:
    """One operation as it was seen from outside: the deadlines that it told, and when it was found to have ended."""

    name: str
    deadlines_s: list[float] = field(default_factory=list)
    ended_s: float | None = None

    def lateness_s(self, now_s: float) -> float:
        """After the earliest of its announced deadlines; negative where it ended before."""
        ended_s = now_s if self.ended_s is None else self.ended_s
        return ended_s - min(self.deadlines_s, default=math.inf)


class StuckStation:
    """See the module docstring. Owner of the supervisor and of what is known of its operations."""

    def __init__(self, folder: Path, settings: SupervisorSettings = SETTINGS, grouped: bool = False) -> None:
        self.bench = Bench(folder / "state" / "journal.sqlite3")
        self.clock = self.bench.clock
        self.camera = StuckCamera(clock=self.clock)
        rules = TicketRules("line-1", ("station-1", "station-2"), 1, 5.0, 20.0)
        self.group = SwapGroup(rules, self.clock) if grouped else None
        self.known: dict[str, Known] = {}
        self._looked_s = 0.0
        self._hung = False
        self._settings = settings

    @property
    def now_s(self) -> float:
        return self.clock.now_ns() / 1e9

    def run(self, story: Callable[[Supervisor], Awaitable[None]]) -> None:
        """Play the story; raises AssertionError where an operation outlives what it announced."""
        self.bench.play(lambda journal: self._play(journal, story))

    def hang_disk(self) -> None:
        """From the next commit on."""
        self.bench.disk.hang_s, self._hung = HANG_S, True

    async def cancelled_in_s(self, name: str) -> float:
        """Cancel that operation; how long the answer took."""
        began_s = self.now_s
        await self._handlers.cancel_operation(operations_pb2.CancelOperationRequest(name=name))
        return self.now_s - began_s

    def late(self) -> list[str]:
        """What outlived its deadline, in words."""
        lateness_s = {one.name: one.lateness_s(self._looked_s) for one in self.known.values()}
        return [
            f"{name} ended {late_s:.2f} s after its deadline"
            for name, late_s in lateness_s.items()
            if late_s > LATE_S + LOOK_S
        ]

    async def _play(self, journal: SqliteJournal, story: Callable[[Supervisor], Awaitable[None]]) -> None:
        parts = (self.camera, journal, self.clock, self._settings, SlowSource(), SeededIds(1).uuid, "boot-1")
        self.supervisor = Supervisor(Parts(*parts, self.group))
        self._handlers = OperationHandlers(Services({"station-1": self.supervisor}, journal, self.clock), Drain())
        await self.supervisor.load()
        running = asyncio.create_task(self.supervisor.run())
        looking = asyncio.create_task(self._look())
        try:
            await story(self.supervisor)
            await asyncio.sleep(2 * LOOK_S)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            self.camera.hangs = frozenset()
            self.supervisor.stop()
            await running
            await asyncio.sleep(HANG_S if self._hung else 0.0)  # the disk is back before the journal is closed

    async def _look(self) -> None:
        while True:
            self._looked_s = self.now_s
            for operation in self.supervisor.operations.all():
                self._note(operation)
            await asyncio.sleep(LOOK_S)

    def _note(self, operation: Operation) -> None:
        known = self.known.setdefault(operation.name, Known(operation.name))
        if operation.done:
            known.ended_s = self.now_s if known.ended_s is None else known.ended_s
        elif operation.deadline_s is not None:
            known.deadlines_s.append(operation.deadline_s)
