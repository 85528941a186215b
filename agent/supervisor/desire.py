"""All that is asked of one camera: claims, announced changes, standing orders, and what its line is said to do."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from agent.clock import Clock
from agent.domain.budget import Budget, Claim, EffectiveBudget
from agent.domain.journal import Journal
from agent.domain.line import Announced, Demand, View
from agent.domain.orders import Orders
from agent.domain.request import on_its_own
from agent.errors import CameraBusy, Stale
from agent.supervisor.announce import ChangeBook
from agent.supervisor.claims import ClaimBook
from agent.supervisor.line import LineDesk
from agent.supervisor.orders import OrderBook
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.view import Frames, Running, demand_now, demand_then, view

RESUMES_S = 1e-3  # a line that waits goes on as soon as it may
WRITER_WAIT_S = 5.0  # a command waits for those before it; each of them waits for the disk at most


class Desire:
    """Owner of the books and of who may write in them; event-loop side only. `period_ms`: of frames, as measured, where
    it was.
    """

    def __init__(
        self,
        camera: str,
        settings: SupervisorSettings,
        journal: Journal,
        clock: Clock,
        boot_id: str,
        new_id: Callable[[], str],
    ) -> None:
        self._camera = camera
        self._settings = settings
        self._writer = asyncio.Lock()
        self._named: tuple[tuple[object, ...], str] = ((), "")
        self.orders = OrderBook(camera, journal, clock, boot_id)
        self.claims = ClaimBook(camera, settings, journal, clock, boot_id, new_id, self.orders)
        self.changes = ChangeBook(camera, self.claims, journal, clock, boot_id)
        self.line = LineDesk(clock)

    async def load(self) -> None:
        """Take over what the journal holds."""
        await self.orders.load()
        await self.changes.load(await self.claims.load())

    def configure(self, settings: SupervisorSettings) -> None:
        """Other settings from now on."""
        self._settings = settings
        self.claims.configure(settings)

    @property
    def etag(self) -> str:
        """See agent.domain.control.CameraControl."""
        return self.etag_of(self.orders.now)

    def etag_with(self, claim: Claim) -> str:
        """The same were that claim in force."""
        return self._etag(self.orders.now, self.claims.with_claim(claim))

    def etag_of(self, orders: Orders) -> str:
        """The same for what was ordered at one moment, which what is read a moment later need not be."""
        return self._etag(orders, self.claims.claims)

    def _etag(self, orders: Orders, claims: tuple[Claim, ...]) -> str:
        asked = (
            tuple((one.client, one.kind, one.budget, one.ttl_s) for one in claims),
            tuple((one.id, one.client, one.state, one.budget, one.ttl_s) for one in self.changes.changes()),
            _content(orders),
        )
        if asked != self._named[0]:
            self._named = asked, hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
        return self._named[1]

    @asynccontextmanager
    async def writing(self, etag: str) -> AsyncIterator[None]:
        """See agent.domain.control.CameraControl."""
        with anyio.move_on_after(WRITER_WAIT_S) as waited:
            await self._writer.acquire()
        if waited.cancelled_caught:
            raise CameraBusy(
                f"camera {self._camera}: other commands to it were under way for {WRITER_WAIT_S:g} s; try again"
            )
        try:
            if etag:
                with on_its_own():
                    await self.changes.advance()  # what has come due since the client looked is not what it saw
            if etag and etag != self.etag:
                raise Stale(
                    f"camera {self._camera}: etag {etag[:64]!r} is not {self.etag!r} any more: somebody was faster; "
                    "read the status and decide anew"
                )
            if etag and self.claims.overdue():
                raise Stale(
                    f"camera {self._camera}: a claim has ended since etag {etag!r} was told; "
                    "read the status and decide anew"
                )
            yield
        finally:
            self._writer.release()

    def has_ends(self) -> bool:
        """Whether the boot clock ends or begins something of it."""
        return self.claims.until_expiry_s() is not None or self.changes.until_due_s() is not None

    def until_change_s(self) -> float | None:
        """Seconds until something of it changes by itself; None where nothing will."""
        ends_s = (
            self.claims.until_expiry_s(),
            self.changes.until_due_s(),
            self.line.until_change_s(),
            self.orders.until_change_s(),
        )
        return min((end_s for end_s in ends_s if end_s is not None), default=None)

    def now(self, period_ms: float | None) -> Demand:
        """The budget in force, and how fast parts come."""
        return self.now_under(self.claims.effective, period_ms)

    def now_under(self, effective: EffectiveBudget, period_ms: float | None) -> Demand:
        """The same were that budget in force."""
        line = self.line.state()
        frames = Frames.of(self._settings, period_ms)
        return demand_now(effective, frames, line, self.changes.line_waits(line))

    def under(self, budget: Budget | EffectiveBudget, period_ms: float | None) -> Demand:
        """Were that budget in force, and did the line run."""
        effective = self.claims.what_if(budget) if isinstance(budget, Budget) else budget
        return demand_then(effective, Frames.of(self._settings, period_ms), self.line.state())

    def view(
        self,
        now_s: float,
        demand: Demand,
        running: Running,
        quarantined: Mapping[str, str],
        period_ms: float | None,
        stands: bool = False,
    ) -> View:
        """All that a decision under `demand` may look at; `stands`: as if the line waited for it.

        A line that waits stands, and goes on with what it waits for.
        """
        coming = [Announced(at_s, self.under(effective, period_ms)) for at_s, effective in self.changes.outlook()]
        if stands or (demand.stopped and self.changes.line_waits(self.line.state())):
            coming.insert(0, Announced(now_s + RESUMES_S, self.under(demand.effective, period_ms)))
            demand = replace(demand, stopped=True)
        return view(now_s, demand, running, quarantined, coming, self._settings.notice_s)


def _content(now: Orders) -> tuple[object, ...]:
    """What was ordered, without the times at which it was; who changed the mode or pinned the same again changes
    nothing.
    """
    pin = now.pin.subnet_id if now.pin is not None else None
    return now.mode, pin, tuple((one.client, one.why, one.ttl_s) for one in now.inhibits), now.lapse is not None
