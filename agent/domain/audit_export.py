"""The audit as a file that can be kept and verified elsewhere: one JSON object a line, RFC 8785, in UTF-8.

    header   {"agent": …, "anchor_sha256": …, "first": …, "format": "ofa-agent.audit/1"}
    entries  what is hashed of each (AuditEntry.canonical) with its `sha256`
    footer   {"entries": …, "head_seq": …, "head_sha256": …, "sha256": … of all bytes before the footer}

docs/reference/audit.md has it for those who write a verifier of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from agent.domain.audit import FORMAT, AuditEntry, ChainCheck, Head, one_line
from agent.errors import shown

EXPORT_FORMAT = "ofa-agent.audit/1"
LONGEST_LINE = 1 << 20  # bytes; an entry has some kilobytes at most
_WORDS = 200  # characters of what an export says, in a message
_HEADER = {"agent", "anchor_sha256", "first", "format"}
_FOOTER = {"entries", "head_seq", "head_sha256", "sha256"}
_NUMBERS = ("seq", "wall_ns")
_ENTRY = {field.name for field in fields(AuditEntry)} | {"format"}


class ExportBroken(Exception):
    """An export is not what it was when it was made; the message says at which line and why."""


class Exporter:
    """Makes the lines of an export one after the other: `begin`, `entry` for each, `end`."""

    def __init__(self, agent: str, anchor: Head) -> None:
        """`anchor`: the entry before the first one."""
        self._sha256 = hashlib.sha256()
        self._agent = agent
        self._anchor = anchor
        self.head = anchor
        self.entries = 0

    def begin(self) -> bytes:
        first, anchor = str(self._anchor.seq + 1), self._anchor.sha256
        header = {"agent": self._agent, "anchor_sha256": anchor, "first": first, "format": EXPORT_FORMAT}
        return self._hashed(_line(header))

    def entry(self, entry: AuditEntry) -> bytes:
        self.head, self.entries = Head(entry.seq, entry.sha256), self.entries + 1
        return self._hashed(_entry_line(entry))

    def end(self) -> bytes:
        footer = {"entries": str(self.entries), "head_seq": str(self.head.seq), "head_sha256": self.head.sha256}
        return _line(footer | {"sha256": self._sha256.hexdigest()})

    def _hashed(self, line: bytes) -> bytes:
        self._sha256.update(line)
        return line


class ExportReader:
    """Reads an export and checks everything that it says of itself. Owner: the one caller that goes through it."""

    def __init__(self, lines: Iterable[bytes], name: str = "") -> None:
        """`lines` with their ends; `name` begins the messages. Raises ExportBroken where there is no header."""
        self._name = name
        self._lines = iter(lines)
        self._sha256 = hashlib.sha256()
        self._before = self._sha256.copy()  # of what comes before the line that was taken last
        self._at = 0
        header = self._object(self._take() or b"", _HEADER, "header")
        if header["format"] != EXPORT_FORMAT:
            other = shown(header["format"], _WORDS)
            raise self._broken(f"is of format {other!r}, this ofa-agent knows {EXPORT_FORMAT!r}")
        anchor = Head.parse(f"{self._number(header['first']) - 1}:{header['anchor_sha256']}")
        if anchor is None:
            raise self._broken("is no header: `anchor_sha256` is no SHA-256, or `first` is not 1 or more")
        self.anchor = anchor
        self.head = anchor

    def entries(self) -> Iterator[AuditEntry]:
        """All of them; raises ExportBroken at the first thing that does not hold, also of the footer."""
        check, line = ChainCheck(self.anchor.sha256, self.anchor.seq), self._take()
        while (following := self._take()) is not None:
            entry = self._entry(line or b"", self._at - 1)
            broken = check.take((entry,))
            if broken is not None:
                raise self._broken(f"entry {broken.seq} {broken.why}", self._at - 1)
            self.head = Head(entry.seq, entry.sha256)
            yield entry
            line = following
        self._foot(line, self._before.hexdigest(), check.checked)

    def _foot(self, line: bytes | None, sha256: str, entries: int) -> None:
        if line is None:
            raise self._broken("ends after the header: it has no footer, so that it was cut off")
        footer = self._object(line, _FOOTER, "footer")
        said = (footer["entries"], footer["head_seq"], footer["head_sha256"])
        found = (str(entries), str(self.head.seq), self.head.sha256)
        if said != found:
            says = shown(" ".join(said), _WORDS)
            raise self._broken(f"says {says}, and before it are {' '.join(found)}: lines are missing")
        if footer["sha256"] != sha256:
            raise self._broken("says another `sha256` than the bytes before it have: the header or it was altered")

    def _take(self) -> bytes | None:
        line = next(self._lines, None)
        if line is None:
            return None
        self._before = self._sha256.copy()
        self._sha256.update(line)
        self._at += 1
        return line

    def _entry(self, line: bytes, at: int) -> AuditEntry:
        said = self._object(line, _ENTRY, "entry", at)
        number = said["format"]
        if type(number) is not int or number != FORMAT:  # True and 1.0 are equal to 1, and other bytes
            raise self._broken(f"is an entry of format {shown(str(number), _WORDS)}, this ofa-agent knows {FORMAT}", at)
        texts = {name: value for name, value in said.items() if name not in ("format", *_NUMBERS)}
        return AuditEntry(seq=self._number(said["seq"], at), wall_ns=self._number(said["wall_ns"], at), **texts)

    def _object(self, line: bytes, names: set[str], what: str, at: int | None = None) -> dict[str, Any]:
        try:
            said = json.loads(line.decode()) if len(line) <= LONGEST_LINE else None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or set(said) != names:
            raise self._broken(f"is no {what}: it was altered or cut off", at)
        if any(not isinstance(value, str) for name, value in said.items() if (name, what) != ("format", "entry")):
            raise self._broken(f"is no {what}: a value in it is no text", at)
        if not _is_as_written(said, line):
            raise self._broken(f"is a {what} in another form than it was written in", at)
        return said

    def _number(self, text: str, at: int | None = None) -> int:
        if text.removeprefix("-").isdecimal() and len(text) <= 20 and str(int(text)) == text:
            return int(text)
        raise self._broken(f"{text[:40]!r} is no number", at)

    def _broken(self, why: str, at: int | None = None) -> ExportBroken:
        return ExportBroken(f"{self._name}line {max(1, self._at) if at is None else at}: {why}")


def _entry_line(entry: AuditEntry) -> bytes:
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return _line(values | {"format": FORMAT, "seq": str(entry.seq), "wall_ns": str(entry.wall_ns)})


def _is_as_written(said: object, line: bytes) -> bool:
    try:
        return _line(said) == line
    except UnicodeEncodeError:  # half a character, by an escape: no line of ours has one
        return False


def _line(value: object) -> bytes:
    return (one_line(value) + "\n").encode(errors="surrogateescape")
