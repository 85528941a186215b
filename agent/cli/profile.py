"""`profile`: every sub-net measured on the camera itself, as a run of the daemon that this command follows."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import completing
from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE, FAILED, CallFailed
from agent.cli.output import number, print_json, print_table
from agent.cli.progress import ProgressLine, time_words
from agent.errors import BadInput

if TYPE_CHECKING:
    from google.longrunning.operations_pb2 import Operation

    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1.profile_pb2 import ProfiledSubnet, ProfilePlan, ProfileSubnetsMetadata

_HEADINGS = ("sub-net", "results", "median ms", "p99 ms", "sigma", "swap s", "")
_SCHEMA = "ofa-agent.measured/1"  # what `library build --measured` takes
_OTHER_SHAVES = 12  # of a library that does not tell


@click.command()
@CAMERA
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    metavar="ID",
    shell_complete=completing.subnets,
    help="Only this one; may be given several times.",
)
@click.option("--frames", type=click.IntRange(20, 1000), default=300, show_default=True, help="Results of each.")
@click.option("--while-running", is_flag=True, help="Though the line runs: each swap costs its parts of some seconds.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what it would do and how long it takes, and stop there.")
@click.option("--cancel", is_flag=True, help="End the run under way on this camera instead.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the medians for `library build --measured`.")
@JSON
@connected
def profile(
    connection: Connection,
    camera: str,
    subnets: tuple[str, ...],
    frames: int,
    while_running: bool,
    only_plan: bool,
    cancel: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Measure sub-nets on the camera: median, residuals and swap time. Decisions rest on it from then on.

    The line must be reported as stopped (`ofa-agent line stopped --ttl S`), or give --while-running. The camera goes
    back to what the policy wants. Ctrl-C cancels the run.
    """
    if cancel:
        return call(connection, lambda client: _cancel(client, camera))
    if out is not None and not out.absolute().parent.is_dir():
        raise BadInput("--out", f"{out.parent} is no folder")

    async def run(client: AgentClient) -> int:
        asked: dict[str, Any] = {"subnet_ids": subnets, "results": frames, "while_running": while_running}
        plan = (await client.profile_subnets(camera, **asked, validate_only=True)).plan
        if only_plan and as_json:
            from agent.cli.wire import plain

            print_json(plain(plan))
        elif not as_json:
            click.echo(plan_words(plan))
        if only_plan:
            return DONE
        started = (await client.profile_subnets(camera, **asked)).operation
        ended = await _followed(client, started, quiet=as_json)
        if out is not None:
            _write(out, await _measured(client, ended))
        return _show(ended, as_json)

    return call(connection, run)


def plan_words(plan: ProfilePlan) -> str:
    """What a run does and costs, in a line."""
    count = len(plan.subnet_ids)
    return (
        f"{count} sub-net{'s' if count != 1 else ''}, {plan.results} results each: about "
        f"{time_words(plan.takes.ToTimedelta().total_seconds())}, of which "
        f"{time_words(plan.gaps.ToTimedelta().total_seconds())} without inference"
    )


async def _followed(client: AgentClient, operation: Operation, quiet: bool) -> Operation:
    """Until it is done; a line for each sub-net on the way. Ctrl-C asks it to end and waits for that."""
    told, line = 0, ProgressLine(live=not quiet and sys.stderr.isatty())

    async def follow() -> Operation:
        nonlocal told, operation
        try:
            async for newest in client.operation_changes(operation.name):
                operation, found = newest, _metadata(newest)
                left_s = found.remaining.ToTimedelta().total_seconds()
                for net in () if quiet else found.subnets[told:]:
                    line.clear()
                    click.echo(f"{_net_words(net)}; {found.total - told - 1} more, about {time_words(left_s)}")
                    told += 1
                line.draw(_now_words(found), found.done / found.total if found.total else None, left_s)
        finally:
            line.clear()
        return operation

    try:
        return await follow()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or not hasattr(task, "uncancel"):  # Python 3.10: the run is told, and goes back alone
            await asyncio.shield(client.cancel_operation(operation.name))
            raise
        task.uncancel()
        click.echo("cancelling; the camera goes back to what the policy wants", err=True)
        await client.cancel_operation(operation.name)
        return await follow()


def _now_words(found: ProfileSubnetsMetadata) -> str:
    """`station-1: 4 of 9, MEASURING net-2`."""
    from agent.cli.wire import word

    return f"{found.camera}: {found.done} of {found.total}, {word(found, 'stage')} {found.subnet_id}".rstrip()


async def _cancel(client: AgentClient, camera: str) -> int:
    """End what is under way on that camera; on the only one where none is named."""
    running = [one for one in await client.list_operations() if not one.done]
    mine = [one for one in running if not camera or _metadata(one).camera == camera]
    if len(mine) > 1:
        names = ", ".join(_metadata(one).camera for one in mine)
        raise BadInput("--camera", f"runs are under way on {names}; name one")
    for one in mine:
        await client.cancel_operation(one.name)
        click.echo(f"{_metadata(one).camera}: cancelling; the camera goes back to what the policy wants")
    if not mine:
        click.echo("no run is under way")
    return DONE


def _show(operation: Operation, as_json: bool) -> int:
    found = _metadata(operation)
    if as_json:
        from agent.cli.wire import plain

        told = operation.error.message if operation.HasField("error") else None
        print_json({"operation": operation.name, "error": told, **plain(found)})
    elif found.subnets:
        print_table(_HEADINGS, [_row(net) for net in found.subnets])
    if operation.HasField("error"):
        from agent.client.operations import code_name

        code = code_name(operation.error.code)
        raise CallFailed(f"the run ended early: {operation.error.message}", code, "")
    return FAILED if any(net.error for net in found.subnets) else DONE


def _row(net: ProfiledSubnet) -> tuple[str, ...]:
    swap_s = net.swap.ToTimedelta().total_seconds() if net.HasField("swap") else None
    figures = (
        number(net.median_ms if net.HasField("median_ms") else None, 2),
        number(net.p99_ms if net.HasField("p99_ms") else None, 2),
        number(net.sigma if net.HasField("sigma") else None, 4),
        number(swap_s, 2),
    )
    return net.subnet_id, str(net.count), *figures, net.error


def _net_words(net: ProfiledSubnet) -> str:
    return f"{net.subnet_id}: {net.error or f'{net.median_ms:.2f} ms of {net.count} results'}"


async def _measured(client: AgentClient, operation: Operation) -> dict[str, Any]:
    """The medians in the format of `library build --measured`."""
    found = _metadata(operation)
    listed = await client.list_subnets(found.camera)
    shaves = {artifact.shaves for subnet in listed.subnets for artifact in subnet.artifacts if artifact.shaves}
    nets = {
        net.subnet_id: {"service_ms": net.median_ms, "results": net.count} for net in found.subnets if not net.error
    }
    return {
        "schema": _SCHEMA,
        "shaves": min(shaves, default=_OTHER_SHAVES),
        "camera": found.camera,
        "library": f"{listed.library.name} {listed.library.version}",
        "subnets": nets,
    }


def _write(out: Path, document: dict[str, Any]) -> None:
    try:
        out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        raise BadInput("--out", f"{out} cannot be written: {exc.strerror}") from exc


def _metadata(operation: Operation) -> ProfileSubnetsMetadata:
    from agent.pb.ofa_agent.v1.profile_pb2 import ProfileSubnetsMetadata

    found = ProfileSubnetsMetadata()
    operation.metadata.Unpack(found)
    return found
