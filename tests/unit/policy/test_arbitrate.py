"""Which claim is in force."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.budget import Budget, Claim, ClaimKind, Priority
from agent.policy.arbitrate import Arbitrated, arbitrate, next_expiry
from tests.unit.policy.ladder import PROPERTY

PRIORITY_OF = {
    ClaimKind.LEASE: Priority.LEASE,
    ClaimKind.MANUAL: Priority.MANUAL,
    ClaimKind.MAINTENANCE: Priority.MAINTENANCE,
    ClaimKind.LOCAL_OVERRIDE: Priority.LOCAL_OVERRIDE,
}
DEFAULT = Budget(max_latency_ms=80.0)
FAIL_SAFE = Budget(max_latency_ms=40.0)
LEASE = Claim("lease", "plc", "cam", ClaimKind.LEASE, Budget(max_latency_ms=60.0), 10.0, 1_000, "boot")
MANUAL = Claim("manual", "anna", "cam", ClaimKind.MANUAL, Budget(parts_per_minute=900.0))


def ruled(*claims: Claim, latched: bool = False, boot_ns: int = 0, boot_id: str = "boot") -> Arbitrated:
    return arbitrate(claims, DEFAULT, FAIL_SAFE, latched, boot_ns, boot_id)


def test_without_claims_the_default_rules() -> None:
    assert ruled() == Arbitrated(DEFAULT, Priority.DEFAULT, (), False)


def test_a_lease_replaces_the_default_and_a_manual_claim_outranks_it() -> None:
    assert ruled(LEASE) == Arbitrated(LEASE.budget, Priority.LEASE, ("lease",), False)
    assert ruled(LEASE, MANUAL) == Arbitrated(MANUAL.budget, Priority.MANUAL, ("manual",), False)


def test_within_a_priority_the_strictest_of_each_component_rules() -> None:
    other = replace(LEASE, id="a", budget=Budget(max_latency_ms=90.0, parts_per_minute=600.0, quantile=0.999))
    found = ruled(LEASE, other)
    assert found.budget == Budget(max_latency_ms=60.0, parts_per_minute=600.0, quantile=0.999)
    assert found.claim_ids == ("a", "lease")


def test_an_expired_lease_counts_as_the_fail_safe_budget_whatever_it_asked_for() -> None:
    strict = replace(LEASE, budget=Budget(max_latency_ms=20.0))
    for found in (ruled(LEASE, boot_ns=1_000), ruled(strict, boot_ns=1_000), ruled(LEASE, boot_id="another boot")):
        assert found == Arbitrated(FAIL_SAFE, Priority.LEASE, ("lease",), True)
    assert ruled(LEASE, boot_ns=999).fail_safe is False


def test_the_latched_fail_safe_is_a_claim_of_lease_priority() -> None:
    assert ruled(latched=True) == Arbitrated(FAIL_SAFE, Priority.LEASE, (), True)
    assert ruled(MANUAL, latched=True) == Arbitrated(MANUAL.budget, Priority.MANUAL, ("manual",), False)
    live = replace(LEASE, budget=Budget(max_latency_ms=90.0, parts_per_minute=600.0))
    assert ruled(live, latched=True).budget == Budget(max_latency_ms=40.0, parts_per_minute=600.0)


def test_the_next_expiry_is_that_of_the_first_lease_to_end() -> None:
    assert next_expiry([]) is None
    assert next_expiry([MANUAL]) is None
    assert next_expiry([MANUAL, LEASE, replace(LEASE, expires_boot_ns=500)]) == 500


budgets = st.builds(
    Budget,
    max_latency_ms=st.none() | st.floats(1, 500),
    parts_per_minute=st.floats(1, 5000),
    min_accuracy=st.none() | st.floats(0.1, 1.0),
    quantile=st.floats(0.5, 0.9999),
)


@PROPERTY
@given(st.lists(st.tuples(budgets, st.sampled_from(ClaimKind), st.integers(0, 100)), max_size=6), st.randoms())
def test_the_order_of_claims_does_not_matter_and_the_winner_is_the_highest_present(
    drawn: list[tuple[Budget, ClaimKind, int]], shuffler: object
) -> None:
    claims = [
        Claim(f"c{i}", f"c{i}", "cam", kind, budget, None, expiry if kind is ClaimKind.LEASE else None, "boot")
        for i, (budget, kind, expiry) in enumerate(drawn)
    ]
    shuffled = list(claims)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' random source
    found = ruled(*claims, boot_ns=50)
    assert ruled(*shuffled, boot_ns=50) == found
    kinds = {claim.kind for claim in claims}
    expected = max((PRIORITY_OF[kind] for kind in kinds), default=Priority.DEFAULT)
    assert found.priority is expected
    live = [c for c in claims if c.id in found.claim_ids and not c.expired(50, "boot")]
    assert all(found.budget == found.budget.strictest(claim.budget) for claim in live)


def test_the_schedule_takes_the_place_of_the_default_and_of_nothing_else() -> None:
    scheduled = Budget(parts_per_minute=300.0)

    def by_clock(*claims: Claim, latched: bool = False) -> Arbitrated:
        return arbitrate(claims, DEFAULT, FAIL_SAFE, latched, 0, "boot", scheduled)

    assert by_clock() == Arbitrated(scheduled, Priority.SCHEDULE, (), False)
    assert by_clock(LEASE) == ruled(LEASE)
    assert by_clock(latched=True) == ruled(latched=True)


def test_a_claim_that_outranks_leases_just_ends_without_the_fail_safe() -> None:
    for kind in (ClaimKind.MAINTENANCE, ClaimKind.LOCAL_OVERRIDE):
        claim = Claim("x", "anna", "cam", kind, Budget(max_latency_ms=20.0), 10.0, 1_000, "boot")
        assert ruled(claim, LEASE).priority is PRIORITY_OF[kind]
        over = ruled(claim, MANUAL, boot_ns=2_000)
        assert (over.priority, over.fail_safe, over.budget) == (Priority.MANUAL, False, MANUAL.budget)
