"""`run`: the daemon in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.blas import use_one_thread
from agent.errors import BadInput, SdkError
from agent.heap import starting, use_one_heap

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.config.last_good import Loaded
    from agent.staging import Ahead

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
    use_one_heap()
    with starting():
        return _run(config, or_last_good)


def _run(config: Path, or_last_good: bool) -> int:
    # Else its library has a line for every handshake that fails, as many as whoever is on the network likes.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from agent.config.last_good import load

    loaded, ahead = _usable(config) if or_last_good else (load(config), None)
    from agent.app import run_daemon

    try:
        return run_daemon(loaded, ahead)
    except SdkError as exc:
        # Exit code 2: the config asks for what is not there, and a service that starts again meets the same.
        raise BadInput(f"{config}: sdk", str(exc)) from exc


def _usable(config: Path) -> tuple[Loaded, Ahead]:
    """The file or the last good copy of it, and the library of whichever it is."""
    from agent.config.last_good import load_or_last_good
    from agent.doors import check_doors
    from agent.staging import Ahead, open_shelf

    ahead = Ahead()

    def check(found: AgentConfig) -> None:
        nonlocal ahead
        check_doors(found)
        ahead = Ahead(open_shelf(found))

    return load_or_last_good(config, check), ahead
