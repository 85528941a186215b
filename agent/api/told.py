"""The operations that an answer names: whoever was told of one can ask how it ended, whatever becomes of the agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from google.longrunning import operations_pb2
from google.protobuf.message import Message

from agent.api.trail import Etagged
from agent.domain.journal import StoredOperation
from agent.domain.operation import Operations
from agent.supervisor.operations import told


class Working(Etagged, Protocol):
    """A camera, as far as the answers to mutations ask."""

    @property
    def operations(self) -> Operations: ...


def told_operations(answer: Message, cameras: Mapping[str, Working]) -> tuple[StoredOperation, ...]:
    """Each once, as it is kept until it has a row of its own."""
    found: dict[str, StoredOperation] = {}
    for name in _named(answer):
        for camera in cameras.values():
            operation = camera.operations.get(name)
            if operation is not None:
                found[name] = told(operation)
    return tuple(found.values())


def _named(message: Message) -> Iterator[str]:
    """The names of the operations in a message, at any depth."""
    if isinstance(message, operations_pb2.Operation):
        yield message.name
        return
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in [value] if isinstance(value, Message) else value:
            yield from _named(part)
