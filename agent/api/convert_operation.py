"""Operations into google.longrunning.Operation, whatever they do."""

from __future__ import annotations

from google.longrunning import operations_pb2
from google.protobuf.message import Message

from agent.api import convert, convert_profile
from agent.api.enums import STAGES
from agent.api.errors import to_status
from agent.api.moment import Moment, nanoseconds, timestamp
from agent.domain.operation import PREFIX, CaptureWork, Operation, ProfileWork, SwapWork
from agent.pb.ofa_agent.v1 import capture_pb2, orders_pb2


def operation(value: Operation, moment: Moment) -> operations_pb2.Operation:
    """With metadata in any state; with a response or an error once it is done. Times count from `moment`."""
    answer = operations_pb2.Operation(name=value.name, done=value.done)
    answer.metadata.Pack(_metadata(value, moment))
    if value.done and value.error is not None:
        answer.error.CopyFrom(to_status(value.error, {"camera": value.camera}))
    elif value.done:
        answer.response.Pack(_response(value))
    return answer


def optional(value: Operation | None, moment: Moment) -> operations_pb2.Operation | None:
    return None if value is None else operation(value, moment)


def _metadata(value: Operation, moment: Moment) -> Message:
    work = value.work
    if isinstance(work, SwapWork):
        return _swap(value, work, moment)
    if isinstance(work, ProfileWork):
        return convert_profile.metadata(value, work, moment)
    return _capture(value, work, moment)


def _response(value: Operation) -> Message:
    work = value.work
    if isinstance(work, SwapWork):
        return orders_pb2.SwapResult(swap=None if work.record is None else convert.swap(work.record))
    if isinstance(work, ProfileWork):
        return convert_profile.result(value, work)
    return capture_pb2.CaptureResult(camera=value.camera, label=work.label, taken=work.taken, missed=work.missed)


def _swap(value: Operation, work: SwapWork, moment: Moment) -> orders_pb2.SwapMetadata:
    return orders_pb2.SwapMetadata(
        camera=value.camera,
        swap_id=value.name.removeprefix(PREFIX),
        from_subnet_id=work.from_subnet,
        to_subnet_id=work.to_subnet,
        reason=work.reason,
        stage=STAGES[work.stage],
        bytes_done=work.bytes_done,
        bytes_total=work.bytes_total,
        progress=work.progress,
        gap_so_far=nanoseconds(round(work.gap_s * 1e9)),
        expected_gap=nanoseconds(round(work.expected_gap_s * 1e9)),
        started_at=timestamp(value.started_wall_ns),
        deadline=None if value.deadline_s is None else moment.until(value.deadline_s),
        cancelling=value.cancelling,
    )


def _capture(value: Operation, work: CaptureWork, moment: Moment) -> capture_pb2.CaptureMetadata:
    return capture_pb2.CaptureMetadata(
        camera=value.camera,
        label=work.label,
        count=work.wanted,
        taken=work.taken,
        missed=work.missed,
        started_at=timestamp(value.started_wall_ns),
        deadline=None if value.deadline_s is None else moment.until(value.deadline_s),
        cancelling=value.cancelling,
    )
