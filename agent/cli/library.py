"""`library`: build, verify, show, extract, inspect."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import BAD_INPUT, DONE
from agent.cli.output import number, percent, print_json, print_table, size

if TYPE_CHECKING:
    from agent.library import LibrarySummary

LADDER_HEADINGS = ("sub-net", "accuracy", "95 % interval", "predicted", "side", "MMACs", "size")
_FOLDER = click.argument("path", type=click.Path(path_type=Path))


@click.group()
def library() -> None:
    """Build, verify and look into libraries of sub-nets."""


@library.command()
@_FOLDER
@click.option(
    "--trusted-key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public key (PEM) that must have signed the manifest; may be repeated.",
)
@JSON
def verify(path: Path, keys: tuple[Path, ...], as_json: bool) -> int:
    """Read every file of a library and check digests, formats, shapes and golden images."""
    from agent.library import verify_library

    report = verify_library(path, keys)
    if as_json:
        print_json({**dataclasses.asdict(report), "ok": report.ok})
    elif report.ok:
        click.echo(f"ok: {report.path}: {report.blobs} blob(s), {report.goldens} golden image(s)")
    else:
        for line in report.problems:
            click.echo(line, err=True)
    return DONE if report.ok else BAD_INPUT


@library.command()
@_FOLDER
@JSON
def show(path: Path, as_json: bool) -> int:
    """The ladder of a library, fastest sub-net first."""
    from agent.library import show_library

    summary = show_library(path)
    if as_json:
        print_json(dataclasses.asdict(summary))
        return DONE
    click.echo(f"{summary.name} version {summary.version}, {summary.task}: {', '.join(summary.labels)}")
    print_ladder(summary)
    return DONE


@library.command()
@click.argument("file", type=click.Path(path_type=Path))
@JSON
def inspect(file: Path, as_json: bool) -> int:
    """What a blob, graph or IR file is, and whether it is sound."""
    from agent.errors import BlobInvalid
    from agent.library import inspect_blob

    data = _read(file)
    try:
        info = inspect_blob(data, str(file))
    except BlobInvalid as exc:
        if not as_json:
            raise
        print_json({"format": _sniffed(data), "sound": False, "problem": str(exc), "size_bytes": len(data)})
        return BAD_INPUT
    facts = dataclasses.asdict(info)
    if as_json:
        print_json({**facts, "sound": True})
        return DONE
    for key, value in facts.items():
        if value not in (None, ()):
            click.echo(f"{key:13} {'x'.join(map(str, value)) if key.endswith('shape') else _words(value)}")
    return DONE


def print_ladder(summary: LibrarySummary) -> None:
    """A table with a row for each rung."""
    rows = [
        (
            one.id,
            percent(one.top1),
            f"{100 * one.ci95_low:.1f}-{100 * one.ci95_high:.1f}",
            number(one.predicted_ms, 1, " ms"),
            str(one.resolution),
            number((one.macs_dense + one.macs_depthwise) / 1e6, 2),
            size(one.size_bytes),
        )
        for one in summary.subnets
    ]
    print_table(LADDER_HEADINGS, rows)


def _read(file: Path) -> bytes:
    from agent.errors import BlobMissing
    from agent.library.blob import MAX_BLOB_BYTES

    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BLOB_BYTES + 1)
    except OSError as exc:
        raise BlobMissing(f"{file}: cannot be read: {exc.strerror}") from exc


def _sniffed(data: bytes) -> str | None:
    from agent.library import sniff

    return sniff(data)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
