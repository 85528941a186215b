"""The standing orders of one camera: mode, pin, inhibitions, and the lease whose end nobody has answered.

Owner of them and of the permit for one swap. Every change is durable before it counts, but for two: a permit, which no
restart outlives, and the end of an inhibition, which the boot clock says again. Ends are judged by CLOCK_BOOTTIME.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from agent.clock import Clock
from agent.domain.journal import Journal
from agent.domain.orders import Inhibit, Lapse, Mode, Orders, Pin
from agent.errors import BadInput
from agent.logs import event, logger

_log = logger("orders")
MIN_TTL_S = 0.5
MAX_PERMIT_S = 86_400.0
MAX_INHIBIT_S = 7 * 86_400.0
DEFAULT_PERMIT_S = 60.0  # long enough to press a button and see the swap, short enough to be forgotten
HOLD_S = 60.0  # after a cancelled swap: time for the one who did it to say what is wanted instead
LONGEST_WHY = 200
MOST_INHIBITS = 64  # clients; more are a fault of one that makes up names


class OrderBook:
    """See the module docstring; event-loop side only."""

    def __init__(self, camera: str, journal: Journal, clock: Clock, boot_id: str) -> None:
        self._camera = camera
        self._journal = journal
        self._clock = clock
        self._boot_id = boot_id
        self._orders = Orders()
        self._permit_boot_ns: int | None = None
        self._held_boot_ns: int | None = None
        self.row = asyncio.Lock()  # around every write of the orders' one row: what is written last holds all of them

    @property
    def now(self) -> Orders:
        """Without the inhibitions that have ended."""
        self._orders = self._orders.live(self._clock.boottime_ns(), self._boot_id)
        return self._orders

    @property
    def permit_boot_ns(self) -> int | None:
        """Until when one swap is permitted; None without a permit."""
        if self._permit_boot_ns is not None and self._permit_boot_ns <= self._clock.boottime_ns():
            self._permit_boot_ns = None
        return self._permit_boot_ns

    async def load(self) -> None:
        """Take over what the journal holds; raises JournalError."""
        self._orders = await self._journal.orders(self._camera)

    async def set_mode(self, client: str, mode: Mode) -> None:
        """Raises JournalError; nothing changes then. So do the others."""
        await self._change(lambda now: replace(now, mode=mode, mode_by=client))
        event(_log, logging.INFO, "mode_set", camera=self._camera, mode=mode.value, client=client)

    async def pin(self, client: str, subnet_id: str, rollback: bool = False) -> None:
        """In place of the pin before."""
        pin = Pin(subnet_id, client, self._clock.wall_ns(), rollback)
        await self._change(lambda now: replace(now, pin=pin))
        event(_log, logging.INFO, "subnet_pinned", camera=self._camera, subnet=subnet_id, client=client)

    async def unpin(self, client: str) -> None:
        """Harmless where nothing is pinned."""
        if self._orders.pin is not None:
            await self._change(lambda now: replace(now, pin=None))
            event(_log, logging.INFO, "subnet_unpinned", camera=self._camera, client=client)

    async def inhibit(self, client: str, ttl_s: float | None, why: str) -> None:
        """In place of what the client said before; also raises BadInput."""
        if ttl_s is not None:
            _in_range("ttl", ttl_s, MAX_INHIBIT_S)
        if len(why) > LONGEST_WHY or not why.isprintable():
            raise BadInput("why", f"{why[:LONGEST_WHY]!r} is not up to {LONGEST_WHY} printable characters")
        others = [one for one in self.now.inhibits if one.client != client]
        if len(others) >= MOST_INHIBITS:
            raise BadInput("client", f"{len(others)} other clients inhibit swaps already, at most {MOST_INHIBITS} may")
        expires_ns = None if ttl_s is None else self._clock.boottime_ns() + round(ttl_s * 1e9)
        said = Inhibit(client, why, ttl_s, expires_ns, self._boot_id)
        await self._change(lambda now: now.inhibited(said))
        event(_log, logging.INFO, "swaps_inhibited", camera=self._camera, client=client, why=why)

    async def permit(self, client: str, ttl_s: float | None, everyone: bool, lift_only: bool) -> None:
        """Take back inhibitions, and let one swap begin unless `lift_only`; also raises BadInput."""
        ttl_s = DEFAULT_PERMIT_S if ttl_s is None else ttl_s
        _in_range("ttl", ttl_s, MAX_PERMIT_S)
        if self.now.permitted(None if everyone else client) != self.now:
            await self._change(lambda now: now.permitted(None if everyone else client))
        if not lift_only:
            self._permit_boot_ns = self._clock.boottime_ns() + round(ttl_s * 1e9)
        event(_log, logging.INFO, "swap_permitted", camera=self._camera, client=client, everyone=everyone)

    @property
    def cancelled(self) -> bool:
        """Somebody has ended a swap within the last `HOLD_S`, and no command has come since."""
        return self._held_boot_ns is not None and self._clock.boottime_ns() < self._held_boot_ns

    def hold(self) -> None:
        """Somebody has ended a swap."""
        self._held_boot_ns = self._clock.boottime_ns() + round(HOLD_S * 1e9)

    def go_on(self) -> None:
        """A command has come: what it asks for may swap."""
        self._held_boot_ns = None

    def spend_permit(self) -> None:
        """A swap has begun: the next one needs its own."""
        self._permit_boot_ns = None

    # -- the fail-safe latch; the claims' book decides and writes it together with the claim --------------------------

    def with_lapse(self, client: str) -> Orders:
        """What is to be written when that client's lease has expired now."""
        return replace(self._orders, lapse=Lapse(client, self._clock.boottime_ns(), self._boot_id))

    def without_lapse(self) -> Orders:
        """What is to be written when somebody has answered."""
        return replace(self._orders, lapse=None)

    def take_lapse(self, lapse: Lapse | None) -> None:
        """It counts from now on; the caller writes it down."""
        self._orders = replace(self._orders, lapse=lapse)

    async def answer(self) -> None:
        """Somebody has acknowledged; raises JournalError, and nothing changes then."""
        if self._orders.lapse is not None:
            await self._change(lambda now: replace(now, lapse=None))

    def until_change_s(self) -> float | None:
        """Seconds until something of it ends by itself; None where nothing will."""
        ends = [one.expires_boot_ns for one in self.now.inhibits if one.expires_boot_ns is not None]
        if self.permit_boot_ns is not None:
            ends.append(self.permit_boot_ns)
        if self._held_boot_ns is not None and self.cancelled:
            ends.append(self._held_boot_ns)
        return max(0.0, (min(ends) - self._clock.boottime_ns()) / 1e9) if ends else None

    async def _change(self, changed: Callable[[Orders], Orders]) -> None:
        """The change is made again to what holds once it is durable: a lease may have expired meanwhile."""
        async with self.row:
            await self._journal.put_orders(self._camera, changed(self.now))
            self._orders = changed(self._orders)


def _in_range(field: str, ttl_s: float, most_s: float) -> None:
    if not MIN_TTL_S <= ttl_s <= most_s:
        raise BadInput(field, f"{ttl_s:g} s is not within {MIN_TTL_S:g} s to {most_s:g} s")
