"""The promise about deadlines can fail, and forgives only what a leap took: histories written by hand."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from agent.pb.ofa_agent.v1 import orders_pb2
from tests.stateful.model import Model
from tests.stateful.operations import an_operation_ends_by_its_deadline
from tests.stateful.record import Broken, Call, Happening, Record
from tests.stateful.world import PARTS_EVERY_S, Setting

LEAP_S = 70.0
WHOLE_S = 5.6  # of a swap with that deadline: twice its time, and that for the last row
SWAP_DEADLINE_S = 0.3


class History:
    """Of one swap, written down call by call. Times are seconds that the event loop had turns for."""

    def __init__(self, silent: bool) -> None:
        self.record = Record(Setting(silent=silent, swap_deadline_s=SWAP_DEADLINE_S))
        self._leapt_s = 0.0

    def leap(self) -> None:
        self._leapt_s += LEAP_S
        happening = Happening(self.record.next_order(), 0, "leap", leapt_ns=round(LEAP_S * 1e9))
        self.record.happenings.append(happening)

    def told(self, at_s: float, left_s: float) -> None:
        """Somebody is told that it goes on, for so long at most."""
        beat = round(at_s / PARTS_EVERY_S)
        while len(self.record.beats) < beat:
            self.record.beats.append(self._now_ns(len(self.record.beats) * PARTS_EVERY_S))
        metadata = orders_pb2.SwapMetadata(deadline=Duration(nanos=round(left_s * 1e9)))
        going = operations_pb2.Operation(name="operations/swap")
        going.metadata.Pack(metadata)
        asked = operations_pb2.ListOperationsRequest()
        call = Call(self.record.next_order(), 1, "plc", "ListOperations", asked, 0, operations=(going,))
        call.began_beat = call.ended_beat = beat
        call.ended_order, call.ended_now_ns = self.record.next_order(), self._now_ns(at_s)
        self.record.calls.append(call)

    def judged(self) -> None:
        an_operation_ends_by_its_deadline(Model(self.record), {})

    def _now_ns(self, at_s: float) -> int:
        return round((at_s + self._leapt_s) * 1e9)


@pytest.mark.parametrize(
    ("silent", "leaps", "left_s", "goes_on_s", "late"),
    [
        pytest.param(False, False, 0.5, 1.4, False, id="within the second after its deadline"),
        pytest.param(False, False, 0.5, 1.6, True, id="beyond the second after its deadline"),
        pytest.param(True, False, 0.5, 1.4, False, id="a silent camera, within that second"),
        pytest.param(True, False, 0.5, 1.6, True, id="a silent camera, beyond that second"),
        pytest.param(False, True, 0.0, 1.1, True, id="told after a leap, beyond that second"),
        pytest.param(True, True, 0.0, 1.3, False, id="a silent camera, told after a leap, given up by its timer"),
        pytest.param(True, True, 0.0, WHOLE_S + 1.1, True, id="a silent camera, told after a leap, never given up"),
    ],
)
def test_an_operation_that_goes_on_is_late_where_no_leap_explains_it(
    silent: bool, leaps: bool, left_s: float, goes_on_s: float, late: bool
) -> None:
    history = History(silent)
    if leaps:
        history.leap()
    history.told(0.0, left_s)
    history.told(goes_on_s, 0.0)
    with pytest.raises(Broken, match="goes on after its deadline") if late else nullcontext():
        history.judged()
