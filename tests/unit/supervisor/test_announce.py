"""Budgets that are told ahead, in virtual time on a scripted camera: kept apart until their time, then in force."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agent.clock import VirtualClock
from agent.domain.budget import Budget, Claim, Priority
from agent.domain.decision import Decision
from agent.domain.line import View
from agent.domain.notice import ChangeState
from agent.domain.snapshot import ComingCause, ComingSwap
from agent.domain.states import CameraState
from agent.errors import BadInput, JournalError
from agent.supervisor import Supervisor
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import FAST, NO_DWELL, SETTINGS, SLOW, Bench, states, tell, until


class Jittery(VirtualClock):
    """Two clocks are never read at once: CLOCK_BOOTTIME is some microseconds later each second time."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = 0

    def boottime_ns(self) -> int:
        self._reads += 1
        return super().boottime_ns() + self._reads % 2 * 7_000


def test_preparing_tells_what_a_change_would_cost_and_changes_nothing() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        before = supervisor.snapshot()
        faster = await tell(supervisor, FAST, 5.0, 60.0)
        assert (faster.subnet_id, faster.expected_accuracy, faster.feasible) == ("small", 0.80, True)
        assert faster.swap_needed
        assert faster.effective.budget == FAST
        assert faster.change.state is ChangeState.PREPARED
        assert faster.ready_in_s == 5.0  # it can end with the change
        assert faster.wait_s == faster.expected_gap_s < 5.0
        near = await tell(supervisor, FAST, 0.0)
        assert near.ready_in_s == near.expected_gap_s
        await asyncio.sleep(70.0)
        after = supervisor.snapshot()
        assert (after.budget, after.claims, after.active_subnet) == (before.budget, (), "large")
        assert states(supervisor) == []

    bench.run(story)
    assert [why for _, why in bench.journal.dropped] == ["replaced", "lapsed"]


def test_a_slower_network_is_ready_one_gap_after_the_change_and_the_same_one_at_once() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", FAST, None, True)
        await until(supervisor, CameraState.ACTIVE, "small")
        slower = await tell(supervisor, SLOW, 5.0)
        assert (slower.subnet_id, slower.ready_in_s) == ("large", 5.0 + slower.expected_gap_s)
        same = await tell(supervisor, FAST, 5.0)
        assert (same.swap_needed, same.expected_gap_s, same.ready_in_s, same.wait_s) == (False, 0.0, 0.0, 0.0)

    bench.run(story)


def test_a_budget_that_nothing_meets_is_told_as_infeasible() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        told = await tell(supervisor, Budget(parts_per_minute=6000.0), 5.0)
        assert not told.feasible

    bench.run(story)


def test_a_committed_change_is_in_force_at_its_time_whatever_the_wall_clock_does() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", SLOW, 600.0, True)
        await until(supervisor, CameraState.ACTIVE, "large")
        await tell(supervisor, FAST, 5.1, 600.0)
        answer = await supervisor.commit_budget("plc", "p-1", waits=False)
        assert answer.change.state is ChangeState.COMMITTED
        assert answer.effective.budget == SLOW
        bench.clock.step_wall(-3600.0)
        await asyncio.sleep(5.09)
        assert supervisor.snapshot().budget.budget == SLOW
        bench.clock.step_wall(7200.0)
        await asyncio.sleep(0.02)
        snapshot = supervisor.snapshot()
        assert snapshot.budget.budget == FAST
        assert [claim.budget for claim in snapshot.claims] == [FAST]
        assert snapshot.changes == ()
        await until(supervisor, CameraState.ACTIVE, "small")

    bench.run(story)
    assert [claim.budget for claim in bench.journal.known_claims.values()] == [FAST]
    assert bench.journal.dropped == [], "its row took the place of the one before"


def test_a_policy_sees_what_is_definite_and_always_at_the_same_time() -> None:
    bench = Bench(settings=replace(SETTINGS, notice_s=4.0), clock=Jittery())
    seen: list[View] = []

    async def story(supervisor: Supervisor) -> None:
        policy = supervisor._policy
        assert policy is not None
        decide = policy.decide

        def spy(view: View) -> Decision:
            seen.append(view)
            return decide(view)

        policy.decide = spy  # type: ignore[method-assign]
        await until(supervisor, CameraState.ACTIVE, "large")
        await tell(supervisor, FAST, 5.0)
        await asyncio.sleep(1.0)
        assert not any(view.announced for view in seen)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await asyncio.sleep(3.0)

    bench.run(story)
    told = {one for view in seen for one in view.announced}
    assert {view.notice_s for view in seen} == {4.0}
    (one,) = told
    assert (one.demand.effective.budget, one.demand.parts_per_s, one.demand.stopped) == (FAST, 30.0, False)


def test_what_was_not_committed_a_minute_after_its_time_is_forgotten() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 5.0)
        await asyncio.sleep(64.9)
        assert states(supervisor) == [ChangeState.PREPARED]
        await asyncio.sleep(0.2)
        with pytest.raises(BadInput, match="prepare it anew"):
            await supervisor.commit_budget("plc", "p-1", waits=False)

    bench.run(story)
    assert bench.journal.known_claims == {}


def test_a_late_commit_is_in_force_at_once_and_its_lease_counts_from_then() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 5.0, 2.0)
        await asyncio.sleep(30.0)
        answer = await supervisor.commit_budget("plc", "p-1", waits=False)
        assert answer.effective.budget == FAST
        await asyncio.sleep(1.9)
        assert not supervisor.snapshot().budget.fail_safe
        await asyncio.sleep(0.3)
        assert supervisor.snapshot().budget.fail_safe

    bench.run(story)


def test_a_newer_announcement_or_a_release_takes_back_what_was_committed() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 5.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await tell(supervisor, SLOW, 2.0, name="p-2")
        with pytest.raises(BadInput):
            await supervisor.commit_budget("plc", "p-1", waits=False)
        await supervisor.commit_budget("plc", "p-2", waits=False)
        await asyncio.sleep(10.0)
        assert supervisor.snapshot().budget.budget == SLOW
        await tell(supervisor, FAST, 2.0, name="p-3")
        await supervisor.commit_budget("plc", "p-3", waits=False)
        await supervisor.release_budget("plc")
        await asyncio.sleep(10.0)
        assert supervisor.snapshot().budget.priority is Priority.DEFAULT

    bench.run(story)
    assert bench.journal.known_claims == {}


def test_another_client_can_neither_commit_nor_take_back() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 2.0)
        with pytest.raises(BadInput):
            await supervisor.commit_budget("hmi", "p-1", waits=False)
        await supervisor.release_budget("hmi")
        assert states(supervisor) == [ChangeState.PREPARED]

    bench.run(story)


def test_a_budget_set_meanwhile_holds_until_the_time_of_the_change() -> None:
    bench = Bench()
    between = Budget(parts_per_minute=900.0)

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 5.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await supervisor.set_budget("plc", between, 600.0, True)
        await asyncio.sleep(4.0)
        assert supervisor.snapshot().budget.budget == between
        await asyncio.sleep(2.0)
        assert supervisor.snapshot().budget.budget == FAST

    bench.run(story)


def test_the_lease_of_a_client_that_vanished_runs_from_the_time_of_its_change() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, SLOW, 5.0, 2.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await asyncio.sleep(6.9)
        assert supervisor.snapshot().budget.budget == SLOW
        await asyncio.sleep(0.35)
        assert supervisor.snapshot().budget.fail_safe
        assert "lease_expired" in bench.alarms()

    bench.run(story)


def test_a_change_that_was_committed_before_a_lease_expired_does_not_lift_the_fail_safe() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", SLOW, 2.0, True)
        await tell(supervisor, FAST, 5.0, 600.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await asyncio.sleep(6.0)
        effective = supervisor.snapshot().budget
        assert effective.fail_safe
        assert effective.budget == SETTINGS.fail_safe_budget.strictest(FAST)
        await tell(supervisor, FAST, 1.0, 600.0, name="p-2")
        await supervisor.commit_budget("plc", "p-2", waits=False)
        await asyncio.sleep(1.5)
        assert not supervisor.snapshot().budget.fail_safe  # the client spoke after the alarm

    bench.run(story)


def test_a_restart_keeps_what_was_committed_and_what_was_prepared() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await supervisor.prepare_budget("hmi", "h-1", SLOW, None, 20.0)
        await tell(supervisor, FAST, 10.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        assert states(supervisor) == [ChangeState.PREPARED, ChangeState.COMMITTED]
        await supervisor.commit_budget("hmi", "h-1", waits=False)
        await asyncio.sleep(10.0)
        assert supervisor.snapshot().budget.budget == FAST

    async def third(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().budget.budget == FAST
        assert states(supervisor) == [ChangeState.COMMITTED]

    for story in (first, second, third):
        bench.run(story)


def test_a_change_whose_time_came_while_the_agent_was_down_takes_the_place_of_the_claim_before() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 10.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await supervisor.set_budget("plc", SLOW, None, True)

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().budget.budget == FAST

    bench.run(first)
    bench.clock.sleep(30.0)
    bench.run(second)


@pytest.mark.parametrize(("ttl_s", "fail_safe"), [(600.0, True), (None, False)])
def test_another_boot_ends_a_change_and_a_lease_to_come_counts_as_expired(ttl_s: float | None, fail_safe: bool) -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 60.0, ttl_s)
        await supervisor.commit_budget("plc", "p-1", waits=False)

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        snapshot = supervisor.snapshot()
        assert (snapshot.changes, snapshot.claims, snapshot.budget.fail_safe) == ((), (), fail_safe)

    bench.run(first)
    bench.boot_id, bench.clock = "boot-2", VirtualClock()
    bench.run(second)
    assert bench.journal.known_claims == {}


def test_a_manual_claim_that_was_announced_survives_a_boot_once_it_is_in_force() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 1.0)
        await supervisor.commit_budget("plc", "p-1", waits=False)
        await asyncio.sleep(2.0)

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().budget.budget == FAST

    bench.run(first)
    bench.boot_id, bench.clock = "boot-2", VirtualClock()
    bench.run(second)


def test_a_claim_that_was_replaced_does_not_come_back_after_a_release_and_a_restart() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", SLOW, None, True)
        await supervisor.set_budget("plc", FAST, None, True)
        await supervisor.release_budget("plc")

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().claims == ()

    bench.run(first)
    bench.run(second)


def test_what_cannot_be_written_down_changes_nothing() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, SLOW, 5.0)
        bench.journal.broken = True
        with pytest.raises(JournalError):
            await tell(supervisor, FAST, 5.0, name="p-2")
        with pytest.raises(JournalError):
            await supervisor.commit_budget("plc", "p-1", waits=True)
        assert states(supervisor) == [ChangeState.PREPARED]
        bench.journal.broken = False
        await supervisor.commit_budget("plc", "p-1", waits=False)
        bench.journal.broken = True
        with pytest.raises(JournalError):
            await supervisor.release_budget("plc")
        assert states(supervisor) == [ChangeState.COMMITTED]  # what is definite needs no more writing
        await asyncio.sleep(6.0)
        assert supervisor.snapshot().budget.budget == SLOW
        bench.journal.broken = False

    bench.run(story)


@pytest.mark.parametrize(
    ("budget", "ttl_s", "due_s", "field"),
    [
        (Budget(), None, 1.0, "budget"),
        (FAST, 0.1, 1.0, "ttl"),
        (FAST, None, -0.1, "due"),
        (FAST, None, float("nan"), "due"),
        (FAST, None, 86_401.0, "due"),
    ],
)
def test_a_bad_announcement_is_refused_by_its_field(
    budget: Budget, ttl_s: float | None, due_s: float, field: str
) -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        with pytest.raises(BadInput) as caught:
            await tell(supervisor, budget, due_s, ttl_s)
        assert caught.value.field == field
        assert states(supervisor) == []

    bench.run(story)


def test_a_swap_that_the_dwell_holds_back_is_foreseen_until_it_begins() -> None:
    bench = Bench()
    foreseen: list[ComingSwap | None] = []

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", FAST, 600.0, True)
        await until(supervisor, CameraState.ACTIVE, "small")
        activated_s = bench.clock.now_ns() / 1e9
        await supervisor.release_budget("plc")
        coming = supervisor.snapshot().coming
        assert coming is not None
        assert (coming.to_subnet, coming.cause) == ("large", ComingCause.MIN_DWELL)
        assert coming.starts_s == pytest.approx(activated_s + SETTINGS.min_dwell_s, abs=0.3)
        feed = supervisor.status_feed()
        while supervisor.snapshot().active_subnet != "large":
            snapshot = await feed.next(60.0)
            assert snapshot is not None
            foreseen.append(snapshot.coming)
            assert snapshot.swap is None or snapshot.coming is None
        feed.close()

    bench.run(story)
    starts = {coming.starts_s for coming in foreseen if coming is not None}
    assert len(starts) == 1
    assert foreseen[-1] is None


class Slow(MemoryJournal):
    """A claim is written 0.2 s after it was handed in."""

    async def put_claim(self, claim: Claim, *also: Any) -> None:
        await asyncio.sleep(0.2)
        await super().put_claim(claim, *also)


def test_a_release_and_a_newer_announcement_that_come_during_a_commit_come_after_it() -> None:
    journal = Slow()
    bench = Bench(journal=journal)

    async def story(supervisor: Supervisor) -> None:
        for waits, name in ((False, "newer"), (True, "newest")):
            await tell(supervisor, FAST, 5.0)
            committed = asyncio.ensure_future(supervisor.commit_budget("plc", "p-1", waits))
            await asyncio.sleep(0.1)
            await supervisor.release_budget("plc")
            assert committed.done()
            assert (states(supervisor), supervisor.snapshot().claims, journal.known_claims) == ([], (), {})
            await tell(supervisor, FAST, 5.0)
            committed = asyncio.ensure_future(supervisor.commit_budget("plc", "p-1", waits=False))
            await asyncio.sleep(0.1)
            await tell(supervisor, SLOW, 5.0, name=name)
            assert committed.done()
            assert states(supervisor) == [ChangeState.PREPARED]
        await asyncio.sleep(10.0)
        assert supervisor.snapshot().budget.priority is Priority.DEFAULT

    bench.run(story)
    assert [claim.budget for claim in journal.known_claims.values()] == [SLOW]


def test_a_lease_that_a_reboot_ended_before_its_time_leaves_its_client_the_manual_claim() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", SLOW, None, True)
        await tell(supervisor, FAST, 10.0, ttl_s=60.0)
        await supervisor.commit_budget("plc", "p-1", False)

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        now = supervisor.snapshot()
        assert [(one.client, one.budget) for one in now.claims] == [("plc", SLOW)]
        assert now.budget.budget == SLOW
        assert "lease_expired" in bench.alarms()
        await supervisor.release_budget("plc")
        assert supervisor.snapshot().budget.fail_safe

    bench.run(first)
    bench.boot_id = "boot-2"
    bench.run(second)


def test_a_change_that_comes_due_while_a_newer_claim_is_written_leaves_journal_and_agent_with_the_same() -> None:
    bench = Bench(journal=Slow())

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 1.0, ttl_s=60.0)
        await supervisor.commit_budget("plc", "p-1", False)
        await asyncio.sleep(0.5)  # the change is due in 0.1 s
        await supervisor.set_budget("plc", SLOW, 600.0, True)
        await asyncio.sleep(2.0)
        held = [one.budget for one in supervisor.snapshot().claims]
        assert held == [one.budget for one in bench.journal.known_claims.values()]

    bench.run(story)
