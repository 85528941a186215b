"""`swap permit`, `swap inhibit`: when swaps may begin."""

from __future__ import annotations

import click

from agent.cli.connection import CAMERA, GROUP, JSON, Connection, connected, one_of
from agent.cli.orders import order
from agent.cli.swap_follow import waiting


@click.group()
def swap() -> None:
    """Permit or inhibit swaps."""


@swap.command()
@CAMERA
@GROUP
@click.option("--ttl", "ttl_s", type=float, metavar="S", help="How long the permit waits for a swap; else a minute.")
@click.option("--everyone", is_flag=True, help="Also take back what all others have said against swaps.")
@click.option("--lift-only", is_flag=True, help="Only take back; where swaps wait for a permit this is none.")
@waiting
@JSON
@connected
def permit(
    connection: Connection,
    camera: str,
    group: str,
    ttl_s: float | None,
    everyone: bool,
    lift_only: bool,
    wait: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Take your inhibition back and, where swaps wait for a permit, let the next one begin."""
    one_of(camera, group)
    return order(
        connection,
        lambda client: client.permit_swap(camera, group=group, ttl_s=ttl_s, everyone=everyone, lift_only=lift_only),
        as_json,
        timeout_s if wait else None,
    )


@swap.command()
@CAMERA
@GROUP
@click.option("--ttl", "ttl_s", type=float, metavar="S", help="How long it holds; else until you permit a swap.")
@click.option("--why", default="", metavar="TEXT", help="For those who read the status.")
@JSON
@connected
def inhibit(connection: Connection, camera: str, group: str, ttl_s: float | None, why: str, as_json: bool) -> int:
    """Let no swap begin, not even for the fail-safe budget; one that is under way goes on."""
    one_of(camera, group)
    return order(connection, lambda client: client.inhibit_swap(camera, group=group, ttl_s=ttl_s, why=why), as_json)
