"""The status of a camera into its message."""

from __future__ import annotations

from agent.api import convert, convert_notice, convert_orders
from agent.api.enums import PROOFS, STAGES, STATES
from agent.api.moment import Moment, timestamp
from agent.domain.device import CameraInfo, Health
from agent.domain.snapshot import CameraSnapshot, LatencyFigures, RunningSwap
from agent.pb.ofa_agent.v1 import types_pb2


def status(value: CameraSnapshot, moment: Moment) -> types_pb2.CameraStatus:
    """Times in it count from `moment`."""
    return types_pb2.CameraStatus(
        camera=value.camera,
        revision=value.revision,
        state=STATES[value.state],
        degraded=[reason.value for reason in value.degraded],
        detail=value.detail,
        info=None if value.info is None else _info(value.info),
        active_subnet_id=value.active_subnet,
        generation=value.generation,
        verified=value.verified,
        budget=convert.effective(value.budget),
        claims=[convert.claim(one, moment) for one in value.claims],
        decision=None if value.decision is None else convert.decision(value.decision, moment),
        latency=None if value.latency is None else _latency(value.latency),
        load=value.load,
        swap=None if value.swap is None else _running_swap(value.swap),
        health=None if value.health is None else _health(value.health),
        swaps_total=value.swaps_total,
        verified_by=None if value.verified_by is None else PROOFS[value.verified_by],
        line=convert_notice.line(value.line, moment),
        changes=[convert_notice.change(change, moment) for change in value.changes],
        coming_swap=None if value.coming is None else convert_notice.coming_swap(value.coming, moment),
        orders=convert_orders.orders(value.orders, value.permit_boot_ns, moment),
        etag=value.etag,
        settled=value.settled,
        meets_budget=_meets_budget(value),
    )


def _meets_budget(value: CameraSnapshot) -> bool:
    decided = value.decision
    if not value.verified or decided is None or decided.budget.id != value.budget.id:
        return False
    return any(one.feasible for one in decided.candidates if one.subnet_id == value.active_subnet)


def _info(value: CameraInfo) -> types_pb2.CameraInfo:
    return types_pb2.CameraInfo(
        serial=value.serial,
        model=value.model,
        firmware=value.firmware,
        sdk_version=value.sdk_version,
        max_network_bytes=value.max_network_bytes,
        supports_injection=value.supports_injection,
        warnings=value.warnings,
    )


def _latency(value: LatencyFigures) -> types_pb2.LatencyFigures:
    return types_pb2.LatencyFigures(
        count=value.count,
        service_p50_ms=value.service_p50_ms,
        service_p99_ms=value.service_p99_ms,
        latency_p50_ms=value.latency_p50_ms,
        latency_p99_ms=value.latency_p99_ms,
    )


def _running_swap(value: RunningSwap) -> types_pb2.RunningSwap:
    return types_pb2.RunningSwap(
        id=value.id,
        to_subnet_id=value.to_subnet,
        stage=STAGES[value.stage],
        bytes_done=value.bytes_done,
        bytes_total=value.bytes_total,
        started_at=timestamp(value.started_wall_ns),
        expected_gap=convert.duration(value.expected_gap_s),
        waits_for=value.waits_for,
    )


def _health(value: Health) -> types_pb2.CameraHealth:
    counts = value.counts
    return types_pb2.CameraHealth(
        temperature_celsius=value.temperature_c,
        counts=types_pb2.StreamCounts(
            frames=counts.frames,
            incomplete=counts.incomplete,
            results=counts.results,
            repeated_results=counts.repeated,
            stale=counts.stale,
            dropped=counts.dropped,
        ),
        frame_period_ms=value.frame_period_ms,
        last_frame_age_s=value.last_frame_age_s,
        inference_period_ms=value.inference_period_ms,
    )
