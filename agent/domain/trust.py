"""What a restart must not forget of what may run here: the newest version of each library that was ever in use.

Without it whoever can lay an old library in place could bring back, over a restart, a network with a known weakness.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from agent.domain.audit import AuditEntry, one_line

_MARK = re.compile(r"([1-9][0-9]{0,9}):([0-9a-f]{64})", re.ASCII)


class TrustBook(Protocol):
    """Named values that outlive everything else in the journal; a Journal is one."""

    async def trust(self, name: str) -> str | None:
        """The value put last; None where there is none. Raises JournalError."""
        ...

    async def put_trust(self, name: str, value: str, audit: AuditEntry) -> None:
        """Durable, with the entry in the same transaction. Raises JournalError; then neither is there."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """One version of a library: its number, and the sha256 of its manifest."""

    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.version}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """None for what is none."""
        found = _MARK.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Admission:
    """A library that is to be used, beside what is known of its name; `seen` None: nothing, `damaged`: what was put is
    no mark."""

    name: str
    mark: Mark
    seen: Mark | None = None
    damaged: bool = False

    @property
    def news(self) -> bool:
        """Whether there is anything to write down."""
        return self.seen != self.mark

    @property
    def goes_back(self) -> bool:
        """Whether it has to be said in the config that this is meant."""
        return bool(self.refusal())

    def refusal(self) -> str:
        """Why it must not be used unless that is said; empty where it may."""
        if self.damaged:
            return f"what the journal knows of library {self.name!r} is damaged: which version was in use is not known"
        if self.seen is None or self.seen == self.mark:
            return ""
        named = f"version {self.mark.version} of library {self.name!r}"
        if self.mark.version < self.seen.version:
            return f"{named} is older than {self.seen.version}, which was in use here"
        if self.mark.version == self.seen.version:
            return (
                f"{named} was in use here with another manifest ({self.seen.digest[:12]}, this one is"
                f" {self.mark.digest[:12]}): a mix-up or a forgery"
            )
        return ""

    def entry(self) -> AuditEntry:
        """For the audit: what came to be in use after what."""
        return AuditEntry(
            client="ofa-agent",
            origin="library",
            method="LibraryTakenBack" if self.goes_back else "LibraryTaken",
            outcome="OK",
            asked=one_line({"library": self.name}),
            before=one_line(_told(self.seen)) if self.seen else "",
            after=one_line(_told(self.mark)),
        )


def library_key(name: str) -> str:
    """What the mark of a library is called in a TrustBook."""
    return f"library:{name}"


def _told(mark: Mark) -> dict[str, object]:
    return {"manifest_sha256": mark.digest, "version": mark.version}
