"""One figure for all that a run decided and did: two runs with the same seed have the same."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from agent.errors import JournalError

# Wall times, boot ids and process-bound values are left out; elapsed figures are of the clock that the run had.
_QUERIES = (
    """SELECT 'swap', id, camera, from_subnet, to_subnet, reason, budget_id, outcome, generation, active_subnet,
        duration_s, gap_s, failed_step, error FROM swaps ORDER BY seq""",
    "SELECT 'step', swap_id, step, elapsed_s, error FROM steps ORDER BY seq",
    "SELECT 'decision', camera, action, reason, target, body FROM decisions ORDER BY seq",
    """SELECT 'claim', id, camera, json_remove(body, '$.boot_id'), dropped_wall_ns IS NOT NULL, dropped_why
        FROM claims ORDER BY seq""",
    "SELECT 'orders', camera, json_remove(body, '$.pin.wall_ns', '$.inhibits') FROM orders ORDER BY camera",
    "SELECT 'alarm', id, camera, key, text, cleared_wall_ns IS NOT NULL, acknowledged_by FROM alarms ORDER BY id",
    "SELECT 'generation', camera, last FROM generations ORDER BY camera",
    "SELECT 'profile', serial, sha256, source, json_remove(body, '$.wall_ns') FROM profiles ORDER BY seq",
    "SELECT 'learned', serial, library, CAST(body AS TEXT) FROM learned ORDER BY serial, library",
    """SELECT 'line', camera, until_wall_ns - from_wall_ns, parts_per_minute, max_latency_ms, min_accuracy, quantile,
        stopped, parts_per_s, announced_s FROM line_history ORDER BY seq""",
    "SELECT 'slowdown', camera, subnet_id, measured_ms, level_ms FROM slowdowns ORDER BY seq",
)
_PATH = re.compile(r"(?<![\w.:])/[\w.+~-]+(?:/[\w.+~-]*)*")


def journal_digest(path: Path) -> str:
    """sha256 (hex) over the rows in order; reads only, also while the daemon writes. JournalError if unreadable."""
    digest = hashlib.sha256()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            for line in _lines(connection):
                digest.update(line.encode() + b"\n")
    except sqlite3.Error as exc:
        raise JournalError(f"journal {path}: cannot be read: {exc}; give the file of a daemon's state_dir") from exc
    return digest.hexdigest()


def _lines(connection: sqlite3.Connection) -> Iterator[str]:
    for query in _QUERIES:
        for row in connection.execute(query):
            yield json.dumps([_without_paths(value) for value in row], ensure_ascii=False)


def _without_paths(value: object) -> object:
    return _PATH.sub("PATH", value) if isinstance(value, str) else value
