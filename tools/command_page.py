"""Makes docs/reference/cli.md from the commands themselves; with --check it changes nothing and fails where they
differ."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from agent.cli.main import root

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import generated  # noqa: E402  run as a program it does not know its package
from tools.commands import commands, is_connection, talks_to_daemon  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "cli.md"
_HEAD = """# Commands

`ofa-agent COMMAND --help` prints the same at the terminal. Made from the commands with `python tools/command_page.py`.

{about}

An error is one line on standard error that says what failed, on what, and what to do.
"""
_CONNECTION_HEAD = """## Options of the connection

Commands that talk to the daemon, marked *(daemon)* below, take these as well. Without any of them they use the unix
socket of this machine; how to come in from elsewhere: [secure it](../how-to/secure-it.md).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say that it differs; returns the exit code."""
    return generated.run(PAGE, "docs/reference/cli.md", page, "tools/command_page.py", __doc__, argv)


def page() -> str:
    """The text that the page should have."""
    found = list(commands())
    about = _plain(root.help or "")
    one = next(command for _, command in found if talks_to_daemon(command))
    connection = [_row(parameter) for parameter in one.params if is_connection(one, parameter)]
    parts = [_HEAD.format(about=about), _CONNECTION_HEAD, _table(connection)]
    parts += [_section(path, command) for path, command in found]
    return "\n".join(parts)


def _section(path: str, command: click.Command) -> str:
    mark = "*(daemon)* " if talks_to_daemon(command) else ""
    lines = [f"{'#' * (2 + path.count(' '))} {path}\n", f"{mark}{_plain(command.help or '')}\n"]
    own = [one for one in command.params if not is_connection(command, one)]
    rows = [_row(parameter) for parameter in own if not getattr(parameter, "hidden", False)]
    return "\n".join([*lines, *([_table(rows)] if rows else [])])


def _row(parameter: click.Parameter) -> str:
    if not isinstance(parameter, click.Option):
        name = parameter.metavar or (parameter.name or "").upper()
        more, needed = " ..." if parameter.nargs == -1 else "", "required" if parameter.required else "optional"
        return f"| `{name}`{more} | {needed} |"
    names = " or ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    value = "" if parameter.is_flag or parameter.count else f" `{_value(parameter)}`"
    notes = "; ".join(_notes(parameter))
    return f"| {names}{value} | {_cell(parameter.help or '')}{f' ({notes})' if notes else ''} |"


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar.replace("|", "\\|")
    if isinstance(option.type, click.Choice):
        return "\\|".join(str(one) for one in option.type.choices)
    return option.type.name.partition(" ")[0].upper()


def _notes(option: click.Option) -> Iterator[str]:
    if option.required:
        yield "required"
    if option.multiple:
        yield "may be given several times"
    if isinstance(option.type, (click.IntRange, click.FloatRange)):
        yield from _bounds(option.type)
    if option.show_default and isinstance(option.default, (str, int, float)) and not option.is_flag:
        yield f"default {option.default}"
    if option.show_envvar and isinstance(option.envvar, str):
        yield f"environment `{option.envvar}`"


def _bounds(range_: click.IntRange | click.FloatRange) -> Iterator[str]:
    if range_.min is not None and range_.max is not None:
        yield f"{range_.min:g} to {range_.max:g}"
    elif range_.min is not None:
        yield f"more than {range_.min:g}" if range_.min_open else f"at least {range_.min:g}"
    elif range_.max is not None:
        yield f"at most {range_.max:g}"


def _plain(text: str) -> str:
    """Paragraphs of a help text, each on one line; those that click leaves as they are stand as they are."""
    parts = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return "\n\n".join(_block(part) if "\b" in part else _escaped(" ".join(part.split())) for part in parts)


def _block(part: str) -> str:
    return "```\n" + part.replace("\b", "").strip("\n") + "\n```"


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", "\\|")


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;")


def _table(rows: Sequence[str]) -> str:
    return "\n".join(["| option | |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.exit(main())
