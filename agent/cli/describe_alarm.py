"""Alarms in words, for `ofa-agent alarms`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.wire import word

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from agent.pb.ofa_agent.v1 import types_pb2 as pb


def alarm_lines(alarm: pb.Alarm) -> list[str]:
    """What it is and since when, then what happened, then what to do while it stands."""
    kind = f"{alarm.number} {alarm.title}" if alarm.number else alarm.key
    severity = word(alarm, "severity").lower()
    notes = [f"{alarm.count} times, last {_utc(alarm.last_seen_at)}"] if alarm.count > 1 else []
    notes += [f"acknowledged by {alarm.acknowledged_by}"] if alarm.acknowledged_by else []
    cleared = alarm.HasField("cleared_at")
    notes += [f"cleared {_utc(alarm.cleared_at)}"] if cleared else []
    told = f" ({'; '.join(notes)})" if notes else ""
    lines = [
        f"{alarm.id}  {_utc(alarm.raised_at)}  {severity}  {alarm.camera or 'agent'}: {kind}{told}",
        f"    {alarm.text}",
    ]
    return lines if cleared or not alarm.action else [*lines, f"    to do: {alarm.action}"]


def _utc(at: Timestamp) -> str:
    return at.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")
