"""Rows of orders, operations, requests that were carried out, and of what is trusted: run by the journal thread."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence

import msgspec

from agent.domain.journal import StoredOperation
from agent.domain.operation import PREFIX
from agent.domain.orders import Orders
from agent.domain.request import RequestMark
from agent.logs import event, logger
from agent.telemetry import undo

_log = logger("journal")
_OPERATION = "name, camera, kind, started_wall_ns, done, body"


def put_orders(db: sqlite3.Connection, camera: str, orders: Orders, wall_ns: int) -> None:
    undo.keep(db, "orders", camera)
    row = (camera, msgspec.json.encode(orders).decode(), wall_ns)
    db.execute("INSERT OR REPLACE INTO orders (camera, body, put_wall_ns) VALUES (?, ?, ?)", row)


def orders(db: sqlite3.Connection, camera: str) -> Orders:
    """The defaults where there are none or they are damaged, which the log says."""
    row = db.execute("SELECT body FROM orders WHERE camera = ?", (camera,)).fetchone()
    try:
        return msgspec.json.decode(row[0], type=Orders) if row else Orders()
    except (msgspec.MsgspecError, UnicodeError, TypeError) as error:
        event(_log, logging.ERROR, "orders_ignored", camera=camera, why=error)
        return Orders()


def put_operation(db: sqlite3.Connection, stored: StoredOperation) -> None:
    undo.keep(db, "operations", stored.name)
    _put_operation(db, stored)


def _put_operation(db: sqlite3.Connection, stored: StoredOperation) -> None:
    row = (stored.name, stored.camera, stored.kind, stored.started_wall_ns, stored.done, stored.body)
    db.execute(
        f"INSERT INTO operations ({_OPERATION}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "camera = excluded.camera, kind = excluded.kind, started_wall_ns = excluded.started_wall_ns, "
        "done = excluded.done, body = excluded.body",
        row,
    )


def put_told(db: sqlite3.Connection, stored: StoredOperation) -> None:
    """An operation that an answer names, unless it has got its row meanwhile (see agent.telemetry.rows.put_swap).

    It has no image: an answer that is taken back may have been given all the same, and what is kept here is true.
    """
    swap_id = stored.name.removeprefix(PREFIX)
    known = db.execute("SELECT 1 FROM swaps WHERE id = ?", (swap_id,)).fetchone() or operation(db, stored.name)
    if known is None:
        _put_operation(db, stored)


def operation(db: sqlite3.Connection, name: str) -> StoredOperation | None:
    row = db.execute(f"SELECT {_OPERATION} FROM operations WHERE name = ?", (name,)).fetchone()
    return _operation(row) if row else None


def operations(db: sqlite3.Connection, camera: str, limit: int) -> Sequence[StoredOperation]:
    """Newest first."""
    query = f"SELECT {_OPERATION} FROM operations WHERE camera = ? ORDER BY seq DESC LIMIT ?"
    return tuple(_operation(row) for row in db.execute(query, (camera, limit)))


def put_mark(db: sqlite3.Connection, mark: RequestMark, wall_ns: int) -> None:
    """The first one of a request and camera stays."""
    undo.keep(db, "marks", mark.request_id)
    row = (mark.request_id, mark.camera, mark.method, mark.body_sha256, wall_ns)
    db.execute(
        "INSERT OR IGNORE INTO marks (request_id, camera, method, body_sha256, put_wall_ns) VALUES (?, ?, ?, ?, ?)", row
    )


def marks(db: sqlite3.Connection, request_id: str) -> Sequence[RequestMark]:
    query = "SELECT request_id, camera, method, body_sha256 FROM marks WHERE request_id = ? ORDER BY camera"
    return tuple(RequestMark(*row) for row in db.execute(query, (request_id,)))


def is_known(db: sqlite3.Connection, request_id: str) -> bool:
    """Whether a request of that id was answered, or carried out for a camera."""
    query = "SELECT 1 FROM answers WHERE request_id = :id UNION ALL SELECT 1 FROM marks WHERE request_id = :id LIMIT 1"
    return db.execute(query, {"id": request_id}).fetchone() is not None


def put_trust(db: sqlite3.Connection, name: str, value: str, wall_ns: int) -> None:
    undo.keep(db, "trust", name)
    db.execute("INSERT OR REPLACE INTO trust (name, value, put_wall_ns) VALUES (?, ?, ?)", (name, value, wall_ns))


def trust(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM trust WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _operation(row: tuple[str, str, str, int, int, bytes]) -> StoredOperation:
    name, camera, kind, started_wall_ns, done, body = row
    return StoredOperation(name, camera, kind, started_wall_ns, bool(done), body)
