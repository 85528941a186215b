"""Budgets that clients have told ahead, until they are in force, and the changes for which a line waits.

    prepare ─► PREPARED ─ commit ─┬─► COMMITTED ─ at its time ─► ClaimBook
                   │              └─► ClaimBook at once, and WAITING ─ the camera is ready ─► READY
                   └─ a minute after its time ─► forgotten

One a client: a newer `prepare` takes the place of what is here, a release removes it. Every step is durable before it
counts. Times are CLOCK_BOOTTIME under the boot id: no step of the wall clock moves them, a restart of the agent keeps
them, and one of the host ends them, since nobody can tell then how long it took. A lease that was to come counts as one
that expired.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Notice
from agent.domain.journal import Journal
from agent.domain.notice import AnnouncedChange, ChangeState, LineState
from agent.errors import BadInput
from agent.logs import event, logger
from agent.supervisor.claims import ClaimBook

_log = logger("claims")
MAX_DUE_S = 86_400.0
KEPT_S = 60.0  # a commit may come that late after its time: long for a controller, short for a person's mistake
SUSPENDED_NS = 10_000_000  # less than any suspend, more than two readings of clocks are apart


@dataclass(slots=True)
class _Wait:
    """A line that stands for a change. `holds`: it counts as stopped; unknown after a restart, and then it runs."""

    claim: Claim
    since_boot_ns: int
    holds: bool = True
    ready: bool = False


class ChangeBook:
    """See the module docstring; event-loop side only."""

    def __init__(self, camera: str, claims: ClaimBook, journal: Journal, clock: Clock, boot_id: str) -> None:
        self._camera = camera
        self._claims = claims
        self._journal = journal
        self._clock = clock
        self._boot_id = boot_id
        self._told: dict[str, Claim] = {}
        self._waits: dict[str, _Wait] = {}
        self._measured_ns = 0

    async def load(self, told: Iterable[Claim]) -> None:
        """Take over what the journal holds of announced claims that are not in force."""
        for claim in told:
            if claim.boot_id == self._boot_id:
                self._told[claim.client] = claim
            elif claim.kind is ClaimKind.LEASE and _committed(claim):
                self._claims.lapse(claim)  # it has expired with the boot
            else:
                event(_log, logging.WARNING, "change_lost", camera=self._camera, client=claim.client, why="reboot")
                await self._claims.forget(claim, "rebooted")
        for claim in self._claims.claims:
            if claim.notice is not None and claim.notice.waits:
                self._waits[claim.client] = _Wait(claim, claim.notice.due_boot_ns, holds=False)

    async def prepare(self, client: str, notice_id: str, budget: Budget, ttl_s: float | None, due_s: float) -> Claim:
        """Store what the client tells of `due_s` ahead; raises BadInput, JournalError (nothing changes then)."""
        if not 0.0 <= due_s <= MAX_DUE_S:
            raise BadInput("due", f"{due_s:g} s is not within 0 to {MAX_DUE_S:g} s (a day)")
        due_boot_ns = self._clock.boottime_ns() + round(due_s * 1e9)
        notice = Notice(notice_id, due_boot_ns, due_boot_ns + round(KEPT_S * 1e9))
        claim = replace(self._claims.draft(client, budget, ttl_s), boot_id=self._boot_id, notice=notice)
        async with self._claims.changing:
            older = self._told.get(client)
            await self._journal.put_claim(claim, None, {} if older is None else {older.id: "replaced"})
            self._told[client] = claim
            self._waits.pop(client, None)
        return claim

    async def commit(self, client: str, notice_id: str, waits: bool) -> Claim:
        """Make it definite, for its time or (`waits`) now; again is harmless. Raises BadInput, JournalError."""
        async with self._claims.changing:
            told, notice = self._known(client, notice_id)
            now_ns = self._clock.boottime_ns()
            due_ns = now_ns if waits else max(now_ns, notice.due_boot_ns)
            definite = replace(notice, due_boot_ns=due_ns, committed_boot_ns=now_ns, waits=waits)
            claim = replace(told.renewed(due_ns, self._boot_id), notice=definite)
            if waits:
                await self._claims.put_in_force(claim)
                del self._told[client]
                self._waits[client] = _Wait(claim, now_ns)
            else:
                await self._journal.put_claim(claim)
                self._told[client] = claim
        await self.advance()
        return claim

    async def release(self, client: str, announced_only: bool) -> None:
        """Take back what the client has announced and, unless `announced_only`, its claim in force.

        Harmless where it has none. Raises JournalError; nothing changes then.
        """
        async with self._claims.changing:
            told = self._told.get(client)
            await self._claims.release(client, told, in_force=not announced_only)
            if told is not None:
                del self._told[client]
                self._waits.pop(client, None)

    async def advance(self) -> None:
        """Put in force what is due, and forget what was not committed in time."""
        now_ns = self._clock.boottime_ns()
        for claim in sorted(self._told.values(), key=_due_ns):
            if self._is_due(claim, now_ns):
                async with self._claims.changing:
                    if self._told.get(claim.client) is claim:  # else another call was faster
                        del self._told[claim.client]
                        await self._end_notice(claim)

    def settle(self, ready: bool) -> None:
        """Tell the lines that wait whether the camera is ready for the budget in force."""
        for wait in self._live():
            if ready and not wait.ready:
                event(_log, logging.INFO, "camera_ready", camera=self._camera, client=wait.claim.client)
            wait.ready = wait.ready or ready

    def line_waits(self, line: LineState) -> bool:
        """Whether the line stands for a change; a report that it runs counts if it is younger than the commit."""
        if not self._waits:
            return False
        since = [wait.since_boot_ns for wait in self._live() if wait.holds and not wait.ready]
        running = max((report.told_boot_ns for report in line.reports if not report.stopped), default=None)
        return bool(since) and (running is None or running <= max(since))

    def outlook(self) -> tuple[tuple[float, EffectiveBudget], ...]:
        """What will be in force, and from when on (seconds of the clock of decisions): only what is definite."""
        if not self._told:
            return ()
        coming = self._claims.outlook(claim for claim in self._told.values() if _committed(claim))
        ahead_ns = self._ahead_ns()
        return tuple(((due_boot_ns - ahead_ns) / 1e9, effective) for due_boot_ns, effective in coming)

    def effective_with(self, claim: Claim) -> EffectiveBudget:
        """What would be in force at the time of `claim`, other claims being as they are now."""
        ((_, effective),) = self._claims.outlook((claim,))
        return effective

    def change_of(self, claim: Claim) -> AnnouncedChange:
        """What is to be told of that claim now."""
        here = (change for change in self.changes() if claim.notice is not None and change.id == claim.notice.id)
        return next(here, _change(claim, ChangeState.COMMITTED))

    def changes(self) -> tuple[AnnouncedChange, ...]:
        """All of them, in the order of their clients."""
        found = [_change(claim, ChangeState.COMMITTED if _committed(claim) else ChangeState.PREPARED)
                 for claim in self._told.values()]  # fmt: skip
        found += [_change(w.claim, ChangeState.READY if w.ready else ChangeState.WAITING) for w in self._live()]
        return tuple(sorted(found, key=lambda change: change.client))

    def until_due_s(self) -> float | None:
        """Seconds until the next one is due or forgotten; None where there is none."""
        ends = [
            claim.notice.due_boot_ns if _committed(claim) else claim.notice.lapses_boot_ns
            for claim in self._told.values()
            if claim.notice is not None
        ]
        return max(0.0, (min(ends) - self._clock.boottime_ns()) / 1e9) if ends else None

    def _ahead_ns(self) -> int:
        """How far CLOCK_BOOTTIME is ahead of the clock of decisions; the same number until the host was suspended."""
        measured_ns = self._clock.boottime_ns() - self._clock.now_ns()
        if abs(measured_ns - self._measured_ns) > SUSPENDED_NS:
            self._measured_ns = measured_ns
        return self._measured_ns

    def _known(self, client: str, notice_id: str) -> tuple[Claim, Notice]:
        told = self._told.get(client)
        if told is None or told.notice is None or told.notice.id != notice_id:
            raise self._unknown(client, notice_id)
        return told, told.notice

    def _unknown(self, client: str, notice_id: str) -> BadInput:
        why = "replaced by a newer one, released, in force already, or forgotten a minute after its time"
        return BadInput("prepared_id", f"{client!r} has no announced change {notice_id!r}: {why}; prepare it anew")

    def _is_due(self, claim: Claim, now_ns: int) -> bool:
        """In force by now, or to be forgotten."""
        lapses = claim.notice is not None and not _committed(claim) and claim.notice.lapses_boot_ns <= now_ns
        return lapses or claim.in_force(now_ns, self._boot_id)

    async def _end_notice(self, claim: Claim) -> None:
        if _committed(claim):
            event(_log, logging.INFO, "change_due", camera=self._camera, client=claim.client, claim=claim.id)
            await self._claims.come_due(claim)
        else:
            await self._claims.forget(claim, "lapsed")

    def _live(self) -> list[_Wait]:
        """Waits whose claim is still the client's; the others end."""
        self._waits = {name: wait for name, wait in self._waits.items() if self._holds(name, wait.claim)}
        return list(self._waits.values())

    def _holds(self, client: str, claim: Claim) -> bool:
        held = self._claims.held_by(client)
        return held is not None and held.id == claim.id


def _committed(claim: Claim) -> bool:
    return claim.notice is not None and claim.notice.committed_boot_ns is not None


def _due_ns(claim: Claim) -> int:
    return claim.notice.due_boot_ns if claim.notice else 0


def _change(claim: Claim, state: ChangeState) -> AnnouncedChange:
    notice_id = claim.notice.id if claim.notice else ""
    return AnnouncedChange(notice_id, claim.client, state, claim.budget, claim.ttl_s, _due_ns(claim))
