"""`demo`: the whole agent against a simulated camera, judged by the camera's own record."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agent.cli.demo.summary import PHASE_HEADINGS, busy_line, closing_lines, phase_row, to_json
from agent.cli.exits import DONE, FAILED
from agent.cli.output import print_json, print_table


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(1, 86_400), default=60.0, show_default=True, help="About how long; at least 20."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; progress goes to stderr.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=".demo",
    show_default=True,
    help="Where the library is kept, and the state and logs of the last run.",
)
@click.option("--supernet", type=click.Path(path_type=Path), help="Another supernet than the shipped one.")
def demo(seconds: float, as_json: bool, state_dir: Path, supernet: Path | None) -> int:
    """Run agent, simulated camera and a client that changes the line speed; check every result.

    Builds the demo library first where there is none. Exit code 0 only where every result was made by the sub-net that
    it names, the budgets were kept, and the changes led to swaps.
    """
    from agent.cli.demo.phases import TIME_SCALE
    from agent.cli.demo.screen import open_screen
    from agent.cli.demo.session import run_session
    from agent.cli.demo.supply import SUPERNET, ensure_library

    screen = open_screen(as_json)
    state_dir.mkdir(parents=True, exist_ok=True)
    library = ensure_library(state_dir.resolve(), supernet or SUPERNET, screen.tell)
    if not as_json:
        _print_ladder(library, TIME_SCALE)
    outcome = run_session(state_dir.resolve(), library, seconds, screen)
    if as_json:
        print_json(to_json(outcome))
    else:
        print_table(PHASE_HEADINGS, [phase_row(one) for one in outcome.score.phases])
        for line in closing_lines(outcome):
            click.echo(line)
    busy = busy_line(os.getloadavg()[0], os.cpu_count() or 1) if outcome.problems else None
    if busy is not None:
        click.echo(busy, err=as_json)
    return FAILED if outcome.problems else DONE


def _print_ladder(library: Path, time_scale: float) -> None:
    from agent.cli.library_show import print_ladder
    from agent.library import show_library

    click.echo(f"library {library}; the simulated VPU runs {time_scale:g} times slower than the law of a Myriad 2")
    print_ladder(show_library(library))
