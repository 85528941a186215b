"""Work under way, on a terminal: one line of stderr with a bar and the time left. Elsewhere commands print lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from agent.cli.fit import bar, cells, clip, glyphs_for
from agent.cli.output import WIDTH

Say = Callable[[str], None]

_BAR = 10
_LEAST_SEEN = 0.02  # of the work, before its pace says anything


def time_words(seconds: float) -> str:
    """`3 min 20 s`, `20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class TimeLeft:
    """How long work goes on, from how far it came since it was first seen. Owner of that first sight."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def __call__(self, share: float) -> float | None:
        """Seconds at this share, 0 to 1; None while too little was seen."""
        now_s = self._clock()
        if self._first is None:
            self._first = now_s, share
        began_s, began = self._first
        return (now_s - began_s) * (1.0 - share) / (share - began) if share - began >= _LEAST_SEEN else None


class ProgressLine:
    """The line that changes; where `live` is False it never shows. Owner of the terminal's last line of stderr."""

    def __init__(self, live: bool) -> None:
        self._live = live
        self._shown = ""

    def draw(self, words: str, share: float | None = None, left_s: float | None = None) -> None:
        """Put it up to date: a bar where the share is known, the time left where that is."""
        if not self._live:
            return
        drawn = "" if share is None else f"{bar(share, _BAR, glyphs_for(sys.stderr.encoding))} "
        rest = "" if left_s is None else f", {time_words(left_s)} left"
        line = clip(f"{drawn}{words}", _columns() - 1 - cells(rest)) + rest
        if line != self._shown:
            over = " " * (cells(self._shown) - cells(line))
            click.echo(f"\r{line}{over}", nl=False, err=True)
            self._shown = line

    def clear(self) -> None:
        """Take it away, for a line that stays."""
        if self._shown:
            click.echo(f"\r{' ' * cells(self._shown)}\r", nl=False, err=True)
            self._shown = ""

    def end(self) -> None:
        """Leave it where it is."""
        if self._shown:
            click.echo(err=True)
            self._shown = ""


@contextmanager
def working(words: str, most_s: float, quiet: bool) -> Iterator[Say]:
    """Work that does not tell how far it is: on a terminal how long it has taken, and what it may take at most.

    Gives what lines are told with meanwhile.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda line: click.echo(line, err=True)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    most = TextColumn(f"of at most {time_words(most_s)}")
    console = Console(stderr=True, highlight=False)
    with Progress(SpinnerColumn(), text, TimeElapsedColumn(), most, console=console, transient=True) as shown:
        shown.add_task(words, total=None)
        yield lambda line: shown.console.print(line, markup=False)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or WIDTH
    except (OSError, ValueError):  # somebody put another stream in its place
        return WIDTH
