"""Audits for tests: chains, exports of them, and journals that hold them."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from agent.clock import VirtualClock, run_virtual
from agent.domain.audit import GENESIS_SHA256, AuditEntry, Head
from agent.domain.audit_export import Exporter
from agent.telemetry import schema
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal

ENTRY = AuditEntry(
    client="plc-3",
    origin="unix:uid=0",
    method="SetBudget",
    camera="cam",
    request_id="r-1",
    outcome="OK",
    asked='{"client":"plc-3","ü":"€"}',
    before="e1",
    after="e2",
)


def chain(count: int, client: str = "plc-3", anchor: Head | None = None) -> list[AuditEntry]:
    """Entries that follow on `anchor`."""
    last, entries = anchor or Head(0, GENESIS_SHA256), []
    for _ in range(count):
        entry = replace(ENTRY, client=client).chained(last.seq + 1, 1_700_000_000_000_000_000 + last.seq, last.sha256)
        entries.append(entry)
        last = Head(entry.seq, entry.sha256)
    return entries


def export(entries: Sequence[AuditEntry], anchor: Head | None = None) -> bytes:
    """As `ofa-agent audit export` writes it, whether or not the entries hold."""
    if anchor is None:
        anchor = Head(entries[0].seq - 1, entries[0].previous_sha256) if entries else Head(0, GENESIS_SHA256)
    exporter = Exporter("ofa-agent 1.0", anchor)
    return b"".join([exporter.begin(), *(exporter.entry(entry) for entry in entries), exporter.end()])


def play(path: Path, story: Callable[[SqliteJournal], Awaitable[None]], seed: int = 1, days: float = 30.0) -> None:
    """One life of an agent's journal, in virtual time."""
    clock = VirtualClock()
    journal = SqliteJournal(path, clock, SeededIds(seed), days)

    async def life() -> None:
        await journal.open()
        try:
            await story(journal)
        finally:
            await journal.close()

    run_virtual(clock, life())


def written(path: Path, count: int) -> Path:
    """A journal that was closed in order, all of it in the one file; returns its path."""

    async def story(journal: SqliteJournal) -> None:
        for index in range(count):
            await journal.record_audit(replace(ENTRY, request_id=f"r-{index}"))

    play(path, story)
    with closing(schema.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute("PRAGMA journal_mode = DELETE").fetchall()
    return path


def change(path: Path, *statements: str) -> None:
    """Somebody with the file at hand."""
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
