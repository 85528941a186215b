"""How a command reaches the daemon: its options, one call with a deadline, streams that Ctrl-C ends."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from agent.cli import completing
from agent.cli.exits import DONE, CallFailed
from agent.cli.interrupts import Insistence, run_interruptible
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.client import AgentClient, Retry

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SOCKET = "/run/ofa-agent/api.sock"
CALL_TIMEOUT_S = 15.0
STREAM = Insistence()
ATTEMPTS, FIRST_DELAY_S, LONGEST_DELAY_S = 3, 0.1, 1.0  # somebody waits at the terminal


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the daemon is, what is shown to it, and who asks."""

    target: str
    client: str | None
    tls: TlsPaths | None = None


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """What `agent.client.TlsFiles` is made of; that one imports gRPC."""

    ca: Path
    cert: Path
    key: Path
    server_name: str | None


_PLACE = ("socket", "address", "client_name")
_TLS = ("ca", "cert", "key", "server_name")
PARAMETERS = (*_PLACE, *_TLS)  # names of what `connected` adds


def connected(command: F) -> F:
    """Adds the options that say where the daemon is and who asks; the command gets them as `connection`."""
    from functools import wraps

    @wraps(command)
    def with_connection(*args: Any, **kwargs: Any) -> Any:
        # gRPC writes what it thinks of a failed handshake to stderr, unless it hears this before it is imported.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        given = {name: kwargs.pop(name) for name in PARAMETERS}
        return command(*args, connection=connection_of(given), **kwargs)

    options = (
        click.option(
            "--socket",
            type=click.Path(path_type=Path, readable=False),  # what a user may not do with it is told by trying
            default=DEFAULT_SOCKET,
            envvar="OFA_AGENT_SOCKET",
            show_default=True,
            show_envvar=True,
            help="The daemon's unix socket.",
        ),
        click.option(
            "--address",
            "--target",
            "address",
            metavar="HOST:PORT",
            envvar="OFA_AGENT_ADDRESS",
            show_envvar=True,
            help="The daemon elsewhere, over mutual TLS; with the three files.",
        ),
        _file("ca", "CA that issued the daemon's certificate."),
        _file("cert", "Certificate of this client."),
        _file("key", "Key of it."),
        click.option(
            "--server-name",
            metavar="NAME",
            envvar="OFA_AGENT_SERVER_NAME",
            show_envvar=True,
            help="Name in the daemon's certificate, where it is not the HOST.",
        ),
        click.option("--client-name", help="Who asks: one claim per name and camera; by default USER@HOST."),
    )
    decorated: Any = with_connection
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _file(name: str, text: str) -> Callable[[F], F]:
    variable = f"OFA_AGENT_{name.upper()}"
    kind = click.Path(path_type=Path)
    return click.option(f"--{name}", type=kind, metavar="FILE", envvar=variable, show_envvar=True, help=text)


def connection_of(given: Mapping[str, Any]) -> Connection:
    """As the options say, or that of the command above (`alarms` for `alarms ack`) where none was given here."""
    context = click.get_current_context()
    if isinstance(context.obj, Connection) and not any(_is_typed(context, name) for name in PARAMETERS):
        return context.obj
    if not _is_remote(context, given["address"]):
        useless = next((name for name in _TLS if _is_typed(context, name)), None)
        if useless is not None:
            raise BadInput(f"--{useless.replace('_', '-')}", "is for --address HOST:PORT; the unix socket needs none")
        return Connection(f"unix:{given['socket'].absolute()}", given["client_name"])
    address: str = given["address"]
    if address.startswith("unix:"):
        return Connection(address, given["client_name"])
    if not re.search(r":\d+$", address):
        raise BadInput("--address", f"{address!r} has no port; it is HOST:PORT, as api.tcp.listen of the agent says")
    missing = [name for name in _TLS[:3] if given[name] is None]
    if missing:
        need = "over TCP the agent takes mutual TLS only: --ca, --cert and --key, or OFA_AGENT_CA, _CERT and _KEY"
        raise BadInput(f"--{missing[0]}", f"is missing; {need}")
    return Connection(address, given["client_name"], TlsPaths(*(given[name] for name in _TLS)))


def _is_remote(context: click.Context, address: str | None) -> bool:
    """What is typed outdoes what the environment says. Raises BadInput where both ways are typed."""
    if not address:
        return False
    if not _is_typed(context, "socket"):
        return True
    if _is_typed(context, "address"):
        raise BadInput("--address", "is instead of --socket; give one of them")
    return False


def _is_typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
CAMERA = click.option(
    "--camera",
    default="",
    metavar="NAME",
    shell_complete=completing.cameras,
    help="The camera; may be left out where there is one.",
)
GROUP = click.option("--group", default="", metavar="NAME", help="All cameras of this group, instead of one camera.")
ETAG = click.option("--etag", default="", metavar="E", help="Refuse it where the state is not this one any more.")


def one_of(camera: str, group: str) -> None:
    """A command is for a camera or for a group; raises BadInput."""
    if camera and group:
        raise BadInput("--group", "is instead of --camera; give one of them")


def call(connection: Connection, ask: Callable[[AgentClient], Awaitable[T]]) -> T:
    """One exchange with the daemon. Raises DaemonUnreachable, CallFailed."""
    return run_interruptible(lambda: _exchange(connection, ask))


def follow(
    connection: Connection,
    stream: Callable[[AgentClient], Awaitable[int]],
    *,
    timeout_s: float = CALL_TIMEOUT_S,
    insist: Insistence = STREAM,
    signals: Sequence[signal.Signals] = (signal.SIGINT,),
) -> int:
    """As `call` for a stream that only reads: Ctrl-C (any of `signals`) is the usual way to end it and no failure."""
    try:
        return run_interruptible(lambda: _exchange(connection, stream, timeout_s), insist, signals)
    except KeyboardInterrupt:
        return DONE


def client_of(connection: Connection, timeout_s: float, retry: Retry | None = None) -> AgentClient:
    """A client that is not connected yet."""
    from agent.client import AgentClient, TlsFiles

    paths = connection.tls
    tls = None if paths is None else TlsFiles(paths.ca, paths.cert, paths.key, paths.server_name)
    return AgentClient(connection.target, connection.client, timeout_s, retry, tls)


async def _exchange(
    connection: Connection, ask: Callable[[AgentClient], Awaitable[T]], timeout_s: float = CALL_TIMEOUT_S
) -> T:
    from agent.client import Retry, RpcFailed

    retry = Retry(ATTEMPTS, FIRST_DELAY_S, LONGEST_DELAY_S)
    try:
        async with client_of(connection, timeout_s, retry) as client:
            return await ask(client)
    except RpcFailed as exc:
        message = exc.message
        if exc.code == exc.reason == "DEADLINE_EXCEEDED":  # gRPC's own, which says no more than that
            message = f"{connection.target}: the agent has not answered within {timeout_s:g} s; is it stopped or busy?"
        raise CallFailed(message, exc.code, exc.reason) from exc
