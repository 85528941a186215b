"""From what the policy wants to what may be done: pins, modes, inhibitions and windows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Candidate, Decision, Reason
from agent.domain.orders import NO_ORDERS, Inhibit, Mode, Orders, Pin, Window
from agent.policy.interlock import Interlock, Network, interlocked, ordered

BUDGET = EffectiveBudget("b-1", Budget(max_latency_ms=80.0), Priority.LEASE, ("c-1",))
FAIL_SAFE = replace(BUDGET, fail_safe=True)
CANDIDATES = (
    Candidate("small", 0.8, 10.0, 20.0, 5, True),
    Candidate("large", 0.9, 90.0, 100.0, 5, False, "too slow"),
)
NETWORK = Network("small", "small", frozenset({"small", "large", "middle"}), {})
EMPTY = replace(NETWORK, active=None, last="large")
PINNED = Orders(pin=Pin("large", "anna", 1))


def wants(
    action: Action = Action.SWAP, budget: EffectiveBudget = BUDGET, active: str | None = "small", target: str = "middle"
) -> Decision:
    return Decision(action, Reason.BUDGET, target, active, budget, True, Account(CANDIDATES, "middle fits"))


KEEPS = wants(Action.KEEP, target="small")


@pytest.mark.parametrize("decision", [wants(), KEEPS, wants(Action.HOLD), wants(Action.NONE)])
def test_without_orders_nothing_is_changed(decision: Decision) -> None:
    assert ordered(decision, NO_ORDERS, NETWORK) is decision
    assert interlocked(decision, NO_ORDERS, Interlock()) is decision


def test_a_pin_is_swapped_in_whatever_the_budget_says_and_kept_then() -> None:
    swapped = ordered(KEEPS, PINNED, NETWORK)
    assert (swapped.action, swapped.reason, swapped.target, swapped.feasible) == (
        Action.SWAP,
        Reason.PINNED,
        "large",
        False,
    )
    kept = ordered(replace_active(KEEPS, "large"), PINNED, replace(NETWORK, active="large"))
    assert (kept.action, kept.reason, kept.target) == (Action.KEEP, Reason.PINNED, "large")
    assert kept.text == "large is pinned by anna, though it does not meet the budget"


def replace_active(decision: Decision, active: str) -> Decision:
    facts = (decision.action, decision.reason, decision.target, active, decision.budget, decision.feasible)
    return Decision(*facts, decision.account)


def test_a_pinned_net_that_failed_lately_is_held_with_the_reason() -> None:
    held = ordered(wants(), PINNED, replace(NETWORK, quarantined={"large": "wrong golden"}))
    assert (held.action, held.reason, held.target) == (Action.HOLD, Reason.QUARANTINED, "large")
    assert "wrong golden" in held.text


def test_a_pinned_net_that_the_library_has_no_more_leaves_the_choice_to_the_policy() -> None:
    orders = Orders(pin=Pin("gone", "anna", 1))
    assert ordered(wants(), orders, NETWORK).target == "middle"
    stays = ordered(wants(), orders, replace(NETWORK, active="gone"))
    assert (stays.action, stays.target) == (Action.KEEP, "gone")


@pytest.mark.parametrize(
    ("mode", "priority", "swaps"),
    [
        (Mode.AUTO, Priority.DEFAULT, True),
        (Mode.AUTO, Priority.SCHEDULE, True),
        (Mode.MANUAL, Priority.LEASE, False),
        (Mode.MANUAL, Priority.MANUAL, False),
        (Mode.MANUAL, Priority.MAINTENANCE, False),
        (Mode.MANUAL, Priority.LOCAL_OVERRIDE, True),
        (Mode.MAINTENANCE, Priority.MANUAL, False),
        (Mode.MAINTENANCE, Priority.MAINTENANCE, True),
        (Mode.MAINTENANCE, Priority.LOCAL_OVERRIDE, True),
    ],
)
def test_only_the_budgets_that_count_in_a_mode_swap(mode: Mode, priority: Priority, swaps: bool) -> None:
    decided = ordered(wants(budget=replace(BUDGET, priority=priority)), Orders(mode), NETWORK)
    assert (decided.action is Action.SWAP) is swaps
    if not swaps:
        assert (decided.action, decided.reason, decided.target) == (Action.HOLD, Reason.MODE, "middle")
        assert mode.value in decided.text
        assert "middle fits" in decided.text


def test_not_even_the_fail_safe_swaps_in_manual() -> None:
    assert ordered(wants(budget=FAIL_SAFE), Orders(Mode.MANUAL), NETWORK).action is Action.HOLD


def test_a_pin_is_a_command_in_every_mode() -> None:
    for mode in Mode:
        assert ordered(wants(), replace(PINNED, mode=mode), NETWORK).reason is Reason.PINNED


def test_in_manual_an_empty_camera_gets_back_what_ran() -> None:
    back = ordered(wants(active=None), Orders(Mode.MANUAL), EMPTY)
    assert (back.action, back.reason, back.target) == (Action.SWAP, Reason.RECOVERY, "large")
    for network in (replace(EMPTY, last=None), replace(EMPTY, last="gone"), replace(EMPTY, quarantined={"large": "x"})):
        assert ordered(wants(active=None), Orders(Mode.MANUAL), network).action is Action.HOLD


INHIBITED = Orders(inhibits=(Inhibit("plc", "gripper is closed"), Inhibit("robot")))


@pytest.mark.parametrize(
    "decision",
    [wants(), wants(budget=FAIL_SAFE), wants(active=None), ordered(KEEPS, PINNED, NETWORK)],
    ids=["policy", "fail-safe", "empty", "pin"],
)
def test_an_inhibition_holds_every_swap_and_says_whose_it_is(decision: Decision) -> None:
    held = interlocked(decision, INHIBITED, Interlock(permitted=True, stopped=True))
    assert (held.action, held.reason, held.target) == (Action.HOLD, Reason.INHIBITED, decision.target)
    assert "plc (gripper is closed), robot" in held.text
    assert interlocked(KEEPS, INHIBITED, Interlock()) is KEEPS


@pytest.mark.parametrize(
    ("lock", "begins"),
    [
        (Interlock(Window.ANY), True),
        (Interlock(Window.LINE_STOPPED), False),
        (Interlock(Window.LINE_STOPPED, stopped=True), True),
        (Interlock(Window.LINE_STOPPED, permitted=True), True),
        (Interlock(Window.PERMIT), False),
        (Interlock(Window.PERMIT, stopped=True), False),
        (Interlock(Window.PERMIT, permitted=True), True),
    ],
)
def test_a_window_holds_swaps_until_it_is_open(lock: Interlock, begins: bool) -> None:
    decided = interlocked(wants(), NO_ORDERS, lock)
    assert (decided.action is Action.SWAP) is begins
    assert begins or (decided.reason, decided.target) == (Reason.WINDOW, "middle")
    pinned = interlocked(ordered(KEEPS, PINNED, NETWORK), PINNED, lock)
    assert (pinned.action is Action.SWAP) is begins


@pytest.mark.parametrize("decision", [wants(budget=FAIL_SAFE), wants(active=None)])
def test_a_window_holds_neither_the_fail_safe_nor_a_camera_that_sees_nothing(decision: Decision) -> None:
    for window in Window:
        assert interlocked(decision, NO_ORDERS, Interlock(window)) is decision


def test_a_pin_waits_for_its_window_also_while_the_fail_safe_budget_is_in_force() -> None:
    """A leap of the clock ended a lease, somebody pinned a sub-net, and it was swapped in without a permit."""
    pinned = ordered(wants(budget=FAIL_SAFE), PINNED, NETWORK)
    held = interlocked(pinned, PINNED, Interlock(Window.PERMIT))
    assert (held.action, held.reason, held.target) == (Action.HOLD, Reason.WINDOW, "large")
    assert interlocked(pinned, PINNED, Interlock(Window.PERMIT, permitted=True)) is pinned
    cancelled = interlocked(pinned, PINNED, Interlock(cancelled=True))
    assert (cancelled.action, cancelled.reason) == (Action.HOLD, Reason.CANCELLED)
