"""`completion`: the script that lets a shell complete commands, options, cameras and sub-nets."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from agent.cli.exits import DONE

PROGRAM, VARIABLE = "ofa-agent", "_OFA_AGENT_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script for a shell.

    \b
    bash  ofa-agent completion bash > ~/.local/share/bash-completion/completions/ofa-agent
    zsh   ofa-agent completion zsh > DIR/_ofa-agent, DIR being one of $fpath
    fish  ofa-agent completion fish > ~/.config/fish/completions/ofa-agent.fish

    Names of cameras, sub-nets, operations and alarms come from the running daemon; where none answers at once, there
    are none.
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    made = kind(click.get_current_context().find_root().command, {}, PROGRAM, VARIABLE)
    # The class's own method asks the shell for its version, which need not be on the machine that makes the package.
    click.echo(ShellComplete.source(made))
    return DONE
