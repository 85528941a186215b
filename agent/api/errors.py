"""The agent's errors as gRPC statuses: the one place where the two meet.

Every class of agent.errors has its line in CODES; a class defined elsewhere takes the line of its nearest ancestor. A
status always carries google.rpc.ErrorInfo; BadInput also BadRequest, a refusal PreconditionFailure, and whatever may
go better the next time RetryInfo.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from agent import errors

DOMAIN = "ofa-agent"
RETRY_AFTER_S = 1
LONGEST_MESSAGE = 1000  # characters; trailers have to fit into one header block of 8 KiB

_Code = grpc.StatusCode
CODES: Mapping[type[errors.AgentError], grpc.StatusCode] = MappingProxyType(
    {
        errors.AgentError: _Code.INTERNAL,
        errors.ConfigError: _Code.FAILED_PRECONDITION,
        errors.RestartNeeded: _Code.FAILED_PRECONDITION,
        errors.BadInput: _Code.INVALID_ARGUMENT,
        errors.LibraryError: _Code.FAILED_PRECONDITION,
        errors.LibraryNotFound: _Code.NOT_FOUND,
        errors.ManifestInvalid: _Code.FAILED_PRECONDITION,
        errors.BlobMissing: _Code.DATA_LOSS,
        errors.DigestMismatch: _Code.DATA_LOSS,
        errors.BlobInvalid: _Code.FAILED_PRECONDITION,
        errors.SignatureInvalid: _Code.FAILED_PRECONDITION,
        errors.BuildError: _Code.INVALID_ARGUMENT,
        errors.SdkError: _Code.FAILED_PRECONDITION,
        errors.SdkMissing: _Code.FAILED_PRECONDITION,
        errors.SdkWrongPackage: _Code.FAILED_PRECONDITION,
        errors.SdkVersionMismatch: _Code.FAILED_PRECONDITION,
        errors.CameraError: _Code.INTERNAL,
        errors.CameraGone: _Code.UNAVAILABLE,
        errors.CameraBusy: _Code.UNAVAILABLE,
        errors.CameraTimeout: _Code.DEADLINE_EXCEEDED,
        errors.CameraRefused: _Code.FAILED_PRECONDITION,
        errors.UploadFailed: _Code.UNAVAILABLE,
        errors.VerificationFailed: _Code.DATA_LOSS,
        errors.Refused: _Code.FAILED_PRECONDITION,
        errors.NotPermitted: _Code.FAILED_PRECONDITION,
        errors.ModeForbids: _Code.FAILED_PRECONDITION,
        errors.Inhibited: _Code.FAILED_PRECONDITION,
        errors.NotLocal: _Code.PERMISSION_DENIED,
        errors.NoPrevious: _Code.FAILED_PRECONDITION,
        errors.Stale: _Code.ABORTED,
        errors.TooMany: _Code.RESOURCE_EXHAUSTED,
        errors.ReaderStalled: _Code.RESOURCE_EXHAUSTED,
        errors.Cancelled: _Code.CANCELLED,
        errors.Infeasible: _Code.FAILED_PRECONDITION,
        errors.JournalError: _Code.UNAVAILABLE,
        errors.DaemonUnreachable: _Code.UNAVAILABLE,
    }
)

# Another try, unchanged and a little later, may go better: only these say so (google.rpc.RetryInfo).
RETRIABLE = frozenset({_Code.UNAVAILABLE, _Code.RESOURCE_EXHAUSTED})


class Rejected(Exception):
    """What only the transport can say: nothing of that name, too many streams, ending."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


def code_of(error: errors.AgentError | Rejected) -> grpc.StatusCode:
    """The gRPC code of an error."""
    if isinstance(error, Rejected):
        return error.code
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def to_status(error: errors.AgentError | Rejected, metadata: Mapping[str, str]) -> status_pb2.Status:
    """The rich status of an error; `metadata` says what it is about (for example the camera)."""
    code = code_of(error)
    status = status_pb2.Status(code=code.value[0], message=_one_line(error))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    if isinstance(error, errors.CameraError) and error.code is not None:
        info.metadata["vendor_code"] = str(error.code)
    details: list[Message] = [info]
    if isinstance(error, errors.BadInput):
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.description)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if code is _Code.FAILED_PRECONDITION:
        failed = error_details_pb2.PreconditionFailure.Violation(
            type=error.reason, subject=metadata.get("camera", DOMAIN), description=status.message
        )
        details.append(error_details_pb2.PreconditionFailure(violations=[failed]))
    if code in RETRIABLE:
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
    return _with(status, details)


def internal_status() -> status_pb2.Status:
    """The status of a fault in the agent itself: what happened is in its log and stays there."""
    status = status_pb2.Status(code=_Code.INTERNAL.value[0], message="fault in the agent; its log says more")
    return _with(status, [error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN)])


def _with(status: status_pb2.Status, details: list[Message]) -> status_pb2.Status:
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST_MESSAGE]
