"""Messages of the daemon in words: the lines and table rows that people read."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from agent.cli.fit import cells, clip, clip_middle
from agent.cli.orders import order_flags, order_lines
from agent.cli.output import megabytes, number, percent
from agent.cli.wire import seconds, word

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

DECISION_HEADINGS = ("", "sub-net", "fits", "accuracy %", "service ms", "latency ms", "measured")
SUBNET_HEADINGS = ("sub-net", "accuracy %", "predicted ms", "size MB", "input px", "active")
_LEAST_NAME = 6  # columns of a name in a line of a result
SWAP_HEADINGS = ("UTC", "from", "to", "reason", "outcome", "gap s")


def status_lines(status: pb.CameraStatus) -> list[str]:
    """A camera in a few lines."""
    flags = "".join(f", {flag}" for flag in status.degraded)
    lines = [f"{status.camera}: {state(status)}{flags}", f"  sub-net   {_active(status)}"]
    if _by_properties(status):
        lines.append(f"  proof     its read-only properties only: {_unproven(status)}")
    lines.append(f"  budget    {budget_words(status.budget)}")
    if status.HasField("orders"):
        lines += order_lines(status.orders)
    if status.HasField("latency"):
        took = status.latency
        lines.append(
            f"  measured  service p50 {number(took.service_p50_ms)} p99 {number(took.service_p99_ms)} ms,"
            f" result latency p99 {number(took.latency_p99_ms)} ms"
        )
    if status.HasField("load"):
        lines.append(f"  load      {percent(status.load)} of saturation")
    if status.HasField("swap"):
        lines.append(f"  swap      {swap_words(status.swap)}")
    if status.HasField("coming_swap"):
        lines.append(f"  coming    {coming_words(status.coming_swap)}")
    if status.line.reports:
        lines.append(f"  line      {line_words(status.line)}")
    lines += [f"  announced {change_words(change)}" for change in status.changes]
    if status.etag:
        lines.append(f"  etag      {status.etag}")
    if status.detail:
        lines.append(f"  detail    {status.detail}")
    if status.HasField("info"):
        lines.append(f"  camera    {status.info.model} {status.info.serial}, firmware {status.info.firmware}")
    return lines


def change_line(status: pb.CameraStatus) -> str:
    """A camera in one line, for `watch`."""
    swap = f" {swap_words(status.swap)}" if status.HasField("swap") else ""
    if status.HasField("coming_swap"):
        swap = f" coming: {coming_words(status.coming_swap)}"
    told = "".join(f" {change_words(change)}" for change in status.changes)
    p99 = f" latency p99 {number(status.latency.latency_p99_ms)} ms" if status.HasField("latency") else ""
    flags = "".join(f" {flag}" for flag in [*status.degraded, *order_flags(status.orders)])
    return f"{status.camera} {state(status)}{flags} {_active(status)} [{budget_words(status.budget)}]{p99}{swap}{told}"


def state(status: pb.CameraStatus) -> str:
    return word(status, "state")


def budget_words(effective: pb.EffectiveBudget) -> str:
    """`<= 80 ms, 1100 parts/min, p99, lease`."""
    origin = word(effective, "priority")
    return ", ".join([bounds_words(effective.budget), "fail-safe" if effective.fail_safe else origin.lower()])


def bounds_words(asked: pb.Budget) -> str:
    """`<= 80 ms, 1100 parts/min, p99`."""
    parts = []
    if asked.HasField("max_latency_ms"):
        parts.append(f"<= {asked.max_latency_ms:g} ms")
    if asked.HasField("parts_per_minute"):
        parts.append(f"{asked.parts_per_minute:g} parts/min")
    if asked.HasField("min_accuracy"):
        parts.append(f"accuracy >= {asked.min_accuracy:g}")
    return ", ".join([*parts, f"p{100 * asked.quantile:g}"])


def swap_words(swap: pb.RunningSwap) -> str:
    stage = word(swap, "stage")
    share = f" {percent(swap.bytes_done / swap.bytes_total)}" if swap.bytes_total else ""
    waits = f", {swap.waits_for}" if swap.waits_for else ""
    return f"to {swap.to_subnet_id}: {stage}{share}{waits}"


def coming_words(coming: pb.ComingSwap) -> str:
    """`to net-1 in 3.2 s (announced change), gap about 2.4 s`."""
    when = f" in {seconds(coming.starts_in):.1f} s" if coming.HasField("starts_in") else ""
    cause = word(coming, "cause").lower().replace("_", " ")
    return f"to {coming.to_subnet_id}{when} ({cause}), gap about {number(seconds(coming.expected_gap), 1, ' s')}"


def line_words(line: pb.LineState) -> str:
    """`stands, says plc for 42 s`."""
    rate = f" at {line.parts_per_minute:g} parts/min" if line.HasField("parts_per_minute") and not line.stopped else ""
    said = ", ".join(map(_report_words, line.reports))
    return f"{'stands' if line.stopped else 'runs'}{rate}{f', says {said}' if said else ''}"


def _report_words(report: pb.LineReport) -> str:
    """Not for how long where it is an input of the camera: that counts while it can be read."""
    return f"{report.client} for {seconds(report.remaining):.0f} s" if report.HasField("remaining") else report.client


def change_words(change: pb.AnnouncedChange) -> str:
    """`COMMITTED 1500 parts/min, p99 in 4.2 s by plc`."""
    due_s = seconds(change.due_in)
    when = f" in {due_s:.1f} s" if due_s > 0 else ""
    return f"{word(change, 'state')} {bounds_words(change.budget)}{when} by {change.client}"


def candidate_rows(decision: pb.Decision) -> list[tuple[str, ...]]:
    """Rows under DECISION_HEADINGS; the wanted sub-net is starred, one that does not fit says in which respect."""
    return [
        (
            "*" if c.subnet_id == decision.target_subnet_id else "",
            c.subnet_id,
            "yes" if c.feasible else f"no: {_respects(c.why_not)}",
            percent(c.accuracy, ""),
            number(c.service_bound_ms),
            number(c.latency_bound_ms),
            str(c.measured_count),
        )
        for c in decision.candidates
    ]


def subnet_row(subnet: pb.Subnet) -> tuple[str, ...]:
    """A row under SUBNET_HEADINGS."""
    taken = subnet.input
    return (
        subnet.id,
        percent(subnet.accuracy.top1, ""),
        number(subnet.predicted_ms),
        megabytes(subnet.artifacts[0].size_bytes) if subnet.artifacts else "-",
        f"{taken.width}x{taken.height}x{taken.channels}",
        "yes" if subnet.active else "",
    )


def swap_row(swap: pb.Swap) -> tuple[str, ...]:
    """A row under SWAP_HEADINGS."""
    outcome = word(swap, "outcome").lower()
    return (
        moment(swap.started_at.ToDatetime()),
        swap.from_subnet_id or "-",
        swap.to_subnet_id,
        swap.reason,
        outcome if not swap.failed_step else f"{outcome} ({swap.failed_step})",
        number(seconds(swap.gap), 2) if swap.HasField("gap") else "-",
    )


def result_line(result: pb.InferenceResult, width: int | None = None) -> str:
    """A result in one line; within `width` columns names are cut for it, the longest first."""
    names = [result.camera, result.label or f"class {result.class_id}", result.subnet_id]
    line = _result_words(result, *names)
    while width is not None and cells(line) > width and max(map(cells, names)) > _LEAST_NAME:
        longest = max(range(len(names)), key=lambda i: cells(names[i]))
        names[longest] = clip_middle(names[longest], cells(names[longest]) - 1)
        line = _result_words(result, *names)
    return line if width is None else clip(line, width)


def _result_words(result: pb.InferenceResult, camera: str, name: str, subnet: str) -> str:
    part = f"part {result.part}" if result.HasField("part") else f"frame {result.frame_id}"
    return (
        f"{camera} {part}: {name} {result.confidence:.2f}  {subnet} (generation {result.generation})"
        f"  service {number(result.service_ms or None)} ms, latency {number(result.latency_ms)} ms"
    )


def _respects(why_not: str) -> str:
    """`service 26.3 ms > 20.7 ms; latency 85 ms > 60 ms` as `service, latency`: the figures are in the table."""
    return ", ".join(clause.split()[0].rstrip(":") for clause in why_not.split(";") if clause.strip())


def moment(at: datetime) -> str:
    """Time of a day, with the date instead of the seconds where it was not today."""
    today = datetime.now(timezone.utc).date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%m-%d %H:%M")


def _active(status: pb.CameraStatus) -> str:
    if not status.HasField("active_subnet_id"):
        return "none"
    return f"{status.active_subnet_id} (generation {status.generation}, {_proof(status)})"


def _proof(status: pb.CameraStatus) -> str:
    if not status.verified:
        return "not verified"
    return "verified by properties only" if _by_properties(status) else "verified"


def _by_properties(status: pb.CameraStatus) -> bool:
    return bool(status.verified and word(status, "verified_by") == "PROPERTIES")


def _unproven(status: pb.CameraStatus) -> str:
    """Why no golden image was asked for."""
    if status.HasField("info") and not status.info.supports_injection:
        return f"firmware {status.info.firmware} cannot inject golden images"
    return "the library has no golden image for it"
