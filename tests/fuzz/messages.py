"""Random messages of any protobuf type: fields set or not, at their edges, unknown ones among them."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.fuzz.mutate import FLOATS, INTEGERS, odd_text

WORDS = (
    "station-1", "station-2", "line-1", "w1-big", "w1-huge", "tester", "claim-1", "operations/swap-1", "operations/x",
    "etag-1", "p-1", "de305d54-75b4-431b-adb2-eb6b9e546014", "DE305D54-75B4-431B-ADB2-EB6B9E546014", "page", "good",
    "ofa_agent.v1.ControlService", "camera = 'station-1'",
)  # fmt: skip
MOST_DEPTH = 5
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (32, True),
    FieldDescriptor.CPPTYPE_INT64: (64, True),
    FieldDescriptor.CPPTYPE_UINT32: (32, False),
    FieldDescriptor.CPPTYPE_UINT64: (64, False),
}
_REAL = frozenset((FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT))
_USUAL = (0.0, 0.5, 0.9, 0.99, 1.0, 2.0, 50.0, 600.0)


def a_message(chance: random.Random, kind: Descriptor, depth: int = 0) -> Message:
    """One of that type."""
    message = GetMessageClass(kind)()
    for field in kind.fields:
        if chance.random() < (0.7 if depth == 0 else 0.5):
            _fill(chance, message, field, depth)
    return message


def deep(chance: random.Random) -> bytes:
    """Bytes that nest: groups in groups, or messages in messages."""
    count = chance.choice((10, 99, 101, 1000, 20_000))
    if chance.random() < 0.5:
        return b"\x0b" * count + (b"\x0c" * count if chance.random() < 0.5 else b"")
    body = b""
    for _ in range(min(count, 1000)):
        body = b"\x1a" + _varint(len(body)) + body
    return body


def _fill(chance: random.Random, message: Message, field: FieldDescriptor, depth: int) -> None:
    if field.is_repeated:
        many = getattr(message, field.name)
        for _ in range(chance.choice((0, 1, 2, 3, 40))):
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                return
            if field.message_type is not None:
                many.append(_inner(chance, field, depth))
            else:
                many.append(_scalar(chance, field))
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(_inner(chance, field, depth))
    else:
        setattr(message, field.name, _scalar(chance, field))


def _inner(chance: random.Random, field: FieldDescriptor, depth: int) -> Message:
    kind = field.message_type
    assert kind is not None
    if depth >= MOST_DEPTH:
        return GetMessageClass(kind)()
    if kind.full_name == "google.protobuf.Duration" and chance.random() < 0.6:
        made: Any = GetMessageClass(kind)()
        made.seconds = chance.choice((0, 1, 5, 60, 3600))
        duration: Message = made
        return duration
    return a_message(chance, kind, depth + 1)


def _scalar(chance: random.Random, field: FieldDescriptor) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return _text(chance) if field.type == FieldDescriptor.TYPE_STRING else _text(chance).encode()
    if kind in _REAL:
        return chance.choice(_USUAL) if chance.random() < 0.6 else _real(chance, kind)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice((0, 1, 2, 3, 4, 99, -1, (1 << 31) - 1))
    bits, signed = _BITS[kind]
    value = chance.choice(INTEGERS) & ((1 << bits) - 1)
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _real(chance: random.Random, kind: int) -> float:
    value = chance.choice((*FLOATS, float("nan"), -1e-9, 1e-300, 59_999.9))
    return value if kind == FieldDescriptor.CPPTYPE_DOUBLE else max(-3e38, min(3e38, value))


def _text(chance: random.Random) -> str:
    return chance.choice(WORDS) if chance.random() < 0.8 else odd_text(chance)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
