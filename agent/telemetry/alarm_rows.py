"""Alarms to and from rows: run by the journal thread, inside its transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import fields, replace

from agent.domain.journal import Alarm
from agent.telemetry import undo

_NAMES = tuple(f.name for f in fields(Alarm))
_ALARM = ", ".join(_NAMES)
_SETS = ", ".join(f"{name} = :{name}" for name in _NAMES if name not in {"id", "camera", "key", "raised_wall_ns"})


def put_alarm(db: sqlite3.Connection, alarm: Alarm) -> Alarm:
    """See Journal.put_alarms; the alarm with the id that it has now."""
    values = {name: getattr(alarm, name) for name in _NAMES}
    known = _known(db, alarm)
    if known is not None:
        db.execute(f"UPDATE alarms SET {_SETS} WHERE id = :known", {**values, "known": known})
        return next(Alarm(*row) for row in db.execute(f"SELECT {_ALARM} FROM alarms WHERE id = ?", (known,)))
    taken = db.execute("SELECT 1 FROM alarms WHERE id = ?", (alarm.id,)).fetchone() is not None
    values["id"] = None if taken or not alarm.id else alarm.id
    marks = ", ".join(f":{name}" for name in _NAMES)
    cursor = db.execute(f"INSERT INTO alarms ({_ALARM}) VALUES ({marks})", values)
    return replace(alarm, id=cursor.lastrowid or alarm.id)


def _known(db: sqlite3.Connection, alarm: Alarm) -> int | None:
    """The row that the alarm is about."""
    for where in ("id = :id", "raised_wall_ns = :raised_wall_ns", "cleared_wall_ns IS NULL"):
        row = db.execute(
            f"SELECT id FROM alarms WHERE camera = :camera AND key = :key AND {where} ORDER BY id DESC LIMIT 1",
            {name: getattr(alarm, name) for name in ("id", "camera", "key", "raised_wall_ns")},
        ).fetchone()
        if row is not None:
            return int(row[0])
    return None


def acknowledge_alarm(db: sqlite3.Connection, alarm_id: int, by: str, wall_ns: int) -> Alarm | None:
    """The first to acknowledge stays named."""
    undo.keep(db, "alarms", str(alarm_id))
    db.execute(
        "UPDATE alarms SET acknowledged_by = ?, acknowledged_wall_ns = ? WHERE id = ? AND acknowledged_by IS NULL",
        (by, wall_ns, alarm_id),
    )
    row = db.execute(f"SELECT {_ALARM} FROM alarms WHERE id = ?", (alarm_id,)).fetchone()
    return Alarm(*row) if row else None


def alarms(db: sqlite3.Connection, active_only: bool) -> Sequence[Alarm]:
    """Oldest first; active ones are those not cleared."""
    where = "WHERE cleared_wall_ns IS NULL" if active_only else ""
    return tuple(Alarm(*row) for row in db.execute(f"SELECT {_ALARM} FROM alarms {where} ORDER BY id"))
