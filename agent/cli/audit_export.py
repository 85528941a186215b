"""`audit export`: the audit as a file that is kept elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from agent.cli.audit_source import AuditSource, DaemonAudit, FileAudit, UnknownEntry
from agent.cli.connection import Connection, call, connected
from agent.cli.exits import DONE, FAILED
from agent.domain.audit import AuditEntry, Break, ChainCheck, Head
from agent.domain.audit_export import Exporter
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a part of the audit begins or ends: at a number, or at a time (wall ns)."""

    seq: int | None = None
    wall_ns: int | None = None

    @classmethod
    def parse(cls, option: str, text: str | None) -> Edge:
        """A number or an ISO date, of UTC unless it says otherwise; raises BadInput."""
        if text is None:
            return cls()
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return cls(seq=int(text))
        try:
            at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise BadInput(option, f"{text[:40]!r} is neither a number nor a date such as 2026-11-23T06:00Z") from error
        at = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
        return cls(wall_ns=round(at.timestamp() * 1e6) * 1000)


class _Part:
    """Writes the entries from one number to another, and looks whether they hold."""

    def __init__(self, anchor: Head, first: int, last: int | None, to: IO[bytes]) -> None:
        self._anchor = anchor
        self._first = first
        self._last = last
        self._to = to
        self._exporter: Exporter | None = None
        self._check = ChainCheck(anchor.sha256, anchor.seq)
        self.broken: Break | None = None

    def take(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            self.broken = self.broken or self._check.take((entry,))
            if entry.seq < self._first:
                self._anchor = Head(entry.seq, entry.sha256)
            elif self._last is None or entry.seq <= self._last:
                self._to.write(self._begun().entry(entry))

    def end(self) -> Exporter:
        exporter = self._begun()
        self._to.write(exporter.end())
        return exporter

    def _begun(self) -> Exporter:
        if self._exporter is None:
            from importlib import metadata

            self._exporter = Exporter(f"ofa-agent {metadata.version('ofa-agent')}", self._anchor)
            self._to.write(self._exporter.begin())
        return self._exporter


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--journal", type=click.Path(path_type=Path), help="Read a journal's file or state_dir instead.")
@click.option("--since", metavar="N|DATE", help="From this entry, or the first one of this time, on.")
@click.option("--until", metavar="N|DATE", help="Up to this entry, or the last one of this time.")
@connected
def export(connection: Connection, file: Path, journal: Path | None, since: str | None, until: str | None) -> int:
    """Write the audit to FILE (`-`: to standard output). Exit code 1 where the chain that is written does not hold."""
    edges = Edge.parse("--since", since), Edge.parse("--until", until)
    with _written(file) as to:
        if journal is None:
            part, exporter = call(connection, lambda client: _of_daemon(client, edges, to))
        else:
            from agent.telemetry.audit_reading import stored_audit

            with stored_audit(journal) as audit:
                part, exporter = asyncio.run(_exported(FileAudit(audit), edges, to))
    click.echo(f"{file}: {exporter.entries} entries up to {exporter.head}", err=True)
    if part.broken is not None:
        click.echo(f"entry {part.broken.seq} {part.broken.why}: the chain does not hold", err=True)
        return FAILED
    return DONE


async def _of_daemon(client: AgentClient, edges: tuple[Edge, Edge], to: IO[bytes]) -> tuple[_Part, Exporter]:
    return await _exported(await DaemonAudit.of(client), edges, to)


async def _exported(source: AuditSource, edges: tuple[Edge, Edge], to: IO[bytes]) -> tuple[_Part, Exporter]:
    first, last = await _numbers(source, *edges)
    part = _Part(source.anchor, first, last, to)
    try:
        async with aclosing(source.pages()) as pages:
            async for page in pages:
                part.take(page)
    except UnknownEntry as error:
        raise BadInput("the daemon", f"entry {error.broken.seq} {error.broken.why}") from error
    return part, part.end()


async def _numbers(source: AuditSource, since: Edge, until: Edge) -> tuple[int, int | None]:
    """From which number to which. A time only picks where the part begins or ends: a clock that was set back leaves no
    hole."""
    first, last = since.seq or 0, until.seq
    if since.wall_ns is None and until.wall_ns is None:
        return first, last
    early, late = None, source.anchor.seq
    async with aclosing(source.pages()) as pages:
        async for page in pages:
            if early is None and since.wall_ns is not None:
                early = next((one.seq for one in page if one.wall_ns >= since.wall_ns), None)
            if until.wall_ns is not None:
                late = max((one.seq for one in page if one.wall_ns <= until.wall_ns), default=late)
    if since.wall_ns is not None:
        first = early if early is not None else 2**63
    return first, last if until.wall_ns is None else late


@contextmanager
def _written(file: Path) -> Iterator[IO[bytes]]:
    """The whole file or none; one that is there is not written over, since it may be all that is left of a chain."""
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if file.exists():
        raise BadInput(str(file), "is there already; name another file")
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with new.open("xb") as to:
            yield to
            to.flush()
            os.fsync(to.fileno())
        new.rename(file)
    except OSError as error:
        raise BadInput(str(file), f"cannot be written: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)
