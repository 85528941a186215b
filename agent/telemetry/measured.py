"""Rows of what was measured and learned, and of what the line asked for: run by the journal thread."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agent.domain.history import LineRow, SlowdownRow
from agent.domain.profile import NetProfile, StoredProfile
from agent.logs import event, logger

_log = logger("journal")
# Generations of each network and source: a run of `ofa-agent profile` is not pushed out by what production refreshes.
KEPT_PROFILES = 4
MAX_LEARNED_BYTES = 4 << 20

_LINE = (
    "camera, from_wall_ns, until_wall_ns, parts_per_minute, max_latency_ms, min_accuracy, quantile, stopped, "
    "parts_per_s, announced_s, serial"
)


def put_profile(db: sqlite3.Connection, stored: StoredProfile) -> None:
    """One more generation; older ones of the same network and source beyond KEPT_PROFILES go."""
    profile, key = stored.profile, (stored.serial, stored.sha256, stored.profile.source.value)
    db.execute(
        "INSERT INTO profiles (serial, sha256, source, wall_ns, body) VALUES (?, ?, ?, ?, ?)",
        (*key, profile.wall_ns, msgspec.json.encode(profile).decode()),
    )
    db.execute(
        "DELETE FROM profiles WHERE serial = ?1 AND sha256 = ?2 AND source = ?3 AND seq NOT IN (SELECT seq "
        "FROM profiles WHERE serial = ?1 AND sha256 = ?2 AND source = ?3 ORDER BY seq DESC LIMIT ?4)",
        (*key, KEPT_PROFILES),
    )


def profiles(db: sqlite3.Connection, serial: str) -> Sequence[StoredProfile]:
    """The newest sound one of each network, in the order of their digests."""
    found: dict[str, StoredProfile] = {}
    for seq, sha256, body in db.execute(
        "SELECT seq, sha256, body FROM profiles WHERE serial = ? ORDER BY seq", (serial,)
    ):
        profile = _profile(body)
        if profile is None:
            event(_log, logging.WARNING, "profile_ignored", serial=serial, sha256=sha256, row=seq, why="damaged")
        else:
            found[sha256] = StoredProfile(serial, sha256, profile)
    return tuple(found[sha256] for sha256 in sorted(found))


def _profile(body: str) -> NetProfile | None:
    try:
        profile = msgspec.json.decode(body, type=NetProfile)
    except (msgspec.MsgspecError, UnicodeError, TypeError):
        return None
    return profile if profile.sound() else None


def learned_bytes(serial: str, document: Mapping[str, object]) -> bytes | None:
    """A document as it is stored; None, with a line in the log, where it is no JSON or too large."""
    try:
        body = msgspec.json.encode(document)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        event(_log, logging.ERROR, "learned_not_kept", serial=serial, why=f"no JSON: {error}")
        return None
    if len(body) > MAX_LEARNED_BYTES:
        event(_log, logging.ERROR, "learned_not_kept", serial=serial, why=f"{len(body)} bytes")
        return None
    return body


def put_learned(db: sqlite3.Connection, serial: str, library: str, body: bytes, wall_ns: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO learned (serial, library, noted_wall_ns, body) VALUES (?, ?, ?, ?)",
        (serial, library, wall_ns, body),
    )


def learned(db: sqlite3.Connection, serial: str, library: str) -> Mapping[str, object] | None:
    """The document; None, with a line in the log, where it is no JSON object."""
    row = db.execute("SELECT body FROM learned WHERE serial = ? AND library = ?", (serial, library)).fetchone()
    if row is None:
        return None
    try:
        return msgspec.json.decode(row[0], type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, TypeError, RecursionError) as error:
        event(_log, logging.WARNING, "learned_ignored", serial=serial, library=library, why=error)
        return None


def put_line(db: sqlite3.Connection, row: LineRow) -> None:
    """Insert, or take over the end of the row that began at that time."""
    db.execute(
        f"INSERT INTO line_history ({_LINE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (camera, from_wall_ns) DO UPDATE SET until_wall_ns = excluded.until_wall_ns",
        (
            row.camera,
            row.from_wall_ns,
            row.until_wall_ns,
            row.parts_per_minute,
            row.max_latency_ms,
            row.min_accuracy,
            row.quantile,
            row.stopped,
            row.parts_per_s,
            row.announced_s,
            row.serial,
        ),
    )


def line(db: sqlite3.Connection, camera: str, since_ns: int, until_ns: int) -> Sequence[LineRow]:
    """The rows that touch that time, oldest first."""
    found = db.execute(
        f"SELECT {_LINE} FROM line_history WHERE camera = ? AND until_wall_ns > ? AND from_wall_ns < ? "
        "ORDER BY from_wall_ns",
        (camera, since_ns, until_ns),
    )
    return tuple(LineRow(*(*row[:7], bool(row[7]), *row[8:])) for row in found)


def put_slowdown(db: sqlite3.Connection, row: SlowdownRow) -> None:
    db.execute(
        "INSERT INTO slowdowns (camera, at_wall_ns, subnet_id, measured_ms, level_ms) VALUES (?, ?, ?, ?, ?)",
        (row.camera, row.at_wall_ns, row.subnet_id, row.measured_ms, row.level_ms),
    )


def slowdowns(db: sqlite3.Connection, camera: str, since_ns: int, until_ns: int) -> Sequence[SlowdownRow]:
    """Oldest first, beginning with the last one before that time."""
    found = db.execute(
        "SELECT camera, at_wall_ns, subnet_id, measured_ms, level_ms FROM slowdowns WHERE camera = ?1 "
        "AND at_wall_ns < ?3 AND at_wall_ns >= COALESCE((SELECT MAX(at_wall_ns) FROM slowdowns WHERE camera = ?1 "
        "AND at_wall_ns <= ?2), ?2) ORDER BY at_wall_ns",
        (camera, since_ns, until_ns),
    )
    return tuple(SlowdownRow(*row) for row in found)
