"""Profiling runs into their messages."""

from __future__ import annotations

from agent.api.enums import PROFILE_STAGES
from agent.api.moment import Moment, nanoseconds, timestamp
from agent.domain.operation import Operation, ProfiledNet, ProfilePlan, ProfileWork
from agent.pb.ofa_agent.v1 import profile_pb2 as pb


def plan(value: ProfilePlan) -> pb.ProfilePlan:
    return pb.ProfilePlan(
        subnet_ids=value.subnets,
        results=value.results,
        takes=nanoseconds(round(value.takes_s * 1e9)),
        gaps=nanoseconds(round(value.gap_s * 1e9)),
    )


def metadata(value: Operation, work: ProfileWork, moment: Moment) -> pb.ProfileSubnetsMetadata:
    return pb.ProfileSubnetsMetadata(
        camera=value.camera,
        stage=PROFILE_STAGES[work.stage],
        subnet_id=work.subnet_id,
        done=len(work.nets),
        total=work.total,
        remaining=nanoseconds(round(work.left_s * 1e9)),
        started_at=timestamp(value.started_wall_ns),
        cancelling=value.cancelling,
        subnets=[_net(net) for net in work.nets],
        deadline=None if value.deadline_s is None else moment.until(value.deadline_s),
    )


def result(value: Operation, work: ProfileWork) -> pb.ProfileSubnetsResult:
    return pb.ProfileSubnetsResult(camera=value.camera, subnets=[_net(net) for net in work.nets])


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
