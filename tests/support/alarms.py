"""Alarms in a journal, as StandingAlarms puts them there."""

from __future__ import annotations

from dataclasses import replace

from agent.domain.journal import Alarm, Journal


async def raise_alarm(journal: Journal, camera: str, key: str, text: str, wall_ns: int = 0) -> Alarm:
    """One that is active from then on."""
    (alarm,) = await journal.put_alarms([Alarm(0, camera, key, text, wall_ns)])
    return alarm


async def clear_alarm(journal: Journal, alarm: Alarm, wall_ns: int = 1) -> None:
    await journal.put_alarms([replace(alarm, cleared_wall_ns=wall_ns)])
