"""Swaps that a client was told of, before they have rows of their own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from agent.domain.journal import StoredAnswer, StoredOperation, SwapRecord
from agent.telemetry import rows, schema, standing, undo

SWAP = SwapRecord("s-1", "cam", "a", "b", "pinned", "b-1", 1)


def test_an_answer_and_what_it_told_stay_together_when_their_batch_is_taken_back(tmp_path: Path) -> None:
    """Neither has an image: a request that comes again gets its answer, and what it names is known."""
    path = tmp_path / "journal.sqlite3"
    told = StoredOperation("operations/s-1", "cam", "swap", 1, True, b"{}")
    with closing(schema.connect(path)) as db:
        schema.migrate(db, path)
        db.execute("BEGIN IMMEDIATE")
        undo.begin(db)
        rows.put_answer(db, StoredAnswer("r-1", "PinSubnet", "00", b"answer"), 1)
        standing.put_told(db, told)
        undo.name(db, "run:1")
        db.execute("COMMIT")
        undo.take_back(db, {"run:1"})
        assert rows.answer(db, "r-1") is not None
        assert standing.operation(db, told.name) == told
        rows.put_swap(db, SWAP)
        standing.put_told(db, told)
        assert standing.operation(db, told.name) is None, "it has a row of its own"
