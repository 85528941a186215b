"""`library build`: from a supernet and images to a library."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.library_show import print_ladder
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.builder.build import BuildRequest
    from agent.builder.ladder import LadderOptions, Progress, Steps

_FILE = click.Path(path_type=Path)
_TARGETS = ("simulated", "myriad2", "myriadx", "firefly-dl")


@dataclasses.dataclass(frozen=True, slots=True)
class _Options:
    """The command line, as click hands it over."""

    supernet: Path
    images: Path
    held_out: Path | None
    out: Path
    name: str
    version: int | None
    targets: tuple[str, ...]
    shaves: int | None
    transfer: Literal["auto", "off"]
    archs: tuple[Path, ...]
    max_subnets: int
    max_latency_ms: float | None
    evaluations: int
    search_minutes: float | None
    max_dwell_s: float
    measured: Path | None
    time_scale: float
    seed: int
    sign_key: Path | None
    report: Path | None
    force: bool

    def request(self) -> BuildRequest:
        """What the builder is asked for."""
        from agent.builder.build import BuildRequest
        from agent.builder.predict import LatencyLaw

        return BuildRequest(
            supernet=self.supernet,
            images=self.images,
            held_out=self.held_out,
            out=self.out,
            name=self.name,
            version=self.version,
            archs=self.archs,
            ladder=self._ladder(),
            law=LatencyLaw(time_scale=self.time_scale),
            sign_key=self.sign_key,
            force=self.force,
            targets=tuple(dict.fromkeys(self.targets)),
            shaves=self.shaves,
            transfer=self.transfer,
            measured=self.measured,
            resume=True,
            report=self.report or self.out.with_name(f"{self.out.name}.report.json"),
        )

    def _ladder(self) -> LadderOptions:
        from agent.builder.ladder import LadderOptions

        return LadderOptions(
            max_subnets=self.max_subnets,
            max_latency_ms=self.max_latency_ms,
            candidates=self.evaluations,
            seed=self.seed,
            method="nsga2",
            seconds=None if self.search_minutes is None else 60 * self.search_minutes,
            max_dwell_s=self.max_dwell_s,
        )


@click.command()
@click.option("--supernet", required=True, type=_FILE, help="Weights: .pth, .safetensors or .npz.")
@click.option("--images", required=True, type=_FILE, help="Labelled images: npz, or a folder with one per class.")
@click.option("--held-out", type=_FILE, help="Images for the accuracy; by default a fifth of --images, by content.")
@click.option("--out", required=True, type=_FILE, help="Folder of the library.")
@click.option("--name", default="ofa-library", show_default=True)
@click.option("--version", type=click.IntRange(1), help="By default one more than what is there.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(_TARGETS),
    default=("simulated",),
    show_default=True,
    help="Processor to compile for; may be repeated. The IR is always there, for the simulated camera.",
)
@click.option("--shaves", type=click.IntRange(1, 16), help="Of a Myriad; by default all that one network may use.")
@click.option(
    "--transfer",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="auto: fit the last layer on the images and keep the better one of each sub-net.",
)
@click.option("--arch", "archs", multiple=True, type=_FILE, help="A chosen architecture (JSON); may be repeated.")
@click.option("--max-subnets", type=click.IntRange(1, 256), default=9, show_default=True, help="Rungs of the ladder.")
@click.option("--max-latency-ms", type=click.FloatRange(0, min_open=True), help="Slowest rung, as predicted.")
@click.option("--evaluations", type=click.IntRange(2), default=40, show_default=True, help="Sub-nets that are tried.")
@click.option("--search-minutes", type=click.FloatRange(0, min_open=True), help="Stop trying after this time.")
@click.option(
    "--max-dwell-s",
    type=click.FloatRange(0, min_open=True),
    default=1800.0,
    show_default=True,
    help="Leave out rungs that a line would have to stay at for longer than this until the swap has paid.",
)
@click.option(
    "--measured", type=_FILE, help="Service times that a camera measured (JSON): the latency law is fitted to them."
)
@click.option("--time-scale", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split and the search.")
@click.option("--sign-key", type=_FILE, help="Private key (PEM) to sign the manifest with.")
@click.option("--report", type=_FILE, help="By default OUT.report.json: confusion matrices, what was tried.")
@click.option("--force", is_flag=True, help="Also replace a higher version or a broken library.")
@JSON
def build(as_json: bool, **options: Any) -> int:
    """Build a library from a supernet: search a ladder of sub-nets, or take chosen ones.

    An interrupted build goes on where it was when it is started again with the same inputs; its steps are in a folder
    .OUT.build, which may be deleted.
    """
    from agent.builder.build import build_library
    from agent.library import show_library

    request = _Options(**options).request()
    with told_on_stderr() as (progress, steps):
        done = build_library(request, progress, steps)
    if as_json:
        print_json(dataclasses.asdict(done))
        return DONE
    click.echo(f"{done.path} version {done.version}{'' if done.changed else ' (unchanged)'}")
    print_ladder(show_library(done.path))
    click.echo(f"confusion matrices and all that was tried: {request.report}")
    return DONE


@contextlib.contextmanager
def told_on_stderr() -> Iterator[tuple[Progress, Steps]]:
    """Plain lines, and on a terminal a bar with the time left for each phase below them."""
    if not sys.stderr.isatty():
        yield (lambda line: click.echo(line, err=True)), (lambda _phase, _done, _all: None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False), speed_estimate_period=math.inf) as bars:
        phases = {
            phase: bars.add_task(phase, total=None, start=index == 0) for index, phase in enumerate(("search", "build"))
        }

        def steps(phase: str, done: int, total: int) -> None:
            task = phases[phase]
            bars.start_task(task)
            bars.update(task, completed=done, total=total)

        yield (lambda line: bars.console.print(line, markup=False)), steps
