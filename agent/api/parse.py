"""Requests into domain values; raises BadInput naming the field as it is called in the request."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from agent.domain.budget import Budget
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import control_pb2, types_pb2

MIN_TTL_S = 0.5
MAX_TTL_S = 7 * 24 * 3600.0
MAX_DUE_S = 24 * 3600.0
LATE_S = 60.0
LONGEST_CLIENT = 128


def budget_of(message: types_pb2.Budget) -> Budget:
    """A budget that is within its bounds."""
    budget = Budget(
        max_latency_ms=message.max_latency_ms if message.HasField("max_latency_ms") else None,
        parts_per_minute=message.parts_per_minute if message.HasField("parts_per_minute") else None,
        min_accuracy=message.min_accuracy if message.HasField("min_accuracy") else None,
        quantile=message.quantile if message.HasField("quantile") else Budget().quantile,
    )
    try:
        return budget.validated()
    except BadInput as error:
        field = error.field if error.field == "budget" else f"budget.{error.field}"
        raise BadInput(field, error.description) from error


def completed(message: types_pb2.Budget, in_force: Budget) -> types_pb2.Budget:
    """`message`, with the rate and the latency in force where it gives neither."""
    if message.HasField("max_latency_ms") or message.HasField("parts_per_minute"):
        return message
    bounds = types_pb2.Budget(max_latency_ms=in_force.max_latency_ms, parts_per_minute=in_force.parts_per_minute)
    bounds.MergeFrom(message)
    return bounds


def ttl_s_of(message: Duration) -> float:
    """A ttl in seconds."""
    seconds = seconds_of(message)
    if not MIN_TTL_S <= seconds <= MAX_TTL_S:
        raise BadInput("ttl", f"{seconds:g} s is not within {MIN_TTL_S:g} s to {MAX_TTL_S:g} s (7 days)")
    return seconds


def seconds_of(message: Duration) -> float:
    return message.seconds + message.nanos / 1e9


def due_s_of(request: control_pb2.PrepareBudgetRequest, wall_ns: int) -> float:
    """How long from now an announced change is due; a moment that has just passed is now."""
    if request.HasField("due_at"):
        at = request.due_at
        seconds = (at.seconds * 1_000_000_000 + at.nanos - wall_ns) / 1e9
        if not -LATE_S <= seconds <= MAX_DUE_S:
            why = "is this clock that of the host? due_in does not depend on it"
            raise BadInput("due_at", f"is {seconds:.1f} s from now, not within -{LATE_S:g} s to {MAX_DUE_S:g} s; {why}")
        return max(0.0, seconds)
    seconds = seconds_of(request.due_in)
    if not 0.0 <= seconds <= MAX_DUE_S:
        raise BadInput("due_in", f"{seconds:g} s is not within 0 s to {MAX_DUE_S:g} s (a day)")
    return seconds


def client_name(text: str) -> str:
    """A client's name."""
    if not 1 <= len(text) <= LONGEST_CLIENT or not text.isprintable():
        raise BadInput("client", f"{text[:LONGEST_CLIENT]!r} is not 1 to {LONGEST_CLIENT} printable characters")
    return text


def count_of(field: str, given: int, default: int, most: int) -> int:
    """`given`, or `default` where it is 0."""
    if given > most:
        raise BadInput(field, f"{given} is more than {most}")
    return given or default
