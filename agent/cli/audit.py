"""`audit`: who asked for what, and whether the chain of entries holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE, FAILED
from agent.cli.output import print_json
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.domain.audit import AuditEntry, Break
    from agent.pb.ofa_agent.v1 import audit_pb2

PAGE = 1000


@click.command()
@CAMERA
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True, help="Newest entries to list.")
@click.option("--verify", is_flag=True, help="Recompute the whole chain instead; exit code 1 where it is broken.")
@JSON
@connected
def audit(connection: Connection, camera: str, limit: int, verify: bool, as_json: bool) -> int:
    """Who asked for what and what came of it, newest first."""
    if verify:
        if camera:
            raise BadInput("--camera", "a chain is verified whole: leave --camera out with --verify")
        return _verify(connection, as_json)
    answer = call(connection, lambda client: client.list_audit_entries(camera, limit=limit))
    if as_json:
        from agent.cli.wire import plain

        print_json([plain(one) for one in answer.entries])
        return DONE
    for entry in answer.entries:
        click.echo(_line(entry))
    if not answer.entries:
        click.echo("no entries")
    return DONE


def _line(entry: audit_pb2.AuditEntry) -> str:
    at = entry.at.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")
    outcome = f"{entry.outcome} {entry.reason}".strip()
    etags = f" [{entry.before} > {entry.after}]" if entry.before != entry.after and entry.after else ""
    who = f"{entry.client} ({entry.origin})" if entry.origin else entry.client
    return f"{entry.number}  {at}  {who}  {entry.method} {entry.camera or '-'}: {outcome}{etags}  {entry.asked}"


def _verify(connection: Connection, as_json: bool) -> int:
    checked, newest, broken = call(connection, _checked)
    if as_json:
        found = None if broken is None else {"number": broken.seq, "why": broken.why}
        print_json({"verified": checked, "newest": newest, "broken": found})
    elif broken is None:
        click.echo(f"{checked} entries up to {newest}: the chain holds")
    else:
        click.echo(f"entry {broken.seq} {broken.why}; {checked} entries before it hold", err=True)
    return DONE if broken is None else FAILED


async def _checked(client: AgentClient) -> tuple[int, int, Break | None]:
    """How many entries hold from the oldest on, the number of the newest one, and the first that does not hold."""
    from agent.domain.audit import FORMAT, Break, ChainCheck

    answer = await client.list_audit_entries(limit=PAGE, after=0)
    check, newest = ChainCheck(answer.anchor_sha256), answer.newest
    while answer.entries:
        unknown = next((one for one in answer.entries if one.format != FORMAT), None)
        if unknown is not None:
            why = f"is of format {unknown.format}, this ofa-agent knows {FORMAT}"
            return check.checked, newest, Break(unknown.number, why)
        broken = check.take(_entry(one) for one in answer.entries)
        if broken is not None:
            return check.checked, newest, broken
        last = answer.entries[-1].number
        answer = await client.list_audit_entries(limit=PAGE, after=last)
        newest = answer.newest
    if check.last not in (None, newest):
        return check.checked, newest, Break(newest, f"is the newest one, and those after {check.last} are missing")
    return check.checked, newest, None


def _entry(message: audit_pb2.AuditEntry) -> AuditEntry:
    from agent.domain.audit import AuditEntry

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
