"""A site's history read from its journal, by whoever has the file: read-only, also while the daemon writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agent.domain.decision import Candidate
from agent.domain.history import LineRow, SlowdownRow
from agent.domain.journal import SwapRecord
from agent.domain.profile import NetProfile
from agent.errors import BadInput, JournalError
from agent.telemetry import measured, rows, schema

_DECISIONS = 1000  # the newest; sub-nets and overheads hardly change
_SWAPS = 1_000_000
_FIRST_WITH_HISTORY = 2


@dataclass(frozen=True, slots=True)
class SiteRecords:
    """What the journal holds of one camera in a time; each oldest first.

    `swaps` reach back to the one that put the first network there; `dark_s` is the time without inference of each, by
    its id, where its steps were noted. `profiles` by the network's sha256; `candidates` are those of the newest
    decisions, the newest first.
    """

    camera: str
    line: Sequence[LineRow]
    slowdowns: Sequence[SlowdownRow]
    swaps: Sequence[SwapRecord]
    dark_s: Mapping[str, float]
    profiles: Mapping[str, NetProfile]
    candidates: Sequence[Candidate]


def read_site(path: Path, camera: str = "", since_ns: int = 0, until_ns: int = 2**63 - 1) -> SiteRecords:
    """The records of that camera (the only one, where none is named) between two wall times in ns.

    Raises JournalError for a file that cannot be read, BadInput where a camera has to be named or has no history.
    """
    try:
        with closing(_open(path)) as db:
            db.execute("BEGIN")
            _check_version(db, path)
            name = _camera(db, path, camera)
            line = measured.line(db, name, since_ns, until_ns)
            serial = line[-1].serial if line else ""
            return SiteRecords(
                name,
                line,
                measured.slowdowns(db, name, since_ns, until_ns),
                _swaps(db, name, since_ns, until_ns),
                _dark_s(db, name),
                {stored.sha256: stored.profile for stored in measured.profiles(db, serial)},
                [one for row in rows.decisions(db, name, _DECISIONS) for one in row.decision.candidates],
            )
    except sqlite3.Error as exc:
        raise JournalError(f"journal {path}: cannot be read: {exc}; give the state_dir of a daemon") from exc


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise JournalError(f"journal {path}: is not there; give the state_dir of a daemon")
    return schema.connect_reading(path)


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > schema.VERSION:
        raise JournalError(f"journal {path}: schema version {version}, this ofa-agent knows up to {schema.VERSION}")
    if version < _FIRST_WITH_HISTORY:
        raise JournalError(
            f"journal {path}: schema version {version} has no history of the line; the daemon keeps one from "
            f"version {_FIRST_WITH_HISTORY} on"
        )


def _camera(db: sqlite3.Connection, path: Path, camera: str) -> str:
    known = [row[0] for row in db.execute("SELECT DISTINCT camera FROM line_history ORDER BY camera")]
    if camera in known or (not camera and len(known) == 1):
        return camera or known[0]
    if not known:
        raise BadInput("--from-journal", f"{path} has no history of a line yet: no camera has had a network")
    named = f"{camera!r} has no history" if camera else "is not given"
    raise BadInput("--camera", f"{named}; those with one: {', '.join(known)}")


def _swaps(db: sqlite3.Connection, camera: str, since_ns: int, until_ns: int) -> list[SwapRecord]:
    """Those in that time, and the last one before it that left a network on the camera."""
    kept: list[SwapRecord] = []
    for swap in rows.swaps(db, camera, _SWAPS):
        if swap.started_wall_ns >= until_ns:
            continue
        kept.append(swap)
        if swap.started_wall_ns < since_ns and swap.active_subnet is not None:
            break
    return kept[::-1]


def _dark_s(db: sqlite3.Connection, camera: str) -> dict[str, float]:
    found = db.execute(
        "SELECT swap_id, SUM(elapsed_s) FROM steps JOIN swaps ON swaps.id = swap_id "
        "WHERE camera = ? AND step NOT LIKE 'permit%' GROUP BY swap_id",
        (camera,),
    )
    return {str(swap_id): float(elapsed_s) for swap_id, elapsed_s in found}
