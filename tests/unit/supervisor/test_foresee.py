"""What is told of swaps that have not begun."""

from __future__ import annotations

import pytest

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Candidate, Decision, Figure, Reason
from agent.domain.line import Announced, Demand, View
from agent.domain.notice import AnnouncedChange, ChangeState
from agent.domain.snapshot import ComingCause
from agent.supervisor.foresee import GAP, coming_swap, prepared, settled

BUDGET = EffectiveBudget("b", Budget(80.0), Priority.LEASE, ())
CHANGE = AnnouncedChange("p-1", "plc", ChangeState.PREPARED, Budget(80.0), None, 0)
GAP_S = 2.0


def decided(
    action: Action = Action.SWAP,
    reason: Reason = Reason.BUDGET,
    target: str | None = "fast",
    active: str | None = "slow",
    slow_fits: bool = False,
    starts_s: float | None = None,
    gap_s: float | None = None,
) -> Decision:
    figures = () if gap_s is None else (Figure(GAP, gap_s, "s"),)
    candidates = (
        Candidate("fast", 0.8, 20.0, 30.0, 100, True, figures=figures),
        Candidate("slow", 0.9, 60.0, 70.0, 100, slow_fits),
    )
    return Decision(action, reason, target, active, BUDGET, True, Account(candidates, "why"), starts_s)


@pytest.mark.parametrize(("due_s", "ready_in_s"), [(5.0, 5.0), (1.0, 2.0), (0.0, 2.0)])
def test_a_swap_that_the_change_needs_ends_with_it_where_there_is_time(due_s: float, ready_in_s: float) -> None:
    told = prepared(CHANGE, BUDGET, decided(), decided(), due_s, GAP_S)
    assert (told.ready_in_s, told.wait_s, told.expected_gap_s, told.swap_needed) == (ready_in_s, GAP_S, GAP_S, True)
    assert (told.subnet_id, told.expected_accuracy) == ("fast", 0.8)


def test_a_swap_for_a_gain_begins_with_the_change() -> None:
    gain = decided(target="slow", active="fast", slow_fits=True)
    assert prepared(CHANGE, BUDGET, gain, gain, 5.0, GAP_S).ready_in_s == 7.0


def test_a_swap_that_is_not_worth_its_gap_may_be_worth_a_wait() -> None:
    stays = decided(Action.KEEP, Reason.NOT_WORTH, target="fast", active="fast", slow_fits=True)
    told = prepared(CHANGE, BUDGET, stays, decided(target="slow", active="fast", slow_fits=True), 5.0, GAP_S)
    assert (told.swap_needed, told.expected_gap_s, told.subnet_id) == (False, 0.0, "fast")
    assert (told.wait_s, told.waiting_subnet_id) == (GAP_S, "slow")


def test_without_a_network_any_is_needed_and_without_a_choice_none_is_told() -> None:
    first, none = decided(active=None), decided(action=Action.NONE, target=None)
    assert prepared(CHANGE, BUDGET, first, first, 5.0, GAP_S).ready_in_s == 5.0
    told = prepared(CHANGE, BUDGET, none, none, 5.0, GAP_S)
    assert (told.subnet_id, told.expected_accuracy, told.swap_needed, told.ready_in_s) == (None, None, False, 0.0)
    assert (told.waiting_subnet_id, told.wait_s) == (None, 0.0)


def test_the_gap_is_that_of_the_wanted_net_where_the_decision_knows_it() -> None:
    known = decided(Action.HOLD, Reason.DWELL, gap_s=3.5)
    told = prepared(CHANGE, BUDGET, known, known, 5.0, GAP_S)
    assert (told.expected_gap_s, told.wait_s, told.ready_in_s) == (3.5, 3.5, 5.0)
    coming = coming_swap(known, seen(), 5.0, GAP_S)
    assert coming is not None
    assert coming.expected_gap_s == 3.5


def seen(announced: bool = False, activated_s: float | None = 90.0) -> View:
    demand = Demand(BUDGET)
    return View(100.0, demand, "slow", activated_s, announced=(Announced(105.0, demand),) if announced else ())


@pytest.mark.parametrize(
    ("decision", "announced", "cause", "starts_s"),
    [
        (decided(Action.HOLD, Reason.DWELL), False, ComingCause.MIN_DWELL, 95.0),
        (decided(Action.HOLD, Reason.DWELL, starts_s=96.0), True, ComingCause.MIN_DWELL, 96.0),
        (decided(Action.HOLD, Reason.MEASURED), False, ComingCause.MEASURING, None),
        (decided(Action.HOLD, starts_s=103.0 + 1e-9), True, ComingCause.ANNOUNCED_CHANGE, 103.0),
        (decided(Action.HOLD, Reason.ANNOUNCED), True, ComingCause.ANNOUNCED_CHANGE, None),
        (decided(Action.HOLD), False, ComingCause.OTHER, None),
    ],
)
def test_a_swap_that_is_held_back_is_foreseen_with_its_cause(
    decision: Decision, announced: bool, cause: ComingCause, starts_s: float | None
) -> None:
    coming = coming_swap(decision, seen(announced), 5.0, GAP_S)
    assert coming is not None
    assert (coming.to_subnet, coming.cause, coming.starts_s, coming.expected_gap_s) == ("fast", cause, starts_s, GAP_S)


@pytest.mark.parametrize(
    "decision",
    [
        decided(Action.SWAP),
        decided(Action.KEEP, target="slow"),
        decided(Action.NONE, target=None),
        decided(Action.HOLD, target="slow"),
        decided(Action.HOLD, Reason.NOT_WORTH),
        decided(Action.HOLD, Reason.GUARDED),
    ],
)
def test_what_begins_now_or_is_not_wanted_is_not_foreseen(decision: Decision) -> None:
    assert coming_swap(decision, seen(), 5.0, GAP_S) is None


@pytest.mark.parametrize(
    ("decision", "rests"),
    [
        (decided(Action.KEEP, target="slow"), True),
        (decided(Action.SWAP), False),
        (decided(Action.NONE, target=None), False),
        (decided(Action.HOLD, Reason.DWELL), False),
        (decided(Action.HOLD, starts_s=103.0), False),
        (decided(Action.HOLD, Reason.MEASURED), True),  # a line that stands brings no results to wait for
    ],
)
def test_a_line_may_go_once_nothing_is_to_come_for_it(decision: Decision, rests: bool) -> None:
    assert settled(decision) is rests
