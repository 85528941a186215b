"""`status`, `subnets`, `swaps`, `alarms`: what the daemon knows, as text or JSON."""

from __future__ import annotations

import click

from agent.cli import completing
from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE, CallFailed
from agent.cli.output import print_json, print_lines, print_table
from agent.errors import BadInput


@click.command()
@CAMERA
@JSON
@connected
def status(connection: Connection, camera: str, as_json: bool) -> int:
    """State, sub-net, budget, orders and measured times of the cameras, and the agent's own state."""
    from agent.cli.describe import status_lines
    from agent.cli.describe_agent import agent_lines
    from agent.cli.wire import plain

    answer = call(connection, lambda client: client.get_status(camera))
    if as_json:
        print_json(plain(answer))
        return DONE
    print_lines(line for one in answer.cameras for line in status_lines(one))
    print_lines(agent_lines(answer.agent) if answer.HasField("agent") else ())
    return DONE


@click.command()
@CAMERA
@JSON
@connected
def subnets(connection: Connection, camera: str, as_json: bool) -> int:
    """The ladder of sub-nets that a camera may run."""
    from agent.cli.describe import SUBNET_HEADINGS, subnet_row
    from agent.cli.wire import plain

    answer = call(connection, lambda client: client.list_subnets(camera))
    if as_json:
        print_json(plain(answer))
        return DONE
    if not answer.HasField("library"):
        click.echo("no library: the camera streams without a network")
        return DONE
    print_lines([f"library {answer.library.name} version {answer.library.version}"])
    print_table(SUBNET_HEADINGS, [subnet_row(one) for one in answer.subnets])
    return DONE


@click.command()
@CAMERA
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Newest swaps to list.")
@JSON
@connected
def swaps(connection: Connection, camera: str, limit: int, as_json: bool) -> int:
    """Past swaps, newest first, with the gap that each cost; `operations show ID` tells more of one."""
    from agent.cli.describe import SWAP_HEADINGS, swap_row
    from agent.cli.wire import plain

    answer = call(connection, lambda client: client.list_swaps(camera, limit=limit))
    if as_json:
        print_json([plain(one) for one in answer.swaps])
    else:
        rows = [(one.id[:8], *swap_row(one)) for one in answer.swaps]
        print_table(("id", *SWAP_HEADINGS), rows, left=6)
    return DONE


@click.group(invoke_without_command=True)
@CAMERA
@click.option("--all", "include_cleared", is_flag=True, help="Also alarms whose cause has gone.")
@JSON
@connected
@click.pass_context
def alarms(ctx: click.Context, connection: Connection, camera: str, include_cleared: bool, as_json: bool) -> int:
    """What a person should know; `alarms ack ID` notes that one was seen."""
    ctx.obj = connection
    if ctx.invoked_subcommand is not None:
        return DONE
    from agent.cli.describe_alarm import alarm_lines
    from agent.cli.wire import plain

    answer = call(connection, lambda client: client.list_alarms(camera, include_cleared=include_cleared))
    if as_json:
        print_json([plain(one) for one in answer.alarms])
        return DONE
    print_lines(line for alarm in answer.alarms for line in alarm_lines(alarm))
    if not answer.alarms:
        click.echo("no alarms")
    return DONE


@alarms.command()
@click.argument("alarm_id", type=int, metavar="ID", shell_complete=completing.alarms)
@connected
def ack(connection: Connection, alarm_id: int) -> int:
    """Acknowledge one alarm; a FAULTED camera then tries again."""
    try:
        answer = call(connection, lambda client: client.acknowledge_alarm(alarm_id))
    except CallFailed as error:
        if error.code != "NOT_FOUND":
            raise
        raise BadInput("ID", f"{error}; `ofa-agent alarms --all` shows those that are") from error
    click.echo(f"alarm {answer.alarm.id} acknowledged by {answer.alarm.acknowledged_by}")
    return DONE
