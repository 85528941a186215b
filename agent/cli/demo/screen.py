"""Where the demo's progress is shown: a live table on a terminal, plain lines elsewhere, stderr with --json."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import click

from agent.cli.demo.score import PhaseScore
from agent.cli.demo.summary import PHASE_HEADINGS, phase_row
from agent.cli.output import WIDTH

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


class Screen(Protocol):
    """Takes lines as they happen and the table as it stands."""

    def tell(self, line: str) -> None: ...
    def show(self, phases: Sequence[PhaseScore], now: str) -> None:
        """The phases so far and one line about the present."""
        ...

    def close(self) -> None: ...


def open_screen(as_json: bool) -> Screen:
    """The fitting screen for this stdout."""
    if as_json:
        return Lines(to_stderr=True)
    return LiveTable() if sys.stdout.isatty() else Lines(to_stderr=False)


class Lines:
    """One line for each event; the table is left to the end."""

    def __init__(self, to_stderr: bool) -> None:
        self._to_stderr = to_stderr

    def tell(self, line: str) -> None:
        click.echo(line, err=self._to_stderr)

    def show(self, phases: Sequence[PhaseScore], now: str) -> None:
        """Nothing: every event has its line."""

    def close(self) -> None:
        """Nothing is held."""


class LiveTable:
    """A table that is redrawn in place under the lines. Owner of the terminal's live area."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def tell(self, line: str) -> None:
        if self._live is None:
            click.echo(line)
        else:
            self._live.console.print(line, markup=False, highlight=False)

    def show(self, phases: Sequence[PhaseScore], now: str) -> None:
        if self._live is None:
            self._live = _start()
        self._live.update(_table(phases, now))

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _start() -> Live:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    live = Live(console=Console(width=min(WIDTH, console.width), highlight=False), refresh_per_second=4, transient=True)
    live.start()
    return live


def _table(phases: Sequence[PhaseScore], now: str) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=escape(now),
        caption_justify="left",
    )
    for index, heading in enumerate(PHASE_HEADINGS):
        table.add_column(heading, justify="left" if index == 1 else "right")
    for one in phases:
        table.add_row(*(escape(cell) for cell in phase_row(one)))
    return table
