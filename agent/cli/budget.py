"""`budget set`, `renew`, `release`: one client's claim on a camera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from agent.cli.announce import announce
from agent.cli.connection import CAMERA, ETAG, GROUP, JSON, Connection, call, connected, one_of
from agent.cli.exits import DONE, INFEASIBLE
from agent.cli.orders import begins_words, indented, show_end
from agent.cli.swap_follow import Begun, follow, waiting
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1.control_pb2 import (
        BudgetOutcome,
        ReleaseBudgetResponse,
        RenewBudgetResponse,
        SetBudgetResponse,
    )

    Answer: TypeAlias = "SetBudgetResponse | RenewBudgetResponse | ReleaseBudgetResponse"
    Outcome: TypeAlias = "Answer | BudgetOutcome"


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
@click.option("--override", "kind", flag_value="local_override", help="Above all others, in every mode; local only.")
@click.option("--maintenance", "kind", flag_value="maintenance", help="For mode maintenance; local only.")
@GROUP
@click.option("--require-feasible", is_flag=True, help="Store nothing where no sub-net meets the budget.")
@ETAG
@waiting
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
    kind: str | None,
    group: str,
    require_feasible: bool,
    etag: str,
    wait: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Ask for bounds on a camera, now or announced; exit code 5 where no sub-net meets them."""
    if parts_per_minute is None and max_latency_ms is None:
        raise BadInput("budget", "give --parts-per-minute or --max-latency-ms, or both")
    one_of(camera, group)
    bounds: dict[str, Any] = {
        "parts_per_minute": parts_per_minute,
        "max_latency_ms": max_latency_ms,
        "min_accuracy": min_accuracy,
        "quantile": quantile,
        "ttl_s": ttl_s,
    }
    if in_s is not None or line_waits:
        _announceable(in_s, line_waits, {"--override or --maintenance": kind, "--etag": etag, "--wait": wait})
        return announce(connection, camera, group, bounds, in_s, require_feasible, as_json)
    asked: dict[str, Any] = {**bounds, "kind": kind, "allow_infeasible": not require_feasible, "etag": etag}

    async def exchange(client: AgentClient) -> int:
        answer = await client.set_budget(camera, group=group, **asked)
        if not as_json:
            _show(answer)
        swaps = await follow(client, _begun(answer), timeout_s, quiet=as_json) if wait else None
        if wait or as_json:
            show_end(answer, swaps, as_json)
        return _feasible(answer)

    return call(connection, exchange)


@budget.command()
@CAMERA
@JSON
@connected
def renew(connection: Connection, camera: str, as_json: bool) -> int:
    """Give a lease its full time again."""
    answer = call(connection, lambda client: client.renew_budget(camera))
    if as_json:
        show_end(answer, None, as_json)
    else:
        _show(answer)
    return _feasible(answer)


@budget.command()
@CAMERA
@GROUP
@click.option("--announced-only", is_flag=True, help="Only the change that is announced; the claim stays.")
@ETAG
@JSON
@connected
def release(connection: Connection, camera: str, group: str, announced_only: bool, etag: str, as_json: bool) -> int:
    """Drop the claim; harmless where there is none."""
    one_of(camera, group)
    answer = call(
        connection,
        lambda client: client.release_budget(camera, group=group, announced_only=announced_only, etag=etag),
    )
    if as_json:
        show_end(answer, None, as_json)
    else:
        _show(answer)
    return DONE


def _announceable(in_s: float | None, line_waits: bool, others: dict[str, Any]) -> None:
    """What cannot be said of an announced budget; raises BadInput."""
    if in_s is not None and line_waits:
        raise BadInput("--line-waits", "a line that waits has no time to wait for; leave --in out")
    for option, value in others.items():
        if value:
            raise BadInput(option, "is for a budget that holds now; leave --in and --line-waits out")


def _outcomes(answer: Answer) -> Sequence[Outcome]:
    """One for each camera of a group; else the answer itself, which has the same fields but the camera's name."""
    from agent.pb.ofa_agent.v1.control_pb2 import RenewBudgetResponse

    return [answer] if isinstance(answer, RenewBudgetResponse) or not answer.cameras else answer.cameras


def _begun(answer: Answer) -> list[Begun]:
    return [
        Begun(_name(one), one.decision, one.operation if one.HasField("operation") else None)
        for one in _outcomes(answer)
    ]


def _name(outcome: Outcome) -> str:
    return str(getattr(outcome, "camera", ""))


def _feasible(answer: Answer) -> int:
    return DONE if all(one.decision.feasible for one in _outcomes(answer)) else INFEASIBLE


def _show(answer: Answer) -> None:
    from agent.cli.describe import budget_words

    for one in _outcomes(answer):
        name = f"{_name(one)}: " if _name(one) else ""
        click.echo(f"{name}in force: {budget_words(one.effective)}")
        for line in indented(one.decision.text, "  " if name else ""):
            click.echo(line)
        if one.HasField("operation"):
            click.echo(begins_words(one.operation.name, one.decision).strip())
        elif one.HasField("swap_id"):
            click.echo(f"swap {one.swap_id} to {one.decision.target_subnet_id} starts now")
