"""What can be told of swaps that have not begun: of an announced change, and of one that is held back. Pure."""

from __future__ import annotations

from agent.domain.budget import EffectiveBudget
from agent.domain.control import Prepared
from agent.domain.decision import Action, Decision, Reason
from agent.domain.line import View
from agent.domain.notice import AnnouncedChange
from agent.domain.snapshot import ComingCause, ComingSwap

GAP = "gap"  # the figure of a candidate (agent/policy/account.py)
_NOT_AS_THINGS_ARE = (Reason.NOT_WORTH, Reason.GUARDED, Reason.MODE, Reason.CANCELLED)
_BARRED = (Reason.INHIBITED, Reason.WINDOW, Reason.MODE, Reason.CANCELLED)


def prepared(
    change: AnnouncedChange,
    effective: EffectiveBudget,
    decision: Decision,
    standing: Decision,
    due_s: float,
    gap_s: float,
) -> Prepared:
    """What a change `due_s` from now means, where `decision` is what its budget calls for as things are now.

    `standing`: what it calls for where the line stands for it, so that a swap is free. A swap to a faster network,
    which the change needs, can end with the change; one to a slower network begins with it.
    """
    wait_s = _gap_s(standing, gap_s) if standing.target not in (None, standing.active) else 0.0
    gap_s = _gap_s(decision, gap_s)
    wanted = next((c for c in decision.candidates if c.subnet_id == decision.target), None)
    running = next((c for c in decision.candidates if c.subnet_id == decision.active), None)
    swaps = decision.target is not None and decision.target != decision.active
    needed_first = running is None or not running.feasible
    ready_in_s = max(due_s, gap_s) if needed_first else due_s + gap_s
    return Prepared(
        change=change,
        effective=effective,
        decision=decision,
        subnet_id=decision.target,
        expected_accuracy=None if wanted is None else wanted.accuracy,
        feasible=decision.feasible,
        swap_needed=swaps,
        expected_gap_s=gap_s if swaps else 0.0,
        ready_in_s=ready_in_s if swaps else 0.0,
        wait_s=wait_s,
        waiting_subnet_id=standing.target,
    )


def coming_swap(decision: Decision, view: View, min_dwell_s: float, gap_s: float) -> ComingSwap | None:
    """The swap that `decision` holds back; None where it wants none, or one now, or one only if things were other."""
    if decision.action is not Action.HOLD or decision.target is None or decision.target == decision.active:
        return None
    if decision.reason in _NOT_AS_THINGS_ARE:
        return None
    starts_s = decision.starts_s
    if decision.reason is Reason.DWELL and starts_s is None and view.activated_s is not None:
        starts_s = view.activated_s + min_dwell_s
    at_s = None if starts_s is None else round(starts_s, 3)  # sums of the same times differ in their last digits
    cause, text = _cause(decision, view), decision.text
    return ComingSwap(decision.target, at_s, _gap_s(decision, gap_s), decision.reason, cause, text)


def _gap_s(decision: Decision, otherwise_s: float) -> float:
    """What the decision itself takes a swap to its target to cost; `otherwise_s` where it does not say."""
    wanted = (c for c in decision.candidates if c.subnet_id == decision.target)
    return next((figure.value for c in wanted for figure in c.figures if figure.name == GAP), otherwise_s)


def _cause(decision: Decision, view: View) -> ComingCause:
    if decision.reason is Reason.DWELL:
        return ComingCause.MIN_DWELL
    if decision.reason is Reason.MEASURED:
        return ComingCause.MEASURING
    if decision.reason is Reason.WINDOW:
        return ComingCause.WINDOW
    if decision.reason is Reason.INHIBITED:
        return ComingCause.INHIBITED
    if decision.reason is Reason.ANNOUNCED or (view.announced and decision.starts_s is not None):
        return ComingCause.ANNOUNCED_CHANGE
    return ComingCause.OTHER


def settled(decision: Decision) -> bool:
    """Whether the camera runs what the decision means to run from here on: a line that waits for it may go.

    A swap that only the dwell or an interlock holds back is still to come. One that is held back for results is not
    waited for: a line that stands brings none.
    """
    if decision.action is Action.KEEP:
        return True
    held = decision.action is Action.HOLD and decision.starts_s is None
    return held and decision.reason is not Reason.DWELL and decision.reason not in _BARRED
