"""Who changed what, as a chain: every entry carries the hash of the one before, so that none can be altered unseen."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

GENESIS_SHA256 = "0" * 64  # what the very first entry has for the one before it
FORMAT = 1  # of the bytes that are hashed; docs/reference/audit.md
_HEAD = re.compile(r"(0|[1-9][0-9]{0,18}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody asked for and what came of it.

    `seq`, `wall_ns` (when it was written) and the two hashes are the journal's: leave them out when one is handed in.
    `outcome` is OK or the name of a gRPC code, `reason` that of a refusal; `asked` one line of JSON; `before` and
    `after` are etags of the camera, empty where there is none. Entries of what the agent does by itself: see
    agent.domain.audit_entries.
    """

    seq: int = 0
    wall_ns: int = 0
    client: str
    origin: str
    method: str
    camera: str = ""
    request_id: str = ""
    outcome: str
    reason: str = ""
    asked: str = ""
    before: str = ""
    after: str = ""
    previous_sha256: str = ""
    sha256: str = ""

    def chained(self, seq: int, wall_ns: int, previous_sha256: str) -> AuditEntry:
        """The entry as it is kept: with its number, its time and its place in the chain."""
        placed = replace(self, seq=seq, wall_ns=wall_ns, previous_sha256=previous_sha256)
        return replace(placed, sha256=placed.digest())

    def canonical(self) -> bytes:
        """The bytes that are hashed: RFC 8785 JSON of the format and all fields but `sha256`, integers as strings."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "sha256"}
        named |= {"format": FORMAT, "seq": str(self.seq), "wall_ns": str(self.wall_ns)}
        return one_line(named).encode(errors="surrogateescape")  # bytes that are no UTF-8 were changed by somebody

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, lower-case hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain, by which a chain that lacks entries, or is another one, is told; `SEQ:SHA256` in
    text. Of a chain that never had one: 0 and GENESIS_SHA256."""

    seq: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.sha256}"

    @classmethod
    def parse(cls, text: str) -> Head | None:
        """None for what is none."""
        found = _HEAD.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None


def one_line(value: object) -> str:
    """RFC 8785 JSON of strings, objects, lists and small integers: sorted keys, no white space, one line."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries; `anchor_sha256` is what the oldest entry that is kept has for the one before it, `newest` the
    number of the newest entry there is (0: there is none)."""

    entries: tuple[AuditEntry, ...]
    anchor_sha256: str = GENESIS_SHA256
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry at which a chain does not hold, and why."""

    seq: int
    why: str


class ChainCheck:
    """Recomputes a chain entry by entry from its oldest one on. Owner: the one caller that feeds it."""

    def __init__(self, anchor_sha256: str, anchor_seq: int | None = None) -> None:
        """`anchor_seq`: the number of the entry before the first one, where it is known."""
        self._previous_sha256 = anchor_sha256
        self._seq = anchor_seq
        self.checked = 0

    @property
    def last(self) -> int | None:
        """The number of the last entry that held; before the first that of the anchor, None where it is not known."""
        return self._seq

    @property
    def sha256(self) -> str:
        """The hash of the last entry that held; the anchor before the first."""
        return self._previous_sha256

    def take(self, entries: Iterable[AuditEntry]) -> Break | None:
        """The first break in the next entries, which follow on those of the call before; None where they hold."""
        for entry in entries:
            why = self._wrong(entry)
            if why:
                return Break(entry.seq, why)
            self._previous_sha256, self._seq = entry.sha256, entry.seq
            self.checked += 1
        return None

    def _wrong(self, entry: AuditEntry) -> str:
        if self._seq is not None and entry.seq <= self._seq:
            return f"stands after entry {self._seq}: entries were moved, or one was put in"
        if self._seq is not None and entry.seq != self._seq + 1:
            gap = f"entry {self._seq + 1} is" if entry.seq == self._seq + 2 else _range(self._seq + 1, entry.seq - 1)
            return f"{gap} missing: entry {entry.seq} follows on {self._seq}"
        if entry.previous_sha256 != self._previous_sha256:
            return f"follows on {short(entry.previous_sha256)}, the entry before it has {short(self._previous_sha256)}"
        found = entry.digest()
        if found != entry.sha256:
            return f"was altered: its content has {short(found)}, it says {short(entry.sha256)}"
        return ""


def short(sha256: str) -> str:
    """For a message; of what stands in a file that somebody tampered with, it need not be a hash."""
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in sha256[:16]) + "..."


def _range(first: int, last: int) -> str:
    return f"entries {first} to {last} are"
