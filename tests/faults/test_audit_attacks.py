"""Attacks on the audit: whatever is changed in an export or in a journal's file is found, by name and by every bit."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.domain.audit import AuditEntry, Head
from agent.domain.audit_export import ExportBroken, ExportReader
from agent.errors import JournalError
from agent.telemetry.audit_head import HeadFile
from agent.telemetry.audit_reading import stored_audit
from tests.support.audits import chain, change, export, written
from tests.support.pages import blocks

PAGE = "docs/reference/audit.md"
PAGE_BYTES = 4096  # of SQLite
FIELDS = ("wall_ns", "client", "origin", "method", "camera", "request_id", "outcome", "reason", "asked", "before",
          "after", "previous_sha256", "sha256")  # fmt: skip
Chain = list[AuditEntry]


def audit(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Exit code and the one line that is said."""
    code = main(["audit", *map(str, arguments)])
    said = capsys.readouterr()
    return code, (said.out + said.err).strip()


def holds(data: bytes) -> bool:
    try:
        list(ExportReader(iter(data.splitlines(keepends=True))).entries())
    except ExportBroken:
        return False
    return True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.ndjson"


# -- exports ----------------------------------------------------------------------------------------------------------


def test_an_export_that_nobody_touched_holds_and_goes_on_from_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, earlier, later = tmp_path / "whole", tmp_path / "earlier", tmp_path / "later"
    entries = chain(9)
    for path, part in ((whole, entries), (earlier, entries[:5]), (later, entries[5:])):
        path.write_bytes(export(part))
    assert audit(capsys, "verify", whole) == (0, f"{whole}: 9 entries up to 9: the chain holds")
    for path in (whole, later):
        assert audit(capsys, "verify", path, "--follows", earlier)[0] == 0
    head = f"5:{entries[4].sha256}"
    assert audit(capsys, "verify", later, "--head", head)[0] == 0
    empty = tmp_path / "empty"
    empty.write_bytes(export([]))
    assert audit(capsys, "verify", empty) == (0, f"{empty}: 0 entries up to 0: the chain holds")


def resealed(entries: Chain, at: int, **changes: str) -> Chain:
    """One entry with another content and its own hash, and all that follow made anew: it holds in itself."""
    made = entries[: at - 1]
    last = Head(entries[at - 1].seq - 1, entries[at - 1].previous_sha256)
    for entry in [replace(entries[at - 1], **changes), *entries[at:]]:  # type: ignore[arg-type]
        made.append(entry.chained(last.seq + 1, entry.wall_ns, last.sha256))
        last = Head(made[-1].seq, made[-1].sha256)
    return made


def swapped(entries: Chain) -> Chain:
    return [*entries[:3], entries[4], entries[3], *entries[5:]]


def put_in(entries: Chain) -> Chain:
    extra = replace(entries[4], client="nobody").chained(5, entries[4].wall_ns, entries[3].sha256)
    return [*entries[:4], extra, *entries[4:]]


IN_ITSELF: dict[str, tuple[Callable[[Chain], Chain], str]] = {
    "altered": (lambda c: [*c[:4], replace(c[4], client="nobody"), *c[5:]], "line 6: entry 5 was altered"),
    "altered, with its own hash": (
        lambda c: [*c[:4], resealed(c[:5], 5, client="nobody")[4], *c[5:]],
        "line 7: entry 6 follows on",
    ),
    "taken out": (lambda c: [*c[:4], *c[5:]], "line 6: entry 6 entry 5 is missing"),
    "reordered": (swapped, "line 5: entry 5 entry 4 is missing"),
    "put in": (put_in, "line 7: entry 5 stands after entry 5"),
    "cut off at the old end": (lambda c: c[3:], ""),
}


@pytest.mark.parametrize("attack", IN_ITSELF)
def test_an_export_whose_entries_were_touched_says_where(
    file: Path, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    done, why = IN_ITSELF[attack]
    file.write_bytes(export(done(chain(9)), anchor=Head(0, "0" * 64)))
    code, said = audit(capsys, "verify", file)
    assert code == 1
    assert (why or "line 2: entry 4 entries 1 to 3 are missing") in said
    assert "\n" not in said


LINES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "without a footer": (lambda x: x[:-1], "is no footer"),
    "cut off with its footer kept": (lambda x: [*x[:-3], x[-1]], "lines are missing"),
    "only a header": (lambda x: x[:1], "has no footer"),
    "empty": (lambda x: x[:0], "line 1: is no header"),
    "without a header": (lambda x: x[1:], "line 1: is no header"),
    "another header": (lambda x: [x[0].replace(b"1.0", b"1.1"), *x[1:]], "another `sha256`"),
    "another format": (lambda x: [x[0].replace(b"audit/1", b"audit/2"), *x[1:]], "is of format"),
    "lines after the footer": (lambda x: [*x, x[1]], "is no entry"),
    "white space": (lambda x: [x[0], x[1].replace(b",", b", ", 1), *x[2:]], "another form"),
    "a key twice": (lambda x: [x[0], x[1].replace(b'{"after"', b'{"after":"x","after"', 1), *x[2:]], "another form"),
    "half a line": (lambda x: [*x[:-1], x[-1][:-1]], "another form"),
    "two exports in one": (lambda x: [*x, *x], "is no entry"),
}


@pytest.mark.parametrize("attack", LINES)
def test_an_export_whose_lines_were_touched_says_which(
    file: Path, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    done, why = LINES[attack]
    file.write_bytes(b"".join(done(export(chain(5)).splitlines(keepends=True))))
    code, said = audit(capsys, "verify", file)
    assert (code, why in said) == (1, True), said


AGAINST_EARLIER: dict[str, tuple[Callable[[Chain], Chain], str]] = {
    "truncated": (lambda c: c[:6], "entry 6 is the newest one, but the earlier export ends at 8: 2 were cut off"),
    "replaced as a whole": (lambda _: chain(12, client="forger"), "the chain was replaced as a whole"),
    "rewritten from one entry on": (lambda c: resealed(c, 5, client="nobody"), "entry 5 has"),
    "not meeting": (lambda c: c[10:], "what is between them is in neither"),
    "another chain that meets": (
        lambda _: chain(4, client="forger", anchor=Head(8, "ab" * 32)),
        "the chain was replaced as a whole",
    ),
}


@pytest.mark.parametrize("attack", AGAINST_EARLIER)
def test_an_export_that_holds_in_itself_is_held_against_an_earlier_one(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    done, why = AGAINST_EARLIER[attack]
    earlier = tmp_path / "earlier"
    earlier.write_bytes(export(chain(12)[:8]))
    file.write_bytes(export(done(chain(12))))
    assert audit(capsys, "verify", file)[0] == 0
    code, said = audit(capsys, "verify", file, "--follows", earlier)
    assert (code, why in said) == (1, True), said
    assert "rewritten" not in attack or "was altered since" in said


def test_an_earlier_export_that_was_touched_is_no_witness(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = tmp_path / "earlier"
    earlier.write_bytes(export(chain(5)).replace(b"plc-3", b"plc-4", 1))
    file.write_bytes(export(chain(9)))
    code, said = audit(capsys, "verify", file, "--follows", earlier)
    assert (code, f"{earlier}: line 2: entry 1 was altered" in said) == (1, True), said


@pytest.mark.parametrize(
    ("head", "code", "why"),
    [
        (Head(7, chain(9)[6].sha256), 0, "holds"),
        (Head(9, chain(9)[8].sha256), 0, "holds"),
        (Head(11, chain(11)[10].sha256), 1, "entry 9 is the newest one, but entry 11 was there: 2 entries were cut"),
        (Head(7, chain(9, "forger")[6].sha256), 1, "the chain is another one"),
        (Head(2, chain(9)[1].sha256), 1, "is older and cannot be compared"),
        (Head(3, "ab" * 32), 1, "entry 3 has"),
    ],
)
def test_a_head_that_was_kept_is_a_witness(
    file: Path, capsys: pytest.CaptureFixture[str], head: Head, code: int, why: str
) -> None:
    file.write_bytes(export(chain(9)[3:]))
    found, said = audit(capsys, "verify", file, "--head", str(head))
    assert (found, why in said) == (code, True), said


def test_what_is_no_head_or_cannot_be_read_is_bad_input(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(capsys, "verify", file)[0] == 2
    file.write_bytes(export(chain(1)))
    assert audit(capsys, "verify", file, "--head", "1:abc")[0] == 2
    assert audit(capsys, "verify", file, "--journal", file)[0] == 2
    assert audit(capsys, "verify", file, "--follows", file.with_name("none"))[0] == 2


def test_every_bit_of_an_export_is_under_the_chain() -> None:
    data = export(chain(2))
    assert holds(data)
    for index in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[index] ^= 1 << bit
            assert not holds(bytes(flipped)), f"bit {bit} of byte {index}: {data[max(0, index - 20) : index + 20]!r}"


def test_an_export_of_any_length_but_its_own_does_not_hold() -> None:
    data = export(chain(3))
    assert not any(holds(data[:length]) for length in range(len(data)))


def test_the_verifier_of_the_page_agrees(tmp_path: Path) -> None:
    (program,) = (block.text for block in blocks(PAGE) if block.language == "python")
    assert len([line for line in program.splitlines() if line.strip()]) <= 40
    script, good, later, bad = (tmp_path / name for name in ("verify.py", "good", "later", "bad"))
    script.write_text(program, encoding="utf-8")
    entries = chain(9)
    good.write_bytes(export(entries[:5]))
    later.write_bytes(export(entries[5:]))

    def run(*files: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, script, *files], capture_output=True, text=True, timeout=60, check=False)

    found = run(good, later)
    assert (found.returncode, found.stderr) == (0, "")
    assert f"{later}: holds up to 9:{entries[8].sha256}" in found.stdout
    data = export(entries)
    attacks = [export(done(chain(9)), anchor=Head(0, "0" * 64)) for done, _ in IN_ITSELF.values()]
    attacks += [data[:-1], data.replace(b"1.0", b"1.1", 1), data[: len(data) // 2]]
    for attack in attacks:
        bad.write_bytes(attack)
        assert run(bad).returncode == 1
    bad.write_bytes(export(chain(9, "forger")[5:]))
    assert run(good, bad).returncode == 1


# -- journals ---------------------------------------------------------------------------------------------------------


def sound(path: Path, expected: list[AuditEntry]) -> bool:
    """Whether a journal says that its audit holds; then it is the one that was written."""
    try:
        with stored_audit(path) as found:
            if found.broken() is not None:
                return False
            assert list(found.entries()) == expected, "entries changed, and nobody noticed"
    except (JournalError, sqlite3.Error):
        return False
    return True


def entries_of(path: Path) -> list[AuditEntry]:
    with stored_audit(path) as found:
        return list(found.entries())


def flips(path: Path, seqs: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """For each bit of each field of these entries: a name, and the statement that turns it."""
    with closing(sqlite3.connect(path)) as db:
        for seq in seqs:
            for field in FIELDS:
                value = db.execute(f"SELECT CAST({field} AS BLOB) FROM audit WHERE seq = ?", (seq,)).fetchone()[0]
                for index in range(len(value)):
                    for bit in range(8):
                        turned = bytearray(value)
                        turned[index] ^= 1 << bit
                        where = f"entry {seq} {field} byte {index} bit {bit}"
                        put = f"CAST(x'{turned.hex()}' AS TEXT)"
                        yield where, f"UPDATE audit SET {field} = {put} WHERE seq = {seq}"


def turn_all(path: Path, every: int, seqs: tuple[int, ...]) -> int:
    expected, turned = entries_of(path), 0
    head_file = HeadFile(path)
    statements = list(flips(path, seqs))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        from agent.telemetry.audit_check import check_whole

        assert check_whole(db, head_file).broken is None
        for where, statement in statements[seqs[0] % every :: every]:
            db.execute("BEGIN")
            db.execute(statement)
            assert check_whole(db, head_file).broken is not None, where
            db.execute("ROLLBACK")
            turned += 1
    assert sound(path, expected)
    return turned


def test_turning_a_bit_of_a_field_in_the_journal_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.sqlite3", 4)
    assert turn_all(path, every=7, seqs=(2, 4)) > 400


def page_flips(path: Path, tmp_path: Path, seed: int, places: Sequence[int]) -> tuple[int, int]:
    """A bit turned in each of these bytes of the file itself; how many were found, and how many changed nothing."""
    data, expected, chance = path.read_bytes(), entries_of(path), random.Random(seed)
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(HeadFile(path).path, HeadFile(copy).path)
    copy.write_bytes(data)
    found = harmless = 0
    for place in places:
        _put(copy, place, data[place] ^ (1 << chance.randrange(8)))
        if sound(copy, expected):
            harmless += 1
        else:
            found += 1
        _put(copy, place, data[place])
    assert copy.read_bytes() == data
    return found, harmless


def _put(path: Path, place: int, value: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([value]))


def audit_pages(path: Path) -> list[int]:
    """The pages on which rows of the audit stand: those that hold one of its hashes."""
    data = path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)
        hashes = [row[0].encode() for row in db.execute("SELECT sha256 FROM audit")]
    return sorted({at // PAGE_BYTES for text in hashes for at in _places(data, text)})


def _places(data: bytes, text: bytes) -> Iterator[int]:
    return (match.start() for match in re.finditer(re.escape(text), data))


def test_turning_a_bit_anywhere_in_the_file_is_found_or_changes_no_entry(tmp_path: Path) -> None:
    path, chance = written(tmp_path / "journal.sqlite3", 60), random.Random(1)
    size = path.stat().st_size
    found, harmless = page_flips(path, tmp_path, 1, [chance.randrange(size) for _ in range(150)])
    assert found > 5
    assert harmless > 20, "most of a file is not the audit"


def test_turning_a_bit_on_a_page_of_the_audit_is_found_or_changes_no_entry(tmp_path: Path) -> None:
    path, chance = written(tmp_path / "journal.sqlite3", 12), random.Random(3)
    places = [page * PAGE_BYTES + chance.randrange(PAGE_BYTES) for page in audit_pages(path) for _ in range(100)]
    found, _ = page_flips(path, tmp_path, 3, places)
    assert found > 40


@pytest.mark.soak
def test_turning_each_bit_of_each_field_and_a_bit_of_each_byte_of_the_file_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.sqlite3", 12)
    assert turn_all(path, every=1, seqs=tuple(range(1, 13))) > 20_000
    pages = audit_pages(path)
    for seed in range(4):
        found, _ = page_flips(
            path, tmp_path, seed, [page * PAGE_BYTES + at for page in pages for at in range(PAGE_BYTES)]
        )
        assert found > len(pages) * PAGE_BYTES / 5
    page_flips(path, tmp_path, 4, range(0, path.stat().st_size, 7))


def test_a_journal_is_verified_and_exported_from_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = written(tmp_path / "state" / "journal.sqlite3", 6), tmp_path / "out"
    assert audit(capsys, "verify", "--journal", path.parent)[0] == 0
    code, said = audit(capsys, "export", file, "--journal", path, "--since", "3", "--until", "5")
    assert (code, "3 entries up to 5:" in said) == (0, True), said
    assert audit(capsys, "export", file, "--journal", path)[0] == 2, "a file that is there is not written over"
    assert audit(capsys, "verify", file)[0] == 0
    assert audit(capsys, "verify", "--journal", path, "--follows", file)[0] == 0
    change(path, "DELETE FROM audit WHERE seq > 4", "UPDATE about SET value = 4 WHERE name = 'audit_newest'")
    HeadFile(path).path.unlink()
    assert audit(capsys, "verify", "--journal", path)[0] == 0, "the journal has no witness left"
    code, said = audit(capsys, "verify", "--journal", path, "--follows", file)
    assert (code, "the earlier export ends at 5: 1 were cut off" in said) == (1, True), said
    change(path, "UPDATE audit SET client = 'nobody' WHERE seq = 3")
    code, said = audit(capsys, "export", tmp_path / "broken", "--journal", path)
    assert (code, "entry 3 was altered" in said) == (1, True), said
    assert audit(capsys, "verify", "--journal", tmp_path / "none")[0] == 1


def test_a_part_by_time_is_whole_whatever_the_clock_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = written(tmp_path / "journal.sqlite3", 6), tmp_path / "out"
    code, said = audit(capsys, "export", file, "--journal", path, "--since", "2023-11-14", "--until", "2023-11-15")
    assert (code, "6 entries up to 6:" in said) == (0, True), said
    none = tmp_path / "none"
    assert audit(capsys, "export", none, "--journal", path, "--since", "2099-01-01")[0] == 0
    assert audit(capsys, "verify", none)[0] == 0
    assert audit(capsys, "export", tmp_path / "x", "--journal", path, "--since", "tomorrow")[0] == 2
