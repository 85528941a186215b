"""A reload desk on a file of its own in virtual time, with rooms that it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.config.last_good import NAME, Loaded, load
from agent.config.reload import ReloadDesk
from agent.domain.alarms import AlarmKey
from agent.domain.reload import Change, ReloadOrigin
from tests.unit.config.configs import written

T = TypeVar("T")
BASE = """\
version: 1
state_dir: state
library: {path: library}
cameras:
  - name: a
    sdk: spinnaker
policy:
  notice_s: 1
"""
CALL = ReloadOrigin.CALL


@dataclass
class Rooms:
    """Whom a reload tells; `told` is what each of three holds to. `breaks`: the one that fails to be told."""

    told: list[AgentConfig]
    error: Exception | None = None
    breaks: int | None = None
    extra: Sequence[Change] = ()
    staged: int = 0
    gate: asyncio.Event | None = None

    async def stage(self, config: AgentConfig) -> Handover:
        self.staged += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Handover(self, list(self.told), config, self.extra)


@dataclass
class Handover:
    rooms: Rooms
    before: list[AgentConfig]
    after: AgentConfig
    changes: Sequence[Change]

    def apply(self) -> None:
        for number in range(len(self.before)):
            if number == self.rooms.breaks:
                raise ZeroDivisionError("a fault in taking over")
            self.rooms.told[number] = self.after

    async def commit(self) -> None:
        pass

    def undo(self) -> None:
        self.rooms.told[:] = self.before


@dataclass
class Alarms:
    standing: dict[str, str] = field(default_factory=dict)

    async def happened(self, key: AlarmKey, text: str) -> None:
        self.standing[key] = text

    async def cleared(self, key: AlarmKey) -> None:
        self.standing.pop(key, None)


@dataclass
class Rig:
    """A desk on a file in a folder of its own, in virtual time."""

    folder: Path
    clock: VirtualClock
    desk: ReloadDesk
    rooms: Rooms
    alarms: Alarms

    @property
    def file(self) -> Path:
        return self.folder / "agent.yaml"

    def write(self, text: str) -> None:
        self.file.write_text(text, "utf-8")

    def holds(self, notice_s: float) -> bool:
        """Whether everybody holds to the config of that notice, and it is the one that runs."""
        return all(config == self.desk.running for config in self.rooms.told) and (
            self.desk.running.policy.notice_s == notice_s
        )

    @property
    def last_good(self) -> str:
        return (self.folder / "state" / NAME).read_text("utf-8")


def rigged(folder: Path, main: Callable[[Rig], Coroutine[Any, Any, T]], loaded: Loaded | None = None) -> T:
    clock = VirtualClock()
    (folder / "state").mkdir(exist_ok=True)

    async def run() -> T:
        start = loaded or load(written(folder, BASE))
        rooms, alarms = Rooms([start.config] * 3), Alarms()
        rig = Rig(folder, clock, ReloadDesk(start, rooms.stage, alarms, clock), rooms, alarms)
        await rig.desk.started()
        serving = asyncio.create_task(rig.desk.run())
        try:
            return await main(rig)
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    return run_virtual(clock, run())


def other(**keys: object) -> str:
    """BASE with other values: notice_s=2 …"""
    text = BASE
    for key, value in keys.items():
        start = text.index(f"{key}: ")
        end = text.index("\n", start)
        text = f"{text[:start]}{key}: {value}{text[end:]}"
    return text


async def passes(rig: Rig, condition: Callable[[], bool], within_s: float) -> None:
    end_ns = rig.clock.now_ns() + round(within_s * 1e9)
    while not condition():
        assert rig.clock.now_ns() < end_ns
        await asyncio.sleep(0.05)
