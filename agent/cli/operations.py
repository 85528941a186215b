"""`operations list|show|cancel|wait`: work that takes time, of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from agent.cli import completing
from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE, CallFailed
from agent.cli.output import percent, print_json, print_lines, print_table
from agent.cli.swap_follow import Progress, waiting_s
from agent.errors import BadInput

if TYPE_CHECKING:
    from google.longrunning.operations_pb2 import Operation
    from google.protobuf.message import Message

    from agent.client import AgentClient

_HEADINGS = ("id", "UTC", "camera", "work", "state")
_PREFIX = "operations/"
_LEAST = 4  # characters of an id that may stand for it
_WORK: Mapping[str, str] = {
    "ofa_agent.v1.SwapMetadata": "swap",
    "ofa_agent.v1.ProfileSubnetsMetadata": "profile",
    "ofa_agent.v1.CaptureMetadata": "capture",
}


@click.group()
def operations() -> None:
    """Swaps, profile runs and captures as operations: list, show, cancel, wait."""


@operations.command("list")
@CAMERA
@click.option("--all", "ended", is_flag=True, help="Also the last ones that have ended.")
@JSON
@connected
def list_(connection: Connection, camera: str, ended: bool, as_json: bool) -> int:
    """Operations under way, newest first."""
    found = call(connection, lambda client: client.list_operations())
    wanted = [one for one in found if (ended or not one.done) and camera in ("", _camera(one))]
    if as_json:
        print_json([_plain(one) for one in wanted])
    elif wanted:
        print_table(_HEADINGS, [_row(one) for one in wanted], left=len(_HEADINGS))
    else:
        click.echo("no operation is under way" if not ended else "no operation is known")
    return DONE


@operations.command()
@click.argument("operation", metavar="ID", shell_complete=completing.operations)
@JSON
@connected
def show(connection: Connection, operation: str, as_json: bool) -> int:
    """One operation; ID may be its name, its id, or the beginning of it."""

    async def exchange(client: AgentClient) -> Operation:
        return await client.get_operation(await name_of(client, operation))

    found = call(connection, exchange)
    if as_json:
        print_json(_plain(found))
        return DONE
    print_lines(operation_lines(found))
    return DONE


@operations.command()
@click.argument("operation", metavar="ID", shell_complete=completing.operations)
@connected
def cancel(connection: Connection, operation: str) -> int:
    """Ask one to end: a swap in its gap puts the previous network back."""

    async def exchange(client: AgentClient) -> Operation:
        name = await name_of(client, operation)
        await client.cancel_operation(name)
        return await client.get_operation(name)

    told = call(connection, exchange)
    words = "has ended" if told.done else "asked to end; `operations wait` says when it has"
    click.echo(f"{told.name}: {words}")
    return DONE


@operations.command()
@click.argument("operation", metavar="ID", shell_complete=completing.operations)
@waiting_s
@JSON
@connected
def wait(connection: Connection, operation: str, timeout_s: float, as_json: bool) -> int:
    """Follow one to its end; ends as it did: 0 well, 1 failed, 4 refused, 6 timed out."""

    async def exchange(client: AgentClient) -> Operation:
        from agent.client import RpcFailed

        name, told = await name_of(client, operation), Progress(as_json, words=_state_words, share=_share)
        try:
            return await client.wait_operation(name, timeout_s, told)
        except RpcFailed as error:
            raise CallFailed(f"{name} ended with {error.message}", error.code, error.reason) from error
        finally:
            told.end()

    ended = call(connection, exchange)
    if as_json:
        print_json(_plain(ended))
        return DONE
    print_lines(operation_lines(ended))
    return DONE


def operation_lines(operation: Operation) -> list[str]:
    """An operation in a few lines: what it is, where it is, how it ended."""
    from agent.cli.orders import indented

    lines = [operation.name, f"  work      {_work(operation)}", f"  camera    {_camera(operation) or '-'}"]
    lines.append(f"  state     {_state(operation)}")
    for name, value in (_plain(operation)["metadata"] or {}).items():
        if name not in ("type", "camera", "cancelling", "subnets") and value not in (None, "", "UNSPECIFIED"):
            shown = f"{value:g}" if isinstance(value, float) else value
            lines.append(f"  {name:<18} {shown}")
    if operation.HasField("error"):
        lines += indented(operation.error.message, "  error     ")
    return lines


async def name_of(client: AgentClient, word: str) -> str:
    """The name of the operation that `word` stands for; raises BadInput where that is none or several."""
    wanted = word.removeprefix(_PREFIX)
    if len(wanted) >= len("4d9f01ab-0000-4000-8000-000000000000"):
        return _PREFIX + wanted
    if len(wanted) < _LEAST:
        raise BadInput("ID", f"{word!r} is too short; give at least {_LEAST} characters of the id")
    names: set[str] = {one.name for one in await client.list_operations()}
    names |= {_PREFIX + one.id for one in (await client.list_swaps(limit=1000)).swaps}
    found = sorted(name for name in names if name.startswith(_PREFIX + wanted))
    if len(found) != 1:
        why = (
            f"stands for {len(found)} operations; give more of it"
            if found
            else "is no operation that is known; `ofa-agent operations list --all` shows them"
        )
        raise BadInput("ID", f"{word!r} {why}")
    return found[0]


def _row(operation: Operation) -> tuple[str, ...]:
    from agent.cli.describe import moment

    metadata = _metadata(operation)
    at = moment(metadata.started_at.ToDatetime()) if metadata is not None else "-"  # type: ignore[attr-defined]
    name = operation.name.removeprefix(_PREFIX)
    return name[:8], at, _camera(operation), _work(operation), _state(operation)


def _share(operation: Operation) -> float | None:
    """How much is done of what is counted."""
    from agent.pb.ofa_agent.v1 import capture_pb2, profile_pb2

    metadata = _metadata(operation)
    if isinstance(metadata, profile_pb2.ProfileSubnetsMetadata):
        return metadata.done / metadata.total if metadata.total else None
    if isinstance(metadata, capture_pb2.CaptureMetadata):
        return metadata.taken / metadata.count if metadata.count else None
    return None


def _state_words(operation: Operation) -> str:
    return f"{_camera(operation)}: {_work(operation)} {_state(operation)}"


def _state(operation: Operation) -> str:
    """`UPLOADING 43 %`, `4 of 9`, `done`, `failed (CANCELLED)`."""
    from agent.cli.wire import word
    from agent.client.errors import code_name
    from agent.pb.ofa_agent.v1 import capture_pb2, orders_pb2, profile_pb2

    if operation.HasField("error"):
        return f"failed ({code_name(operation.error.code)})"
    if operation.done:
        return "done"
    metadata = _metadata(operation)
    if isinstance(metadata, orders_pb2.SwapMetadata):
        return f"{word(metadata, 'stage').lower()} {percent(metadata.progress)}"
    if isinstance(metadata, profile_pb2.ProfileSubnetsMetadata):
        return f"{metadata.done} of {metadata.total}"
    if isinstance(metadata, capture_pb2.CaptureMetadata):
        return f"{metadata.taken} of {metadata.count}"
    return "under way"


def _work(operation: Operation) -> str:
    name = str(operation.metadata.TypeName())
    return _WORK.get(name) or name or "unknown"


def _camera(operation: Operation) -> str:
    return str(getattr(_metadata(operation), "camera", ""))


def _metadata(operation: Operation) -> Message | None:
    """None for work that this version does not know."""
    from agent.pb.ofa_agent.v1 import capture_pb2, orders_pb2, profile_pb2

    for kind in (orders_pb2.SwapMetadata, profile_pb2.ProfileSubnetsMetadata, capture_pb2.CaptureMetadata):
        if operation.metadata.Is(kind.DESCRIPTOR):
            found: Message = kind()
            operation.metadata.Unpack(found)
            return found
    return None


def _plain(operation: Operation) -> dict[str, Any]:
    from agent.cli.wire import plain
    from agent.pb.ofa_agent.v1 import capture_pb2, orders_pb2, profile_pb2  # noqa: F401  known to `plain`

    return plain(operation)
