"""Messages that many read, converted and serialised once.

Messages of protobuf merge when their bytes are put one behind the other: what all readers get alike is made once, and
what a reader has of its own (`dropped`) follows as a few bytes. tests/api/test_shared.py proves it the same as the
plain way, byte for byte.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from agent.api import convert, convert_status
from agent.api.moment import Moment
from agent.clock import Clock
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot
from agent.pb.ofa_agent.v1 import status_pb2, types_pb2

RESULTS_KEPT = 256  # a reader that is further behind has its results made again


@dataclass(slots=True)
class _Made:
    """A snapshot's message and its bytes as they are asked for."""

    snapshot: CameraSnapshot
    made_ns: int
    status: types_pb2.CameraStatus
    answer: bytes | None = None
    watched: bytes | None = None


class SharedStatus:
    """The newest status of each camera.

    Durations in it (what remains of a lease, when a swap starts) count from when it was made. It is made anew for every
    revision, and for one that is asked for again after `age_s`: no reader gets a duration that is older.
    """

    def __init__(self, clock: Clock, age_s: float, epoch: str) -> None:
        self._clock = clock
        self._age_ns = round(age_s * 1e9)
        self._epoch = epoch
        self._made: dict[str, _Made] = {}

    def answer(self, snapshot: CameraSnapshot) -> bytes:
        """GetStatusResponse with that camera; those of several cameras, one behind the other, are one with them all."""
        made = self._of(snapshot)
        if made.answer is None:
            made.answer = status_pb2.GetStatusResponse(cameras=[made.status]).SerializeToString()
        return made.answer

    def watched(self, snapshot: CameraSnapshot, dropped: int) -> bytes:
        """WatchStatusResponse with that snapshot."""
        made = self._of(snapshot)
        if made.watched is None:
            message = status_pb2.WatchStatusResponse(status=made.status, revision=snapshot.revision, epoch=self._epoch)
            made.watched = message.SerializeToString()
        if not dropped:
            return made.watched
        return made.watched + status_pb2.WatchStatusResponse(dropped=dropped).SerializeToString()

    def _of(self, snapshot: CameraSnapshot) -> _Made:
        made = self._made.get(snapshot.camera)
        now_ns = self._clock.now_ns()
        if made is None or made.snapshot is not snapshot or now_ns - made.made_ns > self._age_ns:
            made = _Made(snapshot, now_ns, convert_status.status(snapshot, Moment.of(self._clock)))
            self._made[snapshot.camera] = made
        return made


class SharedResults:
    """The last results of all cameras, as they were asked for."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, int], tuple[InferenceResult, bytes]] = OrderedDict()

    def watched(self, result: InferenceResult, labels: Sequence[str], dropped: int) -> bytes:
        """WatchResultsResponse with that result; `labels` as for convert.result."""
        key = (result.camera, result.sequence)
        made = self._made.get(key)
        if made is None or made[0] is not result:
            message = status_pb2.WatchResultsResponse(result=convert.result(result, labels))
            made = self._made[key] = (result, message.SerializeToString())
            if len(self._made) > RESULTS_KEPT:
                self._made.popitem(last=False)
        if not dropped:
            return made[1]
        return made[1] + status_pb2.WatchResultsResponse(dropped=dropped).SerializeToString()
