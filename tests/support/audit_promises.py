"""What the audit promises of a history: each acknowledged change and each swap has its one entry, in order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from agent.domain.audit import AuditEntry, ChainCheck, Head
from agent.domain.journal import SwapOutcome, SwapRecord


def audit_faults(
    anchor: Head,
    entries: Sequence[AuditEntry],
    acknowledged: Sequence[str],
    ordered: Sequence[str],
    swaps: Iterable[SwapRecord],
) -> list[str]:
    """What does not hold, in words.

    `acknowledged`: ids of requests that were answered with success; `ordered`: those that were each sent when
    the one before had been answered; `swaps`: all rows of the journal.
    """
    broken = ChainCheck(anchor.sha256, anchor.seq).take(entries)
    faults = [] if broken is None else [f"entry {broken.seq} {broken.why}"]
    return [*faults, *_of_changes(entries, acknowledged, ordered), *_of_swaps(entries, swaps)]


def _of_changes(entries: Sequence[AuditEntry], acknowledged: Sequence[str], ordered: Sequence[str]) -> Iterator[str]:
    places = {entry.request_id: entry.seq for entry in entries if entry.outcome == "OK" and entry.request_id}
    counts = Counter(entry.request_id for entry in entries if entry.outcome == "OK" and entry.request_id)
    yield from (f"request {one} was answered and has {counts[one]} entries" for one in acknowledged if counts[one] != 1)
    known = [places[one] for one in ordered if one in places]
    if known != sorted(known):
        yield "the entries of changes that were answered one after the other stand in another order"


def _of_swaps(entries: Sequence[AuditEntry], swaps: Iterable[SwapRecord]) -> Iterator[str]:
    told = [(json.loads(entry.asked)["swap_id"], entry) for entry in entries if entry.method == "Swap"]
    counts, rows = Counter(swap_id for swap_id, _ in told), {swap.id: swap for swap in swaps}
    for swap in rows.values():
        wanted = 0 if swap.outcome is SwapOutcome.RUNNING else 1
        if counts[swap.id] != wanted:
            yield f"swap {swap.id} is {swap.outcome.value} and has {counts[swap.id]} entries"
    for swap_id, entry in told:
        row = rows.get(swap_id)
        outcome = "OK" if row is not None and row.outcome is SwapOutcome.VERIFIED else row.outcome.name if row else ""
        if outcome != entry.outcome:
            yield f"entry {entry.seq} says of swap {swap_id} {entry.outcome}, its row {outcome or 'is not there'}"
