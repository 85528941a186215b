"""What becomes of the agent itself, in the audit: its start, its end, and the configs that it takes over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import metadata

from agent.domain.audit_entries import reloaded_entry, started_entry, stopped_entry
from agent.domain.journal import Journal
from agent.domain.reload import ReloadOrigin, ReloadOutcome, ReloadReport

_TOLD = frozenset(
    {ReloadOutcome.APPLIED, ReloadOutcome.REFUSED, ReloadOutcome.NEEDS_RESTART, ReloadOutcome.ROLLED_BACK}
)


class AgentTrail:
    """Owner of the digest of the config that runs; event-loop side only."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._version = metadata.version("ofa-agent")
        self._config_sha256 = ""

    async def started(self, config: bytes, last_run: Mapping[str, object]) -> None:
        """With that config; `last_run` says how the run before ended."""
        self._config_sha256 = hashlib.sha256(config).hexdigest() if config else ""
        await self._journal.record_audit(started_entry(self._version, self._config_sha256, last_run))

    async def stopped(self) -> None:
        await self._journal.record_audit(stopped_entry(self._version, self._config_sha256))

    def reloaded(self, report: ReloadReport, config: bytes) -> None:
        """How a reload ended, and the config that runs since. What a call was refused is in the entry of the call."""
        before, self._config_sha256 = self._config_sha256, hashlib.sha256(config).hexdigest()
        refused = report.outcome is not ReloadOutcome.APPLIED
        if report.outcome not in _TOLD or (refused and report.origin is ReloadOrigin.CALL):
            return
        if not refused and not report.changes:
            return
        self._journal.note_audit(reloaded_entry(report, before, self._config_sha256))
