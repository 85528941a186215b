"""A journal read by somebody else: without a lock, without writing, and with the version told where it does not fit."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.journal import Activation, SwapOutcome
from agent.errors import BadInput, JournalError
from agent.telemetry import schema
from agent.telemetry.journal import SqliteJournal
from agent.telemetry.reading import read_site
from tests.unit.telemetry.test_journal import SWAP, a_decision
from tests.unit.telemetry.test_journal_measured import LINE, SERIAL, SHA, a_profile, play

S = 1_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The journal of a site that has seen two cameras."""
    path = tmp_path / "state" / "journal.db"

    async def story(journal: SqliteJournal) -> None:
        for number, (started_s, net) in enumerate(((1, "net-a"), (50, "net-b"), (90, "net-c"))):
            swap = replace(SWAP, id=f"swap-{number}", to_subnet=net, started_wall_ns=started_s * S)
            await journal.begin_swap(swap)
            journal.note_step(swap.id, "permit", 7.0, None)
            journal.note_step(swap.id, "upload", 1.5, None)
            journal.note_step(swap.id, "start", 0.25, None)
            done = replace(swap, outcome=SwapOutcome.VERIFIED, active_subnet=net, duration_s=2.0)
            await journal.finish_swap(done, Activation("cam", number + 1, net, SHA))
        journal.note_line(replace(LINE, from_wall_ns=10 * S, until_wall_ns=60 * S, serial=SERIAL))
        journal.note_line(replace(LINE, from_wall_ns=60 * S, until_wall_ns=99 * S, serial=SERIAL))
        journal.note_decision("cam", a_decision("net-a"))
        await journal.put_profile(SERIAL, SHA, a_profile())
        await journal.put_profile("another camera", "cd" * 32, a_profile())

    play(story, path)
    return path


def test_what_is_read_reaches_back_to_the_network_that_was_there(path: Path) -> None:
    found = read_site(path, "", 60 * S, 80 * S)
    assert found.camera == "cam"
    assert [row.from_wall_ns // S for row in found.line] == [60]
    assert [swap.to_subnet for swap in found.swaps] == ["net-b"]
    assert [swap.to_subnet for swap in read_site(path).swaps] == ["net-a", "net-b", "net-c"]
    assert found.dark_s == {f"swap-{number}": 1.75 for number in range(3)}
    assert found.profiles == {SHA: a_profile()}
    assert [one.subnet_id for one in found.candidates] == ["net-a"]


def test_a_copy_that_cannot_be_written_can_be_read(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "journal.db").write_bytes(path.read_bytes())
    (copy / "journal.db").chmod(0o400)
    copy.chmod(0o500)
    try:
        assert len(read_site(copy / "journal.db").line) == 2
    finally:
        copy.chmod(0o700)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, "schema version 1 has no history of the line; the daemon keeps one from version 2 on"),
        (9, f"schema version 9, this ofa-agent knows up to {schema.VERSION}"),
    ],
)
def test_a_journal_of_another_version_is_told(path: Path, version: int, message: str) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    with pytest.raises(JournalError, match=message):
        read_site(path)


def test_what_is_no_journal_or_has_no_such_camera_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is not there; give the state_dir"):
        read_site(tmp_path / "none")
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(JournalError, match="cannot be read"):
        read_site(other)
    with pytest.raises(BadInput, match="'x' has no history; those with one: cam"):
        read_site(path, "x")
    fresh = tmp_path / "fresh.db"
    db = schema.connect(fresh)
    schema.migrate(db, fresh)
    db.close()
    with pytest.raises(BadInput, match="no history of a line yet"):
        read_site(fresh)
