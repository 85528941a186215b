"""Domain values into messages. Times: wall ns into Timestamp, seconds into Duration."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from agent.api.enums import ACTIONS, ALARM_SEVERITIES, CLAIM_KINDS, PRIORITIES, SWAP_OUTCOMES
from agent.api.moment import Moment, nanoseconds, timestamp
from agent.domain.alarms import kind_of
from agent.domain.budget import Budget, Claim, EffectiveBudget
from agent.domain.decision import Candidate, Decision, Figure
from agent.domain.journal import Alarm, SwapRecord
from agent.domain.result import Box, InferenceResult
from agent.domain.subnet import Accuracy, Artifact, Catalogue, InputSpec, Subnet
from agent.pb.ofa_agent.v1 import types_pb2


def budget(value: Budget) -> types_pb2.Budget:
    return types_pb2.Budget(
        max_latency_ms=value.max_latency_ms,
        parts_per_minute=value.parts_per_minute,
        min_accuracy=value.min_accuracy,
        quantile=value.quantile,
    )


def claim(value: Claim, moment: Moment) -> types_pb2.Claim:
    remaining = None if value.expires_boot_ns is None else moment.until_boot(value.expires_boot_ns)
    return types_pb2.Claim(
        id=value.id,
        client=value.client,
        camera=value.camera,
        kind=CLAIM_KINDS[value.kind],
        budget=budget(value.budget),
        ttl=optional_duration(value.ttl_s),
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


def decision(value: Decision, moment: Moment) -> types_pb2.Decision:
    return types_pb2.Decision(
        action=ACTIONS[value.action],
        reason=value.reason.value,
        target_subnet_id=value.target,
        active_subnet_id=value.active,
        feasible=value.feasible,
        text=value.text,
        budget=effective(value.budget),
        candidates=[_candidate(candidate) for candidate in value.candidates],
        starts_in=None if value.starts_s is None else moment.until(value.starts_s),
        figures=[_figure(figure) for figure in value.figures],
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


def swap(value: SwapRecord) -> types_pb2.Swap:
    return types_pb2.Swap(
        id=value.id,
        camera=value.camera,
        from_subnet_id=value.from_subnet,
        to_subnet_id=value.to_subnet,
        reason=value.reason,
        budget_id=value.budget_id,
        started_at=timestamp(value.started_wall_ns),
        outcome=SWAP_OUTCOMES[value.outcome],
        generation=value.generation,
        active_subnet_id=value.active_subnet,
        duration=optional_duration(value.duration_s),
        gap=optional_duration(value.gap_s),
        failed_step=value.failed_step,
        error=value.error,
    )


def alarm(value: Alarm) -> types_pb2.Alarm:
    """With the words of its kind; one that another version raised has none."""
    kind = kind_of(value.key)
    return types_pb2.Alarm(
        id=value.id,
        camera=value.camera,
        key=value.key,
        text=value.text,
        raised_at=timestamp(value.raised_wall_ns),
        cleared_at=None if value.cleared_wall_ns is None else timestamp(value.cleared_wall_ns),
        acknowledged_by=value.acknowledged_by,
        number=kind.number if kind else 0,
        severity=ALARM_SEVERITIES[kind.severity] if kind else types_pb2.ALARM_SEVERITY_WARNING,
        title=kind.title if kind else value.key,
        action=kind.action if kind else "",
        count=value.count,
        last_seen_at=timestamp(value.last_wall_ns or value.raised_wall_ns),
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
        figures=[_figure(figure) for figure in value.figures],
    )


def _figure(value: Figure) -> types_pb2.Figure:
    return types_pb2.Figure(name=value.name, value=value.value, unit=value.unit, text=figure_text(value))


def figure_text(value: Figure) -> str:
    """Four digits are more than any figure of a decision is worth."""
    return f"{value.value:.4g} {value.unit}".rstrip()


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


def duration(seconds: float) -> Duration:
    return nanoseconds(round(seconds * 1e9))


def optional_duration(seconds: float | None) -> Duration | None:
    return None if seconds is None else duration(seconds)
