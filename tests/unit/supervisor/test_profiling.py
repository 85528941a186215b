"""Runs of measurements, look by look: what is asked of the camera, and how a run ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Candidate, Decision, Reason
from agent.domain.operation import Operation, ProfileAsk, ProfileStage
from agent.domain.result import LatencySample
from agent.domain.states import CameraState
from agent.errors import BadInput, CameraGone, CameraTimeout, Cancelled, Inhibited, JournalError, Refused
from agent.supervisor.memory import Memory
from agent.supervisor.operations import OperationDesk
from agent.supervisor.profile_plan import WARM_UP
from agent.supervisor.profiling import END_S, RETURN_LIMIT_S, SWAP_LIMIT_S, Profiler
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.situation import Situation
from tests.support.fake_camera import INFO
from tests.support.fake_control import CATALOGUE
from tests.support.memory_journal import MemoryJournal
from tests.support.operations import profiling
from tests.unit.supervisor.test_memory import BIG, HUGE, Source

STOPPED = Situation(CameraState.ACTIVE, BIG, True, {})
SETTINGS = SupervisorSettings(Budget(80.0), Budget(40.0), (), free_running=False, idle_profiling_after_s=120.0)
EFFECTIVE = EffectiveBudget("b", Budget(80.0), Priority.DEFAULT, ())
ASK = ProfileAsk(results=40)


def decided(
    action: Action = Action.KEEP, target: str = BIG, feasible: bool = True, fail_safe: bool = False
) -> Decision:
    """The policy's."""
    candidates = tuple(Candidate(one, 0.9, 1.0, 1.0, 0, feasible) for one in (BIG, HUGE))
    effective = replace(EFFECTIVE, fail_safe=fail_safe)
    return Decision(action, Reason.BUDGET, target, BIG, effective, True, Account(candidates, "the policy's words"))


class Rig:
    """A profiler, and a camera that does what it is asked."""

    def __init__(self, settings: SupervisorSettings = SETTINGS) -> None:
        self.clock, self.journal = VirtualClock(), MemoryJournal()
        source = Source()
        self.memory = Memory("cam", self.journal, self.clock, source, None)
        self.memory._info = INFO
        numbers = iter(range(99))
        self.desk = OperationDesk()
        self.profiler = Profiler(
            "cam", self.clock, self.memory, source, lambda: str(next(numbers)), settings, self.desk
        )
        self.now = STOPPED

    def look(self, decision: Decision | None = None, **changes: object) -> Decision:
        """One look; a swap that is asked for is done at once."""
        self.now = replace(self.now, **changes)  # type: ignore[arg-type]
        steered = self.profiler.steer(decision or decided(), self.now)
        if steered.action is Action.SWAP and self.now.state is not CameraState.FAULTED:
            self.now = replace(self.now, active=steered.target, state=CameraState.ACTIVE)
        return steered

    def measure(self, count: int = 45, service_ms: float | None = 20.0) -> None:
        """Results of the active net, and a look."""
        sample = LatencySample(service_ms, 30.0, 1.0)
        assert self.now.active is not None
        self.profiler.results({self.now.active: [sample] * count})
        self.look()

    def pass_s(self, seconds: float) -> None:
        async def sleep() -> None:
            import asyncio

            await asyncio.sleep(seconds)

        run_virtual(self.clock, sleep())

    def begin(self, ask: ProfileAsk = ASK) -> Operation:
        return self.profiler.begin(ask, self.now)

    @property
    def operation(self) -> Operation:
        return self.desk.all()[0]

    def errors(self) -> list[str]:
        return [net.error for net in profiling(self.operation).nets]


def test_each_net_is_swapped_to_and_measured_the_active_one_last() -> None:
    rig = Rig()
    assert profiling(rig.begin()).stage is ProfileStage.SWAPPING
    first = rig.look()
    assert (first.action, first.reason, first.target) == (Action.SWAP, Reason.PROFILE, HUGE)
    assert "1 of 2 sub-nets" in first.text
    kept = rig.look()
    assert (kept.action, kept.target, profiling(rig.operation).stage) == (Action.KEEP, HUGE, ProfileStage.MEASURING)
    assert rig.profiler.own_pace(True)
    assert not rig.profiler.own_pace(False)
    left_s = profiling(rig.operation).left_s
    rig.measure(30)
    assert profiling(rig.operation).left_s < left_s
    rig.measure(15)
    assert (rig.now.active, len(profiling(rig.operation).nets)) == (BIG, 1)
    rig.look()
    rig.measure()
    assert rig.operation.done
    assert rig.errors() == ["", ""]
    assert [(net.subnet_id, net.count, net.median_ms) for net in profiling(rig.operation).nets] == [
        (HUGE, 40, 20.0),
        (BIG, 40, 20.0),
    ]
    assert rig.look() == decided()


def test_the_first_results_of_a_network_do_not_count() -> None:
    rig = Rig()
    rig.begin(ProfileAsk((BIG,), 40))
    rig.look()
    rig.measure(WARM_UP, 99.0)
    rig.measure(40, 20.0)
    (net,) = profiling(rig.operation).nets
    assert (net.median_ms, net.p99_ms) == (20.0, None)


def test_a_run_of_one_net_goes_back_to_the_one_before_unless_the_policy_chose_another() -> None:
    for decision, home in ((decided(), BIG), (decided(Action.SWAP, HUGE), HUGE), (decided(feasible=False), HUGE)):
        rig = Rig()
        rig.begin(ProfileAsk((HUGE,), 40))
        rig.look()
        rig.look()
        rig.profiler.results({HUGE: [LatencySample(20.0, 30.0, 1.0)] * 45})
        last = rig.look(decision)
        rig.look()
        assert rig.now.active == home
        assert rig.look(own_pace=False) == decided()
        assert rig.operation.done
        assert last.target == (HUGE if decision.action is Action.SWAP else last.target)


def test_a_net_whose_swap_failed_is_told_and_the_next_one_is_tried() -> None:
    rig = Rig()
    rig.begin()
    rig.profiler.steer(decided(), rig.now)
    rig.look(quarantined={HUGE: "rolled back: golden image 1"})
    rig.look()
    rig.measure()
    assert rig.errors() == ["rolled back: golden image 1", ""]
    assert rig.operation.error is None


def test_a_net_that_no_permit_comes_for_and_one_without_results_are_given_up_in_time() -> None:
    rig = Rig()
    rig.begin()
    rig.profiler.steer(decided(), rig.now)
    rig.pass_s(SWAP_LIMIT_S + 1)
    rig.look()
    rig.pass_s(400.0)
    rig.look()
    assert rig.errors() == [f"no swap to it within {SWAP_LIMIT_S:g} s", "only 0 service times came; at least 20"]
    assert rig.operation.done


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"state": CameraState.FAULTED}, CameraGone, "is FAULTED"),
        ({"state": CameraState.DISCONNECTED}, CameraGone, "is DISCONNECTED"),
        ({"line_stopped": False}, Refused, "the line runs again"),
        ({"line_waits": True}, Refused, "the line waits for the camera"),
    ],
)
def test_what_ends_a_run_before_its_time(changes: dict[str, object], kind: type[Exception], words: str) -> None:
    rig = Rig()
    rig.begin()
    rig.look()
    rig.look()
    rig.now = replace(rig.now, **changes)  # type: ignore[arg-type]
    assert rig.look().reason in (Reason.BUDGET, Reason.PROFILE)
    rig.look()
    assert rig.operation.done
    assert isinstance(rig.operation.error, kind)
    assert words in str(rig.operation.error)


def test_a_run_on_a_running_line_ends_where_the_fail_safe_budget_comes_into_force() -> None:
    rig = Rig()
    rig.now = replace(STOPPED, line_stopped=False, parts_per_s=10.0)
    with pytest.raises(Refused, match="not reported as stopped"):
        rig.begin()
    rig.begin(replace(ASK, while_running=True))
    rig.look()
    assert rig.look(decided(Action.SWAP, BIG, fail_safe=True)).reason is Reason.BUDGET
    rig.look()
    assert str(rig.operation.error) == "the fail-safe budget is in force"


def test_a_cancelled_run_waits_for_its_swap_and_one_that_cannot_go_back_gives_up() -> None:
    rig = Rig()
    name = rig.begin().name
    rig.look()
    rig.desk.cancel(name)
    assert rig.operation.cancelling
    assert rig.profiler.steer(decided(), replace(rig.now, state=CameraState.SWAPPING)) == decided()
    assert rig.profiler.steer(decided(), rig.now).target == BIG
    assert not rig.operation.done
    rig.pass_s(RETURN_LIMIT_S + 1)
    rig.profiler.steer(decided(), rig.now)
    assert isinstance(rig.operation.error, Cancelled)
    assert rig.operation.done


def test_a_journal_that_cannot_be_written_ends_the_run_with_its_words() -> None:
    rig = Rig()
    rig.begin()
    rig.look()
    rig.look()
    rig.journal.broken = True
    rig.measure()
    run_virtual(rig.clock, rig.profiler.keep())
    rig.look()
    rig.look()
    assert isinstance(rig.operation.error, JournalError)
    assert rig.operation.done


def test_what_cannot_be_measured_is_refused() -> None:
    rig = Rig()
    with pytest.raises(BadInput, match="'none' cannot be measured: not in the library"):
        rig.begin(ProfileAsk(("none",)))
    rig.now = replace(STOPPED, quarantined={HUGE: "it failed"})
    with pytest.raises(BadInput, match="it failed"):
        rig.begin(ProfileAsk((HUGE,)))
    with pytest.raises(BadInput, match="results: 10 is not within 20 to 1000"):
        rig.begin(ProfileAsk(results=10))
    rig.now = replace(STOPPED, state=CameraState.FAULTED)
    with pytest.raises(Refused, match="is FAULTED"):
        rig.begin()
    rig.now = STOPPED
    rig.begin()
    with pytest.raises(Refused, match="is under way"):
        rig.begin()
    rig.profiler.close()
    assert isinstance(rig.operation.error, Cancelled)


def test_a_plan_counts_the_swaps_and_the_way_back() -> None:
    rig = Rig()
    both = rig.profiler.plan(ASK, rig.now)
    alone = rig.profiler.plan(ProfileAsk((BIG,), 40), rig.now)
    other = rig.profiler.plan(ProfileAsk((HUGE,), 40), rig.now)
    assert (both.subnets, both.gap_s) == ((HUGE, BIG), 6.0)
    assert alone.gap_s == 0.0
    assert other.gap_s == 6.0
    assert alone.takes_s == pytest.approx(45 * CATALOGUE.subnets[0].predicted_ms / 1e3)
    running = replace(rig.now, line_stopped=False, parts_per_s=2.0)
    assert rig.profiler.plan(replace(ASK, while_running=True), running).takes_s > 2 * 45 / 2.0


def test_idle_runs_wait_for_a_long_stop_without_an_announcement_and_leave_a_failed_net_alone() -> None:
    rig = Rig()
    for stopped, announced, wait_s, runs in (
        (True, False, 100.0, 0),
        (False, False, 100.0, 0),
        (True, False, 130.0, 0),
        (True, True, 1.0, 0),
        (True, False, 0.0, 1),
    ):
        rig.now = replace(STOPPED, line_stopped=stopped, announced=announced)
        rig.profiler.idle(rig.now)
        rig.pass_s(wait_s)
        assert len(rig.desk.all()) == runs
    assert profiling(rig.operation).total == 1
    rig.profiler.close()
    rig.profiler.idle(rig.now)
    assert len(rig.desk.all()) == 2
    rig.profiler.close()
    rig.profiler.idle(rig.now)
    assert len(rig.desk.all()) == 2, "both have just been tried"
    never = Rig(replace(SETTINGS, idle_profiling_after_s=None))
    never.profiler.idle(never.now)
    never.pass_s(999.0)
    never.profiler.idle(never.now)
    assert never.desk.all() == ()


def test_a_run_does_not_begin_while_swaps_are_held_and_ends_when_they_are() -> None:
    rig = Rig()
    with pytest.raises(Inhibited, match="swaps are inhibited by robot; nothing can be measured"):
        rig.profiler.begin(ASK, replace(rig.now, swaps_held="swaps are inhibited by robot"))
    rig.begin()
    rig.look()
    rig.look(swaps_held="swaps are inhibited by robot")
    assert rig.operation.done
    assert isinstance(rig.operation.error, Inhibited)


def test_a_run_that_ends_does_not_wait_for_a_way_home_that_is_held() -> None:
    rig = Rig()
    begun = rig.begin()
    rig.look()
    rig.look()
    rig.desk.cancel(begun.name)
    kept = rig.look(swaps_held="swaps wait for a permit")
    assert rig.operation.done
    assert isinstance(rig.operation.error, Cancelled)
    assert kept.action is Action.KEEP


def test_a_run_tells_when_it_ends_at_the_latest_keeps_the_time_to_go_back_and_then_is_over() -> None:
    rig = Rig()
    deadline_s = rig.begin().deadline_s
    assert deadline_s is not None
    rig.look()
    rig.pass_s(deadline_s - END_S - RETURN_LIMIT_S + 1)
    assert rig.look().target == BIG
    assert profiling(rig.operation).stage is ProfileStage.RETURNING
    rig.look(state=CameraState.SWAPPING)
    assert not rig.operation.done
    rig.pass_s(RETURN_LIMIT_S)
    rig.look()
    assert isinstance(rig.operation.error, CameraTimeout)
    assert (rig.operation.done, rig.operation.deadline_s) == (True, None)
