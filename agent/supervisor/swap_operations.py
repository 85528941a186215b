"""The swaps of one camera as operations: expected, under way, ended.

a command's answer ─► expected ─┬─ the loop starts it ─► PREPARING … ─► ended, well or not
                                └─ a newer decision ─► superseded
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.domain.decision import Action, Decision
from agent.domain.journal import SwapRecord
from agent.domain.operation import PREFIX, Operation, SwapWork
from agent.domain.states import BEFORE_GAP
from agent.errors import AgentError, Refused, Superseded
from agent.supervisor.actor import Actor
from agent.supervisor.operations import OperationDesk

ALMOST = 0.99  # of its time: a swap that takes longer than expected is not done


@dataclass
class _Current:
    operation: Operation
    work: SwapWork
    fail_safe: bool


class SwapOperations:
    """Owner of the operation of the swap that is expected or under way; event-loop side only."""

    def __init__(self, camera: str, clock: Clock, desk: OperationDesk, actor: Actor) -> None:
        self._camera = camera
        self._clock = clock
        self._desk = desk
        self._actor = actor
        self._current: _Current | None = None

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
            current = self._current = _Current(operation, work, decision.budget.fail_safe)
        elif self._actor.running is None:
            current.work = replace(current.work, to_subnet=decision.target, reason=decision.reason.value)
            current.fail_safe = decision.budget.fail_safe
        self._put(current)
        return current.operation

    def look(self, decision: Decision, acting: bool) -> None:
        """The loop has had its turn: what is expected was started (it is `acting`), or is not wanted any more."""
        current = self._current
        if current is None or self._actor.running is not None:
            return
        if not (acting and decision.action is Action.SWAP and decision.target == current.work.to_subnet):
            self._supersede()

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
        verified = error is None
        work = replace(current.work, record=record, progress=1.0 if verified else current.work.progress)
        self._desk.put(replace(current.operation, work=work, deadline_s=None, done=True, error=error))

    def close(self) -> None:
        """The agent ends; a swap that was under way has ended by now."""
        self._supersede()

    def _supersede(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            error = Superseded(f"the swap to {current.work.to_subnet} was not wanted any more before it began")
            self._desk.put(replace(current.operation, work=current.work, done=True, error=error))

    def _put(self, current: _Current) -> None:
        current.operation = replace(
            current.operation,
            work=current.work,
            deadline_s=self._actor.deadline_s,
            cancelling=self._actor.cancelling,
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
        self._actor.cancel(current.work.swap_id, current.work.to_subnet)
        self._put(current)
