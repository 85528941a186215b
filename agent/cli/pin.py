"""`pin`, `unpin`, `rollback`: a sub-net chosen by hand."""

from __future__ import annotations

import click

from agent.cli import completing
from agent.cli.connection import CAMERA, ETAG, GROUP, JSON, Connection, connected, one_of
from agent.cli.orders import order
from agent.cli.swap_follow import waiting


@click.command()
@click.argument("subnet_id", metavar="ID", shell_complete=completing.subnets)
@CAMERA
@ETAG
@waiting
@JSON
@connected
def pin(
    connection: Connection, subnet_id: str, camera: str, etag: str, wait: bool, timeout_s: float, as_json: bool
) -> int:
    """Keep one sub-net on the camera whatever the budget says, until `unpin`.

    `ofa-agent subnets` lists them. Where it breaks the budget, the camera says so and goes on.
    """
    wait_s = timeout_s if wait else None
    return order(connection, lambda client: client.pin_subnet(subnet_id, camera, etag=etag), as_json, wait_s)


@click.command()
@CAMERA
@GROUP
@ETAG
@waiting
@JSON
@connected
def unpin(
    connection: Connection, camera: str, group: str, etag: str, wait: bool, timeout_s: float, as_json: bool
) -> int:
    """Let the policy choose again; harmless where nothing is pinned."""
    one_of(camera, group)
    wait_s = timeout_s if wait else None
    return order(connection, lambda client: client.unpin_subnet(camera, group=group, etag=etag), as_json, wait_s)


@click.command()
@CAMERA
@ETAG
@waiting
@JSON
@connected
def rollback(connection: Connection, camera: str, etag: str, wait: bool, timeout_s: float, as_json: bool) -> int:
    """Go back to the sub-net that was active before, and pin it; `unpin` gives the choice back."""
    wait_s = timeout_s if wait else None
    return order(connection, lambda client: client.rollback(camera, etag=etag), as_json, wait_s)
