"""`library add`: compiled networks that a customer already has become rungs of a library."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.output import print_json
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.library.additions import AddReport, GoldenChoice, Predict
    from agent.library.blob import Work
    from agent.library.inputs import InputChoice
    from agent.library.manifest import Accuracy, Latency, PixelFormat

T = TypeVar("T")

MAX_LABELS_BYTES = 4 * 1024 * 1024
_FILE = click.Path(path_type=Path)
_SHARE = click.FloatRange(0.0, 1.0)
_POSITIVE = click.FloatRange(0.0, min_open=True)
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})x([13])")


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option("--library", required=True, type=_FILE, help="Folder of a library, or of one to make.")
@click.option(
    "--labels", type=_FILE, help="Text file, one label a line in the order of the outputs; for a new library."
)
@click.option("--accuracy", multiple=True, type=_SHARE, required=True, help="Top-1 share; once, or once per FILE.")
@click.option("--tested", multiple=True, type=click.IntRange(1), help="Images that it was measured on.")
@click.option("--dataset", default="as given", show_default=True, help="Name of these images.")
@click.option("--predicted-ms", multiple=True, type=_POSITIVE, help="Service time; once, or once per FILE.")
@click.option("--id", "ids", multiple=True, help="Name of the rung, once per FILE; by default the name of the file.")
@click.option("--name", help="Of a new library.")
@click.option("--golden", "goldens", multiple=True, metavar="IMAGE:CLASS:CONFIDENCE", help="Self test of one FILE.")
@click.option("--input", "input_size", metavar="WxHxC", help="Where the file does not tell.")
@click.option("--pixel-format", type=click.Choice(["Mono8", "BGR8", "RGB8"]), help="By default BGR8 for 3 channels.")
@click.option("--mean", help="One number, or one per channel: 127.5 by default, or as in the library.")
@click.option("--scale", help="As --mean.")
@click.option("--target", type=click.Choice(["firefly-dl", "myriad2", "myriadx", "simulated"]), help="What runs it.")
@click.option("--shaves", type=click.IntRange(1, 16), help="Where the file does not tell.")
@click.option("--sign-key", type=_FILE, help="Private key (PEM) to sign the manifest with.")
@JSON
def add(
    files: tuple[Path, ...],
    library: Path,
    labels: Path | None,
    accuracy: tuple[float, ...],
    tested: tuple[int, ...],
    dataset: str,
    predicted_ms: tuple[float, ...],
    ids: tuple[str, ...],
    name: str | None,
    goldens: tuple[str, ...],
    input_size: str | None,
    pixel_format: PixelFormat | None,
    mean: str | None,
    scale: str | None,
    target: str | None,
    shaves: int | None,
    sign_key: Path | None,
    as_json: bool,
) -> int:
    """Add compiled networks (NCSDK graphs, OpenVINO blobs, IRs) to a library, which gets its next version.

    Without --predicted-ms the service time follows from the work where the file tells that: NCSDK 2.3 graphs and IRs.
    """
    from agent.library.additions import Addition, AddRequest, add_networks

    if goldens and len(files) != 1:
        raise BadInput("golden", "a golden image has one confidence for one network; add the files one by one")
    rows = zip(
        files,
        ids or [_id(file) for file in files],
        _per_file("accuracy", accuracy, files),
        _per_file("tested", tested or (None,), files),
        _per_file("predicted-ms", predicted_ms or (None,), files),
        strict=_same_length("id", ids, files),
    )
    additions = tuple(
        Addition(file, key, _accuracy(top1, n, dataset), ms, tuple(map(_golden, goldens)))
        for file, key, top1, n, ms in rows
    )
    request = AddRequest(
        library,
        additions,
        None if labels is None else _read_labels(labels),
        name,
        _input(input_size, pixel_format, mean, scale),
        target,
        shaves,
        sign_key,
    )
    _print(add_networks(request, _law()), as_json)
    return DONE


def _print(report: AddReport, as_json: bool) -> None:
    from agent.cli.library_show import print_ladder
    from agent.library import show_library

    published = report.publication
    if as_json:
        print_json({**dataclasses.asdict(published), "added": report.added, "unsigned": report.unsigned})
    else:
        click.echo(f"{published.path} version {published.version}: added {', '.join(report.added)}")
        print_ladder(show_library(published.path))
    if report.unsigned:
        click.echo(f"the old signature is gone: ofa-agent library sign {published.path} --key FILE", err=True)


def _law() -> Predict:
    """The builder's prior (facts/myriad-blobs.md 6), with the pre-processing that it expects."""
    from agent.builder.counts import Counts
    from agent.builder.predict import LatencyLaw
    from agent.library.manifest import Latency

    law = LatencyLaw()

    def predict(work: Work, side_px: int, shaves: int) -> Latency:
        counts = Counts(work.params, work.macs_dense, work.macs_depthwise, work.layers)
        service_ms = law.service_ms(counts, side_px, shaves)
        return Latency(predicted_ms=round(service_ms, 3), source=law.source, preprocessing_ms=round(law.fixed_ms, 3))

    return predict


def _id(file: Path) -> str:
    """The name of the file, as far as an id can hold it."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", file.stem).strip("-._+")[:64] or "network"


def _same_length(name: str, values: Sequence[object], files: Sequence[Path]) -> bool:
    """True; raises BadInput where an option is given, but not once per file."""
    if values and len(values) != len(files):
        raise BadInput(name, f"given {len(values)} times for {len(files)} files")
    return True


def _per_file(name: str, values: tuple[T, ...], files: Sequence[Path]) -> tuple[T, ...]:
    """One value for all files, or one for each."""
    if len(values) == 1:
        return values * len(files)
    _same_length(name, values, files)
    return values


def _accuracy(top1: float, tested: int | None, dataset: str) -> Accuracy:
    """With its Wilson interval, or with none: then nothing is claimed about how sure it is."""
    from agent.builder.evaluate import wilson
    from agent.library.manifest import Accuracy

    if tested is None:
        return Accuracy(top1=top1, n=1, ci95_low=0.0, ci95_high=1.0, dataset=f"{dataset} (images not counted)")
    found = wilson(round(top1 * tested), tested)
    low, high = min(found.ci95_low, top1), max(found.ci95_high, top1)
    return Accuracy(top1=top1, n=tested, ci95_low=round(low, 6), ci95_high=round(high, 6), dataset=dataset)


def _golden(text: str) -> GoldenChoice:
    from agent.library.additions import GoldenChoice

    parts = text.rsplit(":", 2)
    try:
        image, label, confidence = parts[0], parts[1], float(parts[2])
    except (IndexError, ValueError) as exc:
        raise BadInput("golden", f"{text!r} is not IMAGE:CLASS:CONFIDENCE") from exc
    if not 0.0 <= confidence <= 1.0:
        raise BadInput("golden", f"confidence {confidence:g} is not within 0 .. 1")
    return GoldenChoice(Path(image), label, confidence)


def _input(size: str | None, pixel_format: PixelFormat | None, mean: str | None, scale: str | None) -> InputChoice:
    from agent.library.inputs import InputChoice

    wanted = None
    if size is not None:
        match = _SIZE.fullmatch(size)
        if match is None:
            raise BadInput("input", f"{size!r} is not WIDTHxHEIGHTxCHANNELS, as 224x224x3")
        width, height, channels = map(int, match.groups())
        wanted = width, height, channels
    return InputChoice(wanted, pixel_format, _numbers("mean", mean), _numbers("scale", scale))


def _numbers(name: str, text: str | None) -> tuple[float, ...]:
    try:
        return () if text is None else tuple(float(word) for word in text.split(","))
    except ValueError as exc:
        raise BadInput(name, f"{text!r} is not a number, or numbers with commas between") from exc


def _read_labels(path: Path) -> tuple[str, ...]:
    """One label a line; blank lines at the end do not count."""
    from agent.library.files import read_regular

    try:
        lines = read_regular(path.resolve(), MAX_LABELS_BYTES).decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as exc:
        raise BadInput("labels", f"{path} is not text in UTF-8") from exc
    labels = tuple(line.strip() for line in lines)
    seen: set[str] = set()
    for number, label in enumerate(labels, start=1):
        if not label or label in seen:
            raise BadInput("labels", f"{path}:{number}: {label!r} is blank or was there before")
        seen.add(label)
    if len(labels) < 2:
        raise BadInput("labels", f"{path}: {len(labels)} labels, a classifier needs two")
    return labels
