"""Exports of the audit and head files, broken in every way: what holds is as it was written, and the rest is told.

A case is one letter and what is read: `E` an export; `F` the length of an earlier export, that one, and one that is to
go on from it; `H` a head file.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.cli.audit_source import open_export
from agent.cli.audit_verify import Verified, Witnesses, verify_export
from agent.cli.output import print_json
from agent.domain.audit import GENESIS_SHA256, AuditEntry, Head
from agent.domain.audit_export import Exporter
from agent.telemetry.audit_head import HeadFile
from tests.fuzz.mutate import changed_tree, mutated, odd_text, odd_value
from tests.fuzz.target import ensure, folder, one_line
from tests.support.audits import chain, export

_LENGTH_BYTES = 4
_TEXTS = ("client", "origin", "method", "camera", "request_id", "outcome", "reason", "asked", "before", "after")
_WORDS = (
    b"null", b"true", b"1.0", b"-0", b"9" * 30, b'"\\ud800"', b'"\\udc80"', b'"\\u0000"', b"\xff", b"{}", b"[]", b",",
    b":", b'"', b"\n", b"\r\n", b"{" * 2000, b" ", b"\\", b"\xef\xbb\xbf", b"\0", b"0" * 64, b'"format":true',
)  # fmt: skip


class Audits:
    """See tests.fuzz.target. Owner of the folder that the cases are read from."""

    name = "audit"

    def __init__(self) -> None:
        self._folder = folder()
        self._path, self._earlier = (Path(self._folder.name) / name for name in ("audit", "earlier"))
        self._heads = HeadFile(Path(self._folder.name) / "journal")
        self._chains = [chain(count) for count in (0, 1, 3, 6)]
        self._chains.append(chain(3, anchor=Head(7, "ab" * 32)))
        self._exports = [export(one) for one in self._chains]
        long = chain(6)
        heads = [f"{Head(6, long[-1].sha256)}\n".encode(), f"{Head(0, GENESIS_SHA256)}\n".encode()]
        self._seeds = [
            *(b"E" + one for one in self._exports),
            _follows(export(long[:3]), export(long)),
            _follows(export(long[:3]), export(long[3:])),
            *(b"H" + one for one in heads),
        ]
        self._head = Head(3, long[2].sha256)

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        kind = chance.random()
        if kind < 0.1:
            return b"H" + mutated(chance, chance.choice(self._seeds[-2:])[1:], [], _WORDS)
        if kind < 0.3:
            return mutated(chance, chance.choice(self._seeds), self._seeds, _WORDS)
        data = self._export(chance)
        if chance.random() < 0.7:
            return b"E" + data
        other = chance.choice(self._exports)
        return _follows(data, other) if chance.random() < 0.5 else _follows(other, data)

    def _export(self, chance: random.Random) -> bytes:
        """One whose entries, or whose lines, were changed by somebody who can make hashes that fit."""
        entries = list(chance.choice(self._chains))
        if entries and chance.random() < 0.6:
            return _resealed(chance, entries)
        lines = chance.choice(self._exports).splitlines(keepends=True)
        for _ in range(1 + chance.getrandbits(1)):
            place = chance.randrange(len(lines))
            lines[place] = _other_line(chance, lines[place])
        return _footed(lines) if chance.random() < 0.7 else b"".join(lines)

    def check(self, case: bytes) -> None:
        kind, body = case[:1], case[1:]
        if kind == b"H":
            self._check_head(body)
        elif kind == b"F":
            size = int.from_bytes(body[:_LENGTH_BYTES], "big")
            rest = body[_LENGTH_BYTES:]
            self._earlier.write_bytes(rest[:size])
            self._check_export(rest[size:], Witnesses(self._head, self._earlier))
        else:
            self._check_export(body, Witnesses())

    def _check_export(self, data: bytes, witnesses: Witnesses) -> None:
        self._path.write_bytes(data)
        found = verify_export(self._path, witnesses)
        _said(found)
        if not found.why:
            ensure(_written_again(self._path) == data, "an export that holds is not as it is written")
            ensure(data.endswith(b"\n"), "an export that holds has no end")

    def _check_head(self, data: bytes) -> None:
        self._heads.path.write_bytes(data)
        try:
            head = self._heads.read()
        except ValueError as error:
            one_line(str(error))
            ensure(str(error).startswith("journal-head says "), f"names no file: {str(error)[:200]!r}")
            return
        ensure(head is not None and f"{head}\n".encode() == data, f"{data[:200]!r} is taken for {head}")

    def close(self) -> None:
        self._folder.cleanup()


def _follows(earlier: bytes, later: bytes) -> bytes:
    return b"F" + len(earlier).to_bytes(_LENGTH_BYTES, "big") + earlier + later


def _said(found: Verified) -> None:
    """What the command says can be written and read, whatever is in the export."""
    words, outcome = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stderr(words), redirect_stdout(outcome):
        found.say("audit: ")
        print_json(found.as_json() | {"head": str(found.head)})
    if found.why:
        one_line(found.why)
        ensure(found.why.isprintable(), f"words that no terminal shows: {found.why[:200]!r}")


def _written_again(path: Path) -> bytes:
    with open_export(path) as reader:
        agent = json.loads(path.read_bytes().partition(b"\n")[0])["agent"]
        exporter = Exporter(agent, reader.anchor)
        parts = [exporter.begin(), *(exporter.entry(entry) for entry in reader.entries())]
    return b"".join([*parts, exporter.end()])


def _resealed(chance: random.Random, entries: list[AuditEntry]) -> bytes:
    """Another content, and all hashes that follow made anew; sometimes not all."""
    place = chance.randrange(len(entries))
    changes: dict[str, Any] = {chance.choice(_TEXTS): odd_text(chance)}
    if chance.random() < 0.2:
        changes = {"wall_ns": chance.choice((0, -1, 2**63, -(2**63), 10**19, 10**20))}
    entries[place] = replace(entries[place], **changes)
    if chance.random() < 0.3:
        entries.insert(chance.randrange(len(entries) + 1), chance.choice(entries))
    if chance.random() < 0.2:
        del entries[chance.randrange(len(entries))]
    first = entries[0] if entries else None
    last = Head(first.seq - 1, first.previous_sha256) if first is not None else Head(0, GENESIS_SHA256)
    made = []
    for entry in entries:
        made.append(entry.chained(last.seq + 1, entry.wall_ns, last.sha256) if chance.random() < 0.9 else entry)
        last = Head(made[-1].seq, made[-1].sha256)
    return export(made)


def _other_line(chance: random.Random, line: bytes) -> bytes:
    try:
        tree: Any = json.loads(line)
    except (ValueError, RecursionError):  # it was changed before
        return line
    if chance.random() < 0.3:
        return mutated(chance, line, [line], _WORDS)
    tree = changed_tree(chance, tree, (odd_value(chance), odd_text(chance)[:100] * chance.choice((1, 1, 3000))))
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=chance.random() < 0.4)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _footed(lines: Sequence[bytes]) -> bytes:
    """With a footer whose hash of the lines fits."""
    before = b"".join(lines[:-1])
    try:
        footer: Any = json.loads(lines[-1])
        footer["sha256"] = hashlib.sha256(before).hexdigest()
        text = json.dumps(footer, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return before + text.encode("utf-8", "surrogatepass") + b"\n"
    except (ValueError, TypeError, RecursionError):
        return before + lines[-1]
