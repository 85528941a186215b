"""The claims on one camera and the budget that follows from them.

Owner of the claims, of the fail-safe latch and of the budget ids. Every change is durable in the journal before it is
in force. Expiry is judged by CLOCK_BOOTTIME under the boot id, so that neither a clock step nor a suspend matters.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget
from agent.domain.journal import Journal
from agent.errors import BadInput
from agent.policy.arbitrate import Arbitrated, arbitrate, next_expiry
from agent.supervisor.settings import SupervisorSettings

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
    ) -> None:
        self._camera = camera
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._boot_id = boot_id
        self._new_id = new_id
        self._claims: dict[str, Claim] = {}
        self._fail_safe = False
        self._effective = self._fresh(self._arbitrated())

    @property
    def effective(self) -> EffectiveBudget:
        return self._effective

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(sorted(self._claims.values(), key=lambda claim: claim.client))

    @property
    def fail_safe(self) -> bool:
        """An expired lease has not been answered by a new one or an acknowledgement yet."""
        return self._fail_safe

    async def load(self) -> None:
        """Take over what the journal holds; leases that ended meanwhile expire at the next `expire`."""
        for claim in await self._journal.claims(self._camera):
            self._claims[claim.client] = claim
        self._refresh()

    async def put(self, client: str, budget: Budget, ttl_s: float | None) -> Claim:
        """Replace the client's claim; raises BadInput, JournalError (nothing changes then)."""
        budget.validated()
        if ttl_s is not None and not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise BadInput("ttl", f"{ttl_s} s is not within {MIN_TTL_S:g} s to {MAX_TTL_S:g} s")
        kind = ClaimKind.MANUAL if ttl_s is None else ClaimKind.LEASE
        claim = Claim(self._new_id(), client, self._camera, kind, budget, ttl_s)
        claim = claim.renewed(self._clock.boottime_ns(), self._boot_id)
        await self._journal.put_claim(claim)
        self._claims[client] = claim
        if kind is ClaimKind.LEASE:
            self._fail_safe = False
        self._refresh()
        return claim

    async def renew(self, client: str) -> Claim:
        """Full ttl again; raises BadInput where the client holds no live lease."""
        claim = self._claims.get(client)
        now_ns = self._clock.boottime_ns()
        if claim is None or claim.kind is not ClaimKind.LEASE or claim.expired(now_ns, self._boot_id):
            raise BadInput("client", f"{client!r} holds no lease on camera {self._camera!r}; set a budget with a ttl")
        renewed = claim.renewed(now_ns, self._boot_id)
        await self._journal.put_claim(renewed)
        self._claims[client] = renewed
        self._refresh()
        return renewed

    async def release(self, client: str) -> None:
        claim = self._claims.get(client)
        if claim is None:
            return
        await self._journal.drop_claim(claim.id, "released")
        self._claims.pop(client, None)
        self._refresh()

    def acknowledge(self) -> None:
        """Lift the fail-safe: the remaining claims count again."""
        self._fail_safe = False
        self._refresh()

    def expire(self) -> tuple[Claim, ...]:
        """Drop the leases whose time is up and latch the fail-safe; returns them. The caller journals and alarms."""
        now_ns = self._clock.boottime_ns()
        gone = tuple(claim for claim in self.claims if claim.expired(now_ns, self._boot_id))
        for claim in gone:
            del self._claims[claim.client]
        if gone:
            self._fail_safe = True
            self._refresh()
        return gone

    def until_expiry_s(self) -> float | None:
        """Seconds to the next lease's end; None without leases."""
        at_ns = next_expiry(self.claims)
        return None if at_ns is None else max(0.0, (at_ns - self._clock.boottime_ns()) / 1e9)

    def what_if(self, budget: Budget) -> EffectiveBudget:
        """A budget for a dry run; its id is empty and it is never stored."""
        return EffectiveBudget("", budget.validated(), self._effective.priority, ())

    def _arbitrated(self) -> Arbitrated:
        return arbitrate(
            self.claims,
            self._settings.default_budget,
            self._settings.fail_safe_budget,
            self._fail_safe,
            self._clock.boottime_ns(),
            self._boot_id,
        )

    def _fresh(self, arbitrated: Arbitrated) -> EffectiveBudget:
        return EffectiveBudget(
            self._new_id(), arbitrated.budget, arbitrated.priority, tuple(arbitrated.claim_ids), arbitrated.fail_safe
        )

    def _refresh(self) -> None:
        arbitrated, current = self._arbitrated(), self._effective
        same = (
            arbitrated.budget == current.budget
            and arbitrated.priority == current.priority
            and tuple(arbitrated.claim_ids) == current.claims
            and arbitrated.fail_safe == current.fail_safe
        )
        if not same:
            self._effective = self._fresh(arbitrated)
