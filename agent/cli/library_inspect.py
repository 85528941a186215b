"""`library inspect`: what a network file is, and whether it is sound."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import BAD_INPUT, DONE
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.library import BlobInfo

_ANY = "any"
_WORK_NAMES = {"params": "parameters", "macs_dense": "dense MACs", "macs_depthwise": "depthwise MACs"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--platform",
    type=click.Choice(["myriad2", "myriadx", _ANY]),
    default="myriad2",
    show_default=True,
    help="Processor that the file must fit; the camera has a Myriad 2.",
)
@JSON
def inspect(file: Path, platform: str, as_json: bool) -> int:
    """What a blob, graph or IR file is, and whether it is sound."""
    from agent.errors import BlobInvalid
    from agent.library import inspect_file
    from agent.library.blob import PLATFORMS

    wanted = next((name for name in PLATFORMS if name == platform), None)
    try:
        report = inspect_file(file, wanted)
    except BlobInvalid as exc:
        if not as_json:
            raise
        print_json({**_first_look(file), "sound": False, "problem": str(exc)})
        return BAD_INPUT
    if as_json:
        print_json({**dataclasses.asdict(report.info), "sha256": report.sha256, "sound": True})
        return DONE
    for name, value in [*_lines(report.info), ("sha256", report.sha256)]:
        click.echo(f"{name:15} {value}")
    return DONE


def _first_look(file: Path) -> dict[str, object]:
    """What can be told of a file that is not sound: its size, and its format by magic number."""
    from agent.library.report import first_look

    found, size_bytes = first_look(file)
    return {"format": found, "size_bytes": size_bytes}


def _lines(info: BlobInfo) -> list[tuple[str, str]]:
    """Everything that the file tells, in words."""
    lines: list[tuple[str, str]] = []
    for key, value in dataclasses.asdict(info).items():
        if value is None or value == ():
            continue
        if key == "work":
            lines += [(_WORK_NAMES.get(name, name), str(count)) for name, count in value.items()]
        elif key.endswith("shape"):
            lines.append((key.replace("_", " "), "x".join(map(str, value))))
        elif isinstance(value, tuple):
            lines.append((key.replace("_", " "), ", ".join(value)))
        else:
            lines.append((key.replace("_", " "), str(value)))
    return lines
