"""Requests into domain values; raises BadInput naming the field as it is called in the request."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from agent.domain.budget import Budget
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import types_pb2

MIN_TTL_S = 0.5
MAX_TTL_S = 7 * 24 * 3600.0
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


def ttl_s_of(message: Duration) -> float:
    """A ttl in seconds."""
    seconds = message.seconds + message.nanos / 1e9
    if not MIN_TTL_S <= seconds <= MAX_TTL_S:
        raise BadInput("ttl", f"{seconds:g} s is not within {MIN_TTL_S:g} s to {MAX_TTL_S:g} s (7 days)")
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
