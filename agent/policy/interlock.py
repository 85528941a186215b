"""From what the policy wants to what may be done: pins, modes, inhibitions and swap windows (interfaces.md section 6).

    policy ─► pinned ─► by mode ─► (a profiling run, if one is under way) ─► interlocked ─► done

Pure. What is held back says so: the action is HOLD, its reason why, and the target stays, so that everybody sees what
is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.budget import Priority
from agent.domain.decision import Account, Action, Decision, Reason
from agent.domain.orders import Inhibit, Mode, Orders, Pin, Window

# Budgets that count in each mode; in the others nothing swaps for them.
_COUNTS = {Mode.AUTO: Priority.DEFAULT, Mode.MANUAL: Priority.LOCAL_OVERRIDE, Mode.MAINTENANCE: Priority.MAINTENANCE}


@dataclass(frozen=True, slots=True)
class Network:
    """What is on the camera: `active`, None where nothing is; `last`: what was active last, now or before it went.

    `usable`: sub-nets that can be put on it; `quarantined`: those that failed lately, with the reason.
    """

    active: str | None
    last: str | None
    usable: frozenset[str]
    quarantined: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Interlock:
    """What a swap has to pass. `permitted`: somebody has let one begin; `stopped`: the line stands; `cancelled`:
    somebody has ended a swap lately, and no command has come since.
    """

    window: Window = Window.ANY
    permitted: bool = False
    stopped: bool = False
    cancelled: bool = False


def ordered(wanted: Decision, orders: Orders, network: Network) -> Decision:
    """What mode and pin make of the policy's decision."""
    pin = orders.pin
    if pin is not None and (pin.subnet_id in network.usable or pin.subnet_id == network.active):
        return _pinned(wanted, pin, network)
    return _by_mode(wanted, orders.mode, network)


def interlocked(wanted: Decision, orders: Orders, interlock: Interlock) -> Decision:
    """What inhibitions and the window make of it: a swap may begin now, or is held."""
    if wanted.action is not Action.SWAP:
        return wanted
    if orders.inhibits:
        return _held(wanted, Reason.INHIBITED, why_held(orders, interlock))
    if wanted.is_for_fail_safe or wanted.active is None or interlock.permitted:
        return wanted  # a camera without a network loses nothing
    if interlock.cancelled:
        return _held(wanted, Reason.CANCELLED, "a swap was cancelled, and nothing was asked for since")
    why = why_held(orders, interlock)
    return _held(wanted, Reason.WINDOW, why) if why else wanted


def why_held(orders: Orders, interlock: Interlock) -> str:
    """Why no swap may begin that somebody asks for; empty where one may."""
    if orders.inhibits:
        return f"swaps are inhibited by {_names(orders.inhibits)}"
    waits_for = "" if interlock.permitted else _closed(interlock)
    return f"swaps wait {waits_for} (policy.swap.window)" if waits_for else ""


def _closed(interlock: Interlock) -> str:
    """What the window waits for; empty where it is open."""
    if interlock.window is Window.LINE_STOPPED and not interlock.stopped:
        return "until the line stands"
    return "for a permit" if interlock.window is Window.PERMIT else ""


def _pinned(wanted: Decision, pin: Pin, network: Network) -> Decision:
    by = f"{pin.subnet_id} is pinned by {pin.client}" + (" (rollback)" if pin.rollback else "")
    fits = next((one.feasible for one in wanted.candidates if one.subnet_id == pin.subnet_id), False)
    if network.active == pin.subnet_id:
        text = by if fits else f"{by}, though it does not meet the budget"
        return _changed(wanted, Action.KEEP, Reason.PINNED, pin.subnet_id, fits, text)
    why = network.quarantined.get(pin.subnet_id)
    if why is not None:
        return _changed(wanted, Action.HOLD, Reason.QUARANTINED, pin.subnet_id, fits, f"{by}, but failed lately: {why}")
    return _changed(wanted, Action.SWAP, Reason.PINNED, pin.subnet_id, fits, by)


def _by_mode(wanted: Decision, mode: Mode, network: Network) -> Decision:
    if wanted.action not in (Action.SWAP, Action.HOLD) or wanted.budget.priority >= _COUNTS[mode]:
        return wanted
    last = network.last
    if network.active is None and last is not None and last in network.usable and last not in network.quarantined:
        text = f"{last} ran before and is put back: the mode is {mode.value}"
        return _changed(wanted, Action.SWAP, Reason.RECOVERY, last, wanted.feasible, text)
    return _held(wanted, Reason.MODE, f"the mode is {mode.value}: nothing swaps by itself")


def _held(wanted: Decision, reason: Reason, why: str) -> Decision:
    def account() -> Account:
        return Account(wanted.candidates, f"{why}; wanted: {wanted.text}", wanted.figures)

    facts = (reason, wanted.target, wanted.active, wanted.budget, wanted.feasible)
    return Decision(Action.HOLD, *facts, account)


def _changed(wanted: Decision, action: Action, reason: Reason, target: str, feasible: bool, text: str) -> Decision:
    def account() -> Account:
        return Account(wanted.candidates, text, wanted.figures)

    return Decision(action, reason, target, wanted.active, wanted.budget, feasible, account)


def _names(inhibits: tuple[Inhibit, ...]) -> str:
    return ", ".join(f"{one.client} ({one.why})" if one.why else one.client for one in inhibits)
