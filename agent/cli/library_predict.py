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
    from agent.builder.pareto import Ladder
    from agent.library.manifest import Subnet

_FILE = click.Path(path_type=Path)
_STEP_HEADINGS = ("from", "to", "gain %", "swap s", "pays after s")


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
@click.option("--png", type=_FILE, help="Draw it: accuracy over service time, sizes, and when each step pays.")
@click.option("--measured", type=_FILE, help="Service times that a camera measured (`profile --out`), drawn beside.")
@JSON
def pareto(path: Path, png: Path | None, measured: Path | None, as_json: bool) -> int:
    """The steps of a ladder: what each gains, and how long a line has to stay until its swap has paid."""
    from agent.builder.pareto import read_ladder

    if png is not None:
        from agent.cli.picture import check_drawing

        check_drawing(png)
    ladder = read_ladder(path, measured)
    if png is not None:
        from agent.cli.ladder_picture import draw_ladder

        draw_ladder(ladder, png)
    if as_json:
        steps = [dataclasses.asdict(step) for step in ladder.steps]
        print_json({"rungs": [_rung(ladder, one) for one in ladder.rungs], "steps": steps, "png": png})
        return DONE
    rows = [
        (one.from_id, one.to_id, f"{100 * one.gain:+.1f}", f"{one.gap_s:.1f}", number(one.break_even_s, 0))
        for one in ladder.steps
    ]
    print_table(_STEP_HEADINGS, rows, left=2)
    if png is not None:
        click.echo(f"drawn: {png}")
    return DONE


def _rung(ladder: Ladder, one: Subnet) -> dict[str, object]:
    """What the picture shows of a rung."""
    accuracy = one.accuracy
    return {
        "id": one.id,
        "top1": accuracy.top1,
        "ci95_low": accuracy.ci95_low,
        "ci95_high": accuracy.ci95_high,
        "predicted_ms": one.latency.predicted_ms,
        "measured_ms": ladder.measured.get(one.id),
        "size_bytes": one.artifacts[0].size_bytes,
    }


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
