"""Swaps that a client was told of, before they have rows of their own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from agent.domain.audit import AuditEntry
from agent.domain.journal import StoredAnswer, StoredOperation, SwapRecord
from agent.telemetry import audit_rows, rows, schema, standing, undo

SWAP = SwapRecord("s-1", "cam", "a", "b", "pinned", "b-1", 1)


def test_an_answer_goes_with_its_entry_when_their_batch_is_taken_back_and_what_it_told_stays(tmp_path: Path) -> None:
    """A request that comes again is carried out or answered anew, and audited; an operation may have been told."""
    path = tmp_path / "journal.sqlite3"
    told = StoredOperation("operations/s-1", "cam", "swap", 1, True, b"{}")
    with closing(schema.connect(path)) as db:
        schema.migrate(db, path)
        db.execute("BEGIN IMMEDIATE")
        undo.begin(db)
        rows.put_answer(db, StoredAnswer("r-1", "PinSubnet", "00", b"answer"), 1)
        audit_rows.put_audit(db, AuditEntry(client="plc", origin="unix", method="PinSubnet", outcome="OK"), 1)
        standing.put_told(db, told)
        undo.name(db, "run:1")
        db.execute("COMMIT")
        undo.take_back(db, {"run:1"})
        assert rows.answer(db, "r-1") is None
        assert audit_rows.audit(db, 0, 9, None).entries == ()
        assert standing.operation(db, told.name) == told
        rows.put_swap(db, SWAP)
        standing.put_told(db, told)
        assert standing.operation(db, told.name) is None, "it has a row of its own"
