"""A book of marks in memory, for tests of what reads and writes one."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.domain.audit import AuditEntry
from agent.errors import JournalError


@dataclass
class MemoryTrust:
    """Keeps the promises of agent.domain.trust.TrustBook; `broken` makes every write fail."""

    broken: bool = False
    values: dict[str, str] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)

    async def trust(self, name: str) -> str | None:
        return self.values.get(name)

    async def put_trust(self, name: str, value: str, audit: AuditEntry) -> None:
        if self.broken:
            raise JournalError("journal: disk full")
        self.values[name] = value
        self.audit.append(audit)
