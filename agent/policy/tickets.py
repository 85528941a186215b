"""Swap tickets of a group: who on a line may be blind, when, and for how long. Pure; times in ns of one clock.

    request ─► waiting ─┬─ granted ─► ticket ─┬─ released (first result after the swap) ─► free
                        ├─ dropped (gain only)└─ expired (a lease: the holder died or hangs) ─► free
                        └─ withdrawn

A camera *sees* while it is active, holds no ticket and its newest result is not much older than the newest of the line.
A seeing camera gets a ticket only while another one sees, and only once it has a result that is younger than the end of
the last gap: a gap begins at the last part with a result, which lies before the stop. A blind camera loses no sight, so
for it only the number of tickets counts. On a line that stands still every active camera counts as seeing.

After `wait_s` of waiting a swap for a gain is dropped, to be decided anew; any other goes on with the next free ticket
even where that blinds the line: it waits because its own network is too slow for the budget, or because it has none,
and a line that is late for ever is no better than one that is blind for a swap. Tickets end by their lease at the
latest, so every request ends within `wait_s` and one lease per camera of the group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from agent.domain.decision import Decision, Reason
from agent.errors import BadInput

_NS = 1_000_000_000
STALE_S = 5.0  # results this much older than the newest of the line do not flow any more; see Sight.period_s
STALE_PERIODS = 3.0


class Urgency(IntEnum):
    """Higher goes first; within one, who has waited longest, then the name."""

    GAIN = 0  # the active network meets the budget, another is more accurate
    BUDGET = 1  # the active network does not meet the budget in force, or the fail-safe is in force
    START = 2  # there is no active network: nothing can be lost and sight be won


@dataclass(frozen=True, slots=True)
class TicketRules:
    """A group and its bounds; raises BadInput for numbers that cannot hold."""

    name: str
    cameras: tuple[str, ...]
    max_concurrent: int = 1
    wait_s: float = 30.0
    lease_s: float = 130.0

    def __post_init__(self) -> None:
        most = max(1, len(self.cameras) - 1)
        if not self.cameras:
            raise BadInput("cameras", "is empty; name at least one")
        if not 1 <= self.max_concurrent <= most:
            kept = ", so that one sees while the others swap" if len(self.cameras) > 1 else ""
            why = f"{self.max_concurrent} is not within 1 to {most}: the group has {len(self.cameras)} camera(s){kept}"
            raise BadInput("max_concurrent_swaps", why)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a camera tells of itself: a verified network infers, end of exposure of its newest result, part interval."""

    active: bool = False
    newest_ns: int | None = None
    period_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that has not ended yet."""

    camera: str
    urgency: Urgency
    since_ns: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to be blind until `expires_ns`; `forced`: given although no other camera saw."""

    number: int
    camera: str
    granted_ns: int
    expires_ns: int
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Advance:
    """What the passing of time and the last changes brought about."""

    granted: tuple[Ticket, ...] = ()
    dropped: tuple[Waiting, ...] = ()
    expired: tuple[Ticket, ...] = ()


@dataclass(frozen=True, slots=True)
class TicketOffice:
    """State of a group's office; every method answers a new one. See the module docstring for the rules."""

    rules: TicketRules
    sights: Mapping[str, Sight] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    dark_until_ns: int | None = None  # end of exposure of the first result after the last gap
    next_number: int = 1

    # -- what the cameras say -----------------------------------------------------------------------------------------

    def request(self, camera: str, urgency: Urgency, now_ns: int) -> TicketOffice:
        """Ask for a ticket; asking again while waiting changes the urgency and keeps the place."""
        self._known(camera)
        before = self.wait_of(camera)
        asked = replace(before, urgency=urgency) if before else Waiting(camera, urgency, now_ns)
        return replace(self, waiting=(*self._without(camera), asked))

    def withdraw(self, camera: str) -> TicketOffice:
        """Stop waiting; harmless where it does not."""
        return replace(self, waiting=self._without(camera))

    def report(self, camera: str, sight: Sight) -> TicketOffice:
        self._known(camera)
        return replace(self, sights={**self.sights, camera: sight})

    def shorten(self, number: int, expires_ns: int) -> TicketOffice:
        """Let a ticket end earlier; never later. Harmless where it has ended."""
        tickets = tuple(
            replace(one, expires_ns=min(one.expires_ns, expires_ns)) if one.number == number else one
            for one in self.tickets
        )
        return replace(self, tickets=tickets)

    def release(self, number: int, first_result_ns: int | None = None) -> TicketOffice:
        """Give a ticket back; harmless where it has ended. `first_result_ns`: of the exposure that ended the gap."""
        kept = tuple(one for one in self.tickets if one.number != number)
        if len(kept) == len(self.tickets):
            return self
        known = [at_ns for at_ns in (self.dark_until_ns, first_result_ns) if at_ns is not None]
        return replace(self, tickets=kept, dark_until_ns=max(known, default=None))

    # -- what follows -------------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> tuple[TicketOffice, Advance]:
        """End what is over, drop what has waited too long, and grant what may be granted, in order."""
        expired = tuple(one for one in self.tickets if one.expires_ns <= now_ns)
        live = tuple(one for one in self.tickets if one.expires_ns > now_ns)
        overdue = tuple(one for one in self.waiting if self._overdue(one, now_ns) and one.urgency is Urgency.GAIN)
        kept = tuple(one for one in self.waiting if one not in overdue)
        office = replace(self, tickets=live, waiting=kept)
        granted: list[Ticket] = []
        for one in office.queue(now_ns):
            obstacle = office._obstacle(one, now_ns)
            if obstacle is not None and obstacle.holds_all:
                break
            if obstacle is None:
                office, ticket = office._grant(one, now_ns)
                granted.append(ticket)
        return office, Advance(tuple(granted), overdue, expired)

    def queue(self, now_ns: int) -> list[Waiting]:
        """Who waits, first first: the overdue by age, then by urgency and age."""

        def key(one: Waiting) -> tuple[int, int, int, str]:
            if self._overdue(one, now_ns):
                return 0, 0, one.since_ns, one.camera
            return 1, -one.urgency, one.since_ns, one.camera

        return sorted(self.waiting, key=key)

    def sees(self, camera: str, now_ns: int) -> bool:
        """Whether a part that passes now gets a result from that camera."""
        sight = self.sights.get(camera, Sight())
        if not sight.active or self.ticket_of(camera) is not None:
            return False
        newest_ns = self._line_newest_ns()
        if newest_ns is None or self._stands(now_ns):
            return True  # no parts pass: nothing is missed
        return sight.newest_ns is not None and newest_ns - sight.newest_ns <= self._stale_ns()

    def wait_of(self, camera: str) -> Waiting | None:
        return next((one for one in self.waiting if one.camera == camera), None)

    def ticket_of(self, camera: str) -> Ticket | None:
        return next((one for one in self.tickets if one.camera == camera), None)

    def why_waiting(self, camera: str, now_ns: int) -> str:
        """What a waiting camera waits for, in words; empty where it does not wait or nothing is in its way."""
        waiting = self.wait_of(camera)
        obstacle = self._obstacle(waiting, now_ns) if waiting else None
        if obstacle is not None:
            return obstacle.text
        ahead = [one.camera for one in self.queue(now_ns)]
        ahead = ahead[: ahead.index(camera)] if waiting else []
        return f"waits for {', '.join(ahead)}: first in the queue of {self.rules.name}" if ahead else ""

    def next_change_ns(self, now_ns: int) -> int | None:
        """When time alone changes something: a lease ends, or somebody has waited too long; None where nothing does."""
        ends = [one.expires_ns for one in self.tickets]
        patience = [one.since_ns + self._wait_ns for one in self.waiting]
        newest_ns = self._line_newest_ns()
        stands = [] if newest_ns is None or not self.waiting else [newest_ns + self._stale_ns() + 1]
        return min((at_ns for at_ns in (*ends, *patience, *stands) if at_ns > now_ns), default=None)

    # -- rules --------------------------------------------------------------------------------------------------------

    def _obstacle(self, waiting: Waiting, now_ns: int) -> _Obstacle | None:
        """What is in the way of a ticket for `waiting` now."""
        name, camera = self.rules.name, waiting.camera
        if self.ticket_of(camera) is not None:
            return _Obstacle("waits for its own first result after the swap before")
        if len(self.tickets) >= self.rules.max_concurrent:
            holders = ", ".join(sorted(one.camera for one in self.tickets))
            return _Obstacle(f"waits for {holders}: at most {self.rules.max_concurrent} of {name} at once", True)
        if not self.sees(camera, now_ns) or self._overdue(waiting, now_ns) or len(self.rules.cameras) == 1:
            return None
        others = [one for one in self.rules.cameras if one != camera]
        if not any(self.sees(one, now_ns) for one in others):
            return _Obstacle(f"waits for {' or '.join(others)}: no other camera of {name} gives results")
        newest_ns = self.sights[camera].newest_ns
        if self.dark_until_ns is None or self._stands(now_ns) or (newest_ns or 0) >= self.dark_until_ns:
            return None
        return _Obstacle("waits for its own next result, so that its gap begins after the last one", True)

    def _grant(self, waiting: Waiting, now_ns: int) -> tuple[TicketOffice, Ticket]:
        others = [one for one in self.rules.cameras if one != waiting.camera]
        blinds = self.sees(waiting.camera, now_ns) and not any(self.sees(one, now_ns) for one in others)
        ticket = Ticket(
            number=self.next_number,
            camera=waiting.camera,
            granted_ns=now_ns,
            expires_ns=now_ns + round(self.rules.lease_s * _NS),
            forced=blinds and bool(others),
        )
        office = replace(
            self,
            tickets=(*self.tickets, ticket),
            waiting=self._without(waiting.camera),
            next_number=self.next_number + 1,
        )
        return office, ticket

    @property
    def _wait_ns(self) -> int:
        return round(self.rules.wait_s * _NS)

    def _overdue(self, waiting: Waiting, now_ns: int) -> bool:
        return now_ns - waiting.since_ns >= self._wait_ns

    def _line_newest_ns(self) -> int | None:
        """End of exposure of the newest result of any active camera."""
        found = [one.newest_ns for one in self.sights.values() if one.active and one.newest_ns is not None]
        return max(found, default=None)

    def _stale_ns(self) -> int:
        period_s = max((one.period_s for one in self.sights.values()), default=0.0)
        return round(max(STALE_S, STALE_PERIODS * period_s) * _NS)

    def _stands(self, now_ns: int) -> bool:
        newest_ns = self._line_newest_ns()
        return newest_ns is None or now_ns - newest_ns > self._stale_ns()

    def _without(self, camera: str) -> tuple[Waiting, ...]:
        return tuple(one for one in self.waiting if one.camera != camera)

    def _known(self, camera: str) -> None:
        if camera not in self.rules.cameras:
            raise BadInput("camera", f"{camera!r} is not in group {self.rules.name!r}")


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """Why a request is not granted now; `holds_all`: those behind it must not overtake."""

    text: str
    holds_all: bool = False


def urgency_of(decision: Decision) -> Urgency:
    """How urgent the swap of a decision is."""
    if decision.active is None:
        return Urgency.START
    fits = any(one.feasible for one in decision.candidates if one.subnet_id == decision.active)
    if decision.reason is Reason.FAIL_SAFE or decision.budget.fail_safe or not fits:
        return Urgency.BUDGET
    return Urgency.GAIN
