"""The commands as they are, for the pages that are made from them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from agent.cli.connection import PARAMETERS
from agent.cli.main import root


def commands(group: click.Group = root, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, groups before what is in them."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None or command.hidden:
            continue
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")


def talks_to_daemon(command: click.Command) -> bool:
    """Whether it takes the options of the connection."""
    return set(PARAMETERS) <= {parameter.name for parameter in command.params}


def is_connection(command: click.Command, parameter: click.Parameter) -> bool:
    """Whether that is one of them."""
    return talks_to_daemon(command) and parameter.name in PARAMETERS
