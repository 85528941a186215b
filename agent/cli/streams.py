"""`watch` and `results`: what comes while one looks."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

import click

from agent.cli.connection import CAMERA, JSON, Connection, connected, follow
from agent.cli.exits import DONE
from agent.cli.output import print_json_line, width_shown

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1.types_pb2 import CameraStatus, InferenceResult

T = TypeVar("T")
WAIT_S = 30.0


@click.command()
@CAMERA
@click.option("--count", type=click.IntRange(1), help="End after this many changes.")
@click.option("--lines", "as_lines", is_flag=True, help="Lines on a terminal as well.")
@JSON
@connected
def watch(connection: Connection, camera: str, count: int | None, as_lines: bool, as_json: bool) -> int:
    """A live table of the camera, or of all cameras, until Ctrl-C.

    With --lines, --count or --json, and where the output is no terminal: every change of one camera, a line each.
    """
    if not (as_lines or as_json or count) and _is_terminal():
        from agent.cli.live.show import show

        return show(connection, camera)

    async def stream(client: AgentClient) -> int:
        left = count
        async with client.watch_status(camera) as messages:
            async for message in messages:
                _show_status(message.status, as_json)
                if left is not None and (left := left - 1) == 0:
                    break
        return DONE

    return follow(connection, stream)


@click.command()
@CAMERA
@click.option("--follow", "endless", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--count", type=click.IntRange(1), default=10, show_default=True, help="Results without --follow.")
@JSON
@connected
def results(connection: Connection, camera: str, endless: bool, count: int, as_json: bool) -> int:
    """Inference results with the sub-net that made each; exit code 6 when none comes for 30 seconds."""

    async def stream(client: AgentClient) -> int:
        async with client.watch_results(camera) as messages:
            if endless:
                async for message in messages:
                    _show_result(message.result, as_json)
            for _ in range(count):
                _show_result((await _within(messages.__anext__())).result, as_json)
        return DONE

    return follow(connection, stream)


def _is_terminal() -> bool:
    """One on which a cursor can be moved."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


async def _within(answer: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(answer, WAIT_S)
    except asyncio.TimeoutError as exc:
        raise TimeoutError(f"no result within {WAIT_S:g} s; see `ofa-agent status` for what the camera does") from exc


def _show_status(status: CameraStatus, as_json: bool) -> None:
    if as_json:
        from agent.cli.wire import plain

        print_json_line(plain(status))
        return
    from agent.cli.describe import change_line

    click.echo(change_line(status))


def _show_result(result: InferenceResult, as_json: bool) -> None:
    if as_json:
        from agent.cli.wire import plain

        print_json_line(plain(result))
        return
    from agent.cli.describe import result_line

    click.echo(result_line(result, width_shown()))
