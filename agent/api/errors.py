"""The agent's errors as gRPC statuses: the one place where the two meet.

Every class of agent.errors has its line in agent.api.reasons; one defined elsewhere takes the line of its nearest
ancestor. A status always carries google.rpc.ErrorInfo; BadInput also BadRequest, a refusal PreconditionFailure, and
whatever may go better the next time RetryInfo.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from agent import errors
from agent.api.reasons import MEANINGS, REJECTIONS, Meaning, RejectionReason

DOMAIN = "ofa-agent"
RETRY_AFTER_S = 1
# Trailers have to fit into the 8 KiB that clients take, where a message is there twice, once with three bytes for one.
LONGEST_MESSAGE = 1000  # bytes
LONGEST_NAME = 200  # bytes

_Code = grpc.StatusCode


class Rejected(Exception):
    """What only the transport can say: nothing of that name, too many streams, ending. See REJECTIONS."""

    def __init__(self, reason: RejectionReason, message: str) -> None:
        super().__init__(message)
        self.meaning = REJECTIONS[reason]
        self.reason = reason


def code_of(error: errors.AgentError | Rejected) -> grpc.StatusCode:
    """The gRPC code of an error."""
    return meaning_of(error).code


def meaning_of(error: errors.AgentError | Rejected) -> Meaning:
    """What an error means to a client: its own line in the tables, or that of its nearest ancestor."""
    if isinstance(error, Rejected):
        return error.meaning
    return next(MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS)


def to_status(error: errors.AgentError | Rejected, metadata: Mapping[str, str]) -> status_pb2.Status:
    """The rich status of an error; `metadata` says what it is about (for example the camera)."""
    meaning = meaning_of(error)
    code = meaning.code
    status = status_pb2.Status(code=code.value[0], message=_one_line(error))
    about = {key: clipped(value, LONGEST_NAME) for key, value in metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=about)
    if isinstance(error, errors.CameraError) and error.vendor_code is not None:
        info.metadata["vendor_code"] = str(error.vendor_code)
    details: list[Message] = [info]
    if isinstance(error, errors.BadInput):
        description = clipped(error.description, LONGEST_MESSAGE)
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=description)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if code is _Code.FAILED_PRECONDITION:
        failed = error_details_pb2.PreconditionFailure.Violation(
            type=error.reason, subject=about.get("camera", DOMAIN), description=status.message
        )
        details.append(error_details_pb2.PreconditionFailure(violations=[failed]))
    if meaning.retry_may_help:
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


def clipped(text: str, most_bytes: int) -> str:
    """`text`, or as much of its beginning as that many bytes of UTF-8 hold."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= most_bytes else data[:most_bytes].decode("utf-8", "ignore")


def _one_line(error: Exception) -> str:
    return clipped(" ".join(str(error).split()), LONGEST_MESSAGE)
