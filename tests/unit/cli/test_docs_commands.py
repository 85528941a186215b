"""The commands that the pages on libraries show exist, with the options that they are shown with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from agent.cli.main import root

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {  # and how many commands each shows at least
    "tutorial/from-images-to-a-camera.md": 3,
    "how-to/build-a-library.md": 3,
    "how-to/compile-for-the-camera.md": 3,
    "how-to/profile-a-camera.md": 2,
    "how-to/replay-a-site.md": 1,
    "how-to/ask-for-help.md": 2,
}


def _commands(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("ofa-agent ")]


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page_are_those_of_the_program(page: str) -> None:
    commands = _commands(page)
    assert len(commands) >= PAGES[page]
    for line in commands:
        words = shlex.split(line)[1:]
        command: click.Command = root
        context = click.Context(root, info_name="ofa-agent")
        while isinstance(command, click.Group):
            _, found, words = command.resolve_command(context, words)
            assert found is not None, line
            command = found
        command.make_context(command.name, words, parent=context)  # raises where an option is unknown or missing
