"""Profiling runs into their messages."""

from __future__ import annotations

from google.longrunning import operations_pb2

from agent.api.enums import PROFILE_STAGES
from agent.api.errors import to_status
from agent.api.moment import nanoseconds, timestamp
from agent.domain.operation import Operation, ProfiledNet, ProfilePlan
from agent.pb.ofa_agent.v1 import profile_pb2 as pb


def plan(value: ProfilePlan) -> pb.ProfilePlan:
    return pb.ProfilePlan(
        subnet_ids=value.subnets,
        results=value.results,
        takes=nanoseconds(round(value.takes_s * 1e9)),
        gaps=nanoseconds(round(value.gap_s * 1e9)),
    )


def operation(value: Operation) -> operations_pb2.Operation:
    """With metadata in any state; with a response or an error once it is done."""
    answer = operations_pb2.Operation(name=value.name, done=value.done)
    answer.metadata.Pack(_metadata(value))
    if value.done and value.error is not None:
        answer.error.CopyFrom(to_status(value.error, {"camera": value.camera}))
    elif value.done:
        answer.response.Pack(pb.ProfileSubnetsResult(camera=value.camera, subnets=_nets(value)))
    return answer


def _metadata(value: Operation) -> pb.ProfileSubnetsMetadata:
    return pb.ProfileSubnetsMetadata(
        camera=value.camera,
        stage=PROFILE_STAGES[value.stage],
        subnet_id=value.subnet_id,
        done=len(value.nets),
        total=value.total,
        remaining=nanoseconds(round(value.left_s * 1e9)),
        started_at=timestamp(value.started_wall_ns),
        cancelling=value.cancelling,
        subnets=_nets(value),
    )


def _nets(value: Operation) -> list[pb.ProfiledSubnet]:
    return [_net(net) for net in value.nets]


def _net(value: ProfiledNet) -> pb.ProfiledSubnet:
    return pb.ProfiledSubnet(
        subnet_id=value.subnet_id,
        error=value.error,
        count=value.count,
        median_ms=value.median_ms,
        p99_ms=value.p99_ms,
        sigma=value.sigma,
        swap=None if value.swap_s is None else nanoseconds(round(value.swap_s * 1e9)),
    )
