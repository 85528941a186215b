"""The alarms that follow from a camera's status."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Decision, Reason
from agent.domain.notice import LineReport, LineState
from agent.domain.orders import Orders, Pin
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState, Degraded
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.vigil import SILENT_S, Flow, Vigil, standing_causes
from tests.support.memory_journal import MemoryJournal

BUDGET = EffectiveBudget("b-1", Budget(max_latency_ms=50.0), Priority.DEFAULT, ())
FAIL_SAFE = replace(BUDGET, fail_safe=True)
LADDER = frozenset({"small", "large"})
RUNS = LineState(False, 600.0, (LineReport("plc", False, 600.0, 0, 10**15),))
STANDS = replace(RUNS, stopped=True)


def decided(
    action: Action = Action.KEEP,
    reason: Reason = Reason.BUDGET,
    feasible: bool = True,
    target: str | None = None,
    budget: EffectiveBudget = BUDGET,
) -> Decision:
    return Decision(action, reason, target, "large", budget, feasible, Account((), f"{reason.value} in words"))


def seen(
    decision: Decision | None = None,
    state: CameraState = CameraState.ACTIVE,
    orders: Orders = Orders(),  # noqa: B008  frozen
    degraded: Sequence[Degraded] = (),
    line: LineState = RUNS,
    detail: str = "",
) -> CameraSnapshot:
    verified = state is CameraState.ACTIVE
    return CameraSnapshot(
        camera="cam",
        revision=1,
        state=state,
        degraded=tuple(degraded),
        detail=detail,
        info=None,
        active_subnet="large",
        generation=1,
        verified=verified,
        budget=BUDGET,
        claims=(),
        decision=decided() if decision is None else decision,
        latency=None,
        load=None,
        swap=None,
        health=None,
        swaps_total=0,
        line=line,
        orders=orders,
    )


PINNED = Orders(pin=Pin("large", "plc", 0))
HELD = decided(Action.HOLD, Reason.INHIBITED, target="small", budget=FAIL_SAFE)


@pytest.mark.parametrize(
    ("now", "usable", "there"),
    [
        (seen(), LADDER, set()),
        (seen(decided(feasible=False)), LADDER, {"infeasible"}),
        (seen(decided(feasible=False, reason=Reason.PINNED), orders=PINNED), LADDER, {"pin_over_budget"}),
        (seen(decided(reason=Reason.PINNED), orders=PINNED), LADDER, set()),
        (seen(decided(feasible=False), orders=Orders(pin=Pin("gone", "plc", 0))), LADDER, {"infeasible"}),
        (seen(HELD), LADDER, {"swap_inhibited"}),
        (seen(decided(Action.HOLD, Reason.INHIBITED, target="small")), LADDER, set()),
        (seen(degraded=[Degraded.STALE_PROFILE]), LADDER, {"profiles_stale"}),
        (seen(state=CameraState.FAULTED, detail="upload failed twice"), LADDER, {"camera_faulted"}),
        (seen(), frozenset(), {"no_usable_subnet"}),
        (seen(decided(feasible=False)), None, set()),
        (seen(decided(feasible=False), state=CameraState.SWAPPING), LADDER, set()),
    ],
)
def test_what_a_status_says_is_there(now: CameraSnapshot, usable: frozenset[str] | None, there: set[str]) -> None:
    assert {key for key, text in standing_causes(now, usable).items() if text is not None} == there


def test_while_a_camera_is_busy_nothing_is_said_of_its_budget() -> None:
    assert "infeasible" not in standing_causes(seen(state=CameraState.SWAPPING), LADDER)
    assert "profiles_stale" not in standing_causes(seen(state=CameraState.CONNECTING), LADDER)


def test_a_camera_that_has_no_library_any_more_breaks_no_budget() -> None:
    told = standing_causes(seen(decided(feasible=False)), None)
    assert told["infeasible"] is None
    assert told["no_usable_subnet"] is None


def looked(steps: Sequence[tuple[float, CameraSnapshot, Flow]]) -> list[bool]:
    """Whether "no results" stands after each step; each begins so many seconds after the one before."""
    clock, journal = VirtualClock(), MemoryJournal()
    desk = StandingAlarms(journal, clock).desk("cam")
    vigil, found = Vigil(desk), []

    async def story() -> None:
        for wait_s, now, flow in steps:
            await asyncio.sleep(wait_s)
            await vigil.look(now, LADDER, flow, clock.now_ns())
            found.append("results_stopped" in desk.active)

    run_virtual(clock, story())
    return found


def flow(published: int, asked_per_s: float | None = 10.0, free_running: bool = True) -> Flow:
    return Flow(published, asked_per_s, free_running)


def test_results_that_stop_are_told_and_the_next_one_ends_it() -> None:
    said = looked(
        [
            (0.0, seen(), flow(1)),
            (0.1, seen(), flow(1)),
            (SILENT_S - 0.2, seen(), flow(1)),
            (1.0, seen(), flow(1)),
            (1.0, seen(), flow(2)),
            (6.0, seen(), flow(60)),
        ]
    )
    assert said == [False, False, False, True, True, False]


def test_a_slow_line_is_given_the_time_of_its_parts() -> None:
    slow = flow(1, asked_per_s=0.5)
    assert looked([(0.0, seen(), slow), (0.1, seen(), slow), (39.0, seen(), slow), (2.0, seen(), slow)])[2:] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("now", "stream"),
    [
        (seen(line=STANDS), flow(1, free_running=False)),
        (seen(line=LineState()), flow(1, free_running=False)),  # nobody says that parts pass
        (seen(), flow(1, asked_per_s=None)),
        (seen(state=CameraState.SWAPPING), flow(1)),
    ],
)
def test_silence_is_no_matter_where_no_result_is_due(now: CameraSnapshot, stream: Flow) -> None:
    assert not any(looked([(0.0, now, stream), (1.0, now, stream), (600.0, now, stream)]))


def test_a_triggered_camera_is_missed_when_a_client_says_that_parts_pass() -> None:
    triggered = flow(1, free_running=False)
    assert looked([(0.0, seen(), triggered), (1.0, seen(), triggered), (60.0, seen(), triggered)])[-1]


def test_a_cause_that_can_not_be_told_now_leaves_its_alarm_as_it_is() -> None:
    clock = VirtualClock()
    desk = StandingAlarms(MemoryJournal(), clock).desk("cam")
    vigil = Vigil(desk)

    async def story() -> None:
        await vigil.look(seen(decided(feasible=False)), LADDER, flow(1), clock.now_ns())
        assert set(desk.active) == {"infeasible"}
        await vigil.look(seen(state=CameraState.SWAPPING), LADDER, flow(1), clock.now_ns())
        await asyncio.sleep(60.0)
        await vigil.look(seen(state=CameraState.SWAPPING), LADDER, flow(1), clock.now_ns())
        assert set(desk.active) == {"infeasible"}
        await vigil.look(seen(), LADDER, flow(1), clock.now_ns())
        await asyncio.sleep(6.0)
        await vigil.look(seen(), LADDER, flow(1), clock.now_ns())
        assert desk.active == {}

    run_virtual(clock, story())
