"""Makes the table of methods in docs/reference/python-client.md from agent.client; with --check it changes nothing and
fails where they differ."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agent.client import AgentClient

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "python-client.md"
HEADING = "## All methods\n"
_OF_ALL = frozenset({"self", "request_id", "client"})  # told above the table


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table, or with --check say that it differs; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page differs")
    check, text = parser.parse_args(argv).check, PAGE.read_text(encoding="utf-8")
    if text == page(text):
        return 0
    if check:
        sys.stderr.write("docs/reference/python-client.md: not as agent.client has it; run tools/client_page.py\n")
        return 1
    PAGE.write_text(page(text), encoding="utf-8")
    return 0


def page(text: str) -> str:
    """`text` with the table as it should be, which is the end of it."""
    before, heading, after = text.partition(HEADING)
    words = after.partition("| method |")[0]
    return before + heading + words + "| method | |\n|---|---|\n" + "".join(map(_row, methods()))


def methods() -> list[tuple[str, Callable[..., Any]]]:
    """The public methods of the client by their names."""
    found = inspect.getmembers(AgentClient, inspect.isfunction)
    return [(name, method) for name, method in found if not name.startswith("_")]


def _row(method: tuple[str, Callable[..., Any]]) -> str:
    name, function = method
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name not in _OF_ALL]
    shown = ", ".join(one.name if one.default is one.empty else f"{one.name}=" for one in parameters)
    words = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return f"| `{name}({shown})` | {words} |\n"


if __name__ == "__main__":
    sys.exit(main())
