"""`audit verify`: whether a chain holds, in the daemon, in an export or in a journal's file."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.audit_source import AuditSource, DaemonAudit, FileAudit, UnknownEntry, head_of, open_export
from agent.cli.connection import JSON, Connection, call, connected
from agent.cli.exits import DONE, FAILED
from agent.cli.output import print_json
from agent.domain.audit import Break, Head
from agent.domain.audit_export import ExportBroken, ExportReader
from agent.domain.audit_verify import Verification
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What the chain is held against: a head that was kept, and an earlier export."""

    head: Head | None = None
    follows: Path | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """How many entries hold, up to which head, and what does not: `why` in words, `number` of the entry it is about."""

    entries: int
    head: Head
    why: str = ""
    number: int | None = None

    @property
    def exit_code(self) -> int:
        return FAILED if self.why else DONE

    def as_json(self) -> dict[str, object]:
        broken = {"number": self.number, "why": self.why} if self.why else None
        return {"verified": self.entries, "newest": self.head.seq, "broken": broken}

    def say(self, what: str = "") -> None:
        """In one line; `what` was verified."""
        if self.why:
            click.echo(f"{what}{self.why}; {self.entries} entries before it hold", err=True)
        else:
            click.echo(f"{what}{self.entries} entries up to {self.head.seq}: the chain holds")


def verify_daemon(connection: Connection, witnesses: Witnesses) -> Verified:
    """Raises as `call`, and BadInput."""

    async def ask(client: AgentClient) -> Verified:
        return await _checked(await DaemonAudit.of(client), witnesses)

    return call(connection, ask)


def verify_journal(path: Path, witnesses: Witnesses) -> Verified:
    """Raises JournalError where it is damaged or cannot be read, BadInput."""
    from agent.telemetry.audit_reading import stored_audit

    with stored_audit(path) as audit:
        found = asyncio.run(_checked(FileAudit(audit), witnesses))
        broken = audit.broken() if not found.why else None
        return found if broken is None else _broken(found.entries, found.head, broken)


def verify_export(path: Path, witnesses: Witnesses) -> Verified:
    """Raises BadInput."""
    with ExitStack() as stack:
        verification: Verification | None = None
        try:
            reader = stack.enter_context(open_export(path))
            verification = Verification(reader.anchor, witnesses.head, _earlier(stack, witnesses))
            broken = next((found for entry in reader.entries() if (found := verification.take((entry,)))), None)
            return _ended(verification, broken)
        except ExportBroken as error:
            entries, head = (verification.checked, verification.head) if verification else (0, Head(0, ""))
            return Verified(entries, head, str(error))


async def _checked(source: AuditSource, witnesses: Witnesses) -> Verified:
    with ExitStack() as stack:
        verification = Verification(source.anchor)
        try:
            verification = Verification(source.anchor, witnesses.head, _earlier(stack, witnesses))
            async with aclosing(source.pages()) as pages:
                async for page in pages:
                    broken = verification.take(page)
                    if broken is not None:
                        return _broken(verification.checked, verification.head, broken)
        except UnknownEntry as error:
            return _broken(verification.checked, verification.head, error.broken)
        except ExportBroken as error:
            return Verified(verification.checked, verification.head, str(error))
        head = verification.head
        if source.newest not in (None, head.seq):
            why = f"is the newest one, and those after {head.seq} are missing"
            return _broken(verification.checked, head, Break(source.newest or 0, why))
        return _ended(verification, None)


def _earlier(stack: ExitStack, witnesses: Witnesses) -> ExportReader | None:
    """Raises ExportBroken, which names the file."""
    follows = witnesses.follows
    return None if follows is None else stack.enter_context(open_export(follows, f"{follows}: "))


def _ended(verification: Verification, broken: Break | None) -> Verified:
    found = broken or verification.end()
    if found is not None:
        return _broken(verification.checked, verification.head, found)
    return Verified(verification.checked, verification.head)


def _broken(entries: int, head: Head, broken: Break) -> Verified:
    return Verified(entries, head, f"entry {broken.seq} {broken.why}", broken.seq)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--journal", type=click.Path(path_type=Path), help="A journal's file, or the state_dir of a daemon.")
@click.option("--head", metavar="SEQ:SHA256", help="A head that was kept: the chain must still have that entry.")
@click.option("--follows", type=click.Path(path_type=Path), help="An earlier export: the chain must go on from it.")
@JSON
@connected
def verify(
    connection: Connection,
    file: Path | None,
    journal: Path | None,
    head: str | None,
    follows: Path | None,
    as_json: bool,
) -> int:
    """Check an export, a journal or, without either, the audit of the daemon. Exit code 1 where it does not hold."""
    witnesses = Witnesses(head_of(head), follows)
    if file is not None and journal is not None:
        raise BadInput("--journal", "is instead of FILE; give one of them")
    if file is not None:
        found = verify_export(file, witnesses)
    elif journal is not None:
        found = verify_journal(journal, witnesses)
    else:
        found = verify_daemon(connection, witnesses)
    if as_json:
        print_json(found.as_json() | {"head": str(found.head)})
    else:
        what = file or journal
        found.say("" if what is None else f"{what}: ")
    return found.exit_code
