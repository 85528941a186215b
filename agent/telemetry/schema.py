"""The journal's tables: made, checked for their version, and cleared of what is old."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from agent.errors import JournalError

VERSION = 5
BUSY_TIMEOUT_S = 2.0  # another process may read; none may write
WAL_BYTES = 4 << 20  # what the log is cut back to after a burst; SQLite writes it back every 1000 pages
CACHE_KIB = 256  # of its own; a transaction touches some ten pages, and the system's cache has the file anyway

# One tuple for each version, which makes it of the one before; what was released is never edited.
_VERSION_1 = (
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
_VERSION_2 = (
    """CREATE TABLE profiles (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT NOT NULL, sha256 TEXT NOT NULL, source TEXT NOT NULL,
        wall_ns INTEGER NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX profiles_of_network ON profiles (serial, sha256)",
    """CREATE TABLE learned (
        serial TEXT NOT NULL, library TEXT NOT NULL, noted_wall_ns INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (serial, library))""",
    """CREATE TABLE line_history (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, from_wall_ns INTEGER NOT NULL,
        until_wall_ns INTEGER NOT NULL, parts_per_minute REAL, max_latency_ms REAL, min_accuracy REAL,
        quantile REAL NOT NULL, stopped INTEGER NOT NULL, parts_per_s REAL, announced_s REAL,
        serial TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX line_history_of_camera ON line_history (camera, from_wall_ns)",
    """CREATE TABLE slowdowns (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, at_wall_ns INTEGER NOT NULL,
        subnet_id TEXT NOT NULL, measured_ms REAL NOT NULL, level_ms REAL NOT NULL)""",
)
_VERSION_3 = (
    "ALTER TABLE swaps ADD COLUMN error_reason TEXT",
    "CREATE TABLE orders (camera TEXT PRIMARY KEY, body TEXT NOT NULL, put_wall_ns INTEGER NOT NULL)",
    """CREATE TABLE operations (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, camera TEXT NOT NULL, kind TEXT NOT NULL,
        started_wall_ns INTEGER NOT NULL, done INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE INDEX operations_of_camera ON operations (camera)",
    """CREATE TABLE marks (
        request_id TEXT NOT NULL, camera TEXT NOT NULL, method TEXT NOT NULL, body_sha256 TEXT NOT NULL,
        put_wall_ns INTEGER NOT NULL, PRIMARY KEY (request_id, camera))""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL, client TEXT NOT NULL, origin TEXT NOT NULL,
        method TEXT NOT NULL, camera TEXT NOT NULL, request_id TEXT NOT NULL, outcome TEXT NOT NULL,
        reason TEXT NOT NULL, asked TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
        previous_sha256 TEXT NOT NULL, sha256 TEXT NOT NULL)""",
    "CREATE INDEX audit_of_camera ON audit (camera)",
    # The newest entry that retention has removed: the oldest one that is left follows on it.
    """CREATE TABLE audit_anchor (
        id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, sha256 TEXT NOT NULL)""",
    "ALTER TABLE alarms ADD COLUMN count INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE alarms ADD COLUMN last_wall_ns INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alarms ADD COLUMN acknowledged_wall_ns INTEGER",
    # What stood in place of the rows that the newest transaction changed; see agent.telemetry.undo.
    """CREATE TABLE images (
        seq INTEGER PRIMARY KEY, batch TEXT NOT NULL DEFAULT '', held TEXT NOT NULL, identity TEXT NOT NULL,
        body BLOB NOT NULL)""",
    # Figures about the file itself.
    "CREATE TABLE about (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
)
_VERSION_4 = (
    # What a change will be audited as, in the transaction of the change itself, until its entry is written.
    "CREATE TABLE audit_pending (id TEXT PRIMARY KEY, run TEXT NOT NULL, body TEXT NOT NULL)",
    # The highest number that was ever given: entries that are cut off at the new end are missed by it.
    """INSERT OR REPLACE INTO about (name, value) SELECT 'audit_newest', MAX(seq) FROM (
        SELECT seq FROM audit UNION SELECT seq FROM audit_anchor UNION SELECT 0 AS seq)""",
    # What a restart must not forget of what may run here; agent.domain.trust. Never removed.
    "CREATE TABLE trust (name TEXT PRIMARY KEY, value TEXT NOT NULL, put_wall_ns INTEGER NOT NULL)",
)
_VERSION_5 = (
    # The few claims that count among all that are kept: every new one looks for those that it takes the place of.
    "CREATE INDEX claims_that_count ON claims (camera) WHERE dropped_wall_ns IS NULL",
)
_VERSIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)

_EXPIRED = (
    """DELETE FROM steps WHERE swap_id IN (
        SELECT id FROM swaps WHERE started_wall_ns < :before AND outcome != 'running')""",
    "DELETE FROM swaps WHERE started_wall_ns < :before AND outcome != 'running'",
    "DELETE FROM decisions WHERE at_wall_ns < :before",
    "DELETE FROM claims WHERE dropped_wall_ns < :before",
    "DELETE FROM alarms WHERE cleared_wall_ns < :before",
    "DELETE FROM answers WHERE stored_wall_ns < :before",
    "DELETE FROM marks WHERE put_wall_ns < :before",
    "DELETE FROM operations WHERE started_wall_ns < :before AND done",
    # By number, not by time: a clock that was set back must not tear a hole into the chain.
    """INSERT INTO audit_anchor (id, seq, sha256) SELECT 1, seq, sha256 FROM audit WHERE seq < (
        SELECT COALESCE((SELECT MIN(seq) FROM audit WHERE wall_ns >= :before), MAX(seq) + 1) FROM audit)
        ORDER BY seq DESC LIMIT 1
        ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, sha256 = excluded.sha256""",
    "DELETE FROM audit WHERE seq <= (SELECT seq FROM audit_anchor)",
    "DELETE FROM runs WHERE opened_wall_ns < :before",
    "DELETE FROM line_history WHERE until_wall_ns < :before",
    "DELETE FROM slowdowns WHERE at_wall_ns < :before",
    # The newest profile of a network is kept however old it is: it says that there was one.
    """DELETE FROM profiles WHERE wall_ns < :before AND seq NOT IN (
        SELECT MAX(seq) FROM profiles GROUP BY serial, sha256)""",
)

# The newest rows that are kept of what can come often, whatever its age: they bound the file within journal_days.
KEPT_ROWS = {
    "swaps": 200_000,
    "decisions": 200_000,
    "claims": 200_000,
    "alarms": 100_000,
    "operations": 10_000,
    "line_history": 200_000,
    "slowdowns": 200_000,
    "audit": 1_000_000,
}
_TOO_MANY = {
    "swaps": (
        """DELETE FROM steps WHERE swap_id IN (
            SELECT id FROM swaps WHERE seq <= (SELECT MAX(seq) FROM swaps) - :keep AND outcome != 'running')""",
        "DELETE FROM swaps WHERE seq <= (SELECT MAX(seq) FROM swaps) - :keep AND outcome != 'running'",
    ),
    "decisions": ("DELETE FROM decisions WHERE seq <= (SELECT MAX(seq) FROM decisions) - :keep",),
    "claims": (
        """DELETE FROM claims WHERE dropped_wall_ns IS NOT NULL AND seq <= (
            SELECT MAX(seq) FROM claims) - :keep""",
    ),
    "alarms": ("DELETE FROM alarms WHERE cleared_wall_ns IS NOT NULL AND id <= (SELECT MAX(id) FROM alarms) - :keep",),
    "operations": ("DELETE FROM operations WHERE done AND seq <= (SELECT MAX(seq) FROM operations) - :keep",),
    "line_history": ("DELETE FROM line_history WHERE seq <= (SELECT MAX(seq) FROM line_history) - :keep",),
    "slowdowns": ("DELETE FROM slowdowns WHERE seq <= (SELECT MAX(seq) FROM slowdowns) - :keep",),
    "audit": (
        """INSERT INTO audit_anchor (id, seq, sha256) SELECT 1, seq, sha256 FROM audit
            WHERE seq <= (SELECT MAX(seq) FROM audit) - :keep ORDER BY seq DESC LIMIT 1
            ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, sha256 = excluded.sha256""",
        "DELETE FROM audit WHERE seq <= (SELECT seq FROM audit_anchor)",
    ),
}


def connect(path: Path) -> sqlite3.Connection:
    """A connection of the calling thread, in WAL mode with durable commits; transactions are explicit."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: free pages can be given back
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, for any thread or process; works beside a writer and on a read-only disk."""
    name = quote(str(path.absolute()))
    connection = sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        log = path.with_name(path.name + "-wal")
        if not path.exists() or (log.exists() and log.stat().st_size):
            raise
        # A copy in a folder that cannot be written: nobody writes it, so that it needs no lock.
        return sqlite3.connect(f"file:{name}?mode=ro&immutable=1", uri=True, isolation_level=None)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_alone(path: Path) -> sqlite3.Connection:
    """A connection that is to read a file with a log where there is no room for the files that are shared by several:
    it keeps all others out, so that it is for the file's owner, and for the moment."""
    name = quote(str(path.absolute()))
    connection = sqlite3.connect(f"file:{name}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA user_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raises JournalError for a file whose tables are not of this version: a newer one, or not yet migrated."""
    version = _version(connection, path)
    if version < VERSION:
        raise JournalError(
            f"journal {path}: schema version {version} has to be brought to {VERSION} and cannot be written; "
            "make it writable and free some space"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, or those that an older file lacks; JournalError for one of a newer version."""
    version = _version(connection, path)
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    for statements in _VERSIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:
        with contextlib.suppress(sqlite3.OperationalError):  # it needs the room of a second file; else pages are reused
            connection.execute("VACUUM")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise JournalError(
            f"journal {path}: schema version {version}, this ofa-agent knows up to {VERSION}; "
            "run the version that wrote it, or move the file away"
        )
    return version


def prune(connection: sqlite3.Connection, before_wall_ns: int) -> None:
    """Delete what ended before that time or is too much; what is live, active or running stays.

    Pages that got free are given back to the disk, and the log is written back.
    """
    connection.execute("BEGIN IMMEDIATE")
    for statement in _EXPIRED:
        connection.execute(statement, {"before": before_wall_ns})
    for table, statements in _TOO_MANY.items():
        for statement in statements:
            connection.execute(statement, {"keep": KEPT_ROWS[table]})
    connection.execute("COMMIT")
    connection.executescript("PRAGMA incremental_vacuum")  # execute() would step it once, which frees one page
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
