"""Why swaps are wanted, as far as this run of the agent has heard: for their entries in the audit.

a decision ─► the budget that it serves ─► its claims ─► whose they are
an answer ─► the swaps that it names ─► the request
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeVar

from agent.domain.audit import AuditEntry
from agent.domain.budget import EffectiveBudget
from agent.domain.journal import StoredAnswer, SwapRecord
from agent.domain.operation import PREFIX

V = TypeVar("V")
KEPT = 256  # budgets, and swaps that were named; a swap ends minutes after it is wanted at the latest
MOST_CLAIMS = 16  # that one entry names


class Causes:
    """Owner of what was heard; event-loop side only, but for `claims`."""

    def __init__(self) -> None:
        self._budgets: OrderedDict[str, EffectiveBudget] = OrderedDict()
        self._requests: OrderedDict[str, Mapping[str, object]] = OrderedDict()  # by the id of the swap

    def decided(self, budget: EffectiveBudget) -> None:
        """A decision serves that budget."""
        _put(self._budgets, budget.id, budget)

    def answered(self, answer: StoredAnswer, entry: AuditEntry) -> None:
        """An answer is given, which may name swaps. The first one to name a swap asked for it."""
        asked = {"client": entry.client, "method": entry.method, "request_id": entry.request_id}
        request: Mapping[str, object] = {key: value for key, value in asked.items() if value}
        for swap in answer.told:
            swap_id = swap.name.removeprefix(PREFIX)
            if swap_id not in self._requests:
                _put(self._requests, swap_id, request)

    def of(self, swap: SwapRecord) -> dict[str, object]:
        """What is known: `priority`, `fail_safe` and `claims` (ids) of its budget, the `request` that named it."""
        found: dict[str, object] = {}
        budget = self._budgets.get(swap.budget_id)
        if budget is not None:
            found["priority"] = budget.priority.name.lower()
            found["claims"] = list(budget.claims[:MOST_CLAIMS]) or None
            found["fail_safe"] = budget.fail_safe or None
        if swap.id in self._requests:
            found["request"] = self._requests[swap.id]
        return found


def with_clients(db: sqlite3.Connection, cause: dict[str, object]) -> dict[str, object]:
    """The same with whose the claims are. Run by the journal thread, inside its transaction."""
    ids = cause.get("claims")
    if not isinstance(ids, list):
        return cause
    marks = ", ".join("?" * len(ids))
    query = f"SELECT id, json_extract(body, '$.client') FROM claims WHERE id IN ({marks}) AND json_valid(body)"
    clients = dict(db.execute(query, ids).fetchall())
    return {**cause, "claims": [{"client": str(clients.get(one) or ""), "id": one} for one in ids]}


def _put(known: OrderedDict[str, V], key: str, value: V) -> None:
    known[key] = value
    while len(known) > KEPT:
        known.popitem(last=False)
