"""The swap tickets of a line, handed to the loops of its cameras on the event loop.

    Actor ── acquire ─► waits ─► ticket ── restarted ─► ended ─► first result (or patience) ─► given back
    Supervisor ── sight, results ─► TicketOffice (pure; agent/policy/tickets.py has the rules) ◄── time

`SwapGroup` owns the office of one group; a `Turn` is one camera's side of it. A swap's ticket is not given back when
the network is verified but when its first result is there: only then does the camera see again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from agent.clock import Clock
from agent.errors import NotPermitted
from agent.logs import event, logger
from agent.policy.tickets import Sight, Ticket, TicketOffice, TicketRules, Urgency

_log = logger("group")
SETTLE_S = 2.0  # how long a first result is waited for after a swap, or three part intervals where that is longer
SETTLE_PERIODS = 3.0


class SwapGroup:
    """Owner of the office of one group and of who waits for it; event-loop side only."""

    def __init__(self, rules: TicketRules, clock: Clock) -> None:
        self._clock = clock
        self._office = TicketOffice(rules)
        self._seen = self._office  # as those who wait last saw it
        self._wake: dict[str, asyncio.Event] = {}
        self._given: dict[str, Ticket] = {}
        self._refused: dict[str, str] = {}  # camera that waits no more: why, empty where it has waited too long

    @property
    def name(self) -> str:
        return self._office.rules.name

    @property
    def office(self) -> TicketOffice:
        """The state as it is now."""
        return self._office

    def relet(self, lease_s: float) -> None:
        """Tickets that are given from now on end by themselves after so long."""
        self._office = replace(self._office, rules=replace(self._office.rules, lease_s=lease_s))

    def turn(self, camera: str) -> Turn:
        """That camera's side of the group."""
        return Turn(self, camera, self._clock)

    async def acquire(self, camera: str, urgency: Urgency, on_wait: Callable[[str], None]) -> Ticket:
        """Wait for a ticket; `on_wait` is told what for, whenever that changes. Raises NotPermitted.

        Ends within the rules' `wait_s` and one lease per camera. A cancelled wait leaves nothing behind.
        """
        wake = self._wake[camera] = asyncio.Event()
        self._office = self._office.request(camera, urgency, self._now())
        told = ""
        try:
            while True:
                self.advance()
                wake.clear()
                if camera in self._given:
                    return self._given.pop(camera)
                if camera in self._refused:
                    rest = f"{told}; given up after {self._office.rules.wait_s:g} s, to be decided anew"
                    raise NotPermitted(f"group {self.name}: {self._refused[camera] or rest}")
                why = self._office.why_waiting(camera, self._now())
                if why and why != told:
                    told = why
                    on_wait(why)
                await self._change(wake)
        finally:
            self._leave(camera)

    def hurry(self, camera: str, urgency: Urgency) -> None:
        """Another urgency for a swap that waits; it keeps its place. Harmless where none waits."""
        waiting = self._office.wait_of(camera)
        if waiting is not None and waiting.urgency is not urgency:
            self._office = self._office.request(camera, urgency, self._now())
            self.advance()

    def withdraw(self, camera: str, why: str) -> None:
        """End the camera's wait with NotPermitted; harmless where it does not wait."""
        if self._office.wait_of(camera) is not None:
            self._office = self._office.withdraw(camera)
            self._refused[camera] = why
            self.advance()

    def report(self, camera: str, sight: Sight) -> None:
        """What the camera sees now."""
        if self._office.sights.get(camera) != sight:
            self._office = self._office.report(camera, sight)
            self.advance()

    def shorten(self, ticket: Ticket, patience_s: float) -> None:
        """The swap has ended; the ticket goes back by itself after `patience_s`."""
        self._office = self._office.shorten(ticket.number, self._now() + round(patience_s * 1e9))
        self.advance()

    def release(self, ticket: Ticket, first_result_ns: int | None = None) -> None:
        """Give a ticket back; harmless where that was done or its lease has ended."""
        self._office = self._office.release(ticket.number, first_result_ns)
        self.advance()

    def advance(self) -> None:
        """Let time and changes take effect, and wake whom they may concern."""
        self._office, happened = self._office.advance(self._now())
        for ticket in happened.granted:
            self._given[ticket.camera] = ticket
        for waiting in happened.dropped:
            self._refused[waiting.camera] = ""
        for ticket in happened.expired:
            event(_log, logging.DEBUG, "swap_ticket_ended", group=self.name, camera=ticket.camera)
        if self._office != self._seen:
            self._seen = self._office
            for wake in self._wake.values():
                wake.set()

    async def _change(self, wake: asyncio.Event) -> None:
        at_ns = self._office.next_change_ns(self._now())
        timeout_s = None if at_ns is None else (at_ns - self._now()) / 1e9
        with anyio.move_on_after(timeout_s):
            await wake.wait()

    def _leave(self, camera: str) -> None:
        """Nothing of a wait may stay: neither a request nor a ticket that nobody took."""
        self._office = self._office.withdraw(camera)
        ticket = self._given.pop(camera, None)
        if ticket is not None:
            self._office = self._office.release(ticket.number)
        self._refused.pop(camera, None)
        self._wake.pop(camera, None)
        self.advance()

    def _now(self) -> int:
        return self._clock.now_ns()


@dataclass(slots=True)
class _Held:
    """The ticket of a swap. `restarted_ns`: when its stream began again, `first_ns`: exposure of the first result."""

    ticket: Ticket
    restarted_ns: int | None = None
    first_ns: int | None = None
    ended: bool = False


class Turn:
    """One camera's side of a group. Owner of the ticket that its swap holds; event-loop side only."""

    def __init__(self, group: SwapGroup, camera: str, clock: Clock) -> None:
        self._group = group
        self._camera = camera
        self._clock = clock
        self._held: _Held | None = None
        self._sight = Sight()

    async def acquire(self, urgency: Urgency, on_wait: Callable[[str], None]) -> Ticket:
        """See SwapGroup.acquire. The ticket is this camera's until `ended` or `abandon`."""
        asked_ns = self._clock.now_ns()
        ticket = await self._group.acquire(self._camera, urgency, on_wait)
        self._held = _Held(ticket)
        level = logging.WARNING if ticket.forced else logging.INFO
        event(_log, level, "swap_permitted", group=self._group.name, camera=self._camera, forced=ticket.forced,
              waited_s=(self._clock.now_ns() - asked_ns) / 1e9)  # fmt: skip
        return ticket

    def hurry(self, urgency: Urgency) -> None:
        self._group.hurry(self._camera, urgency)

    def withdraw(self, why: str) -> None:
        self._group.withdraw(self._camera, why)

    def restarted(self) -> None:
        """The stream begins again: results of exposures from now on end the gap."""
        if self._held is not None:
            self._held.restarted_ns, self._held.first_ns = self._clock.now_ns(), None

    def ended(self) -> None:
        """The swap is over, well or not. What streams again keeps its ticket until the first result, or for a while."""
        if self._held is None:
            return
        if self._held.restarted_ns is None:
            self.abandon()
            return
        self._held.ended = True
        self._group.shorten(self._held.ticket, max(SETTLE_S, SETTLE_PERIODS * self._sight.period_s))
        self._settle()

    def abandon(self) -> None:
        """Give the ticket back now; harmless where there is none."""
        held, self._held = self._held, None
        if held is not None:
            self._group.release(held.ticket, held.first_ns)

    def results(self, exposed_ns: Sequence[int]) -> None:
        """Results were published; ends of exposure by the host's clock."""
        held = self._held
        if held is not None and held.restarted_ns is not None and held.first_ns is None:
            held.first_ns = min((at_ns for at_ns in exposed_ns if at_ns >= held.restarted_ns), default=None)
        newest_ns = max((*exposed_ns, self._sight.newest_ns or 0))
        self._tell(replace(self._sight, newest_ns=newest_ns))
        self._settle()

    def sight(self, active: bool, period_s: float) -> None:
        """Whether a verified network infers now, and the part interval. A camera that was lost keeps no ticket."""
        self._tell(Sight(active, self._sight.newest_ns if active else None, period_s))
        if not active and self._held is not None and self._held.ended:
            self.abandon()

    def _tell(self, sight: Sight) -> None:
        self._sight = sight
        self._group.report(self._camera, sight)

    def _settle(self) -> None:
        if self._held is not None and self._held.ended and self._held.first_ns is not None:
            self.abandon()
