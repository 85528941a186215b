"""`capture`: labelled images of a running camera, into one folder a label."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.cli.image_folder import ImageFolder
    from agent.client import AgentClient
    from agent.client.capture import ImageStream
    from agent.pb.ofa_agent.v1.capture_pb2 import CapturedImage

Told = Callable[[Path, int], None]


@click.command()
@CAMERA
@click.option("--label", required=True, metavar="L", help="What the images show: the name of the class and its folder.")
@click.option("--count", required=True, type=click.IntRange(1, 100_000), metavar="N", help="Images to take.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder of the classes.")
@click.option("--every", "every_s", type=float, metavar="S", help="At most one image in S seconds; 0.2 by default.")
@click.option("--timeout", "timeout_s", type=float, metavar="S", help="Give up then; by default as it takes, and more.")
@JSON
@connected
def capture(
    connection: Connection,
    camera: str,
    label: str,
    count: int,
    out: Path,
    every_s: float | None,
    timeout_s: float | None,
    as_json: bool,
) -> int:
    """Take N images of a running camera into DIR/L, as `library build --images DIR` reads them.

    The camera goes on inspecting; it needs no library for this. What is known of each image (time, part, exposure,
    the network's answer) goes into DIR/captures.jsonl. Ctrl-C ends it and keeps what is there; nothing is overwritten.
    """
    from agent.cli.image_folder import ImageFolder

    folder = ImageFolder(out, label)

    async def run(client: AgentClient) -> int:
        images = client.capture_images(folder.label, count, camera, min_interval_s=every_s, timeout_s=timeout_s)
        try:
            with _told(folder.label, count, quiet=as_json) as told:
                async with images:
                    async for image in images:
                        told(folder.add(_name(image), image.data, _metadata(image)), folder.count)
        finally:
            _show(folder, images, count, as_json)
        return DONE

    return call(connection, run)


def _name(image: CapturedImage) -> str:
    """Of its file: sorted by time; cameras and captures beside each other have names of their own."""
    time = image.captured_at.ToDatetime()
    camera = re.sub(r"[^\w-]", "-", image.camera)
    return f"{time:%Y%m%dT%H%M%S}.{image.captured_at.nanos // 1000:06d}Z_{camera}_{image.sequence:06d}"


def _metadata(image: CapturedImage) -> dict[str, Any]:
    from agent.cli.wire import plain

    fields = plain(image)
    del fields["data"], fields["content_type"]
    return fields


def _show(folder: ImageFolder, images: ImageStream, count: int, as_json: bool) -> None:
    """What there is in the end, however it came to it; nothing where no capture began."""
    if not images.operation_name:
        return
    if as_json:
        print_json(
            {
                "operation": images.operation_name,
                "label": folder.label,
                "wanted": count,
                "taken": folder.count,
                "missed": images.missed,
                "folder": folder.folder,
                "metadata": folder.metadata,
            }
        )
        return
    missed = f"; {images.missed} missed because they came faster than they were read" if images.missed else ""
    click.echo(f"{folder.count} of {count} images in {folder.folder}{missed}")


@contextmanager
def _told(label: str, count: int, quiet: bool) -> Iterator[Told]:
    """A bar on a terminal, one line an image elsewhere."""
    if quiet or not sys.stderr.isatty():

        def line(path: Path, taken: int) -> None:
            if not quiet:
                click.echo(f"{taken} of {count}  {path}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    left = TextColumn("left")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), left)
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True, highlight=False)) as bars:
        task = bars.add_task(label, total=count)
        yield lambda _path, taken: bars.update(task, completed=taken)
