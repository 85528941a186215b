"""The claims on one camera and the budget that follows from them.

Owner of the claims and of the budget ids; it decides on the fail-safe latch, which the order book holds. Every change
is durable in the journal before it is in force, but for an expiry, which counts at once and is durable with its alarm.
Expiry is judged by CLOCK_BOOTTIME under the boot id, so that neither a clock step nor a suspend matters. The wall clock
matters to the schedule alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from agent.clock import Clock
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget
from agent.domain.journal import NOTHING_ENDED, Answered, Ended, Journal
from agent.domain.orders import Orders
from agent.domain.request import Repeated
from agent.errors import BadInput, JournalError, NoLease
from agent.logs import event, logger
from agent.policy.arbitrate import Arbitrated, FailSafe, arbitrate, next_expiry, outlook
from agent.policy.schedule import in_force, next_change_ns
from agent.supervisor.orders import OrderBook
from agent.supervisor.settings import SupervisorSettings

_log = logger("claims")
MIN_TTL_S = 0.5
MAX_TTL_S = 7 * 86_400.0


class ClaimBook:
    """See the module docstring; event-loop side only."""

    def __init__(
        self,
        camera: str,
        settings: SupervisorSettings,
        journal: Journal,
        clock: Clock,
        boot_id: str,
        new_id: Callable[[], str],
        orders: OrderBook,
    ) -> None:
        self._camera = camera
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._boot_id = boot_id
        self._new_id = new_id
        self._orders = orders
        self._claims: dict[str, Claim] = {}
        self._lapsed: list[Claim] = []
        self._outdated: dict[str, set[str]] = {}  # by client, ids of rows that only a write of its next one ends
        self.changing = asyncio.Lock()  # held from a claim's row to its place here: both tell of changes in one order
        self._effective = self._fresh(self._arbitrated(self.claims))
        self._foreseen: EffectiveBudget | None = None

    @property
    def effective(self) -> EffectiveBudget:
        return self._effective

    @property
    def claims(self) -> tuple[Claim, ...]:
        return _in_order(self._claims)

    def overdue(self) -> bool:
        """Whether a claim has ended by its time, and `expire` has not taken it out yet."""
        now_ns = self._clock.boottime_ns()
        return any(claim.expired(now_ns, self._boot_id) for claim in self._claims.values())

    def with_claim(self, claim: Claim) -> tuple[Claim, ...]:
        """The same were that one in force."""
        return _in_order({**self._claims, claim.client: claim})

    @property
    def fail_safe(self) -> bool:
        """An expired lease has not been answered by a new one or an acknowledgement yet."""
        return self._orders.now.lapse is not None

    @property
    def _fail_safe(self) -> FailSafe:
        lapse = self._orders.now.lapse
        since_ns = None if lapse is None else lapse.since_boot_ns if lapse.boot_id == self._boot_id else 0
        return FailSafe(self._settings.fail_safe_budget, since_ns)

    def configure(self, settings: SupervisorSettings) -> None:
        """Other budgets for when nobody asks."""
        self._settings = settings
        self._refresh()

    def held_by(self, client: str) -> Claim | None:
        """The client's claim that is in force."""
        return self._claims.get(client)

    async def load(self) -> tuple[Claim, ...]:
        """Take over what the journal holds and is in force; leases that ended meanwhile expire at the next `expire`.

        Returns what is not in force: claims that were announced.
        """
        now_ns = self._clock.boottime_ns()
        claims = await self._journal.claims(self._camera)
        # One whose time has come while nobody looked takes the place of the claim that its client held then.
        for claim in sorted(claims, key=lambda claim: claim.notice is not None):
            if claim.in_force(now_ns, self._boot_id):
                older = self._claims.get(claim.client)
                self._claims[claim.client] = claim
                self._written(claim)
                if older is not None:  # it could not be written that it ended; left here it would outlive the newer one
                    await self.forget(older, "replaced")
        self._refresh()
        return tuple(claim for claim in claims if not claim.in_force(now_ns, self._boot_id))

    async def put(self, client: str, budget: Budget, ttl_s: float | None, kind: ClaimKind | None = None) -> Claim:
        """Replace the client's claim; raises BadInput, JournalError (nothing changes then)."""
        claim = self.drawn_up(client, budget, ttl_s, kind)
        await self.put_drawn_up(claim)
        return claim

    def drawn_up(self, client: str, budget: Budget, ttl_s: float | None, kind: ClaimKind | None = None) -> Claim:
        """A claim that could be in force from now on; raises BadInput."""
        return self.draft(client, budget, ttl_s, kind).renewed(self._clock.boottime_ns(), self._boot_id)

    def foresee(self, claim: Claim) -> EffectiveBudget | None:
        """What will be in force with that claim, by the id that it will have; None where the claim also ends something,
        so that more than its own row is to be written."""
        if self._answers(claim):
            return None
        ruled = self._arbitrated(self.with_claim(claim))
        self._foreseen = self._effective if _same(self._effective, ruled) else self._fresh(ruled)
        return self._foreseen

    async def put_drawn_up(self, claim: Claim, answered: Answered | None = None) -> None:
        """Put it in force, with the answer to the request for it in the same transaction.

        Raises JournalError, and Repeated where that request's id was used before; nothing changes then.
        """
        async with self.changing:
            if answered is None:
                await self.put_in_force(claim)
                return
            ended = self._ended_by(claim)
            if not await self._journal.answer_claim(claim, answered, ended):
                raise Repeated
            self._written(claim, ended)
            self._take(claim)

    async def put_in_force(self, claim: Claim) -> None:
        """Write it down, with all that ends by it, and put it in force; `changing` is held.

        Raises JournalError; nothing changes then.
        """
        lapse, answers, ended = self._orders.now.lapse, self._answers(claim), self._ended_by(claim)
        async with self._orders.row:
            await self._journal.put_claim(claim, self._orders.without_lapse() if answers else None, ended)
            if answers and self._orders.now.lapse == lapse:  # no other lease has expired meanwhile
                self._orders.take_lapse(None)
        self._written(claim, ended)
        self._take(claim)

    async def come_due(self, claim: Claim) -> None:
        """Put one in force that was announced for now; `changing` is held. It is an ordinary claim from then on.

        It counts at once. Left unwritten, its row says the same as long as the host runs, but for the fail-safe, which
        holds after a restart.
        """
        answers, plain, replaced = self._answers(claim), replace(claim, notice=None), self._claims.get(claim.client)
        ended = self._ended_by(plain)
        if answers:
            self._orders.take_lapse(None)
        self._take(plain)
        try:
            async with self._orders.row:
                await self._journal.put_claim(plain, self._orders.now if answers else None, ended)
            self._written(plain, ended)
        except JournalError as error:
            self._left(claim, *([replaced] if replaced is not None else []))
            event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)

    def draft(self, client: str, budget: Budget, ttl_s: float | None, kind: ClaimKind | None = None) -> Claim:
        """A claim that nobody knows of yet; raises BadInput."""
        budget.validated()
        if ttl_s is not None and not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise BadInput("ttl", f"{ttl_s} s is not within {MIN_TTL_S:g} s to {MAX_TTL_S:g} s")
        if kind is None:
            kind = ClaimKind.MANUAL if ttl_s is None else ClaimKind.LEASE
        if (kind is ClaimKind.LEASE and ttl_s is None) or (kind is ClaimKind.MANUAL and ttl_s is not None):
            raise BadInput("ttl", f"a claim of kind {kind.value} {'needs' if ttl_s is None else 'has no'} ttl")
        return Claim(self._new_id(), client, self._camera, kind, budget, ttl_s)

    def _answers(self, claim: Claim) -> bool:
        """Whether that claim is the client's new word after a lease expired."""
        latched = self._fail_safe
        return latched.since_boot_ns is not None and latched.after(claim).since_boot_ns is None

    def _take(self, claim: Claim) -> None:
        """In place of its client's."""
        self._claims[claim.client] = claim
        self._refresh()

    # -- rows that tell of more than what is in force: what a journal could not write, and what was announced ---------

    def _ended_by(self, claim: Claim) -> Ended:
        """The claims whose rows end in the transaction that writes this one. One that was not announced takes the place
        of its like by itself."""
        held = self._claims.get(claim.client)
        ids = self._outdated.get(claim.client, set())
        if held is not None and claim.notice is not None:
            ids = ids | {held.id}
        return dict.fromkeys(sorted(ids - {claim.id}), "replaced")

    def _written(self, claim: Claim, ended: Ended = NOTHING_ENDED) -> None:
        """Its row is as it is here."""
        self._dropped(claim.client, {claim.id, *ended})
        if claim.notice is not None:
            self._left(claim)

    def _left(self, *claims: Claim) -> None:
        """Their rows would come into force by a restart if nothing ended them before."""
        for claim in claims:
            self._outdated.setdefault(claim.client, set()).add(claim.id)

    def _dropped(self, client: str, ids: Iterable[str]) -> None:
        left = self._outdated.get(client, set()).difference(ids)
        if left:
            self._outdated[client] = left
        else:
            self._outdated.pop(client, None)

    async def _drop(self, client: str, ended: Ended, orders: tuple[str, Orders] | None = None) -> None:
        """End these, and what should have ended before."""
        held = self._claims.get(client)
        before = self._outdated.get(client, set()) - {held.id if held is not None else ""}
        every = dict.fromkeys(sorted(before), "replaced") | dict(ended)
        if every:
            await self._journal.drop_claims(every, orders)
            self._dropped(client, every)

    def lapse(self, claim: Claim) -> None:
        """A lease that was never in force counts as expired, and the next `expire` tells it; what else its client holds
        stays."""
        self._lapsed.append(claim)
        self._orders.take_lapse(self._orders.with_lapse(claim.client).lapse)
        self._refresh()

    async def forget(self, claim: Claim, why: str) -> None:
        """Drop a claim that counts no more from the journal. Left there it goes with its client's next change."""
        try:
            await self._drop(claim.client, {claim.id: why})
        except JournalError as error:
            self._left(claim)
            event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)

    async def renew(self, client: str) -> Claim:
        """Full ttl again; raises BadInput where the client holds no live lease."""
        async with self.changing:
            return await self._renew(client)

    async def _renew(self, client: str) -> Claim:
        claim = self._claims.get(client)
        now_ns = self._clock.boottime_ns()
        if claim is None or claim.ttl_s is None or claim.expired(now_ns, self._boot_id):
            raise self._no_lease(client)
        renewed = claim.renewed(now_ns, self._boot_id)
        ended = self._ended_by(renewed)
        await self._journal.put_claim(renewed, None, ended)
        self._written(renewed, ended)
        if self._claims.get(client) is not claim:  # it expired while this was written
            await self.forget(renewed, "expired")
            raise self._no_lease(client)
        self._take(renewed)
        return renewed

    def _no_lease(self, client: str) -> NoLease:
        return NoLease("client", f"{client!r} holds no lease on camera {self._camera!r}; set a budget with a ttl")

    async def release(self, client: str, told: Claim | None = None, in_force: bool = True) -> None:
        """Take back what the client holds, where `in_force`, and what it has `told` ahead, in one transaction.

        Harmless where there is nothing; `changing` is held. Raises JournalError; nothing changes then.
        """
        held = self._claims.get(client) if in_force else None
        await self._drop(client, {one.id: "released" for one in (told, held) if one is not None})
        now = self._claims.get(client)
        if held is not None and now is not None and now.id == held.id:
            del self._claims[client]
            self._refresh()

    async def acknowledge(self) -> None:
        """Lift the fail-safe: the remaining claims count again. Raises JournalError, and nothing changes then."""
        await self._orders.answer()
        self._refresh()

    def expire(self) -> tuple[Claim, ...]:
        """Drop the claims whose time is up and latch the fail-safe for leases; returns them, and follows the schedule.

        The caller writes it down with `expired`, and raises the alarm.
        """
        now_ns = self._clock.boottime_ns()
        lapsed, self._lapsed = tuple(self._lapsed), []
        gone = tuple(claim for claim in self.claims if claim.expired(now_ns, self._boot_id))
        for claim in gone:
            del self._claims[claim.client]
            if claim.kind is ClaimKind.LEASE:
                self._orders.take_lapse(self._orders.with_lapse(claim.client).lapse)
        self._refresh()
        return gone + lapsed

    async def expired(self, claim: Claim) -> None:
        """Write down that a claim has expired, with the fail-safe that follows. Left unwritten, the boot clock says so
        again after a restart.
        """
        try:
            async with self._orders.row:  # what is being ordered is in what is written here, or is written after it
                orders = (self._camera, self._orders.now) if claim.kind is ClaimKind.LEASE else None
                await self._drop(claim.client, {claim.id: "expired"}, orders)
        except JournalError as error:
            self._left(claim)
            event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)

    def until_expiry_s(self) -> float | None:
        """Seconds until the next claim ends or the schedule says something else; None where neither will."""
        ends_s = []
        at_ns = next_expiry(self.claims)
        if at_ns is not None:
            ends_s.append((at_ns - self._clock.boottime_ns()) / 1e9)
        wall_ns = self._clock.wall_ns()
        fires_ns = next_change_ns(self._settings.schedule, wall_ns) if self._settings.schedule else None
        if fires_ns is not None:
            ends_s.append((fires_ns - wall_ns) / 1e9)
        return max(0.0, min(ends_s)) if ends_s else None

    def _scheduled(self) -> Budget | None:
        entry = in_force(self._settings.schedule, self._clock.wall_ns()) if self._settings.schedule else None
        return None if entry is None else entry.budget

    def what_if(self, budget: Budget) -> EffectiveBudget:
        """A budget for a dry run; its id is empty and it is never stored."""
        return EffectiveBudget("", budget.validated(), self._effective.priority, ())

    def outlook(self, announced: Iterable[Claim]) -> tuple[tuple[int, EffectiveBudget], ...]:
        """What will be in force from the time (CLOCK_BOOTTIME ns) of each of these on; its id is that of the claim."""
        now_ns, default = self._clock.boottime_ns(), self._settings.default_budget
        scheduled, latched = self._scheduled(), self._fail_safe
        coming = outlook(self.claims, tuple(announced), default, latched, now_ns, self._boot_id, scheduled)
        return tuple((due_boot_ns, _effective(claim.id, ruled)) for due_boot_ns, claim, ruled in coming)

    def _arbitrated(self, claims: tuple[Claim, ...]) -> Arbitrated:
        return arbitrate(
            claims,
            self._settings.default_budget,
            self._settings.fail_safe_budget,
            self.fail_safe,
            self._clock.boottime_ns(),
            self._boot_id,
            self._scheduled(),
        )

    def _fresh(self, arbitrated: Arbitrated) -> EffectiveBudget:
        return _effective(self._new_id(), arbitrated)

    def _refresh(self) -> None:
        ruled, foreseen = self._arbitrated(self.claims), self._foreseen
        if _same(self._effective, ruled):
            return
        self._effective = foreseen if foreseen is not None and _same(foreseen, ruled) else self._fresh(ruled)
        self._foreseen = None


def _in_order(claims: Mapping[str, Claim]) -> tuple[Claim, ...]:
    return tuple(sorted(claims.values(), key=lambda claim: claim.client))


def _same(known: EffectiveBudget, ruled: Arbitrated) -> bool:
    """Whether it is in force by what is ruled, under whatever id."""
    return known == _effective(known.id, ruled)


def _effective(budget_id: str, ruled: Arbitrated) -> EffectiveBudget:
    return EffectiveBudget(budget_id, ruled.budget, ruled.priority, tuple(ruled.claim_ids), ruled.fail_safe)
