"""`reload`: take over the config file, or tell what that would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON, Connection, call, connected
from agent.cli.exits import DONE, REFUSED
from agent.cli.output import print_json, print_table
from agent.cli.wire import word

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1.config_pb2 import ConfigChange, ReloadConfigResponse


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would change; exit code 4 where that needs a restart.")
@JSON
@connected
def reload(connection: Connection, dry_run: bool, as_json: bool) -> int:
    """Have the daemon take over its config file as it is now, and the library that it names.

    The file is taken over as a whole or not at all; what runs is not disturbed by a file that cannot be used.
    """
    answer = call(connection, lambda client: client.reload_config(validate_only=dry_run))
    restart = [change.key for change in answer.changes if _class(change) == "RESTART"]
    if as_json:
        print_json(
            {
                "applied": answer.applied,
                "needs_restart": restart,
                "changes": [
                    {"key": one.key, "class": _class(one), "before": one.before, "after": one.after}
                    for one in answer.changes
                ],
            }
        )
    else:
        _print(answer, bool(restart))
    return REFUSED if restart else DONE


def _print(answer: ReloadConfigResponse, needs_restart: bool) -> None:
    if answer.changes:
        rows = [(one.key, _class(one), one.before or "-", one.after or "-") for one in answer.changes]
        print_table(("key", "class", "before", "after"), rows, left=4)
    if needs_restart:
        click.echo("needs a restart of the agent: a reload would be refused")
    elif answer.applied:
        click.echo(f"reloaded: {len(answer.changes)} change(s)")
    else:
        click.echo(f"would change: {len(answer.changes)}" if answer.changes else "nothing has changed")


def _class(change: ConfigChange) -> str:
    return word(change, "reload_class")
