"""What the running daemon knows, for a shell that completes a word: at once or not at all, and never an error."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.cli.connection import Connection
    from agent.client import AgentClient

ANSWER_S = 0.5  # somebody has pressed a key and waits

Names = Sequence[tuple[str, str]]  # each with a word of help
Ask = Callable[["AgentClient", str], Awaitable[Names]]


def cameras(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _complete(ctx, incomplete, _cameras)


def subnets(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of the camera that is named; of all cameras where none is."""
    return _complete(ctx, incomplete, _subnets)


def operations(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _complete(ctx, incomplete, _operations)


def alarms(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Those that nobody has acknowledged."""
    return _complete(ctx, incomplete, _alarms)


def _complete(ctx: click.Context, incomplete: str, ask: Ask) -> list[CompletionItem]:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        connection = _connection(ctx)
        if not _may_answer(connection):
            return []
        names = asyncio.run(_asked(connection, str(ctx.params.get("camera") or ""), ask))
    except (AgentError, OSError, asyncio.TimeoutError):
        return []
    return [CompletionItem(name, help=text) for name, text in names if name.startswith(incomplete)]


def _connection(ctx: click.Context) -> Connection:
    """As the words so far say. Raises BadInput where they say too little."""
    from agent.cli.connection import PARAMETERS, connection_of

    with ctx.scope(cleanup=False):
        return connection_of({name: ctx.params.get(name) for name in PARAMETERS})


def _may_answer(connection: Connection) -> bool:
    """Without a socket there is no use in loading gRPC, which takes longer than all else here."""
    kind, _, path = connection.target.partition(":")
    return kind != "unix" or Path(path).is_socket()


async def _asked(connection: Connection, camera: str, ask: Ask) -> Names:
    from agent.cli.connection import client_of
    from agent.client import NO_RETRY

    async with client_of(connection, ANSWER_S, NO_RETRY) as client:
        return await asyncio.wait_for(ask(client, camera), ANSWER_S)


async def _cameras(client: AgentClient, _camera: str) -> Names:
    from agent.cli.wire import word

    return [(one.camera, word(one, "state")) for one in (await client.get_status()).cameras]


async def _subnets(client: AgentClient, camera: str) -> Names:
    from agent.cli.output import number, percent

    names = [camera] if camera else [one.camera for one in (await client.get_status()).cameras]
    known = [one for name in names for one in (await client.list_subnets(name)).subnets]
    told = {one.id: f"{percent(one.accuracy.top1)}, {number(one.predicted_ms, 1, ' ms')}" for one in known}
    return list(told.items())


async def _operations(client: AgentClient, _camera: str) -> Names:
    found = await client.list_operations()
    return [(one.name.removeprefix("operations/"), "ended" if one.done else "under way") for one in found]


async def _alarms(client: AgentClient, camera: str) -> Names:
    found = (await client.list_alarms(camera)).alarms
    return [(str(one.id), one.title or one.key) for one in found if not one.HasField("acknowledged_by")]
