"""`library predict` and `library pareto`: what a sub-net would be, and what a ladder is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.output import number, percent, print_json, print_table, size

if TYPE_CHECKING:
    from agent.builder.forecast import Forecast

_FILE = click.Path(path_type=Path)
_STEP_HEADINGS = ("from", "to", "gain", "swap", "pays after")


@click.command()
@click.option("--supernet", required=True, type=_FILE, help="Weights: .pth, .safetensors or .npz.")
@click.option("--arch", required=True, help="Architecture: JSON text, or a file that holds it.")
@click.option(
    "--measured",
    "--profile",
    "measured",
    type=_FILE,
    help="Service times that a camera measured (JSON): the latency law is fitted to them.",
)
@click.option("--library", type=_FILE, help="A library of this supernet: tells accuracies, and what was measured.")
@click.option(
    "--target",
    type=click.Choice(["simulated", "myriad2", "myriadx", "firefly-dl"]),
    default="myriad2",
    show_default=True,
    help="Whether the sub-net is legal there.",
)
@click.option("--shaves", type=click.IntRange(1, 16), default=12, show_default=True)
@click.option("--time-scale", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@JSON
def predict(
    supernet: Path,
    arch: str,
    measured: Path | None,
    library: Path | None,
    target: str,
    shaves: int,
    time_scale: float,
    as_json: bool,
) -> int:
    """Service time, work, size and accuracy of one architecture, at once: nothing is run."""
    from agent.builder import forecast as room

    request = room.ForecastRequest(supernet, arch, measured, library, target, shaves, time_scale)
    found = room.forecast(request)
    if as_json:
        print_json(room.as_json(found))
    else:
        for name, value in _lines(found):
            click.echo(f"{name:14} {value}")
    return DONE


@click.command()
@click.argument("path", type=_FILE)
@click.option("--png", type=_FILE, help="Draw accuracy against latency, and the break-even dwell of each step.")
@JSON
def pareto(path: Path, png: Path | None, as_json: bool) -> int:
    """The steps of a ladder: what each gains, and how long a line has to stay until its swap has paid."""
    from agent.builder.pareto import draw, read_ladder

    ladder = read_ladder(path)
    if png is not None:
        draw(ladder, png)
    if as_json:
        print_json({"steps": [dataclasses.asdict(step) for step in ladder.steps], "png": png})
        return DONE
    rows = [
        (one.from_id, one.to_id, f"{100 * one.gain:+.1f} %", f"{one.gap_s:.1f} s", number(one.break_even_s, 0, " s"))
        for one in ladder.steps
    ]
    print_table(_STEP_HEADINGS, rows, left=2)
    if png is not None:
        click.echo(f"drawn: {png}")
    return DONE


def _lines(found: Forecast) -> list[tuple[str, str]]:
    guess = found.accuracy
    told = "not known; name a library of this supernet with --library"
    if guess is not None:
        told = f"{percent(guess.top1)} ({percent(guess.ci95_low)} to {percent(guess.ci95_high)}; {guess.source})"
    lines = [
        ("sub-net", found.id),
        (
            "service time",
            f"{found.service_ms:.1f} ms ({found.service_low_ms:.1f} to {found.service_high_ms:.1f} ms; "
            f"{found.latency_source})",
        ),
        ("work", f"{found.macs_dense / 1e6:.2f} M dense and {found.macs_depthwise / 1e6:.2f} M depthwise MACs"),
        ("parameters", f"{found.params:,}"),
        ("blob", f"about {size(found.blob_bytes)}"),
        ("IR", f"about {size(found.ir_bytes)}"),
        ("accuracy", told),
    ]
    return lines if found.refused is None else [*lines, ("refused", found.refused)]
