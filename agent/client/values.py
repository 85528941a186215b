"""Python values as the messages that the wire has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from google.protobuf.duration_pb2 import Duration

from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import types_pb2

LONGEST_S = 3e8  # what the daemon takes is far less; it says so

ClaimKind = Literal["manual", "lease", "maintenance", "local_override"]
Mode = Literal["auto", "manual", "maintenance"]
MODES: Mapping[Mode, types_pb2.Mode] = {
    "auto": types_pb2.MODE_AUTO,
    "manual": types_pb2.MODE_MANUAL,
    "maintenance": types_pb2.MODE_MAINTENANCE,
}
CLAIM_KINDS: Mapping[ClaimKind, types_pb2.ClaimKind] = {
    "manual": types_pb2.CLAIM_KIND_MANUAL,
    "lease": types_pb2.CLAIM_KIND_LEASE,
    "maintenance": types_pb2.CLAIM_KIND_MAINTENANCE,
    "local_override": types_pb2.CLAIM_KIND_LOCAL_OVERRIDE,
}


def budget(
    parts_per_minute: float | None, max_latency_ms: float | None, min_accuracy: float | None, quantile: float | None
) -> types_pb2.Budget:
    """Bounds; None asks for nothing."""
    return types_pb2.Budget(
        max_latency_ms=max_latency_ms,
        parts_per_minute=parts_per_minute,
        min_accuracy=min_accuracy,
        quantile=quantile,
    )


def duration(seconds: float, name: str = "ttl_s") -> Duration:
    """Raises BadInput naming `name`."""
    if not -LONGEST_S <= seconds <= LONGEST_S:
        raise BadInput(name, f"{seconds} is no time in seconds that the wire can carry")
    made = Duration()
    made.FromNanoseconds(round(seconds * 1e9))
    return made


def optional_duration(seconds: float | None, name: str = "ttl_s") -> Duration | None:
    """As `duration`; None for none."""
    return None if seconds is None else duration(seconds, name)


def mode(name: Mode) -> types_pb2.Mode:
    """Raises BadInput for what is no mode."""
    if name not in MODES:
        raise BadInput("mode", f"{name!r} is not one of {', '.join(MODES)}")
    return MODES[name]


def claim_kind(name: ClaimKind | None) -> types_pb2.ClaimKind:
    """None: as the ttl says. Raises BadInput for what is no kind of claim."""
    if name is None:
        return types_pb2.CLAIM_KIND_UNSPECIFIED
    if name not in CLAIM_KINDS:
        raise BadInput("kind", f"{name!r} is not one of {', '.join(CLAIM_KINDS)}")
    return CLAIM_KINDS[name]
