"""Some hundreds of reloads, three of ten bad: never a part of a file, and always what the last good one said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.app import supervisor_settings
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig, load_config
from agent.config.last_good import NAME, load
from agent.config.reload import ReloadDesk
from agent.domain.reload import ReloadOrigin, ReloadOutcome
from agent.errors import AgentError
from agent.staging import Staging
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.source import SubnetSource
from tests.support.memory_trust import MemoryTrust
from tests.support.reload_story import APPLIED, UNCHANGED, Attempt, Story
from tests.unit.config.desk import Alarms

HEAD = """\
version: 1
state_dir: state
cameras:
  - {name: a, sdk: spinnaker, serial: "1", accepted_formats: [openvino-ir-10]}
  - {name: b, sdk: spinnaker, serial: "2", accepted_formats: [openvino-ir-10], policy: OWN}
"""
RELOADS = 240


@dataclass
class Room:
    """One supervisor; `fails` the next time that it is told."""

    settings: SupervisorSettings
    source: SubnetSource | None
    fails: bool = False

    def reconfigure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        if self.fails:
            self.fails = False
            raise ZeroDivisionError("a fault in taking over")
        self.settings, self.source = settings, source


@dataclass
class Daemon:
    """What a reload tells, on the real staging with real libraries."""

    story: Story
    clock: VirtualClock
    alarms: Alarms = field(default_factory=Alarms)

    def __post_init__(self) -> None:
        loaded = load(self.story.file)
        loaded.config.state_dir.mkdir()
        self.staging = Staging(self.clock, MemoryTrust(), supervisor_settings)
        self.loaded = loaded

    async def started(self) -> None:
        loaded = self.loaded
        await self.staging.open(loaded.config)
        self.rooms = {name: Room(told.settings, told.source) for name, told in self.staging.told.items()}
        self.staging.attach(self.rooms)
        self.desk = ReloadDesk(loaded, self.staging.stage, self.alarms, self.clock)
        self.good = loaded.config

    def check(self) -> None:
        """Everybody holds to one config, the last that was accepted, and to the library that it meant."""
        assert self.desk.running == self.good
        for camera in self.good.cameras:
            room = self.rooms[camera.name]
            assert room.settings == supervisor_settings(self.good, camera)
            assert room.source is not None
            assert room.source.catalogue.version == self.story.values.version

    async def tried(self, attempt: Attempt) -> ReloadOutcome:
        try:
            report = await self.desk.reload(ReloadOrigin.CALL)
        except AgentError as error:
            told = str(error)
            assert told.startswith(f"{self.story.file}:"), told
            assert attempt.error in told.removeprefix(str(self.story.file)), (attempt, told)
            assert self.desk.report.error == told
            assert self.alarms.standing
            return self.desk.report.outcome
        assert set(self.alarms.standing) <= {"internal"}  # that one is for a person
        assert (self.good.state_dir / NAME).read_bytes() == attempt.text
        return report.outcome


@pytest.mark.parametrize("seed", [1, 2])
def test_what_runs_is_always_the_last_config_that_was_accepted(tmp_path: Path, seed: int) -> None:
    clock = VirtualClock()
    met: set[ReloadOutcome] = set()

    async def main() -> None:
        daemon = Daemon(Story(tmp_path, HEAD, seed), clock)
        await daemon.started()
        await daemon.desk.started()
        for number in range(RELOADS // 2):
            attempt = daemon.story.next()
            broken = number % 29 == 28 and attempt.wanted is APPLIED
            daemon.rooms["b"].fails = broken
            if broken:
                with pytest.raises(ZeroDivisionError):
                    await daemon.desk.reload(ReloadOrigin.CALL)
                outcome = daemon.desk.report.outcome
                assert outcome is ReloadOutcome.ROLLED_BACK
                daemon.story.settled(Attempt(b"", outcome, attempt.values))
            else:
                outcome = await daemon.tried(attempt)
                assert outcome is attempt.wanted, attempt
                if outcome in (APPLIED, UNCHANGED):
                    daemon.good = parsed(attempt, tmp_path)
                daemon.story.settled(attempt)
            met.add(outcome)
            daemon.check()

    run_virtual(clock, main())
    assert met == set(ReloadOutcome) - {ReloadOutcome.WOULD_APPLY}


def parsed(attempt: Attempt, folder: Path) -> AgentConfig:
    """What the file says, read apart from the desk."""
    config = load_config(folder / "agent.yaml")
    assert (folder / "agent.yaml").read_bytes() == attempt.text
    return config


def test_reloads_asked_for_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    clock = VirtualClock()

    async def main() -> None:
        daemon = Daemon(Story(tmp_path, HEAD, 3), clock)
        await daemon.started()
        for _ in range(10):
            attempt = daemon.story.next()
            asked = [daemon.desk.reload(ReloadOrigin.CALL, validate_only=number % 2 == 1) for number in range(6)]
            told = await asyncio.gather(*asked, return_exceptions=True)
            for one in told:
                assert not isinstance(one, BaseException) or isinstance(one, AgentError)
            if attempt.wanted is APPLIED:
                outcomes = [one.outcome for one in told if not isinstance(one, BaseException)]
                assert outcomes == [APPLIED] + [UNCHANGED] * 5
                daemon.good = parsed(attempt, tmp_path)
            elif attempt.wanted is UNCHANGED:
                daemon.good = parsed(attempt, tmp_path)
            daemon.story.settled(attempt)
            daemon.check()

    run_virtual(clock, main())
