"""Which of several claims is in force (interfaces.md section 6, Claims)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from agent.domain.budget import Budget, Claim, ClaimKind, Priority

_PRIORITY = {
    ClaimKind.LEASE: Priority.LEASE,
    ClaimKind.MANUAL: Priority.MANUAL,
    ClaimKind.MAINTENANCE: Priority.MAINTENANCE,
    ClaimKind.LOCAL_OVERRIDE: Priority.LOCAL_OVERRIDE,
}


@dataclass(frozen=True, slots=True)
class Arbitrated:
    """The budget in force, the priority it won with, and the claims it was made of, sorted.

    `claim_ids` names an expired lease too while the fail-safe budget stands in for it.
    """

    budget: Budget
    priority: Priority
    claim_ids: tuple[str, ...]
    fail_safe: bool


def arbitrate(
    claims: Sequence[Claim],
    default: Budget,
    fail_safe: Budget,
    fail_safe_latched: bool,
    boot_ns: int,
    boot_id: str,
    scheduled: Budget | None = None,
) -> Arbitrated:
    """The highest priority present wins; within it componentwise the strictest.

    An expired lease counts as the fail-safe budget, a claim of lease priority; any other claim that has expired does
    not count. `fail_safe_latched` says that one expired earlier and that neither a new lease nor an acknowledgement has
    come since: the caller keeps that latch and drops claims that are over. `scheduled`: what the schedule says now, if
    it says anything; it takes the place of the default budget.
    """
    present: dict[Priority, list[Claim]] = {}
    for claim in claims:
        if claim.kind is ClaimKind.LEASE or not claim.expired(boot_ns, boot_id):
            present.setdefault(_PRIORITY[claim.kind], []).append(claim)
    failing = fail_safe_latched or any(claim.expired(boot_ns, boot_id) for claim in present.get(Priority.LEASE, ()))
    resting = Priority.DEFAULT if scheduled is None else Priority.SCHEDULE
    priority = max([*present, Priority.LEASE if failing else resting])
    fail_safe_rules = failing and priority is Priority.LEASE
    winners = present.get(priority, [])
    budgets = [claim.budget for claim in winners if not claim.expired(boot_ns, boot_id)]
    if fail_safe_rules:
        budgets.append(fail_safe)
    budget = reduce(Budget.strictest, budgets) if budgets else (scheduled or default)
    return Arbitrated(budget, priority, tuple(sorted(claim.id for claim in winners)), fail_safe_rules)


@dataclass(frozen=True, slots=True)
class FailSafe:
    """The fail-safe budget and, while a lease that expired is unanswered, when that was (CLOCK_BOOTTIME ns)."""

    budget: Budget
    since_boot_ns: int | None = None

    def after(self, claim: Claim) -> FailSafe:
        """Once `claim` is in force: a lease is the client's new word unless it was given before the other expired."""
        if claim.kind is not ClaimKind.LEASE or self.since_boot_ns is None:
            return self
        spoken_ns = claim.notice.committed_boot_ns if claim.notice else None
        return self if spoken_ns is not None and spoken_ns <= self.since_boot_ns else replace(self, since_boot_ns=None)


def outlook(
    claims: Sequence[Claim],
    announced: Sequence[Claim],
    default: Budget,
    fail_safe: FailSafe,
    boot_ns: int,
    boot_id: str,
    scheduled: Budget | None = None,
) -> tuple[tuple[int, Claim, Arbitrated], ...]:
    """What will be in force from each announced claim's time on, in order of time; all other claims are as now.

    Each takes the place of its client's claim. Leases that run are taken to be renewed.
    """
    held = {claim.client: claim for claim in claims}
    coming = []
    for claim in sorted(announced, key=_due):
        held[claim.client] = claim
        fail_safe = fail_safe.after(claim)
        latched = fail_safe.since_boot_ns is not None
        ruled = arbitrate(tuple(held.values()), default, fail_safe.budget, latched, boot_ns, boot_id, scheduled)
        coming.append((_due(claim), claim, ruled))
    return tuple(coming)


def _due(claim: Claim) -> int:
    return claim.notice.due_boot_ns if claim.notice else 0


def next_expiry(claims: Iterable[Claim]) -> int | None:
    """CLOCK_BOOTTIME ns at which the first of them ends (perhaps past already); None where none does."""
    return min((claim.expires_boot_ns for claim in claims if claim.expires_boot_ns is not None), default=None)
