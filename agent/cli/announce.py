"""A budget that is announced: `budget set --in` for its time, `budget set --line-waits` until the camera is ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from agent.cli.connection import Connection, call
from agent.cli.exits import DONE, INFEASIBLE
from agent.cli.output import number, percent, print_json

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1 import control_pb2 as pb

READY_S = 120.0  # twice the default deadline of a swap: there, and back where it fails


def announce(
    connection: Connection,
    camera: str,
    group: str,
    bounds: dict[str, Any],
    due_in_s: float | None,
    require_feasible: bool,
    as_json: bool,
) -> int:
    """Prepare and commit; without `due_in_s` the line waits, and so does this. Exit code 5 where nothing fits."""
    waits = due_in_s is None

    async def exchange(client: AgentClient) -> tuple[pb.PrepareBudgetResponse, pb.CommitBudgetResponse | None]:
        told = await client.prepare_budget(camera, group=group, due_in_s=due_in_s or 0.0, **bounds)
        if require_feasible and not all(change.feasible for change in told.changes):
            return told, None
        done = await client.commit_budget(told.prepared_id, camera, group=group, wait_for_ready=waits)
        if waits:
            await _all_ready(client, told)
        return told, done

    told, done = call(connection, exchange)
    if as_json:
        from agent.cli.wire import plain

        print_json({"prepared": plain(told), "committed": None if done is None else plain(done)})
    else:
        for change in told.changes:
            for text in prepared_lines(change, waits):
                click.echo(text)
        click.echo(_outcome(waits, done is not None))
    return DONE if all(change.feasible for change in told.changes) else INFEASIBLE


def prepared_lines(change: pb.PreparedChange, waits: bool) -> list[str]:
    """What an announced change means for one camera, in a few lines."""
    from agent.cli.describe import budget_words
    from agent.cli.wire import seconds

    due_s, gap_s = seconds(change.change.due_in), seconds(change.expected_gap)
    when = "now, the line waits" if waits else f"in {due_s:.1f} s"
    lines = [f"{change.camera} {when}: {budget_words(change.effective)}"]
    if waits:
        wait_s = seconds(change.wait)
        lines.append(f"  sub-net  {change.waiting_subnet_id or 'none'}")
        lines.append(f"  swap     {f'the line waits about {wait_s:.1f} s' if wait_s > 0 else 'none is needed'}")
        return lines
    if change.HasField("subnet_id"):
        fits = "" if change.feasible else ", meets it not, but is nearest to it"
        lines.append(f"  sub-net  {change.subnet_id}, accuracy {percent(change.expected_accuracy)}{fits}")
    if not change.swap_needed:
        lines.append("  swap     none is needed")
    else:
        late_s = (change.ready_at.ToNanoseconds() - change.change.due_at.ToNanoseconds()) / 1e9
        ready = "with the change" if abs(late_s) < 0.05 else f"{late_s:.1f} s after the change"
        lines.append(f"  swap     gap about {number(gap_s, 1, ' s')}, ready {ready}")
    return lines


def _outcome(waits: bool, committed: bool) -> str:
    if not committed:
        return "nothing is changed: no sub-net meets the budget"
    return "READY: the line may go" if waits else "committed; `budget release` takes it back"


async def _all_ready(client: AgentClient, told: pb.PrepareBudgetResponse) -> None:
    """Until every camera is READY; raises TimeoutError."""
    waits = [_ready(client, change.camera, told.prepared_id) for change in told.changes]
    try:
        await asyncio.wait_for(asyncio.gather(*waits), READY_S)
    except asyncio.TimeoutError as exc:
        why = "see `ofa-agent status`; the budget is in force all the same"
        raise TimeoutError(f"not READY within {READY_S:g} s: {why}") from exc


async def _ready(client: AgentClient, camera: str, prepared_id: str) -> None:
    from agent.cli.wire import word

    async with client.watch_status(camera) as messages:
        async for message in messages:
            mine = [change for change in message.status.changes if change.prepared_id == prepared_id]
            if any(word(change, "state") == "READY" for change in mine):
                return
            if message.HasField("status") and not mine:
                raise TimeoutError(f"{camera}: another change took the place of this one before it was READY")
