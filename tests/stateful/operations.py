"""The promises about operations: cancels are answered at once, and deadlines that were announced are kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

from google.longrunning import operations_pb2

from agent.pb.ofa_agent.v1 import capture_pb2, orders_pb2, profile_pb2
from tests.stateful.device import Plate
from tests.stateful.model import Model
from tests.stateful.record import Broken, Call, Record, Verdict
from tests.stateful.world import PARTS_EVERY_S

ANSWER_BEATS = round(0.2 / PARTS_EVERY_S)  # a cancel has its answer
ENDED_BEATS = round(1.0 / PARTS_EVERY_S)  # an operation whose deadline has passed has ended
LAST_ROW_S = 5.0  # of a swap's time, for the disk
_METADATA: tuple[type[Any], ...] = (
    orders_pb2.SwapMetadata, profile_pb2.ProfileSubnetsMetadata, capture_pb2.CaptureMetadata
)  # fmt: skip


def a_cancel_is_answered_at_once(model: Model, _: Mapping[str, Plate]) -> None:
    """Within 200 ms in any stage of the operation, the gap of a swap too: of time that the event loop had turns in."""
    for call in model.record.of("CancelOperation"):
        beats = call.ended_beat - call.began_beat
        if call.verdict is not Verdict.OPEN and beats > ANSWER_BEATS:
            raise Broken(f"answered after {beats * PARTS_EVERY_S:.2f} s\n{model.record.excerpt(call)}")


def an_operation_ends_by_its_deadline(model: Model, _: Mapping[str, Plate]) -> None:
    """A second after the earliest that anybody was told of it, it is told as over.

    After a leap of the clock that second is one of beats: the agent cannot have used time that did not pass for it. A
    camera that does not come back at all is given up by a timer, which no leap makes shorter (on a machine its clock is
    that of deadlines, and leaps with it): there all is beats, and a swap has what the leaps before have taken from what
    it tells, within the whole time of a swap.
    """
    record = model.record
    announced: dict[str, tuple[int, Call]] = {}
    for call in sorted(model.record.calls, key=lambda one: one.ended_order):
        for operation in call.operations:
            known = announced.get(operation.name)
            if known is not None and not operation.done and _late(record, *known, call):
                why = f"{operation.name} goes on after its deadline"
                raise Broken(f"{why}\n{record.excerpt(known[1], call)}")
            left_ns = _left_ns(record, operation, call)
            if left_ns is not None and (known is None or call.ended_now_ns + left_ns < known[0]):
                announced[operation.name] = call.ended_now_ns + left_ns, call


OPERATION_PROMISES: tuple[Callable[[Model, Mapping[str, Plate]], None], ...] = (
    a_cancel_is_answered_at_once,
    an_operation_ends_by_its_deadline,
)


def deadline_ns_of(operation: Any) -> int | None:
    """Time that is left to an operation as it was told; None where it has ended or says nothing."""
    for kind in _METADATA:
        if operation.metadata.Is(kind.DESCRIPTOR) and not operation.done:
            told = kind()
            operation.metadata.Unpack(told)
            return int(told.deadline.ToNanoseconds()) if told.HasField("deadline") else None
    return None


def answered_operations(record: Record) -> list[str]:
    """The names of those that the answers to commands told of, each once."""
    names = {one.name: None for call in record.calls for one in in_answer(call.answer)}
    for watch in record.watches:
        for message in watch.messages if watch.kind == "capture" else ():
            if message.operation_name:  # type: ignore[attr-defined]
                names[message.operation_name] = None  # type: ignore[attr-defined]
    return list(names)


def operations_in(call: Call) -> tuple[Any, ...]:
    """Those that a call which asks for them tells of; a command that comes again gets its first answer, an old one."""
    if call.body is None:
        return ()
    if call.method == "ListOperations":
        return tuple(operations_pb2.ListOperationsResponse.FromString(call.body).operations)
    if call.method in ("WaitOperation", "GetOperation"):
        return (operations_pb2.Operation.FromString(call.body),)
    return ()


def in_answer(answer: Any) -> list[Any]:
    """The operations that the answer to a command tells of."""
    parts = [answer, *getattr(answer, "cameras", ()), *getattr(answer, "changes", ())]
    found = [getattr(part, "operation", None) for part in parts]
    return [one for one in found if one is not None and one.name]


def _left_ns(record: Record, operation: Any, told: Call) -> int | None:
    """Time that is left to an operation: as it was told, or as the timers have it where its camera is silent."""
    left_ns = deadline_ns_of(operation)
    if left_ns is None or not record.setting.silent or not operation.metadata.Is(orders_pb2.SwapMetadata.DESCRIPTOR):
        return left_ns
    leapt_ns = sum(one.leapt_ns for one in record.happenings if one.order < told.ended_order)
    whole_ns = round((2 * record.setting.swap_deadline_s + LAST_ROW_S) * 1e9)
    return max(left_ns, min(left_ns + leapt_ns, whole_ns))


def _late(record: Record, deadline_ns: int, told: Call, call: Call) -> bool:
    """Whether the call began more than a second of beats after the deadline that the earlier one told."""
    reached = bisect_left(record.beats, deadline_ns)
    if record.setting.silent:
        reached = told.ended_beat + round((deadline_ns - told.ended_now_ns) / 1e9 / PARTS_EVERY_S)
    return call.began_beat - reached > ENDED_BEATS
