"""Protobuf messages as plain values with stable names: what `--json` prints."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

if TYPE_CHECKING:
    from google._upb import _message
    from google.protobuf import descriptor

    _FieldDescriptor: TypeAlias = "descriptor.FieldDescriptor | _message.FieldDescriptor"
    _EnumDescriptor: TypeAlias = "descriptor.EnumDescriptor | _message.EnumDescriptor"


def plain(message: Message) -> dict[str, Any]:
    """Every field under its name: numbers as numbers, a Duration `x` as `x_s` in seconds, a Timestamp as RFC 3339.

    Enum values lose their type's prefix; a field that is not set is null where it can be told apart, else its default.
    A message of any type is its fields and its name as `type`; bytes are base64.
    """
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        name = f"{field.name}_s" if _is(field, Duration) else field.name
        values[name] = _field(message, field)
    return values


def seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def word(message: Message, field: str) -> str:
    """The value of an enum field: `CAMERA_STATE_ACTIVE` as `ACTIVE`; an unknown number as itself."""
    descriptor = message.DESCRIPTOR.fields_by_name[field].enum_type
    number: int = getattr(message, field)
    return str(number) if descriptor is None else _enum_word(descriptor, number)


def _enum_word(descriptor: _EnumDescriptor, value: int) -> str:
    known = descriptor.values_by_number.get(value)
    if known is None:
        return str(value)
    prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in descriptor.name).lstrip("_") + "_"
    return str(known.name).removeprefix(prefix)


def _field(message: Message, field: _FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_value(field, item) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: _FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Duration):
        return seconds(value)
    if isinstance(value, Timestamp):
        return value.ToJsonString()
    if isinstance(value, AnyMessage):
        return _unpacked(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Message):
        return plain(value)
    return _enum_word(field.enum_type, value) if field.enum_type is not None else value


def _unpacked(value: AnyMessage) -> dict[str, Any]:
    """Of a type that nobody here knows only the name is told."""
    try:
        kind = descriptor_pool.Default().FindMessageTypeByName(value.TypeName())
    except KeyError:
        return {"type": value.TypeName()}
    found = message_factory.GetMessageClass(kind)()
    value.Unpack(found)
    return {"type": value.TypeName(), **plain(found)}


def _is(field: _FieldDescriptor, kind: type[Message]) -> bool:
    return field.message_type is not None and field.message_type.full_name == kind.DESCRIPTOR.full_name
