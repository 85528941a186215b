"""The check of a history's audit finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

from agent.domain.audit import GENESIS_SHA256, AuditEntry, Head
from agent.domain.audit_entries import swap_entry
from agent.domain.journal import SwapOutcome, SwapRecord
from tests.support.audit_promises import audit_faults
from tests.support.audits import ENTRY

START = Head(0, GENESIS_SHA256)
SWAP = SwapRecord("s-1", "cam", "a", "b", "budget", "b-1", 1, SwapOutcome.VERIFIED)
RUNNING = replace(SWAP, id="s-2", outcome=SwapOutcome.RUNNING)


def made(*entries: AuditEntry) -> list[AuditEntry]:
    chain: list[AuditEntry] = []
    for entry in entries:
        chain.append(entry.chained(len(chain) + 1, 1, chain[-1].sha256 if chain else GENESIS_SHA256))
    return chain


ONE, TWO = replace(ENTRY, request_id="r-1"), replace(ENTRY, request_id="r-2")
GOOD = made(ONE, swap_entry(SWAP, {}), replace(ONE, outcome="ABORTED"), TWO)


def test_a_history_that_is_told_as_it_was_has_no_faults() -> None:
    assert audit_faults(START, GOOD, ["r-1", "r-2"], ["r-1", "r-2"], [SWAP, RUNNING]) == []


def test_what_is_missing_doubled_moved_or_made_up_is_named() -> None:
    def faults(entries: list[AuditEntry], acknowledged: list[str], *swaps: SwapRecord) -> str:
        return "; ".join(audit_faults(START, entries, acknowledged, acknowledged, swaps))

    assert "request r-3 was answered and has 0 entries" in faults(GOOD, ["r-3"], SWAP)
    assert "request r-1 was answered and has 2 entries" in faults(made(ONE, ONE), ["r-1"])
    assert "another order" in faults(GOOD, ["r-2", "r-1"], SWAP)
    assert "swap s-1 is verified and has 0 entries" in faults(made(ONE), ["r-1"], SWAP)
    assert "its row is not there" in faults(GOOD, [])
    assert "swap s-2 is running and has 1 entries" in faults(made(swap_entry(RUNNING, {})), [], RUNNING)
    assert "its row FAULTED" in faults(GOOD, [], replace(SWAP, outcome=SwapOutcome.FAULTED))
    assert "entry 2 is missing" in faults([GOOD[0], *GOOD[2:]], [])
