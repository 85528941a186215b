"""What the journal's operations cost with 300 to 100 000 swaps, budgets, answers and audit entries in it.

CPU of the process for each operation, all threads: a write that is awaited waits for the disk, which is not counted.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from agent.clock import SystemClock
from agent.domain.audit import AuditEntry
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import StoredAnswer, SwapOutcome, SwapRecord
from agent.telemetry import audit_rows
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal

SIZES = (300, 3_000, 30_000, 100_000)
ROUNDS = 40  # of each operation, in a repeat
CAMERA = "station-1"
STEPS = ("stop", "delete", "upload", "activate", "self_test", "start")
_HOUR_NS = 3600 * 10**9
Costs = dict[str, dict[int, float]]  # us of CPU, by operation and size
Operation = Callable[[SqliteJournal, int], Awaitable[object]]


def measured(folder: Path, repeats: int) -> list[Costs]:
    """One for each repeat; in each, all sizes take turns."""
    files = {size: folder / f"journal-{size}.sqlite3" for size in SIZES}
    for size, path in files.items():
        _fill(path, size)
    found = []
    for repeat in range(repeats):
        costs: Costs = {name: {} for name in ("start", *OPERATIONS)}
        for size, path in files.items():
            for name, cost_us in asyncio.run(_costs(path, size + repeat)).items():
                costs[name][size] = cost_us
        found.append(costs)
    return found


async def _costs(path: Path, seed: int) -> dict[str, float]:
    journal = SqliteJournal(path, SystemClock(), SeededIds(seed))
    began_s = time.process_time()
    await journal.open()
    found = {"start": (time.process_time() - began_s) * 1e6}
    try:
        for operation, work in OPERATIONS.items():
            spent = []
            for number in range(ROUNDS):
                began_s = time.process_time()
                await work(journal, number)
                spent.append((time.process_time() - began_s) * 1e6)
            found[operation] = median(spent)
    finally:
        await journal.close()
    return found


async def _budget(journal: SqliteJournal, number: int) -> None:
    """What one SetBudget writes: the claim takes the place of its client's, the answer and its entry are kept."""
    claim = Claim(f"claim-{time.time_ns()}", "plc", CAMERA, ClaimKind.LEASE, Budget(max_latency_ms=50.0), 600.0, 0, "b")
    await journal.put_claim(claim)
    entry = AuditEntry(client="plc", origin="uid 0", method="SetBudget", camera=CAMERA, outcome="OK")
    await journal.store_answer(StoredAnswer(claim.id, "SetBudget", "0" * 64, b"answer"), entry)


async def _swap(journal: SqliteJournal, number: int) -> None:
    """What one swap writes."""
    record = SwapRecord(f"swap-{time.time_ns()}", CAMERA, "a", "b", "budget", "budget-1", time.time_ns())
    await journal.begin_swap(record)
    for step in STEPS:
        journal.note_step(record.id, step, 0.1, None)
    await journal.finish_swap(record, None)


OPERATIONS: dict[str, Operation] = {
    "budget": _budget,
    "swap": _swap,
    "generation": lambda journal, _: journal.next_generation(CAMERA),
    "claims": lambda journal, _: journal.claims(CAMERA),
    "last_50_swaps": lambda journal, _: journal.swaps(None, 50),
    "last_50_entries": lambda journal, _: journal.audit(None, 50, None),
    "answer_again": lambda journal, number: journal.stored_answer(f"request-{number}"),
}


def _fill(path: Path, size: int) -> None:
    """With what the agent would have written within a month, by the same tables."""
    asyncio.run(_made(path))
    newest_ns = time.time_ns() - _HOUR_NS
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        every = [(number, newest_ns - (size - number) * 10**9) for number in range(size)]
        db.executemany(
            "INSERT INTO swaps (id, camera, from_subnet, to_subnet, reason, budget_id, started_wall_ns, outcome, "
            f"generation, active_subnet, duration_s) VALUES (?, ?, 'a', 'b', 'budget', ?, ?, '{_ENDED}', ?, 'b', 1.5)",
            ((f"old-{n}", CAMERA, f"budget-{n}", at_ns, n) for n, at_ns in every),
        )
        steps = ((f"old-{n}", step) for n, _ in every for step in STEPS)
        db.executemany("INSERT INTO steps (swap_id, step, elapsed_s) VALUES (?, ?, 0.1)", steps)
        db.executemany(
            "INSERT INTO claims (id, camera, body, put_wall_ns, dropped_wall_ns, dropped_why) "
            "VALUES (?, ?, ?, ?, ?, 'replaced')",
            ((f"old-{n}", CAMERA, _CLAIM, at_ns, at_ns) for n, at_ns in every),
        )
        db.executemany(
            "INSERT INTO decisions (at_wall_ns, camera, action, reason, target, body) "
            "VALUES (?, ?, 'swap', 'budget', 'b', ?)",
            ((at_ns, CAMERA, _CLAIM) for _, at_ns in every),
        )
        db.executemany(
            "INSERT INTO answers (request_id, method, body_sha256, answer, stored_wall_ns) "
            "VALUES (?, 'SetBudget', ?, ?, ?)",
            ((f"request-{n}", "0" * 64, b"answer" * 20, at_ns) for n, at_ns in every),
        )
        for number, at_ns in every:
            entry = AuditEntry(
                client="plc", origin="uid 0", method="SetBudget", camera=CAMERA, request_id=f"request-{number}",
                outcome="OK",
            )  # fmt: skip
            audit_rows.put_audit(db, entry, at_ns)
        db.execute("DELETE FROM images")
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _made(path: Path) -> None:
    journal = SqliteJournal(path, SystemClock(), SeededIds(1))
    await journal.open()
    await journal.close()


_ENDED = SwapOutcome.VERIFIED.value
_CLAIM = '{"id": "c", "client": "plc", "camera": "station-1", "kind": "lease", "budget": {"max_latency_ms": 50.0}}'
