"""What a call can end with, read from the daemon's rich status.

What the daemon answers is a RpcFailed, and also the error of agent.errors that it was in the daemon where its reason
names one: `except Infeasible`, `except CameraGone`, `except Stale` work on either side of the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import grpc
from google.rpc import error_details_pb2, status_pb2

from agent.client.absence import is_denied, why_absent
from agent.client.handshake import hint
from agent.errors import AgentError, DaemonUnreachable, SocketDenied, tree

DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that is wrong, and why."""

    field: str
    description: str


class RpcFailed(AgentError):
    """The daemon answered with an error. `code` is the gRPC status' name, `reason` the daemon's stable reason string.

    `reason` equals `code` where the daemon gave none (for example when the call's own deadline passed).
    """

    def __init__(
        self,
        code: str,
        message: str,
        reason: str = "",
        violations: Iterable[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        Exception.__init__(self, message)  # classes made of this one have ancestors that are made otherwise
        self.code = code
        self.reason = reason or code  # type: ignore[misc]  # the daemon's word takes the place of the class's
        self.message = message
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
        first = next(iter(self.violations), FieldViolation("", message))
        self.field, self.description = first.field, first.description  # as BadInput has them
        vendor_code = self.metadata.get("vendor_code")
        self.vendor_code = int(vendor_code) if vendor_code else None  # as CameraError has it


def _answered(kind: type[AgentError]) -> type[RpcFailed]:
    """The error `kind` as the daemon's answer."""
    if kind is AgentError:
        return RpcFailed
    return type(kind.__name__, (RpcFailed, kind), {"__doc__": f"The daemon answered: {kind.reason}."})


ANSWERS: Mapping[str, type[RpcFailed]] = MappingProxyType({kind.reason: _answered(kind) for kind in tree()})


def failure(error: grpc.aio.AioRpcError, target: str) -> RpcFailed | DaemonUnreachable:
    """The agent's error for a failed call; `target` is where it went."""
    code, message = error.code(), error.details() or error.code().name.lower()
    details = _details(_rich(error))
    if code is grpc.StatusCode.UNAVAILABLE and "info" not in details:
        if what_to_do := hint(message, target):
            return DaemonUnreachable(f"{target}: {what_to_do}")
        kind = SocketDenied if is_denied(message, target) else DaemonUnreachable
        return kind(f"{target}: no answer from the agent{why_absent(message, target)}")
    return _answer(code.name, message, details)


def code_name(code: int) -> str:
    """The name of a gRPC status code, as RpcFailed.code has it: of an operation's error."""
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")


def ended_with(status: status_pb2.Status) -> RpcFailed:
    """The agent's error for what an operation ended with."""
    code = code_name(status.code)
    return _answer(code, status.message or code.lower(), _details(status))


def _answer(code: str, message: str, details: Mapping[str, bytes]) -> RpcFailed:
    info = error_details_pb2.ErrorInfo()
    info.MergeFromString(details.get("info", b""))
    bad = error_details_pb2.BadRequest.FromString(details.get("bad", b""))
    retry = error_details_pb2.RetryInfo.FromString(details["retry"]) if "retry" in details else None
    return ANSWERS.get(info.reason, RpcFailed)(
        code=code,
        message=message,
        reason=info.reason,
        violations=[FieldViolation(v.field, v.description) for v in bad.field_violations],
        metadata=info.metadata,
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
    )


_KINDS = {"google.rpc.ErrorInfo": "info", "google.rpc.BadRequest": "bad", "google.rpc.RetryInfo": "retry"}


def _rich(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The status with its details, which travels beside the plain one."""
    pairs: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    status = status_pb2.Status()
    for key, value in pairs:
        if key == DETAILS_KEY and isinstance(value, bytes):
            status.MergeFromString(value)
    return status


def _details(status: status_pb2.Status) -> dict[str, bytes]:
    """The serialised details that are known here, by kind."""
    names = ((any_.type_url.rpartition("/")[2], any_.value) for any_ in status.details)
    return {_KINDS[name]: value for name, value in names if name in _KINDS}
