"""The operations of one camera; see agent.domain.operation.Operations.

Runs and captures are also written down, so that they are known after a restart; swaps have their own rows in the
journal.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio
import msgspec

from agent.domain.journal import Journal, StoredOperation, SwapOutcome, SwapRecord
from agent.domain.operation import PREFIX, CaptureWork, Operation, ProfileWork, SwapWork
from agent.errors import AgentError, Interrupted, JournalError, Refused, SwapFailed, error_of

TOLD_WITHIN_S = 0.5  # of its deadline, whatever the disk does: a second after that an operation has ended
KEPT = 16  # that have ended; the oldest goes first
PROFILE, CAPTURE, SWAP = "profile", "capture", "swap"


class OperationDesk:
    """Owner of the operations; event-loop side only. `on_cancel` is told the name of one that is to end and was put
    without a way to end it."""

    def __init__(
        self,
        on_cancel: Callable[[str], None] = lambda _: None,
        kept: int = KEPT,
        ends_when_written: bool = False,
        now_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`ends_when_written`: that a run is over is told once it is durable, so that no crash can take it back, or
        TOLD_WITHIN_S after its deadline by `now_s`."""
        self._now_s = now_s
        self._on_cancel = on_cancel
        self._ends_when_written = ends_when_written
        self._kept = kept
        self._operations: OrderedDict[str, Operation] = OrderedDict()
        self._cancels: dict[str, Callable[[], None]] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._unwritten: OrderedDict[str, Operation] = OrderedDict()

    def put(self, operation: Operation, cancel: Callable[[], None] | None = None) -> None:
        """A new operation, or the newest state of a known one. `cancel`, given once, asks it to end."""
        name, known = operation.name, self._operations.get(operation.name)
        if cancel is not None:
            self._cancels[name] = cancel
        is_kept = not isinstance(operation.work, SwapWork) and (known is None or operation.done)
        if is_kept:
            self._unwritten[name] = operation
        if is_kept and operation.done and self._ends_when_written:
            deadline_s = operation.deadline_s if known is None else known.deadline_s
            left_s = 0.0 if deadline_s is None else max(0.0, deadline_s - self._now_s())
            asyncio.get_running_loop().call_later(left_s + TOLD_WITHIN_S, self._tell_anyway, operation)
            operation = replace(operation, done=False, error=None)
        self._tell(operation)

    def _tell_anyway(self, ended: Operation) -> None:
        if not self._told(ended):
            self._tell(ended)

    def _tell(self, operation: Operation) -> None:
        self._operations[operation.name] = operation
        ended = self._ended.setdefault(operation.name, asyncio.Event())
        if operation.done:
            ended.set()
            finished = [one.name for one in self._operations.values() if one.done]
            for old in finished[: max(0, len(finished) - self._kept)]:
                self._drop(old)

    async def write_first(self, name: str, journal: Journal) -> None:
        """Write down that one, which has just begun, before any other; raises JournalError."""
        operation = self._unwritten[name]
        await journal.put_operation(stored(operation))
        if self._unwritten.get(name) is operation:
            del self._unwritten[name]

    async def write(self, journal: Journal) -> None:
        """Write down what has begun or ended since; raises JournalError, and tries again the next time.

        An end that cannot be written is told all the same: nobody may wait for a disk to find out that work is over.
        """
        try:
            while self._unwritten:
                name, operation = next(iter(self._unwritten.items()))
                await journal.put_operation(stored(operation))
                if self._unwritten.get(name) is operation:
                    del self._unwritten[name]
                if operation.done:
                    self._tell(operation)
        except JournalError:
            for operation in [one for one in self._unwritten.values() if one.done and not self._told(one)]:
                self._tell(operation)
            while len(self._unwritten) > 4 * self._kept:  # the journal is away for long: the oldest are forgotten
                self._unwritten.popitem(last=False)
            raise

    def _told(self, operation: Operation) -> bool:
        known = self._operations.get(operation.name)
        return known is None or known.done  # None: told, and forgotten since

    def all(self) -> Sequence[Operation]:
        return tuple(reversed(self._operations.values()))

    def get(self, name: str) -> Operation | None:
        return self._operations.get(name)

    def cancel(self, name: str) -> bool:
        operation = self._operations.get(name)
        if operation is not None and not operation.done:
            ask = self._cancels.get(name)
            if ask is not None:
                ask()
            else:
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
        self._cancels.pop(name, None)


class _Tagged(msgspec.Struct, frozen=True):
    """What is kept of a run as JSON; `reason` and `error` of one that ended before its time."""

    profile: ProfileWork | None = None
    swap: SwapWork | None = None
    capture: CaptureWork | None = None
    reason: str = ""
    error: str = ""


def stored(operation: Operation) -> StoredOperation:
    """A profiling or capture run as it is kept."""
    work, error = operation.work, operation.error
    body = _Tagged(
        profile=work if isinstance(work, ProfileWork) else None,
        capture=work if isinstance(work, CaptureWork) else None,
        reason=error.reason if error is not None else "",
        error=str(error) if error is not None else "",
    )
    kind = PROFILE if isinstance(work, ProfileWork) else CAPTURE
    return _stored(operation, kind, operation.done, body)


def told(operation: Operation) -> StoredOperation:
    """What is kept of an operation that a client is told of, and is true where the agent ends before it has a row."""
    work = operation.work
    if not isinstance(work, SwapWork):
        return stored(operation)
    kept = SwapWork(work.swap_id, work.from_subnet, work.to_subnet, work.reason, expected_gap_s=work.expected_gap_s)
    words = f"the agent ended before the swap to {work.to_subnet} began; nothing was done for it"
    return _stored(operation, SWAP, True, _Tagged(swap=kept, reason=Interrupted.reason, error=words))


def _stored(operation: Operation, kind: str, done: bool, body: _Tagged) -> StoredOperation:
    encoded = msgspec.json.encode(body)
    return StoredOperation(operation.name, operation.camera, kind, operation.started_wall_ns, done, encoded)


def restored(kept: StoredOperation) -> Operation:
    """A run of an earlier start, or one that the desk has forgotten, or a swap that never began; a run that never ended
    was ended by the restart."""
    body = msgspec.json.decode(kept.body, type=_Tagged)
    work = body.profile or body.capture or body.swap
    if work is None:
        raise JournalError(f"{kept.name}: kept as {kept.kind}, which this version does not know")
    error: AgentError | None = error_of(body.reason, body.error) if body.reason else None
    if not kept.done:
        error = Interrupted("the agent ended while it was under way; what was reached until then stands")
    return Operation(kept.name, kept.camera, work, kept.started_wall_ns, done=True, error=error)


def swap_operation(record: SwapRecord) -> Operation:
    """A swap that has ended, from its row."""
    work = SwapWork(record.id, record.from_subnet, record.to_subnet, record.reason, record=record)
    return Operation(
        PREFIX + record.id,
        record.camera,
        work,
        record.started_wall_ns,
        done=record.outcome is not SwapOutcome.RUNNING,
        error=swap_error(record),
    )


def swap_error(record: SwapRecord) -> AgentError | None:
    """Why a swap did not end with the wanted network, from its row; None where it did, or runs."""
    if record.outcome in (SwapOutcome.VERIFIED, SwapOutcome.RUNNING):
        return None
    if record.outcome is SwapOutcome.INTERRUPTED:
        return Interrupted("the agent ended in the middle of the swap")
    words = record.error or f"swap to {record.to_subnet} {record.outcome.value}: no reason is known"
    return error_of(record.error_reason or SwapFailed.reason, words)
