"""What commands that order a camera about have in common: how their answers are shown."""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import click

from agent.cli.connection import Connection, call
from agent.cli.exits import DONE
from agent.cli.output import WIDTH, print_json
from agent.cli.swap_follow import Begun, follow, swap_ended_words

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1 import orders_pb2
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

    One: TypeAlias = "orders_pb2.PinSubnetResponse | orders_pb2.RollbackResponse"
    Each: TypeAlias = (
        "orders_pb2.SetModeResponse | orders_pb2.UnpinSubnetResponse | orders_pb2.PermitSwapResponse"
        " | orders_pb2.InhibitSwapResponse"
    )


def order(
    connection: Connection,
    ask: Callable[[AgentClient], Awaitable[One | Each]],
    as_json: bool,
    wait_s: float | None = None,
) -> int:
    """Send it, show what it means for each camera and, with `wait_s`, follow the swaps that it starts."""

    async def exchange(client: AgentClient) -> int:
        answer = await ask(client)
        if not as_json:
            for outcome in _outcomes(answer):
                for line in outcome_lines(outcome):
                    click.echo(line)
        swaps = None if wait_s is None else await follow(client, _begun(answer), wait_s, quiet=as_json)
        show_end(answer, swaps, as_json)
        return DONE

    return call(connection, exchange)


def show_end(answer: Message, swaps: Sequence[pb.Swap] | None, as_json: bool) -> None:
    """The swaps that were followed (None: none were); the whole answer where JSON is wanted."""
    from agent.cli.wire import plain

    if as_json:
        told = {} if swaps is None else {"swaps": [plain(swap) for swap in swaps]}
        print_json({**plain(answer), **told})
        return
    for swap in swaps or ():
        click.echo(swap_ended_words(swap))
    if swaps is not None and not swaps:
        click.echo("no swap was needed")


def outcome_lines(outcome: orders_pb2.OrderOutcome) -> list[str]:
    """What it means for one camera."""
    name = f"{outcome.camera}: " if outcome.camera else ""
    stands = textwrap.wrap(f"{name}{order_words(outcome.orders)}", WIDTH, subsequent_indent="  ")
    lines = [*stands, *indented(outcome.decision.text)]
    if outcome.HasField("operation"):
        lines.append(begins_words(outcome.operation.name, outcome.decision))
    return lines


def begins_words(operation: str, decision: pb.Decision) -> str:
    """`  swap 4d9f01ab… to net-2 starts now`."""
    return f"  swap {operation.removeprefix('operations/')} to {decision.target_subnet_id} starts now"


def order_words(orders: pb.StandingOrders) -> str:
    """`mode MANUAL, net-2 pinned, swaps inhibited by plc`."""
    from agent.cli.wire import seconds, word

    parts = [f"mode {word(orders, 'mode')}"]
    if orders.HasField("pin"):
        parts.append(f"{orders.pin.subnet_id} pinned")
    if orders.inhibitions:
        parts.append(f"swaps inhibited by {', '.join(one.client for one in orders.inhibitions)}")
    if orders.HasField("permit_remaining"):
        parts.append(f"one swap permitted for {seconds(orders.permit_remaining):.0f} s")
    return ", ".join(parts)


def order_lines(orders: pb.StandingOrders) -> list[str]:
    """Lines of a status: who moves the network, and what stands in its way."""
    from agent.cli.wire import seconds, word

    by = f" by {orders.mode_by}" if orders.mode_by else ""
    lines = [f"  mode      {word(orders, 'mode')}{by}"]
    if orders.HasField("pin"):
        how = " by a rollback of" if orders.pin.rollback else " by"
        lines.append(f"  pinned    {orders.pin.subnet_id}{how} {orders.pin.client}")
    for one in orders.inhibitions:
        left = f" for {seconds(one.remaining):.0f} s" if one.HasField("remaining") else " until it permits"
        lines += indented(f"swaps by {one.client}{left}{f': {one.why}' if one.why else ''}", "  inhibited ")
    if orders.HasField("permit_remaining"):
        lines.append(f"  permit    one swap within {seconds(orders.permit_remaining):.0f} s")
    return lines


def order_flags(orders: pb.StandingOrders) -> list[str]:
    """What of it a watcher should see at a glance: nothing where the policy is free to swap."""
    from agent.cli.wire import word

    mode = word(orders, "mode")
    flags = [] if mode in ("AUTO", "UNSPECIFIED") else [mode]
    return flags + ["pinned"] * orders.HasField("pin") + ["inhibited"] * bool(orders.inhibitions)


def indented(text: str, lead: str = "  ") -> list[str]:
    """Words in lines of 80 columns; paths and names stay whole."""
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False)


def _outcomes(answer: One | Each) -> list[orders_pb2.OrderOutcome]:
    from agent.pb.ofa_agent.v1 import orders_pb2

    if not isinstance(answer, (orders_pb2.PinSubnetResponse, orders_pb2.RollbackResponse)):
        return list(answer.cameras)
    made = orders_pb2.OrderOutcome(decision=answer.decision, orders=answer.orders, etag=answer.etag)
    if answer.HasField("operation"):
        made.operation.CopyFrom(answer.operation)
    return [made]


def _begun(answer: One | Each) -> list[Begun]:
    return [
        Begun(one.camera, one.decision, one.operation if one.HasField("operation") else None)
        for one in _outcomes(answer)
    ]
