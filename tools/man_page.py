"""Makes deploy/man/ofa-agent.1 from the commands themselves; with --check it changes nothing and fails where they
differ."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from agent.cli.connection import DEFAULT_SOCKET, PARAMETERS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import generated  # noqa: E402  run as a program it does not know its package
from tools.commands import commands, is_connection, talks_to_daemon  # noqa: E402

PAGE = ROOT / "deploy" / "man" / "ofa-agent.1"
_NAME = "hot-swap once-for-all sub-nets on a FLIR Firefly DL camera when the latency budget changes"
_INTRO = """\
The agent is a daemon beside one or more cameras. It holds a library of compiled sub-nets of a once-for-all network,
measures what they take on the camera, and keeps the best one there that meets the latency budget.

The commands below run it, ask it, order it about, and prepare what it works with. Those marked (daemon) talk to a
running daemon and take the options of the connection as well. Every command that reads has --json.
"""
_EXITS = (
    (0, "Done. Of a stream that runs until Ctrl-C as well."),
    (1, "Failed."),
    (2, "Bad usage or bad input. For files: FILE:LINE: KEY: reason."),
    (3, "The daemon cannot be reached."),
    (4, "Refused: permission, mode, interlock."),
    (5, "The budget cannot be met."),
    (6, "Timed out."),
)
_FILES = (
    ("/etc/ofa-agent/agent.yaml", "Configuration of the daemon, where it is installed as a package."),
    ("/var/lib/ofa-agent", "State: the journal, the last good configuration, and by custom the library."),
    (DEFAULT_SOCKET, "The socket by which commands reach the daemon. Members of group ofa-agent may use it."),
)
_ENVIRONMENT = (
    ("OFA_AGENT_TOOLS", "Folder of the Myriad compiler, for library compile."),
    ("NO_COLOR", "Where it is set, nothing is coloured."),
    ("COLUMNS", "Columns that tables and lines fit into; else those of the terminal. Elsewhere nothing is cut."),
)
_SEE = "Documentation: docs/README.md of the package. journalctl(1), systemctl(1)."


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say that it differs; returns the exit code."""
    return generated.run(PAGE, "deploy/man/ofa-agent.1", page, "tools/man_page.py", __doc__, argv)


def page() -> str:
    """The text that the page should have."""
    return "\n".join(line for line in _lines() if line) + "\n"


def _lines() -> Iterator[str]:
    yield '.\\" Made by tools/man_page.py from the commands; do not change it here.'
    yield '.TH OFA-AGENT 1 "" "ofa-agent" "User Commands"'
    yield from (".SH NAME", f"ofa\\-agent \\- {_escaped(_NAME)}")
    yield from (".SH SYNOPSIS", ".B ofa\\-agent", ".I COMMAND", "[\\fIOPTION\\fR]...", "[\\fIARGUMENT\\fR]...")
    yield from (".SH DESCRIPTION", *_paragraphs(_INTRO))
    found = list(commands())
    one = next(command for _, command in found if talks_to_daemon(command))
    yield ".SH OPTIONS OF THE CONNECTION"
    for parameter in one.params:
        if parameter.name in PARAMETERS:
            yield from _option(parameter)
    yield ".SH COMMANDS"
    for path, command in found:
        yield from _command(path, command)
    yield from (".SH EXIT STATUS", *(line for code, text in _EXITS for line in _item(str(code), text)))
    yield from (".SH ENVIRONMENT", *_environment(found))
    yield from (".SH FILES", *(line for path, text in _FILES for line in _item(f"\\fI{_escaped(path)}\\fR", text)))
    yield from (".SH SEE ALSO", _escaped(_SEE))


def _command(path: str, command: click.Command) -> Iterator[str]:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    shown = " ".join([_bold(path), *map(_argument, arguments)])
    yield f'.SS "{shown}"'
    mark = "(daemon) " if talks_to_daemon(command) else ""
    yield from _paragraphs(mark + (command.help or ""))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden and not is_connection(command, parameter):
            yield from _option(parameter)


def _environment(found: Sequence[tuple[str, click.Command]]) -> Iterator[str]:
    """What options take from it, then what the program itself does."""
    told = {}
    for _, command in found:
        for one in command.params:
            if isinstance(one, click.Option) and isinstance(one.envvar, str):
                told[one.envvar] = f"As {one.opts[0]}: {one.help}"
    for name, text in (*told.items(), *_ENVIRONMENT):
        yield from _item(_bold(name), text)


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or (argument.name or "").upper()).strip("[]")
    shown = f"\\fI{_escaped(name)}\\fR{'...' if argument.nargs == -1 else ''}"
    return shown if argument.required else f"[{shown}]"


def _option(parameter: click.Parameter) -> Iterator[str]:
    assert isinstance(parameter, click.Option)
    names = ", ".join(_bold(name) for name in (*parameter.opts, *parameter.secondary_opts))
    value = "" if parameter.is_flag or parameter.count else f" \\fI{_escaped(_value(parameter))}\\fR"
    notes = "; ".join(_notes(parameter))
    yield from _item(names + value, f"{parameter.help or ''} {f'({notes})' if notes else ''}".strip())


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(str(one) for one in option.type.choices)
    return option.type.name.partition(" ")[0].upper()


def _notes(option: click.Option) -> Iterator[str]:
    if option.required:
        yield "required"
    if option.multiple:
        yield "may be given several times"
    if option.show_default and isinstance(option.default, (str, int, float)) and not option.is_flag:
        yield f"default {option.default}"


def _item(head: str, text: str) -> Iterator[str]:
    yield from (".TP", head, _escaped(" ".join(text.split())))


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs of a help text; those that click leaves as they are stand as they are."""
    for index, part in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if index:
            yield ".PP"
        if "\b" in part:
            yield from (".nf", *(_escaped(line) for line in part.replace("\b", "").strip("\n").split("\n")), ".fi")
        else:
            yield _escaped(" ".join(part.split()))


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _escaped(text: str) -> str:
    """As roff takes it: hyphens that can be copied, no line that is taken for a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    escaped = escaped.replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    sys.exit(main())
