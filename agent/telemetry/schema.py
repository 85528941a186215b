"""The journal's tables: made, checked for their version, and cleared of what is old."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.errors import JournalError

VERSION = 1
BUSY_TIMEOUT_S = 2.0  # another process may read; none may write

_TABLES = (
    """CREATE TABLE runs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, opened_wall_ns INTEGER NOT NULL)""",
    "CREATE TABLE generations (camera TEXT PRIMARY KEY, last INTEGER NOT NULL)",
    """CREATE TABLE activations (
        camera TEXT PRIMARY KEY, generation INTEGER NOT NULL, subnet_id TEXT NOT NULL, sha256 TEXT NOT NULL)""",
    """CREATE TABLE swaps (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, camera TEXT NOT NULL, from_subnet TEXT,
        to_subnet TEXT NOT NULL, reason TEXT NOT NULL, budget_id TEXT NOT NULL, started_wall_ns INTEGER NOT NULL,
        outcome TEXT NOT NULL, generation INTEGER, active_subnet TEXT, duration_s REAL, gap_s REAL,
        failed_step TEXT, error TEXT)""",
    """CREATE TABLE steps (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, swap_id TEXT NOT NULL, step TEXT NOT NULL, elapsed_s REAL NOT NULL,
        error TEXT)""",
    "CREATE INDEX steps_of_swap ON steps (swap_id)",
    """CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_wall_ns INTEGER NOT NULL, camera TEXT NOT NULL,
        action TEXT NOT NULL, reason TEXT NOT NULL, target TEXT, body TEXT NOT NULL)""",
    """CREATE TABLE claims (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, camera TEXT NOT NULL, body TEXT NOT NULL,
        put_wall_ns INTEGER NOT NULL, dropped_wall_ns INTEGER, dropped_why TEXT)""",
    """CREATE TABLE alarms (
        id INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,
        raised_wall_ns INTEGER NOT NULL, cleared_wall_ns INTEGER, acknowledged_by TEXT)""",
    "CREATE UNIQUE INDEX one_alarm_a_cause ON alarms (camera, key) WHERE cleared_wall_ns IS NULL",
    """CREATE TABLE answers (
        request_id TEXT PRIMARY KEY, method TEXT NOT NULL, body_sha256 TEXT NOT NULL, answer BLOB NOT NULL,
        stored_wall_ns INTEGER NOT NULL)""",
)

_EXPIRED = (
    """DELETE FROM steps WHERE swap_id IN (
        SELECT id FROM swaps WHERE started_wall_ns < :before AND outcome != 'running')""",
    "DELETE FROM swaps WHERE started_wall_ns < :before AND outcome != 'running'",
    "DELETE FROM decisions WHERE at_wall_ns < :before",
    "DELETE FROM claims WHERE dropped_wall_ns < :before",
    "DELETE FROM alarms WHERE cleared_wall_ns < :before",
    "DELETE FROM answers WHERE stored_wall_ns < :before",
    "DELETE FROM runs WHERE opened_wall_ns < :before",
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection of the calling thread, in WAL mode with durable commits; transactions are explicit."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file; JournalError for a file of a newer version."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise JournalError(
            f"journal {path}: schema version {version}, this ofa-agent knows up to {VERSION}; "
            "run the version that wrote it, or move the file away"
        )
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def prune(connection: sqlite3.Connection, before_wall_ns: int) -> None:
    """Delete what ended before that time; what is live, active or running stays."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in _EXPIRED:
        connection.execute(statement, {"before": before_wall_ns})
    connection.execute("COMMIT")
