"""Framing between host half and device process: u32 length, u8 code, payload; little-endian.

Requests carry an `Op`, answers a `Status`; the payload of a failed answer is its message.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
from enum import IntEnum

from agent.errors import AgentError
from agent.sim.chunks import (
    Box,
    DescriptionUnreadable,
    FinishedResult,
    Frame,
    FrameSettings,
    Geometry,
    LinkBusy,
    LinkGone,
    StreamAborted,
    TransferFailed,
)
from agent.sim.events import EVENT_NAMES, DeviceEvent

_HEAD = struct.Struct("<IB")
_FRAME = struct.Struct("<qqqidBQHB")
_BOX = struct.Struct("<hd4h")
_EVENT = struct.Struct("<BQQqd")
_LIMIT_BYTES = 1 << 24


class Op(IntEnum):
    """Requests. HELLO comes first and says what the connection is for."""

    HELLO = 1
    READ = 2
    WRITE = 3
    CONFIGURE = 4
    BEGIN = 5
    ABORT = 6
    ALIVE = 7
    NEXT = 8
    PIXELS = 9
    RETURN = 10
    COUNTS = 11
    EVENT = 12
    BEGIN_EVENTS = 13
    ABORT_EVENTS = 14
    BYE = 15


class Status(IntEnum):
    """Answers."""

    OK = 0
    EMPTY = 1
    GONE = 2
    FAILED = 3
    BUSY = 4
    ABORTED = 5
    UNREADABLE = 6


_ERRORS: dict[Status, type[AgentError]] = {
    Status.GONE: LinkGone,
    Status.FAILED: TransferFailed,
    Status.BUSY: LinkBusy,
    Status.ABORTED: StreamAborted,
    Status.UNREADABLE: DescriptionUnreadable,
}


def status_of(exc: AgentError) -> Status:
    """The answer that makes `check` raise the same error on the other side."""
    return next((status for status, kind in _ERRORS.items() if isinstance(exc, kind)), Status.FAILED)


def check(status: int, payload: bytes) -> bytes:
    """The payload of a good answer; raises what the device process reported."""
    kind = _ERRORS.get(Status(status))
    if kind is not None:
        raise kind(payload.decode())
    return payload


def send(connection: socket.socket, code: int, payload: bytes = b"") -> None:
    """One message; raises OSError where the other side is gone."""
    connection.sendall(_HEAD.pack(len(payload), code) + payload)


def receive(connection: socket.socket) -> tuple[int, bytes] | None:
    """One message, None at the end of the stream."""
    head = _receive_exactly(connection, _HEAD.size)
    if head is None:
        return None
    size, code = _HEAD.unpack(head)
    if size > _LIMIT_BYTES:
        raise ConnectionError(f"message of {size} bytes, allowed are {_LIMIT_BYTES}")
    payload = _receive_exactly(connection, size)
    return None if payload is None else (int(code), payload)


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def pack_frame(frame: Frame, known: FrameSettings | None) -> bytes:
    """A frame without its pixels; settings travel only when they differ from the `known` ones."""
    result = frame.result
    head = _FRAME.pack(
        frame.frame_id, frame.timestamp_ns, result.frame_id, result.class_id, result.confidence, frame.incomplete,
        frame.token, len(result.boxes), frame.lines,
    )  # fmt: skip
    for box in result.boxes:
        head += _BOX.pack(box.class_id, box.confidence, box.left, box.top, box.right, box.bottom)
    if frame.settings == known:
        return head
    plain = dataclasses.asdict(frame.settings) | {"chunks": sorted(frame.settings.chunks)}
    return head + json.dumps(plain).encode()


def unpack_frame(payload: bytes, known: FrameSettings | None) -> Frame:
    """The frame of `pack_frame`."""
    frame_id, timestamp_ns, result_id, class_id, confidence, incomplete, token, count, lines = _FRAME.unpack_from(
        payload
    )
    end = _FRAME.size + count * _BOX.size
    boxes = tuple(Box(*values) for values in _BOX.iter_unpack(payload[_FRAME.size : end]))
    settings = known
    if len(payload) > end:
        plain = json.loads(payload[end:])
        geometry, chunks = Geometry(**plain.pop("geometry")), frozenset(plain.pop("chunks"))
        settings = FrameSettings(geometry=geometry, chunks=chunks, **plain)
    if settings is None:
        raise ConnectionError("first frame came without settings")
    result = FinishedResult(result_id, class_id, confidence, boxes)
    return Frame(frame_id, timestamp_ns, settings, result, None, incomplete=bool(incomplete), token=token, lines=lines)


def pack_event(event: DeviceEvent) -> bytes:
    """A device event; its class is computed here where nobody did so far."""
    return _EVENT.pack(EVENT_NAMES.index(event.name), event.timestamp_ns, event.frame_id, event.value, event.confidence)


def unpack_event(payload: bytes) -> DeviceEvent:
    """The event of `pack_event`."""
    number, timestamp_ns, frame_id, value, confidence = _EVENT.unpack(payload)
    name = EVENT_NAMES[number]
    if name != "Inference":
        return DeviceEvent(name, timestamp_ns, frame_id, value)
    return DeviceEvent(name, timestamp_ns, frame_id, result=FinishedResult(frame_id, value, confidence))
