"""`preview`: what a camera sees now, as a small picture in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE
from agent.cli.fit import clean
from agent.cli.output import print_json
from agent.errors import BadInput
from agent.writing import write_whole

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1.status_pb2 import GetPreviewResponse


@click.command()
@CAMERA
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The JPEG.")
@click.option(
    "--max-width", type=click.IntRange(64, 720), default=720, metavar="PX", help="Most pixels across; 720 by default."
)
@JSON
@connected
def preview(connection: Connection, camera: str, out: Path, max_width: int, as_json: bool) -> int:
    """Write what a camera sees now into FILE, a small JPEG that replaces one of that name.

    The camera goes on inspecting; it needs no library for this. The network's answer to that very frame is printed
    where it has one. Whole frames: `ofa-agent capture`.
    """

    async def run(client: AgentClient) -> int:
        seen = await client.get_preview(camera, max_width)
        _write(out, seen.data)
        if as_json:
            from agent.cli.wire import plain

            fields = plain(seen)
            del fields["data"], fields["content_type"]
            print_json({"file": str(out), **fields})
        else:
            click.echo(words(seen, out))
        return DONE

    return call(connection, run)


def words(seen: GetPreviewResponse, out: Path) -> str:
    """What was written, and what is known of it, in one line."""
    taken = seen.captured_at.ToDatetime()
    part = f", part {seen.part}" if seen.HasField("part") else ""
    line = f"{out}: {seen.width} x {seen.height}, frame {seen.frame_id}{part} of {taken:%H:%M:%S} UTC"
    if not seen.HasField("subnet_id"):
        return f"{line}, no network"
    if not seen.HasField("result"):
        return f"{line}, {seen.subnet_id}: no result"
    name = seen.result.label or f"class {seen.result.class_id}"
    return clean(f"{line}, {seen.subnet_id}: {name} {seen.result.confidence:.2f}")


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as exc:
        raise BadInput("--out", f"{path} cannot be written: {exc.strerror}") from exc
