"""What will be in force once announced claims are due."""

from __future__ import annotations

from dataclasses import replace

from agent.domain.budget import Budget, Claim, ClaimKind, Notice, Priority
from agent.policy.arbitrate import Arbitrated, FailSafe, outlook

DEFAULT = Budget(max_latency_ms=80.0)
FAIL_SAFE = Budget(max_latency_ms=40.0)
NOW = 1_000
RUNNING = Claim("run", "plc", "cam", ClaimKind.LEASE, Budget(max_latency_ms=60.0), 1.0, 9_000, "boot")
MANUAL = Claim("hand", "anna", "cam", ClaimKind.MANUAL, Budget(parts_per_minute=900.0))


def told(name: str, client: str, due_ns: int, latency_ms: float, committed_ns: int = NOW) -> Claim:
    notice = Notice(name, due_ns, due_ns + 60, committed_ns)
    return Claim(
        name, client, "cam", ClaimKind.LEASE, Budget(max_latency_ms=latency_ms), 1.0, due_ns + 50, "boot", notice
    )


def seen(claims: list[Claim], announced: list[Claim], latched_ns: int | None = None) -> list[tuple[int, Arbitrated]]:
    coming = outlook(claims, announced, DEFAULT, FailSafe(FAIL_SAFE, latched_ns), NOW, "boot")
    return [(due_ns, ruled) for due_ns, _, ruled in coming]


def test_an_announced_claim_takes_the_place_of_its_clients_and_of_no_other() -> None:
    other = replace(RUNNING, id="other", client="hmi", budget=Budget(max_latency_ms=50.0))
    ((due_ns, ruled),) = seen([RUNNING, other], [told("new", "plc", 5_000, 70.0)])
    assert due_ns == 5_000
    assert ruled == Arbitrated(Budget(max_latency_ms=50.0), Priority.LEASE, ("new", "other"), False)


def test_several_are_told_in_order_of_time_each_with_those_before_it() -> None:
    found = seen([RUNNING], [told("late", "hmi", 7_000, 30.0), told("early", "plc", 5_000, 70.0)])
    assert [(due_ns, ruled.budget.max_latency_ms) for due_ns, ruled in found] == [(5_000, 70.0), (7_000, 30.0)]


def test_what_outranks_an_announced_claim_will_still_do_so() -> None:
    ((_, ruled),) = seen([MANUAL], [told("new", "plc", 5_000, 30.0)])
    assert (ruled.budget, ruled.priority) == (MANUAL.budget, Priority.MANUAL)


def test_only_a_lease_that_was_spoken_for_after_another_expired_lifts_the_fail_safe() -> None:
    ((_, later),) = seen([], [told("new", "plc", 5_000, 70.0, committed_ns=801)], latched_ns=800)
    assert later == Arbitrated(Budget(max_latency_ms=70.0), Priority.LEASE, ("new",), False)
    ((_, before),) = seen([], [told("new", "plc", 5_000, 70.0, committed_ns=800)], latched_ns=800)
    assert before == Arbitrated(FAIL_SAFE, Priority.LEASE, ("new",), True)


def test_a_manual_claim_lifts_nothing() -> None:
    latched = FailSafe(FAIL_SAFE, 800)
    assert latched.after(MANUAL) == latched
    assert latched.after(RUNNING).since_boot_ns is None
    assert FailSafe(FAIL_SAFE).after(RUNNING) == FailSafe(FAIL_SAFE)


def test_without_announcements_nothing_is_to_come() -> None:
    assert seen([RUNNING], []) == []
