"""`line stopped`, `line running`: what the line in front of a camera does."""

from __future__ import annotations

import click

from agent.cli.connection import CAMERA, GROUP, JSON, Connection, call, connected
from agent.cli.exits import DONE
from agent.cli.output import print_json


@click.command()
@click.argument("state", type=click.Choice(("stopped", "running")))
@CAMERA
@GROUP
@click.option("--parts-per-minute", type=float, metavar="X", help="How fast parts come; else as the budget says.")
@click.option("--ttl", "ttl_s", type=float, metavar="S", help="How long the report counts; a minute if not given.")
@JSON
@connected
def line(
    connection: Connection,
    state: str,
    camera: str,
    group: str,
    parts_per_minute: float | None,
    ttl_s: float | None,
    as_json: bool,
) -> int:
    """Tell whether the line runs. While it stands a swap costs no part; an unknown line runs.

    The line stands only where nobody says that it runs; report again before the ttl ends.
    """
    answer = call(
        connection,
        lambda client: client.report_line(
            camera, group=group, stopped=state == "stopped", parts_per_minute=parts_per_minute, ttl_s=ttl_s
        ),
    )
    if as_json:
        from agent.cli.wire import plain

        print_json(plain(answer))
        return DONE
    from agent.cli.describe import line_words

    for one in answer.cameras:
        click.echo(f"{one.camera}: the line {line_words(one.line)}")
        click.echo(f"  {one.decision.text}")
        if one.HasField("swap_id"):
            click.echo(f"  swap {one.swap_id} to {one.decision.target_subnet_id} starts now")
    return DONE
