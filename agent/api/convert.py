"""Domain values into messages. Times: wall ns into Timestamp, seconds into Duration."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent.api.enums import ACTIONS, CLAIM_KINDS, PRIORITIES, PROOFS, STAGES, STATES, SWAP_OUTCOMES
from agent.domain.budget import Budget, Claim, EffectiveBudget
from agent.domain.decision import Candidate, Decision
from agent.domain.device import CameraInfo, Health
from agent.domain.journal import Alarm, SwapRecord
from agent.domain.result import Box, InferenceResult
from agent.domain.snapshot import CameraSnapshot, LatencyFigures, RunningSwap
from agent.domain.subnet import Accuracy, Artifact, Catalogue, InputSpec, Subnet
from agent.pb.ofa_agent.v1 import types_pb2


def budget(value: Budget) -> types_pb2.Budget:
    return types_pb2.Budget(
        max_latency_ms=value.max_latency_ms,
        parts_per_minute=value.parts_per_minute,
        min_accuracy=value.min_accuracy,
        quantile=value.quantile,
    )


def claim(value: Claim, boot_ns: int) -> types_pb2.Claim:
    """`boot_ns` is CLOCK_BOOTTIME now; the time that remains is counted from it."""
    remaining = None if value.expires_boot_ns is None else _duration(max(0, value.expires_boot_ns - boot_ns) / 1e9)
    return types_pb2.Claim(
        id=value.id,
        client=value.client,
        camera=value.camera,
        kind=CLAIM_KINDS[value.kind],
        budget=budget(value.budget),
        ttl=_optional_duration(value.ttl_s),
        remaining=remaining,
    )


def effective(value: EffectiveBudget) -> types_pb2.EffectiveBudget:
    return types_pb2.EffectiveBudget(
        id=value.id,
        budget=budget(value.budget),
        priority=PRIORITIES[value.priority],
        claim_ids=value.claims,
        fail_safe=value.fail_safe,
    )


def decision(value: Decision) -> types_pb2.Decision:
    return types_pb2.Decision(
        action=ACTIONS[value.action],
        reason=value.reason.value,
        target_subnet_id=value.target,
        active_subnet_id=value.active,
        feasible=value.feasible,
        text=value.text,
        budget=effective(value.budget),
        candidates=[_candidate(candidate) for candidate in value.candidates],
    )


def library(value: Catalogue) -> types_pb2.Library:
    return types_pb2.Library(
        name=value.name, version=value.version, digest=value.digest, task=value.task, labels=value.labels
    )


def subnet(value: Subnet, active: bool) -> types_pb2.Subnet:
    return types_pb2.Subnet(
        id=value.id,
        arch=None
        if value.arch is None
        else types_pb2.Arch(
            kernel_sizes=value.arch.ks, expand_ratios=value.arch.e, depths=value.arch.d, resolution=value.arch.r
        ),
        params=value.params,
        macs_dense=value.macs_dense,
        macs_depthwise=value.macs_depthwise,
        layers=value.layers,
        accuracy=_accuracy(value.accuracy),
        predicted_ms=value.predicted_ms,
        latency_source=value.latency_source,
        input=_input(value.input),
        artifacts=[_artifact(artifact) for artifact in value.artifacts],
        golden_count=len(value.goldens),
        active=active,
    )


def status(value: CameraSnapshot, boot_ns: int) -> types_pb2.CameraStatus:
    """`boot_ns` is CLOCK_BOOTTIME now, for what remains of leases."""
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
        budget=effective(value.budget),
        claims=[claim(one, boot_ns) for one in value.claims],
        decision=None if value.decision is None else decision(value.decision),
        latency=None if value.latency is None else _latency(value.latency),
        load=value.load,
        swap=None if value.swap is None else _running_swap(value.swap),
        health=None if value.health is None else _health(value.health),
        swaps_total=value.swaps_total,
        verified_by=None if value.verified_by is None else PROOFS[value.verified_by],
    )


def swap(value: SwapRecord) -> types_pb2.Swap:
    return types_pb2.Swap(
        id=value.id,
        camera=value.camera,
        from_subnet_id=value.from_subnet,
        to_subnet_id=value.to_subnet,
        reason=value.reason,
        budget_id=value.budget_id,
        started_at=_timestamp(value.started_wall_ns),
        outcome=SWAP_OUTCOMES[value.outcome],
        generation=value.generation,
        active_subnet_id=value.active_subnet,
        duration=_optional_duration(value.duration_s),
        gap=_optional_duration(value.gap_s),
        failed_step=value.failed_step,
        error=value.error,
    )


def alarm(value: Alarm) -> types_pb2.Alarm:
    return types_pb2.Alarm(
        id=value.id,
        camera=value.camera,
        key=value.key,
        text=value.text,
        raised_at=_timestamp(value.raised_wall_ns),
        cleared_at=None if value.cleared_wall_ns is None else _timestamp(value.cleared_wall_ns),
        acknowledged_by=value.acknowledged_by,
    )


def result(value: InferenceResult, labels: Sequence[str]) -> types_pb2.InferenceResult:
    """`labels` are the names of the classes; a class beyond them has none."""
    inference = value.inference
    return types_pb2.InferenceResult(
        camera=value.camera,
        sequence=value.sequence,
        part=inference.part,
        subnet_id=value.subnet_id,
        generation=inference.generation,
        frame_id=inference.frame_id,
        captured_ns=inference.captured_ns,
        carried_ns=inference.carried_ns,
        class_id=inference.class_id,
        label=labels[inference.class_id] if 0 <= inference.class_id < len(labels) else "",
        confidence=inference.confidence,
        boxes=[_box(box) for box in inference.boxes],
        latency_ms=inference.latency_ms,
        service_ms=inference.service_ms or 0.0,
        budget_id=value.budget_id,
    )


def _candidate(value: Candidate) -> types_pb2.Candidate:
    return types_pb2.Candidate(
        subnet_id=value.subnet_id,
        accuracy=value.accuracy,
        service_bound_ms=value.service_bound_ms,
        latency_bound_ms=value.latency_bound_ms,
        measured_count=value.measured,
        feasible=value.feasible,
        why_not=value.why_not,
    )


def _accuracy(value: Accuracy) -> types_pb2.Accuracy:
    return types_pb2.Accuracy(
        top1=value.top1,
        sample_count=value.n,
        ci95_low=value.ci95_low,
        ci95_high=value.ci95_high,
        dataset=value.dataset,
    )


def _input(value: InputSpec) -> types_pb2.InputSpec:
    return types_pb2.InputSpec(
        width=value.width,
        height=value.height,
        channels=value.channels,
        pixel_format=value.pixel_format,
        mean=value.mean,
        scale=value.scale,
    )


def _box(value: Box) -> types_pb2.Box:
    return types_pb2.Box(
        class_id=value.class_id,
        confidence=value.confidence,
        left=value.left,
        top=value.top,
        right=value.right,
        bottom=value.bottom,
    )


def _artifact(value: Artifact) -> types_pb2.Artifact:
    return types_pb2.Artifact(
        format=value.format,
        target=value.target,
        shaves=value.shaves,
        sha256=value.sha256,
        size_bytes=value.size_bytes,
    )


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
        started_at=_timestamp(value.started_wall_ns),
        expected_gap=_duration(value.expected_gap_s),
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


def _timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // 1_000_000_000, nanos=wall_ns % 1_000_000_000)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _optional_duration(seconds: float | None) -> Duration | None:
    return None if seconds is None else _duration(seconds)
