"""`run`: the daemon in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.blas import use_one_thread

if TYPE_CHECKING:
    from agent.config import AgentConfig

CONFIG = click.option(
    "--config", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Config file (YAML)."
)


@click.command()
@CONFIG
@click.option(
    "--or-last-good",
    is_flag=True,
    help="Where the file cannot be used, start from the copy of the last one that was, and raise an alarm.",
)
def run(config: Path, or_last_good: bool) -> int:
    """Run the daemon until SIGTERM or SIGINT; SIGHUP reloads the config."""
    use_one_thread()
    # Else its library has a line for every handshake that fails, as many as whoever is on the network likes.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from agent.config.last_good import load, load_or_last_good

    if or_last_good:
        from agent.doors import check_doors
        from agent.staging import open_shelf

        def check(found: AgentConfig) -> None:
            check_doors(found)
            open_shelf(found)

        loaded = load_or_last_good(config, check)
    else:
        loaded = load(config)
    from agent.app import run_daemon

    return run_daemon(loaded)
