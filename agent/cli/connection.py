"""How a command reaches the daemon: its options, one call with a deadline, streams that Ctrl-C ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from agent.cli.exits import DONE, CallFailed
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SOCKET = "/run/ofa-agent/api.sock"
CALL_TIMEOUT_S = 15.0
ATTEMPTS, FIRST_DELAY_S, LONGEST_DELAY_S = 3, 0.1, 1.0  # somebody waits at the terminal


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the daemon is and who asks."""

    target: str
    client: str | None


def connected(command: F) -> F:
    """Adds --socket, --target and --client-name; the command gets them as `connection`."""
    from functools import wraps

    @wraps(command)
    def with_connection(*args: Any, socket: Path, target: str | None, client_name: str | None, **kwargs: Any) -> Any:
        connection = Connection(target or f"unix:{socket.absolute()}", client_name)
        return command(*args, connection=_inherited(connection), **kwargs)

    options = (
        click.option(
            "--socket",
            type=click.Path(path_type=Path),
            default=DEFAULT_SOCKET,
            envvar="OFA_AGENT_SOCKET",
            show_default=True,
            show_envvar=True,
            help="The daemon's unix socket.",
        ),
        click.option("--target", metavar="TARGET", help="A gRPC target instead of the socket."),
        click.option("--client-name", help="Who asks: one claim per name and camera; by default USER@HOST."),
    )
    decorated: Any = with_connection
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _inherited(connection: Connection) -> Connection:
    """`connection`, or that of the command above (`alarms` for `alarms ack`) where none was given here."""
    context = click.get_current_context()
    sources = {context.get_parameter_source(name) for name in ("socket", "target", "client_name")}
    given = ParameterSource.COMMANDLINE in sources
    return context.obj if isinstance(context.obj, Connection) and not given else connection


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
CAMERA = click.option("--camera", default="", metavar="NAME", help="The camera; may be left out where there is one.")
GROUP = click.option("--group", default="", metavar="NAME", help="All cameras of this group, instead of one camera.")
ETAG = click.option("--etag", default="", metavar="E", help="Refuse it where the state is not this one any more.")


def one_of(camera: str, group: str) -> None:
    """A command is for a camera or for a group; raises BadInput."""
    if camera and group:
        raise BadInput("--group", "is instead of --camera; give one of them")


def call(connection: Connection, ask: Callable[[AgentClient], Awaitable[T]]) -> T:
    """One exchange with the daemon. Raises DaemonUnreachable, CallFailed."""
    return asyncio.run(_exchange(connection, ask))


def follow(connection: Connection, stream: Callable[[AgentClient], Awaitable[int]]) -> int:
    """As `call` for a stream: Ctrl-C is the usual way to end it and no failure."""
    try:
        return asyncio.run(_exchange(connection, stream))
    except KeyboardInterrupt:
        return DONE


async def _exchange(connection: Connection, ask: Callable[[AgentClient], Awaitable[T]]) -> T:
    from agent.client import AgentClient, Retry, RpcFailed

    retry = Retry(ATTEMPTS, FIRST_DELAY_S, LONGEST_DELAY_S)
    try:
        async with AgentClient(connection.target, connection.client, CALL_TIMEOUT_S, retry) as client:
            return await ask(client)
    except RpcFailed as exc:
        raise CallFailed(exc.message, exc.code, exc.reason) from exc
