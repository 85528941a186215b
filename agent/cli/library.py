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
from agent.cli.library_compile import compile_command
from agent.cli.library_diff import diff
from agent.cli.library_inspect import inspect
from agent.cli.library_keys import keygen, sign
from agent.cli.output import number, percent, print_json, print_table, size

if TYPE_CHECKING:
    from agent.library import LibrarySummary

LADDER_HEADINGS = ("sub-net", "accuracy", "95 % interval", "predicted", "side", "MMACs", "size")
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

    report = verify_library(path, keys)
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
@click.option("--supernet", required=True, type=_FILE, help="Weights: .safetensors or .npz.")
@click.option("--images", required=True, type=_FILE, help="Calibration images: npz, or a folder with one per class.")
@click.option("--held-out", required=True, type=_FILE, help="Images for the accuracy; none of the above.")
@click.option("--out", required=True, type=_FILE, help="Folder of the library.")
@click.option("--name", default="ofa-library", show_default=True)
@click.option("--version", type=click.IntRange(1), help="By default one more than what is there.")
@click.option("--arch", "archs", multiple=True, type=_FILE, help="A chosen architecture (JSON); may be repeated.")
@click.option("--max-subnets", type=click.IntRange(1, 256), default=9, show_default=True, help="Rungs of the ladder.")
@click.option("--max-latency-ms", type=click.FloatRange(0, min_open=True), help="Slowest rung, as predicted.")
@click.option("--time-scale", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the search.")
@click.option("--sign-key", type=_FILE, help="Private key (PEM) to sign the manifest with.")
@click.option("--force", is_flag=True, help="Also replace a higher version or a broken library.")
@JSON
def build(
    supernet: Path,
    images: Path,
    held_out: Path,
    out: Path,
    name: str,
    version: int | None,
    archs: tuple[Path, ...],
    max_subnets: int,
    max_latency_ms: float | None,
    time_scale: float,
    seed: int,
    sign_key: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Build a library from a supernet: search a ladder of sub-nets, or take chosen ones."""
    from agent.builder.build import BuildRequest, build_library
    from agent.builder.ladder import LadderOptions
    from agent.builder.predict import LatencyLaw
    from agent.library import show_library

    ladder = LadderOptions(max_subnets=max_subnets, max_latency_ms=max_latency_ms, seed=seed)
    law = LatencyLaw(time_scale=time_scale)
    request = BuildRequest(supernet, images, held_out, out, name, version, archs, ladder, law, sign_key, force)
    report = build_library(request, lambda line: click.echo(line, err=True))
    if as_json:
        print_json(dataclasses.asdict(report))
        return DONE
    click.echo(f"{report.path} version {report.version}{'' if report.changed else ' (unchanged)'}")
    print_ladder(show_library(report.path))
    return DONE


@library.command()
@click.option("--supernet", required=True, type=_FILE, help="Weights: .safetensors or .npz.")
@click.option("--arch", required=True, help="Architecture: JSON text, or a file that holds it.")
@click.option("--out", required=True, type=_FILE, help="The IR to write, FILE.ovir.")
@click.option("--bn", type=_FILE, help="Ready batch-norm statistics (npz).")
@click.option("--calibrate", type=_FILE, help="Images to re-estimate them from (npz).")
@click.option("--softmax", is_flag=True, help="End in SoftMax instead of logits.")
@click.option("--fold-input", is_flag=True, help="Fold mean and scale into the network.")
@JSON
def extract(
    supernet: Path,
    arch: str,
    out: Path,
    bn: Path | None,
    calibrate: Path | None,
    softmax: bool,
    fold_input: bool,
    as_json: bool,
) -> int:
    """Cut one sub-net out of a supernet and write it as a single-file IR."""
    from agent.builder.extract import ExtractRequest, extract_subnet

    report = extract_subnet(ExtractRequest(supernet, arch, out, bn, calibrate, softmax, fold_input))
    if as_json:
        print_json({**dataclasses.asdict(report), "arch": json.loads(report.arch.to_json())})
    else:
        click.echo(f"{report.path}: {report.arch.subnet_id()}, {size(report.size_bytes)}, sha256 {report.sha256}")
        click.echo(f"batch-norm statistics: {report.statistics}")
    return DONE


def print_ladder(summary: LibrarySummary) -> None:
    """A table with a row for each rung, and which of them cannot be tested on the camera."""
    rows = [
        (
            one.id,
            percent(one.top1),
            f"{100 * one.ci95_low:.1f}-{100 * one.ci95_high:.1f}",
            number(one.predicted_ms, 1, " ms"),
            str(one.resolution),
            number((one.macs_dense + one.macs_depthwise) / 1e6 or None, 2),
            size(one.size_bytes),
        )
        for one in summary.subnets
    ]
    print_table(LADDER_HEADINGS, rows)
    untested = [one.id for one in summary.subnets if not one.goldens]
    if untested:
        click.echo(
            f"no golden images: {', '.join(untested)}. After an upload these are verified by the camera's own report"
            " of size, input and classes alone (status: verified_by properties)."
        )


for _command in (add, compile_command, diff, inspect, keygen, sign):
    library.add_command(_command)
