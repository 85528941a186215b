"""`mode auto|manual|maintenance`: who moves the network of a camera."""

from __future__ import annotations

import click

from agent.cli.connection import CAMERA, ETAG, GROUP, JSON, Connection, connected, one_of
from agent.cli.orders import order
from agent.cli.swap_follow import waiting


@click.command()
@click.argument("to", metavar="MODE", type=click.Choice(("auto", "manual", "maintenance")))
@CAMERA
@GROUP
@ETAG
@waiting
@JSON
@connected
def mode(
    connection: Connection, to: str, camera: str, group: str, etag: str, wait: bool, timeout_s: float, as_json: bool
) -> int:
    """Say who moves the network: auto, manual or maintenance.

    \b
    auto         the policy, under the budget in force; a pin outranks budgets
    manual       commands only: pin, rollback, profile, `budget set --override`
    maintenance  as manual, and only from the machine itself; budgets count
                 where they are set with --maintenance or --override
    """
    one_of(camera, group)
    return order(
        connection,
        lambda client: client.set_mode(to, camera, group=group, etag=etag),  # type: ignore[arg-type]  # one of them
        as_json,
        timeout_s if wait else None,
    )
