"""The swaps of one camera as operations: expected, under way, ended.

a command's answer ─► expected ─┬─ the loop starts it ─► PREPARING … ─► ended, well or not
                                └─ a newer decision ─► superseded
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.domain.decision import Action, Decision
from agent.domain.journal import Journal, SwapOutcome, SwapRecord
from agent.domain.meter import NO_METER, CameraMeter
from agent.domain.operation import PREFIX, Operation, SwapWork
from agent.domain.states import BEFORE_GAP, SwapStage
from agent.errors import AgentError, Cancelled, Refused, Superseded
from agent.supervisor.actor import Actor
from agent.supervisor.operations import OperationDesk

UNWRITTEN = 64  # superseded swaps while the journal is away; the oldest are forgotten
ALMOST = 0.99  # of its time: a swap that takes longer than expected is not done


@dataclass
class _Current:
    operation: Operation
    work: SwapWork
    fail_safe: bool
    budget_id: str
    cancelled: Cancelled | None = None


class SwapOperations:
    """Owner of the operation of the swap that is expected or under way; event-loop side only."""

    def __init__(
        self,
        camera: str,
        journal: Journal,
        clock: Clock,
        desk: OperationDesk,
        actor: Actor,
        on_cancel: Callable[[], None],
        meter: CameraMeter = NO_METER,
    ) -> None:
        """`on_cancel`: somebody has ended a swap."""
        self._on_cancel = on_cancel
        self._camera = camera
        self._journal = journal
        self._clock = clock
        self._desk = desk
        self._actor = actor
        self._meter = meter
        self._current: _Current | None = None
        self._unwritten: deque[SwapRecord] = deque(maxlen=UNWRITTEN)

    def expect(self, swap_id: str, decision: Decision) -> Operation | None:
        """That swap starts now, or waits for its turn already; None where the decision names no target."""
        if decision.target is None:
            return None
        current = self._current
        if current is None or current.work.swap_id != swap_id:
            self._supersede()
            work = SwapWork(swap_id, decision.active, decision.target, decision.reason.value)
            work = replace(work, expected_gap_s=self._actor.expected_gap_s)
            operation = Operation(PREFIX + swap_id, self._camera, work, self._clock.wall_ns())
            current = self._current = _Current(operation, work, decision.is_for_fail_safe, decision.budget.id)
        elif self._actor.running is None:
            current.work = replace(current.work, to_subnet=decision.target, reason=decision.reason.value)
            current.fail_safe = decision.is_for_fail_safe
        self._put(current)
        return current.operation

    def look(self, decision: Decision, acting: bool) -> bool:
        """The loop has had its turn: what is expected was started (it is `acting`), or is not wanted any more.

        True where it is not: its id has been told as that of a swap that ended, and names no other one.
        """
        current = self._current
        if current is None or self._actor.running is not None:
            return False
        if acting and decision.action is Action.SWAP and decision.target == current.work.to_subnet:
            return False
        self._supersede()
        return True

    def begun(self, swap_id: str, decision: Decision) -> None:
        """The swap of that id starts now."""
        self.expect(swap_id, decision)

    def progress(self) -> None:
        """Take over where the swap is."""
        current, running = self._current, self._actor.running
        if current is None or running is None or running.id != current.work.swap_id:
            return
        gap_s = self._actor.gap_so_far_s
        progress = 0.0 if running.stage in BEFORE_GAP else min(ALMOST, gap_s / max(running.expected_gap_s, 1e-3))
        work = replace(
            current.work,
            stage=running.stage,
            bytes_done=running.bytes_done,
            bytes_total=running.bytes_total,
            progress=progress,
            gap_s=gap_s,
            expected_gap_s=running.expected_gap_s,
        )
        if work != current.work:
            current.work = work
            self._put(current)

    def ended(self, record: SwapRecord, error: AgentError | None) -> None:
        """A swap is over; one that was never announced (an adoption) is none of these."""
        current = self._current
        if current is None or current.work.swap_id != record.id:
            return
        self.progress()
        self._current = None
        self._end(current, record, error)

    async def write(self) -> None:
        """Write down what was superseded since, which has no row of its own; raises JournalError, and tries again."""
        while self._unwritten:
            await self._journal.finish_swap(self._unwritten[0], None)
            self._unwritten.popleft()

    def close(self) -> None:
        """The agent ends; a swap that was under way has ended by now."""
        self._supersede()

    def _supersede(self) -> None:
        current, self._current = self._current, None
        if current is None:
            return
        work = current.work
        error = current.cancelled or Superseded(f"the swap to {work.to_subnet} was not wanted any more before it began")
        record = SwapRecord(
            id=work.swap_id,
            camera=self._camera,
            from_subnet=work.from_subnet,
            to_subnet=work.to_subnet,
            reason=work.reason,
            budget_id=current.budget_id,
            started_wall_ns=current.operation.started_wall_ns,
            outcome=SwapOutcome.REFUSED,
            active_subnet=work.from_subnet,
            duration_s=0.0,
            error=str(error),
            error_reason=error.reason,
        )
        self._unwritten.append(record)
        self._meter.swap_ended(record, None)
        self._end(current, record, error)

    def _end(self, current: _Current, record: SwapRecord, error: AgentError | None) -> None:
        progress = 1.0 if error is None else current.work.progress
        work = replace(current.work, stage=SwapStage.NONE, record=record, progress=progress)
        self._desk.put(replace(current.operation, work=work, deadline_s=None, done=True, error=error))

    def _put(self, current: _Current) -> None:
        current.operation = replace(
            current.operation,
            work=current.work,
            deadline_s=self._actor.deadline_s,
            cancelling=current.cancelled is not None,
        )
        self._desk.put(current.operation, self._cancel)

    def _cancel(self) -> None:
        """Somebody asks it to end. Raises Refused for the swap of the fail-safe budget."""
        current = self._current
        if current is None:
            return
        if current.fail_safe:
            raise Refused(
                f"camera {self._camera}: the swap to {current.work.to_subnet} is for the fail-safe budget and cannot be"
                " cancelled; swaps can be inhibited"
            )
        current.cancelled = Cancelled(f"the swap to {current.work.to_subnet} was cancelled")
        self._actor.cancel(current.work.swap_id, current.cancelled)
        self._on_cancel()
        self._put(current)
