"""Budgets by the clock on the wall: what one line of the schedule says."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.budget import Budget


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """From each time that `cron` names on, until another entry's time comes, `budget` is asked for.

    `cron` has five fields: minute, hour, day of month, month, day of week. `timezone` is a name of the IANA data base,
    for example Europe/Berlin; None is that of the host.
    """

    cron: str
    timezone: str | None
    budget: Budget
