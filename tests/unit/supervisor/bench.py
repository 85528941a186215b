"""One supervisor in virtual time with everything around it scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget
from agent.domain.control import Prepared
from agent.domain.meter import NO_METER, CameraMeter
from agent.domain.notice import ChangeState
from agent.domain.states import CameraState
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.telemetry.ids import SeededIds
from tests.support.fake_camera import FakeCamera
from tests.support.ladders import LadderSource
from tests.support.memory_journal import MemoryJournal

SETTINGS = SupervisorSettings(
    default_budget=Budget(max_latency_ms=400.0),
    fail_safe_budget=Budget(max_latency_ms=60.0),
    accepted_formats=("openvino-ir-10",),
    quarantine_s=30.0,
)
STORY_DEADLINE_S = 3600.0
FAST = Budget(parts_per_minute=1800.0)  # the smallest net only
SLOW = Budget(parts_per_minute=600.0)
NO_DWELL = replace(SETTINGS, min_dwell_s=0.0)


@dataclass
class Bench:
    """One supervisor with everything around it; `run` plays a story against it."""

    camera: FakeCamera = field(default_factory=FakeCamera)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    source: LadderSource | None = field(default_factory=LadderSource)
    settings: SupervisorSettings = SETTINGS
    clock: VirtualClock = field(default_factory=VirtualClock)
    boot_id: str = "boot-1"
    meter: CameraMeter = NO_METER

    def run(self, story: Callable[[Supervisor], Awaitable[None]]) -> None:
        run_virtual(self.clock, self._play(story))

    async def _play(self, story: Callable[[Supervisor], Awaitable[None]]) -> None:
        new_id = SeededIds(1).uuid
        parts = (self.camera, self.journal, self.clock, self.settings, self.source, new_id, self.boot_id)
        supervisor = Supervisor(Parts(*parts, meter=self.meter))
        await supervisor.load()
        running = asyncio.create_task(supervisor.run())
        try:
            await asyncio.wait_for(story(supervisor), STORY_DEADLINE_S)
        finally:
            supervisor.stop()
            await running

    def alarms(self) -> set[str]:
        return {alarm.key for alarm in self.journal.known_alarms if alarm.cleared_wall_ns is None}


async def until(supervisor: Supervisor, state: CameraState, subnet_id: str | None = None) -> None:
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(60.0)
            if snapshot and snapshot.state is state and subnet_id in (None, snapshot.active_subnet):
                return
    finally:
        feed.close()


async def tell(
    supervisor: Supervisor, budget: Budget, due_s: float, ttl_s: float | None = None, name: str = "p-1"
) -> Prepared:
    return await supervisor.prepare_budget("plc", name, budget, ttl_s, due_s)


def states(supervisor: Supervisor) -> list[ChangeState]:
    return [change.state for change in supervisor.snapshot().changes]


async def until_state(supervisor: Supervisor, state: ChangeState) -> None:
    feed = supervisor.status_feed()
    try:
        while state not in states(supervisor):
            await feed.next(60.0)
    finally:
        feed.close()
