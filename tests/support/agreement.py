"""Whether the daemon and the replay did the same on the same line, and what may differ between them.

Both decide by the same object from the same numbers, so they must take the same swaps for the same reasons in the same
order. What may differ is what the replay leaves out of the world (docs/explanation/replay-and-daemon.md):

 a. A decision that answers to a row of the trace alone falls on the row's time in both. One that also answers to
    results comes with the next look: every TICK_S in both, but from another moment on. The daemon knows a result once
    it is there: a service time after its part, and with chunk transport when the next frame has come, where the replay
    knows it with the part.
 b. One that weighs (a gain against its gap, the accounts of the guard) comes when two values cross that approach each
    other slowly, within EVEN_S: near the crossing both choices are worth nearly the same, which U is held to.
 c. The daemon loses the part whose inference runs when a swap begins and, since the swap is one of the real camera,
    starts again a few hundredths of a second beside the measured time: about a part a swap.
 d. A part that passes while the camera is busy is lost, which the replay counts as late: worth nothing either way,
    but of a net that does not keep pace the daemon sees only every second part, so that it takes twice as long to
    learn what the replay learns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from agent.domain.decision import Reason
from agent.replay.line import Line
from agent.replay.policies.shipped import LOOK_S, Shipped
from agent.replay.score import outcome
from agent.replay.simulation import Moment, Run, Swap
from tests.support.trace_line import Played, Swapped

TICK_S = LOOK_S
EVEN_S = 15.0
WORTH = 0.01  # of U
SWAP_S = 0.1  # of a swap's time against the measured one: where in a frame it began
WEIGHED = (Reason.MORE_ACCURATE.value, Reason.GUARDED.value)


class Reasoned(Shipped):
    """The shipped policy, which notes why it swaps."""

    reasons: tuple[str, ...] = ()

    def decide(self, moment: Moment) -> int:
        chosen = super().decide(moment)
        if chosen != moment.active and self.last is not None:
            self.reasons += (self.last.reason.value,)
        return chosen


def differences(line: Line, played: Played, run: Run, reasons: Sequence[str]) -> list[str]:
    """What is not the same beyond what may differ; `reasons` are those of the replay's swaps."""
    found = [f"first net: daemon {played.first}, replay {run.first}"] if played.first != run.first else []
    for number, (ours, theirs) in enumerate(zip_longest(played.swaps, run.swaps)):
        why = _swap_difference(line, ours, theirs, reasons[number] if theirs else "")
        if why:
            found.append(f"swap {number}: {why}: daemon {ours}, replay {theirs}")
            break  # from here on they look at different things
    return found + worth_difference(line, played, run)


def worth_difference(line: Line, played: Played, run: Run) -> list[str]:
    """Swaps that failed, and U where it differs by more than WORTH."""
    found = [f"failed: {record}" for record in played.failed]
    ours, theirs = played.value(line), outcome(line, run).value
    if abs(ours - theirs) > WORTH * theirs:
        found.append(f"U: daemon {ours:.2f}, replay {theirs:.2f}")
    return found


def _swap_difference(line: Line, ours: Swapped | None, theirs: Swap | None, reason: str) -> str:
    if ours is None or theirs is None:
        return "only one of them swaps"
    if (ours.from_net, ours.to_net) != (theirs.from_net, theirs.to_net):
        return "other nets"
    if ours.reason != reason:
        return f"for other reasons, the replay for {reason}"
    late_s = ours.at_s - theirs.at_s
    if abs(late_s) > _allowed_s(line, theirs, reason):
        return f"decided {late_s:+.3f} s apart"
    took_s = float(line.ladder.swap_s[ours.to_net])
    if abs(ours.ready_s - ours.at_s - took_s) > SWAP_S:
        return f"took {ours.ready_s - ours.at_s:.3f} s, measured were {took_s:.3f} s"
    return ""


def _allowed_s(line: Line, swap: Swap, reason: str) -> float:
    """How far apart a decision may be."""
    even_s = EVEN_S if reason in WEIGHED else 0.0
    part = int(line.part_times.searchsorted(swap.at_s)) - 1
    if part < 1:
        return TICK_S + even_s
    frame_s = float(line.part_times[part] - line.part_times[part - 1])
    service_s = float(line.service_ms(swap.from_net)[part]) / 1e3
    row_s = float(np.max(line.trace.t_s[line.trace.t_s <= swap.at_s]))
    missed_s = swap.at_s - row_s if service_s > frame_s else 0.0  # as long again for as many results
    return TICK_S + even_s + (math.floor(service_s / frame_s) + 1) * frame_s + missed_s
