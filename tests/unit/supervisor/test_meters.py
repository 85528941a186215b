"""What the meter of a camera is told where no result and no gap tells of it: swaps that never ran or were left over."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Decision, Reason
from agent.domain.journal import Activation, SwapOutcome, SwapRecord
from agent.domain.line import Demand
from agent.domain.meter import NO_BOUNDS, Bounds, NoMeter
from agent.domain.orders import Mode
from agent.domain.states import CameraState
from agent.supervisor import Supervisor
from agent.supervisor.meters import tell_budget
from tests.support.fake_camera import INFO
from tests.support.ladders import blob
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import FAST, NO_DWELL, Bench, until

LEFT = SwapRecord("left", "station-1", "large", "small", "budget", "b-1", 7)


@dataclass
class Told(NoMeter):
    """Keeps what it is told."""

    swaps: list[SwapRecord] = field(default_factory=list)
    promised_s: list[float | None] = field(default_factory=list)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    expired: int = 0

    def swap_ended(self, record: SwapRecord, promised_s: float | None) -> None:
        self.swaps.append(record)
        self.promised_s.append(promised_s)

    def asked(self, budget_id: str, bounds: Bounds) -> None:
        self.bounds[budget_id] = bounds

    def lease_expired(self) -> None:
        self.expired += 1

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter((swap.reason, swap.outcome.value) for swap in self.swaps)


def test_what_an_agent_left_over_and_the_next_one_takes_over_is_counted_by_that() -> None:
    told = Told()
    bench = Bench(journal=MemoryJournal(generation=5), meter=told)
    bench.journal.activations["station-1"] = Activation("station-1", 5, "large", "l" * 64)
    bench.journal.rows["left"] = LEFT
    bench.camera.info = replace(INFO, network_bytes=len(blob("large")), network_name="large")
    bench.camera.blob = blob("large")

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")

    bench.run(story)
    assert told.counts() == {("budget", "interrupted"): 1, ("recovery", "verified"): 1}
    assert told.promised_s == [None, None]


def test_a_swap_that_never_began_is_counted_as_the_journal_has_it() -> None:
    told = Told()
    bench = Bench(settings=NO_DWELL, meter=told)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await supervisor.set_budget("plc", FAST, None, True)
        await supervisor.set_mode("anna", Mode.MANUAL)  # before the loop has had its turn
        await supervisor.set_mode("anna", Mode.AUTO)
        await until(supervisor, CameraState.ACTIVE, "small")

    bench.run(story)
    assert told.counts() == Counter((row.reason, row.outcome.value) for row in bench.journal.rows.values())
    assert len({swap.id for swap in told.swaps}) == len(told.swaps)
    assert all(swap.outcome is not SwapOutcome.RUNNING for swap in told.swaps)


def test_each_budget_in_force_is_told_with_its_bounds() -> None:
    told = Told()
    bench = Bench(settings=NO_DWELL, meter=told)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        default = supervisor.snapshot().budget.id
        await supervisor.set_budget("plc", FAST, 2.0, True)
        leased = supervisor.snapshot().budget.id
        await until(supervisor, CameraState.ACTIVE, "small")
        await asyncio.sleep(3.0)
        fail_safe = supervisor.snapshot().budget.id
        assert fail_safe not in (default, leased)
        assert told.bounds[default] == Bounds(0.4)
        assert told.bounds[leased].service_s == pytest.approx(60.0 / 1800.0)
        assert told.bounds[fail_safe] == Bounds(0.06)
        assert told.expired == 1

    bench.run(story)


def test_what_is_measured_on_purpose_is_held_to_no_budget() -> None:
    told = Told()
    effective = EffectiveBudget("b", Budget(80.0, 600.0), Priority.DEFAULT, ())
    decision = Decision(Action.KEEP, Reason.PROFILE, None, "large", effective, True, Account((), ""))
    tell_budget(told, decision, Demand(effective), free_running=False, measuring=False)
    assert told.bounds["b"] == Bounds(0.08, 0.1)
    tell_budget(told, decision, Demand(effective, frame_period_ms=60.0), free_running=True, measuring=False)
    assert told.bounds["b"].service_s == pytest.approx(0.06, rel=1e-5)
    tell_budget(told, decision, Demand(effective), free_running=False, measuring=True)
    assert told.bounds["b"] is NO_BOUNDS
