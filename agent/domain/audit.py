"""Who changed what, as a chain: every entry carries the hash of the one before, so that none can be altered unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

GENESIS_SHA256 = "0" * 64  # what the very first entry has for the one before it
FORMAT = 1  # of the bytes that are hashed; docs/reference/audit.md


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody asked for and what came of it.

    `seq`, `wall_ns` (when it was written) and the two hashes are the journal's: leave them out when one is handed in.
    `outcome` is OK or the name of a gRPC code, `reason` that of a refusal; `asked` one line of JSON; `before` and
    `after` are etags of the camera, empty where there is none.
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
        return json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, lower-case hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


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

    def __init__(self, anchor_sha256: str) -> None:
        self._previous_sha256 = anchor_sha256
        self._seq: int | None = None
        self.checked = 0

    @property
    def last(self) -> int | None:
        """The number of the last entry that held; None before the first."""
        return self._seq

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
        if self._seq is not None and entry.seq != self._seq + 1:
            return f"entry {self._seq + 1} is missing: entry {entry.seq} follows on {self._seq}"
        if entry.previous_sha256 != self._previous_sha256:
            return (
                f"follows on {entry.previous_sha256[:16]}..., the entry before it has {self._previous_sha256[:16]}..."
            )
        found = entry.digest()
        if found != entry.sha256:
            return f"was altered: its content has {found[:16]}..., it says {entry.sha256[:16]}..."
        return ""
