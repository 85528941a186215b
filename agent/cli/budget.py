"""`budget set`, `renew`, `release`: one client's claim on a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agent.cli.announce import announce
from agent.cli.connection import CAMERA, GROUP, JSON, Connection, call, connected
from agent.cli.exits import DONE, INFEASIBLE
from agent.cli.output import print_json
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1.control_pb2 import ReleaseBudgetResponse, RenewBudgetResponse, SetBudgetResponse


@click.group()
def budget() -> None:
    """Set, renew or release a budget."""


@budget.command("set")
@CAMERA
@click.option("--parts-per-minute", type=float, metavar="X", help="Bounds the service time by 60000 / X ms.")
@click.option("--max-latency-ms", type=float, metavar="X", help="Bounds the result latency.")
@click.option("--min-accuracy", type=float, metavar="A", help="Least accuracy that is still of use, 0 to 1.")
@click.option("--quantile", type=float, metavar="Q", help="Share of results that must meet the bounds.")
@click.option("--ttl", "ttl_s", type=float, metavar="S", help="Makes it a lease of S seconds; else it is held.")
@click.option("--in", "in_s", type=float, metavar="S", help="Announce it: it holds from S seconds from now on.")
@click.option("--line-waits", is_flag=True, help="The line stands: swap now, and return when the camera is READY.")
@GROUP
@click.option("--require-feasible", is_flag=True, help="Store nothing where no sub-net meets the budget.")
@JSON
@connected
def set_budget(
    connection: Connection,
    camera: str,
    parts_per_minute: float | None,
    max_latency_ms: float | None,
    min_accuracy: float | None,
    quantile: float | None,
    ttl_s: float | None,
    in_s: float | None,
    line_waits: bool,
    group: str,
    require_feasible: bool,
    as_json: bool,
) -> int:
    """Ask for bounds on a camera, now or announced; exit code 5 where no sub-net meets them."""
    if parts_per_minute is None and max_latency_ms is None:
        raise BadInput("budget", "give --parts-per-minute or --max-latency-ms, or both")
    bounds: dict[str, Any] = {
        "parts_per_minute": parts_per_minute,
        "max_latency_ms": max_latency_ms,
        "min_accuracy": min_accuracy,
        "quantile": quantile,
        "ttl_s": ttl_s,
    }
    if in_s is not None or line_waits:
        if in_s is not None and line_waits:
            raise BadInput("--line-waits", "a line that waits has no time to wait for; leave --in out")
        return announce(connection, camera, group, bounds, in_s, require_feasible, as_json)
    if group:
        raise BadInput("--group", "is for announced budgets; give --in or --line-waits, or set each camera's")
    allow = not require_feasible
    answer = call(connection, lambda client: client.set_budget(camera, allow_infeasible=allow, **bounds))
    return _show(answer, as_json)


@budget.command()
@CAMERA
@JSON
@connected
def renew(connection: Connection, camera: str, as_json: bool) -> int:
    """Give a lease its full time again."""
    return _show(call(connection, lambda client: client.renew_budget(camera)), as_json)


@budget.command()
@CAMERA
@JSON
@connected
def release(connection: Connection, camera: str, as_json: bool) -> int:
    """Drop the claim; harmless where there is none."""
    answer = call(connection, lambda client: client.release_budget(camera))
    _show(answer, as_json)
    return DONE


def _show(answer: SetBudgetResponse | RenewBudgetResponse | ReleaseBudgetResponse, as_json: bool) -> int:
    if as_json:
        from agent.cli.wire import plain

        print_json(plain(answer))
    else:
        from agent.cli.describe import budget_words

        click.echo(f"in force: {budget_words(answer.effective)}")
        click.echo(answer.decision.text)
        if answer.HasField("swap_id"):
            click.echo(f"swap {answer.swap_id} to {answer.decision.target_subnet_id} starts now")
    return DONE if answer.decision.feasible else INFEASIBLE
