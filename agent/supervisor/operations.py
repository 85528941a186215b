"""The operations of one camera; see agent.domain.operation.Operations."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

import anyio

from agent.domain.operation import Operation
from agent.errors import Refused

KEPT = 16  # that have ended; the oldest goes first


class OperationDesk:
    """Owner of the operations; event-loop side only. `on_cancel` is told the name of one that is to end."""

    def __init__(self, on_cancel: Callable[[str], None] = lambda _: None, kept: int = KEPT) -> None:
        self._on_cancel = on_cancel
        self._kept = kept
        self._operations: OrderedDict[str, Operation] = OrderedDict()
        self._ended: dict[str, asyncio.Event] = {}

    def put(self, operation: Operation) -> None:
        """A new operation, or the newest state of a known one."""
        self._operations[operation.name] = operation
        ended = self._ended.setdefault(operation.name, asyncio.Event())
        if operation.done:
            ended.set()
            finished = [one.name for one in self._operations.values() if one.done]
            for name in finished[: max(0, len(finished) - self._kept)]:
                self._drop(name)

    def all(self) -> Sequence[Operation]:
        return tuple(reversed(self._operations.values()))

    def get(self, name: str) -> Operation | None:
        return self._operations.get(name)

    def cancel(self, name: str) -> bool:
        operation = self._operations.get(name)
        if operation is not None and not operation.done:
            self._on_cancel(name)
        return operation is not None

    def forget(self, name: str) -> bool:
        operation = self._operations.get(name)
        if operation is not None and not operation.done:
            raise Refused(f"{name} is under way; cancel it first")
        if operation is not None:
            self._drop(name)
        return operation is not None

    async def wait(self, name: str, timeout_s: float) -> Operation | None:
        ended = self._ended.get(name)
        if ended is not None:
            with anyio.move_on_after(timeout_s):
                await ended.wait()
        return self._operations.get(name)

    def _drop(self, name: str) -> None:
        del self._operations[name], self._ended[name]
