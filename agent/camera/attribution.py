"""Which chunk results count for the running acquisition (design: interfaces.md section 3).

The chunks repeat the camera's last result on every frame, also over BeginAcquisition and a change of the network, and
frame ids start again at 0 with each acquisition (facts/firefly-dl.md S20, section 7 items 9 and 12). So a chunk may
name a frame of this acquisition and yet come from the network before. A result counts only if

 (a) its id differs from the one on the frame that set the baseline,
 (b) 0 <= id <= frame id, and
 (c) nothing older can still be in the pipe: inference was disabled and enabled before this acquisition, or the
     baseline was taken at least one upper-bound service time after its first frame.

A first result whose id happens to equal a stale one's cannot be told from it and is dropped: until something counted,
an id that was dismissed never counts. Once a result counted the chunks carry this acquisition's results and ids only
grow. Ids that go backwards, of frames or of results, mean a restart that nobody announced: everything is taken as
unknown again. Losing a result is allowed, giving it to the wrong network is not.
"""

from __future__ import annotations

from collections import deque
from enum import Enum


class Verdict(Enum):
    """What a chunk result is worth."""

    NEW = "new"  # counts, seen for the first time
    REPEATED = "repeated"  # counted before
    STALE = "stale"  # counts for no generation
    NONE = "none"  # the chunk holds no result, or one already reported as stale


_DISMISSED_KEPT = 64  # stale ids come back within moments, if at all


class Attribution:
    """The rule for one acquisition; feed it every complete frame in order.

    `pipe_clear` is the first half of (c); without it results of the first `bound_ns` (an upper bound of one service
    time, by the camera's clock) do not count.
    """

    def __init__(self, pipe_clear: bool, bound_ns: int) -> None:
        self._bound_ns = bound_ns
        self._holding = not pipe_clear
        self._first_ns: int | None = None
        self._frame_id = -1
        self._seen: int | None = None  # id on the frame before; None until there was one
        self._counted = -1  # highest id that counted
        self._dismissed: deque[int] = deque(maxlen=_DISMISSED_KEPT)

    def judge(self, frame_id: int, timestamp_ns: int, inference_id: int) -> Verdict:
        """The worth of the result on the frame `frame_id`, exposed at `timestamp_ns` of the camera."""
        if self._first_ns is None:
            self._first_ns = timestamp_ns
        elif frame_id <= self._frame_id or 0 <= inference_id < self._counted:
            self._restart(timestamp_ns)
        self._frame_id = frame_id
        baseline = self._in_hold(timestamp_ns) or self._seen is None
        changed, self._seen = inference_id != self._seen, inference_id
        if inference_id == self._counted >= 0:
            return Verdict.REPEATED
        if not changed or inference_id < 0 or inference_id in self._dismissed:
            return Verdict.NONE
        if baseline or inference_id > frame_id:
            self._dismissed.append(inference_id)
            return Verdict.STALE
        self._dismissed.clear()
        self._counted = inference_id
        return Verdict.NEW

    def _in_hold(self, timestamp_ns: int) -> bool:
        """Whether something older may still finish, or may have finished since the frame before."""
        if not self._holding:
            return False
        # The first frame past the bound may show what finished within it: it is the baseline, not yet a result.
        self._holding = timestamp_ns - (self._first_ns or 0) < self._bound_ns
        return True

    def _restart(self, timestamp_ns: int) -> None:
        self._first_ns, self._holding = timestamp_ns, True
        self._seen, self._counted = None, -1


class EventAttribution(Attribution):
    """The same rule where results come as events: a frame's chunk sets the baseline and never counts itself."""

    def judge(self, frame_id: int, timestamp_ns: int, inference_id: int) -> Verdict:
        """Bounds and baseline for the events; always NONE."""
        if self._first_ns is None:
            self._first_ns = timestamp_ns
        elif frame_id <= self._frame_id:
            self._restart(timestamp_ns)
        self._frame_id = frame_id
        if self._seen is None:
            self._seen = inference_id
            self._dismissed.append(inference_id)
        return Verdict.NONE

    def judge_event(self, inference_id: int, ended_ns: int) -> Verdict:
        """The worth of an event of an inference that ended at `ended_ns` of the camera; its frame was judged before.

        Events of the acquisition before may still be queued, with ids that exist in this one too: they ended before
        its first frame was taken.
        """
        if self._first_ns is None or ended_ns <= self._first_ns or not 0 <= inference_id <= self._frame_id:
            return Verdict.STALE
        if self._holding and ended_ns - self._first_ns < self._bound_ns:
            return Verdict.STALE
        if inference_id == self._counted:
            return Verdict.REPEATED
        if inference_id < self._counted:
            self._restart(ended_ns)
            return Verdict.STALE
        if inference_id in self._dismissed:
            return Verdict.STALE
        self._dismissed.clear()
        self._counted = inference_id
        return Verdict.NEW
