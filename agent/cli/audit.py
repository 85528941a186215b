"""`audit`: who asked for what, and whether the chain of entries holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent.cli.audit_export import export
from agent.cli.audit_source import PAGE
from agent.cli.audit_verify import Witnesses, verify, verify_daemon
from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE
from agent.cli.output import print_json, print_lines
from agent.domain.audit import Head
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1 import audit_pb2


@click.group(invoke_without_command=True)
@CAMERA
@click.option("--limit", type=click.IntRange(1, PAGE), default=20, show_default=True, help="Newest entries to list.")
@click.option("--verify", "whole", is_flag=True, help="Check the whole chain instead; the same as `audit verify`.")
@JSON
@connected
@click.pass_context
def audit(ctx: click.Context, connection: Connection, camera: str, limit: int, whole: bool, as_json: bool) -> int:
    """Who asked for what and what came of it, newest first; `audit export`, `verify` and `head` keep it honest."""
    ctx.obj = connection
    if ctx.invoked_subcommand is not None:
        return DONE
    if whole:
        if camera:
            raise BadInput("--camera", "a chain is verified whole: leave --camera out with --verify")
        return _verify(connection, as_json)
    answer = call(connection, lambda client: client.list_audit_entries(camera, limit=limit))
    if as_json:
        from agent.cli.wire import plain

        print_json([plain(one) for one in answer.entries])
        return DONE
    print_lines(map(_line, answer.entries))
    if not answer.entries:
        click.echo("no entries")
    return DONE


@audit.command()
@JSON
@connected
def head(connection: Connection, as_json: bool) -> int:
    """The newest entry as SEQ:SHA256, for `audit verify --head`: keep it where the agent's machine cannot reach."""
    answer = call(connection, lambda client: client.list_audit_entries(limit=1))
    newest = next((Head(one.number, one.sha256) for one in answer.entries), Head(answer.newest, answer.anchor_sha256))
    if as_json:
        print_json({"seq": newest.seq, "sha256": newest.sha256})
    else:
        click.echo(str(newest))
    return DONE


audit.add_command(export)
audit.add_command(verify)


def _line(entry: audit_pb2.AuditEntry) -> str:
    at = entry.at.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")
    outcome = f"{entry.outcome} {entry.reason}".strip()
    etags = f" [{entry.before} > {entry.after}]" if entry.before != entry.after and entry.after else ""
    who = f"{entry.client} ({entry.origin})" if entry.origin else entry.client
    return f"{entry.number}  {at}  {who}  {entry.method} {entry.camera or '-'}: {outcome}{etags}  {entry.asked}"


def _verify(connection: Connection, as_json: bool) -> int:
    found = verify_daemon(connection, Witnesses())
    if as_json:
        print_json(found.as_json())
    else:
        found.say()
    return found.exit_code
