"""Alarms of one camera, raised and cleared once per transition."""

from __future__ import annotations

import logging

from agent.domain.journal import Journal
from agent.errors import JournalError
from agent.logs import event, logger

_log = logger("alarms")


class AlarmDesk:
    """Owner of the set of causes that hold now; the journal keeps the history.

    A journal that cannot be written must not stop the line: the alarm is logged and held in memory instead.
    """

    def __init__(self, camera: str, journal: Journal) -> None:
        self._camera = camera
        self._journal = journal
        self._active: dict[str, str] = {}

    @property
    def active(self) -> dict[str, str]:
        return dict(self._active)

    async def restore(self) -> None:
        """Know the alarms that an earlier run left raised, so that they can clear."""
        try:
            for alarm in await self._journal.alarms(active_only=True):
                if alarm.camera == self._camera:
                    self._active[alarm.key] = alarm.text
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)

    async def raised(self, key: str, text: str) -> None:
        if key in self._active:
            return
        self._active[key] = text
        event(_log, logging.WARNING, "alarm_raised", camera=self._camera, key=key, text=text)
        try:
            await self._journal.raise_alarm(self._camera, key, text)
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)

    async def cleared(self, key: str) -> None:
        if self._active.pop(key, None) is None:
            return
        event(_log, logging.INFO, "alarm_cleared", camera=self._camera, key=key)
        try:
            await self._journal.clear_alarm(self._camera, key)
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", camera=self._camera, error=error)
