"""Profiling on the simulated camera in virtual time: what is measured is what the camera takes, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import pytest

from agent.app import JOURNAL_NAME, Agent
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.domain.budget import Budget
from agent.domain.operation import Operation, ProfileAsk, ProfileStage, ProfileWork
from agent.domain.profile import ProfileSource, StoredProfile
from agent.domain.result import InferenceResult
from agent.domain.states import CameraState, Degraded
from agent.errors import Cancelled, Refused
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.sim.spec import FaultSpec
from agent.supervisor import Supervisor
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.operations import profiling
from tests.support.virtual_line import CAMERA, FEED, Outcome, check, line_config

RATE = 900.0
BUDGET = Budget(parts_per_minute=RATE, max_latency_ms=400.0)
ALL = ProfileAsk(results=40)


@dataclass
class Site:
    """One station on its line."""

    clock: VirtualClock
    agent: Agent
    device: Firefly
    supervisor: Supervisor
    results: list[InferenceResult] = field(default_factory=list)

    def now_s(self) -> float:
        return self.clock.now_ns() / 1e9

    async def run_line(self, for_s: float) -> None:
        """Parts come, and the line says so."""
        self.device.set_line(RATE)
        await self.supervisor.report_line("plc", False, RATE, 3600.0)
        await asyncio.sleep(for_s)

    async def stop_line(self) -> None:
        self.device.set_line(0.0)
        await self.supervisor.report_line("plc", True, None, 3600.0)

    async def until(self, condition: Callable[[], bool], most_s: float = 600.0) -> None:
        end_s = self.now_s() + most_s
        while not condition():
            assert self.now_s() < end_s, f"not within {most_s} s: {self.supervisor.snapshot()}"
            await asyncio.sleep(0.1)

    async def profiled(self, operation: Operation) -> Operation:
        ended = await self.supervisor.operations.wait(operation.name, 600.0)
        assert ended is not None
        assert ended.done
        return ended

    @property
    def active(self) -> str | None:
        return self.supervisor.snapshot().active_subnet

    def take(self) -> list[InferenceResult]:
        """Results since the last call."""
        taken, self.results = self.results, []
        return taken


Story = Callable[[Site], Awaitable[None]]


def play(config: AgentConfig, story: Story) -> None:
    """The agent on the simulated camera; what it published agrees with ground truth."""
    clock, outcome = VirtualClock(), Outcome()
    config.state_dir.mkdir(parents=True, exist_ok=True)

    async def main() -> None:
        agent = Agent(config, clock, SeededIds(1))
        async with agent.running():
            (place,) = bus.places()
            assert isinstance(place, LocalBusDevice)
            site = Site(clock, agent, place.device, agent.supervisors[CAMERA])
            every: list[InferenceResult] = []
            reader = asyncio.create_task(_read(site, every))
            await site.supervisor.set_budget("plc", BUDGET, None, True)
            await site.run_line(15.0)
            await site.until(lambda: site.supervisor.snapshot().state is CameraState.ACTIVE)
            try:
                await story(site)
            finally:
                reader.cancel()
                await asyncio.wait({reader})
            catalogue = site.supervisor.catalogue()
            assert catalogue is not None
            digests = {subnet.id: subnet.artifacts[0].sha256 for subnet in catalogue.subnets}
            check(every, site.device.truth(), digests, outcome)

    run_virtual(clock, main())
    assert outcome.wrong == []


async def _read(site: Site, every: list[InferenceResult]) -> None:
    feed = site.supervisor.result_feed(FEED)
    try:
        while True:
            result = await feed.next(60.0)
            if result is not None:
                site.results.append(result)
                every.append(result)
    finally:
        feed.close()


async def _profiles(journal: SqliteJournal, site: Site) -> dict[str, StoredProfile]:
    info = site.supervisor.snapshot().info
    assert info is not None
    return {stored.profile.subnet_id: stored for stored in await journal.profiles(info.serial)}


def test_a_stop_of_the_line_is_enough_to_measure_every_sub_net_and_costs_no_part(tmp_path: Path, ladder: Path) -> None:
    async def story(site: Site) -> None:
        before = site.active
        await site.stop_line()
        site.take()
        plan = site.supervisor.plan_profile(ALL)
        assert len(plan.subnets) == 5
        assert plan.subnets[-1] == before
        began_s = site.now_s()
        ended = await site.profiled((await site.supervisor.start_profile(ALL)).operation)
        assert ended.error is None
        assert [net.subnet_id for net in profiling(ended).nets] == list(plan.subnets)
        assert 0.4 < (site.now_s() - began_s) / plan.takes_s < 1.6
        await _at_home(site, before)
        assert {result.inference.part for result in site.take()} == {None}
        truth = site.device.truth()["inferences"]
        stored = await _profiles(site.agent.journal, site)
        for net in profiling(ended).nets:
            kept = stored[net.subnet_id]
            true_ms = median(row["service_ms"] for row in truth if row["sha256"] == kept.sha256)
            assert net.median_ms is not None
            assert abs(net.median_ms / true_ms - 1.0) < 0.01
            assert kept.profile.median_ms == net.median_ms
            assert kept.profile.count == net.count == 40
            assert kept.profile.source is ProfileSource.COMMISSIONING
            assert kept.profile.temperature_c is not None
            assert kept.profile.swap_s is not None
            assert 0.5 < kept.profile.swap_s < 10.0
        swaps = await site.agent.journal.swaps(CAMERA, 100)
        assert [swap.to_subnet for swap in reversed(swaps) if swap.reason == "profile"] == list(plan.subnets)
        await site.run_line(10.0)  # time for a swap to what is known to be better by now
        site.take()
        await asyncio.sleep(10.0)
        parts = [result.inference.part for result in site.take() if result.inference.part is not None]
        assert len(parts) > 140
        assert parts == list(range(parts[0], parts[0] + len(parts)))

    play(line_config(tmp_path, ladder, "pessimistic"), story)


def test_a_running_line_is_not_measured_unless_somebody_says_so(tmp_path: Path, ladder: Path) -> None:
    async def story(site: Site) -> None:
        before = site.active
        with pytest.raises(Refused, match="not reported as stopped"):
            (await site.supervisor.start_profile(ALL))
        others = [one.id for one in site.supervisor.catalogue().subnets if one.id != before]  # type: ignore[union-attr]
        ask = ProfileAsk((others[0],), 60, while_running=True)
        ended = await site.profiled((await site.supervisor.start_profile(ask)).operation)
        assert [(net.subnet_id, net.count) for net in profiling(ended).nets] == [(others[0], 60)]
        await _at_home(site, before)
        assert None not in {result.inference.part for result in site.take()}

    play(line_config(tmp_path, ladder), story)


def test_a_cancelled_run_and_one_that_the_line_ends_go_back_and_keep_what_they_measured(
    tmp_path: Path, ladder: Path
) -> None:
    async def story(site: Site) -> None:
        before = site.active
        await site.stop_line()
        started = (await site.supervisor.start_profile(ALL)).operation
        await site.until(lambda: len(profiling(_now(site, started)).nets) == 1)
        await site.until(lambda: profiling(_now(site, started)).stage is ProfileStage.MEASURING)
        assert site.supervisor.operations.cancel(started.name)
        assert _now(site, started).cancelling
        ended = await site.profiled(started)
        assert isinstance(ended.error, Cancelled)
        assert len(profiling(ended).nets) == 1
        await _at_home(site, before)
        assert set(await _profiles(site.agent.journal, site)) == {profiling(ended).nets[0].subnet_id}
        again = (await site.supervisor.start_profile(ALL)).operation
        await site.until(lambda: profiling(_now(site, again)).stage is ProfileStage.MEASURING)
        await site.run_line(20.0)
        ended = await site.profiled(again)
        assert isinstance(ended.error, Refused)
        assert "the line runs again" in str(ended.error)
        parts = [result.inference.part for result in site.take()][-100:]
        assert None not in parts

    play(line_config(tmp_path, ladder), story)


async def _at_home(site: Site, before: str | None) -> None:
    """The camera runs what it ran before, or what the policy wants by now, knowing more."""
    newest = (await site.agent.journal.swaps(CAMERA, 1))[0]
    assert site.active == before or newest.reason != "profile"


def runs_of(site: Site) -> list[Operation]:
    """Its profiling runs: swaps are operations too."""
    return [one for one in site.supervisor.operations.all() if isinstance(one.work, ProfileWork)]


def _now(site: Site, operation: Operation) -> Operation:
    found = site.supervisor.operations.get(operation.name)
    assert found is not None
    return found


def test_a_sub_net_that_cannot_be_put_on_the_camera_is_told_and_the_run_goes_on(tmp_path: Path, ladder: Path) -> None:
    async def story(site: Site) -> None:
        await site.stop_line()
        plan = site.supervisor.plan_profile(ALL)
        site.device.inject_fault(FaultSpec("file.write", "io_error"))
        ended = await site.profiled((await site.supervisor.start_profile(ALL)).operation)
        assert ended.error is None
        assert [bool(net.error) for net in profiling(ended).nets] == [True, False, False, False, False]
        assert profiling(ended).nets[0].subnet_id == plan.subnets[0]
        assert profiling(ended).nets[0].median_ms is None
        await _at_home(site, plan.subnets[-1])

    play(line_config(tmp_path, ladder), story)


def test_a_restart_knows_the_profiles_and_tells_those_that_another_firmware_made_stale(
    tmp_path: Path, ladder: Path
) -> None:
    config = line_config(tmp_path, ladder)

    async def measured(site: Site) -> None:
        await site.stop_line()
        some = replace(ALL, subnets=site.supervisor.plan_profile(ALL).subnets[:2])
        await site.profiled((await site.supervisor.start_profile(some)).operation)

    async def later(site: Site) -> None:
        stored = await _profiles(site.agent.journal, site)
        assert len(stored) == 2
        memory = site.supervisor._memory
        assert {one for one in stored if memory.profile_of(one) is not None} == set(stored)
        assert Degraded.STALE_PROFILE not in site.supervisor.snapshot().degraded
        info, catalogue = site.supervisor.snapshot().info, site.supervisor.catalogue()
        assert info is not None
        assert catalogue is not None
        assert await site.agent.journal.learned(info.serial, catalogue.name)
        for one in stored.values():
            await site.agent.journal.put_profile(one.serial, one.sha256, replace(one.profile, firmware="1"))

    async def last(site: Site) -> None:
        assert Degraded.STALE_PROFILE in site.supervisor.snapshot().degraded
        assert len(site.supervisor._memory.stale) == 2

    for story in (measured, later, last):
        play(config, story)
    assert (config.state_dir / JOURNAL_NAME).is_file()


def test_a_line_that_stands_for_long_has_its_missing_profiles_measured_one_by_one(tmp_path: Path, ladder: Path) -> None:
    config = line_config(tmp_path, ladder)
    config = replace(config, policy=replace(config.policy, idle_profiling=True))

    async def story(site: Site) -> None:
        before = site.active
        await site.stop_line()
        await asyncio.sleep(100.0)
        assert runs_of(site) == []
        await site.until(lambda: sum(one.done for one in runs_of(site)) == 2)
        runs = [one for one in runs_of(site) if one.done]
        assert all(one.error is None and profiling(one).total == 1 for one in runs)
        stored = await _profiles(site.agent.journal, site)
        assert {one.profile.source for one in stored.values()} == {ProfileSource.IDLE}
        assert len(stored) == 2
        await site.run_line(20.0)
        assert all(one.done for one in site.supervisor.operations.all())
        await _at_home(site, before)

    play(config, story)
