"""`library`: build, verify, show, extract; the other commands have files of their own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import BAD_INPUT, DONE
from agent.cli.library_add import add
from agent.cli.library_build import build
from agent.cli.library_compile import compile_command
from agent.cli.library_diff import diff
from agent.cli.library_inspect import inspect
from agent.cli.library_keys import keygen, sign
from agent.cli.library_predict import pareto, predict
from agent.cli.library_show import print_ladder
from agent.cli.output import print_json, size

if TYPE_CHECKING:
    from agent.builder.supernet import PixelFormat

_SIGNATURES = {"none": "no signature", "unchecked": "signature not checked", "trusted": "trusted signature"}
_FILE = click.Path(path_type=Path)
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

    report = verify_library(path, keys or None)
    if as_json:
        print_json({**dataclasses.asdict(report), "ok": report.ok})
    elif report.ok:
        read = f"{report.blobs} blob(s), {report.goldens} golden image(s)"
        click.echo(f"ok: {report.path}: {read}, {_SIGNATURES[report.signature]}")
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
@click.option("--supernet", required=True, type=_FILE, help="Weights: .pth, .safetensors or .npz.")
@click.option("--arch", required=True, help="Architecture: JSON text, or a file that holds it.")
@click.option("--out", required=True, type=_FILE, help="The IR to write, FILE.ovir.")
@click.option("--bn", type=_FILE, help="Ready batch-norm statistics (npz).")
@click.option("--calibrate", type=_FILE, help="Images to re-estimate them from (npz).")
@click.option("--softmax", is_flag=True, help="End in SoftMax instead of logits.")
@click.option("--fold-input", is_flag=True, help="Fold mean and scale into the network.")
@click.option("--u8-input", is_flag=True, help="Take 8-bit pixels; normalised by the network only with --fold-input.")
@click.option("--pixel-format", type=click.Choice(["Mono8", "BGR8", "RGB8"]), help="By default the supernet's own.")
@JSON
def extract(
    supernet: Path,
    arch: str,
    out: Path,
    bn: Path | None,
    calibrate: Path | None,
    softmax: bool,
    fold_input: bool,
    u8_input: bool,
    pixel_format: PixelFormat | None,
    as_json: bool,
) -> int:
    """Cut one sub-net out of a supernet and write it as a single-file IR."""
    from agent.builder.extract import ExtractRequest, extract_subnet

    request = ExtractRequest(supernet, arch, out, bn, calibrate, softmax, fold_input, u8_input, pixel_format)
    report = extract_subnet(request)
    if as_json:
        print_json({**dataclasses.asdict(report), "arch": json.loads(report.arch.to_json())})
    else:
        click.echo(f"{report.path}: {report.arch.subnet_id()}, {size(report.size_bytes)}, sha256 {report.sha256}")
        click.echo(f"supernet: {' '.join(filter(None, (report.family, report.variant)))}")
        click.echo(f"batch-norm statistics: {report.statistics}")
    return DONE


for _command in (add, build, compile_command, diff, inspect, keygen, pareto, predict, sign):
    library.add_command(_command)
