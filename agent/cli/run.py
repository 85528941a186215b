"""`run`: the daemon in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from agent.cli.blas import use_one_thread

CONFIG = click.option(
    "--config", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Config file (YAML)."
)


@click.command()
@CONFIG
def run(config: Path) -> int:
    """Run the daemon until SIGTERM or SIGINT."""
    from agent.config import load_config

    use_one_thread()
    loaded = load_config(config)
    from agent.app import run_daemon

    return run_daemon(loaded)
