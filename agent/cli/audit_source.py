"""Where the commands of the audit read it from: the daemon, or a journal's file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.domain.audit import FORMAT, AuditEntry, Break, Head
from agent.domain.audit_export import LONGEST_LINE, ExportReader
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1 import audit_pb2
    from agent.telemetry.audit_reading import StoredAudit

PAGE = 1000


class UnknownEntry(Exception):
    """An entry of a later version, which cannot be verified here."""

    def __init__(self, broken: Break) -> None:
        super().__init__(broken.why)
        self.broken = broken


class AuditSource(Protocol):
    """An audit as it was at one moment; `pages` begins anew each time."""

    @property
    def anchor(self) -> Head:
        """The entry before the oldest one."""
        ...

    @property
    def newest(self) -> int | None:
        """The number of the newest one, where the source says it."""
        ...

    def pages(self) -> AsyncGenerator[Sequence[AuditEntry], None]:
        """Oldest first; to be closed by the caller."""
        ...


class DaemonAudit:
    """Read page by page up to the entry that was the newest one at the begin: later ones do not matter."""

    def __init__(self, client: AgentClient, anchor: Head, newest: int) -> None:
        self._client = client
        self.anchor = anchor
        self.newest: int | None = newest

    @classmethod
    async def of(cls, client: AgentClient) -> DaemonAudit:
        answer = await client.list_audit_entries(limit=1, after=0)
        seq = answer.entries[0].number - 1 if answer.entries else answer.newest
        return cls(client, Head(seq, answer.anchor_sha256), answer.newest)

    async def pages(self) -> AsyncGenerator[Sequence[AuditEntry], None]:
        after, newest = self.anchor.seq, self.newest or 0
        while after < newest:
            answer = await self._client.list_audit_entries(limit=PAGE, after=after)
            page = [one for one in answer.entries if one.number <= newest]
            if not page:
                return
            yield [entry_of(one) for one in page]
            after = page[-1].number


class FileAudit:
    """Of a journal that is open."""

    def __init__(self, audit: StoredAudit) -> None:
        self._audit = audit
        self.anchor = audit.anchor
        self.newest: int | None = None

    async def pages(self) -> AsyncGenerator[Sequence[AuditEntry], None]:
        page: list[AuditEntry] = []
        for entry in self._audit.entries():
            page.append(entry)
            if len(page) == PAGE:
                yield page
                page = []
        yield page


def entry_of(message: audit_pb2.AuditEntry) -> AuditEntry:
    """Raises UnknownEntry for one of a later version."""
    if message.format != FORMAT:
        why = f"is of format {message.format}, this ofa-agent knows {FORMAT}"
        raise UnknownEntry(Break(message.number, why))
    return AuditEntry(
        seq=message.number,
        wall_ns=message.at.ToNanoseconds(),
        client=message.client,
        origin=message.origin,
        method=message.method,
        camera=message.camera,
        request_id=message.request_id,
        outcome=message.outcome,
        reason=message.reason,
        asked=message.asked,
        before=message.before,
        after=message.after,
        previous_sha256=message.previous_sha256,
        sha256=message.sha256,
    )


@contextmanager
def open_export(path: Path, name: str = "") -> Iterator[ExportReader]:
    """An export to go through once. Raises BadInput where it cannot be read, ExportBroken where it is none."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    with file:
        yield ExportReader(iter(lambda: file.readline(LONGEST_LINE + 1), b""), name)


def head_of(text: str | None) -> Head | None:
    """What --head was given; raises BadInput."""
    head = None if text is None else Head.parse(text)
    if text is not None and head is None:
        raise BadInput("--head", f"{text[:100]!r} is no SEQ:SHA256, as `ofa-agent audit head` prints it")
    return head
