"""Whether the daemon and the replay did the same on the same line, and what may differ between them.

Both decide by the same object from the same numbers, so they must take the same swaps in the same order. What may
differ is what the replay leaves out of the world (docs/explanation/replay-and-daemon.md):

 a. A decision that answers to a row of the trace alone falls on the row's time in both. One that also answers to
    results or to the passing of time comes with the next look: every TICK_S in both, but from another moment on. The
    daemon knows a result once it is there: a service time after its part, and with chunk transport when the next frame
    has come, where the replay knows it with the part.
 b. The daemon loses the part whose inference runs when a swap begins and, since the swap is one of the real camera,
    starts again a few hundredths of a second beside the measured time: about a part a swap.
 c. A part that passes while the camera is busy is lost, which the replay counts as late: worth nothing either way,
    but of a net that does not keep pace the daemon sees only every second part, so that it takes twice as long to
    learn what the replay learns.
"""

from __future__ import annotations

import math
from itertools import zip_longest

import numpy as np

from agent.replay.line import GRID_S, Line
from agent.replay.score import outcome
from agent.replay.simulation import Run, Swap
from tests.support.trace_line import Played, Swapped

TICK_S = GRID_S
WORTH = 0.01  # of U
SWAP_S = 0.1  # of a swap's time against the measured one: where in a frame it began


def differences(line: Line, played: Played, run: Run) -> list[str]:
    """What is not the same beyond what may differ; empty where they agree."""
    found = [f"first net: daemon {played.first}, replay {run.first}"] if played.first != run.first else []
    found += [f"failed: {record}" for record in played.failed]
    for number, (ours, theirs) in enumerate(zip_longest(played.swaps, run.swaps)):
        why = _swap_difference(line, ours, theirs)
        if why:
            found.append(f"swap {number}: {why}: daemon {ours}, replay {theirs}")
            break  # from here on they look at different things
    ours_u, theirs_u = played.value(line), outcome(line, run).value
    if abs(ours_u - theirs_u) > WORTH * theirs_u:
        found.append(f"U: daemon {ours_u:.2f}, replay {theirs_u:.2f}")
    return found


def _swap_difference(line: Line, ours: Swapped | None, theirs: Swap | None) -> str:
    if ours is None or theirs is None:
        return "only one of them swaps"
    if (ours.from_net, ours.to_net) != (theirs.from_net, theirs.to_net):
        return "other nets"
    late_s = ours.at_s - theirs.at_s
    if abs(late_s) > _allowed_s(line, theirs):
        return f"decided {late_s:+.3f} s apart"
    took_s = float(line.ladder.swap_s[ours.to_net])
    if abs(ours.ready_s - ours.at_s - took_s) > SWAP_S:
        return f"took {ours.ready_s - ours.at_s:.3f} s, measured were {took_s:.3f} s"
    return ""


def _allowed_s(line: Line, swap: Swap) -> float:
    """How far apart a decision may be."""
    part = int(line.part_times.searchsorted(swap.at_s)) - 1
    if part < 1:
        return TICK_S
    frame_s = float(line.part_times[part] - line.part_times[part - 1])
    service_s = float(line.service_ms(swap.from_net)[part]) / 1e3
    row_s = float(np.max(line.trace.t_s[line.trace.t_s <= swap.at_s]))
    missed_s = swap.at_s - row_s if service_s > frame_s else 0.0  # as long again for as many results
    return TICK_S + (math.floor(service_s / frame_s) + 1) * frame_s + missed_s
